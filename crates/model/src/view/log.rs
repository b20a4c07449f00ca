//! A conversation as rows: messages, parts, and the texts that stream into them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::mark::FailureRow;
use super::queued::{Compacted, Queued, compacted, queued};
use super::{Front, WINDOW, reason};
use crate::ids::{MessageId, PartId, PermissionId, SessionId};
use crate::state::{
    Body, Capability, Loaded, Message, MessageInfo, MessageStatus, OrderKey, PartKind, Rev, Role,
    Run, Session,
};
use crate::text::OpenText;
use crate::time::Timestamp;

/// Changes of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRows {
    /// The session.
    pub session: SessionId,
    /// Whether the messages are loaded.
    pub state: LogState,
    /// Messages in the window, in order, if the list changed.
    pub order: Option<Vec<MessageId>>,
    /// True while the messages may be out of date: they are being read again.
    pub rereading: bool,
    /// True if there are messages before the window.
    pub older: bool,
    /// Messages that changed.
    pub messages: Vec<MessageRow>,
    /// True if the viewer has no valid messages: they were not loaded for the whole time since its revision.
    pub anew: bool,
    /// Reason and time of the end of the run, if the session is not running.
    pub run: Run,
    /// Failure of the last turn, if no message contains it.
    pub failed: Option<FailureRow>,
}

/// Load state of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum LogState {
    /// The session is not known on this instance.
    NoSuchSession,
    /// The conversation is being read.
    Loading,
    /// The read failed.
    Failed {
        /// Reason, as a sentence for a person.
        reason: Arc<str>,
    },
    /// The conversation is loaded.
    Loaded,
}

/// A message that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// As its server describes it.
    pub info: MessageInfo,
    /// Status of the message.
    pub status: MessageStatus,
    /// Failure of the message, if it failed.
    pub failed: Option<FailureRow>,
    /// Set for a prompt that no answer was begun for.
    pub queued: Option<Queued>,
    /// True if the message was reverted.
    pub reverted: bool,
    /// True if the message's metadata or list of parts changed, and not only its parts.
    pub head_changed: bool,
    /// Parts of the message, in order.
    pub order: Vec<PartId>,
    /// Parts that changed.
    pub parts: Vec<PartRow>,
}

/// A part that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRow {
    /// Id of the part.
    pub id: PartId,
    /// Revision of its content: the same id and revision always have the same content.
    pub rev: Rev,
    /// Kind and content of the part.
    pub kind: PartKind,
    /// Received text while the part streams, or if its end never arrived.
    pub open: Option<OpenText>,
    /// True if the text stays incomplete: no more of it will arrive.
    pub cut_off: bool,
    /// The request that its tool waits for.
    pub waits_for: Option<PermissionId>,
    /// Progress of the summary that the part requests.
    pub compacted: Option<Compacted>,
    /// The current step of the subagent that the tool began, while it runs.
    pub steps: Option<StepsRow>,
    /// When its text last grew or it last changed; unknown here, so the message's own time.
    pub at: Timestamp,
}

/// The current step of a subagent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepsRow {
    /// Tool calls that it began.
    pub calls: u32,
    /// The newest that runs: the tool, and what it was called with.
    pub tool: Option<(Arc<str>, Option<Arc<str>>)>,
    /// Since when that runs, or else since when the subagent does.
    pub since: Timestamp,
}

impl Front<'_> {
    pub(super) fn log(&self, from: Option<&MessageId>, since: Rev) -> Option<LogRows> {
        let id = self.session?;
        let Some(session) = self.instance.sessions.get(id) else {
            return (since == Rev(0) || self.instance.tree_rev > since)
                .then(|| empty(id, LogState::NoSuchSession, None));
        };
        let requests =
            self.instance.requests_rev > since || !self.stepping(session, since).is_empty();
        if since != Rev(0) && session.body_rev.max(session.rev) <= since && !requests {
            return None;
        }
        Some(match &session.body {
            Body::NotLoaded | Body::Loading(_) => empty(id, LogState::Loading, Some(session)),
            Body::Failed { reason } => empty(
                id,
                LogState::Failed {
                    reason: reason.clone(),
                },
                Some(session),
            ),
            Body::Loaded(loaded) => self.loaded(session, loaded, from, since),
        })
    }

    /// The last message with text of the model, and the newest message if it is another one: what a session answered, and
    /// what it does now. Empty while the conversation is not loaded.
    pub(super) fn answer(&self) -> Vec<MessageRow> {
        let session = self.session.and_then(|id| self.instance.sessions.get(id));
        let Some((session, loaded)) = session.and_then(|one| Some((one, one.loaded()?))) else {
            return Vec::new();
        };
        let whole = Conversation::of(self, session, loaded);
        let of_model = |message: &&Message| message.info.role == Role::Assistant;
        let mut newest_first = loaded.in_order().rev().filter(of_model);
        let Some(newest) = newest_first.next() else {
            return Vec::new();
        };
        let mut shown = vec![newest];
        if !says_something(session, newest) {
            shown.extend(newest_first.find(|message| says_something(session, message)));
        }
        shown
            .into_iter()
            .rev()
            .map(|message| self.message(&whole, message, Rev(0), |_| false))
            .collect()
    }

    /// A message as a row, with the parts that changed after `since` and those that are to be drawn anew.
    fn message(
        &self,
        whole: &Conversation<'_>,
        message: &Message,
        since: Rev,
        redrawn: impl Fn(&PartKind) -> bool,
    ) -> MessageRow {
        let Conversation {
            session,
            loaded,
            last,
            reverted,
            waiting,
        } = whole;
        let server = self.instance.server;
        let inbox = server.is_some_and(|server| server.can.has(Capability::Inbox));
        let is_last = last.is_none_or(|last| *last == message.info.id);
        let status = session.message_status(&message.info, is_last);
        MessageRow {
            status,
            queued: queued(session, loaded, message, inbox),
            failed: message.bad_end().map(|failure| reason::failure(&failure)),
            reverted: reverted.is_some_and(|from| order_key(message) >= order_key(from)),
            head_changed: message.rev > since || since == Rev(0),
            order: message.in_order().map(|part| part.id.clone()).collect(),
            parts: part_rows(
                (session, loaded),
                message,
                status,
                waiting,
                since,
                redrawn,
                |child| self.steps(child),
            ),
            info: self.by_our_clock(&message.info),
        }
    }

    fn loaded(
        &self,
        session: &Session,
        loaded: &Loaded,
        from: Option<&MessageId>,
        since: Rev,
    ) -> LogRows {
        let anew = loaded.since > since;
        let since = if anew { Rev(0) } else { since };
        let first = first(loaded, from);
        let whole = Conversation::of(self, session, loaded);
        let rebuild = since == Rev(0) || loaded.list_rev > since || session.rev > since;
        let asked_anew = self.instance.requests_rev > since;
        let stepping = self.stepping(session, since);
        // Tools whose row depends on a request or on a subagent, and not on the tool alone.
        let redrawn = |kind: &PartKind| {
            let PartKind::Tool(tool) = kind else {
                return false;
            };
            asked_anew || tool.child.as_ref().is_some_and(|id| stepping.contains(id))
        };
        let shows_others = asked_anew || !stepping.is_empty();
        let changed = |message: &&Message| {
            message.content_rev > since
                || (shows_others && message.parts.values().any(|part| redrawn(&part.kind)))
        };
        let in_window = |message: &&Message| first.is_none_or(|first| order_key(message) >= first);
        // Few have changed, mostly: they are found without a look at where each of the others stands.
        let mut changed: Vec<&Message> = loaded
            .messages
            .values()
            .filter(changed)
            .filter(in_window)
            .collect();
        changed.sort_by_key(|message| order_key(message));
        let messages = changed
            .into_iter()
            .map(|message| self.message(&whole, message, since, redrawn))
            .collect();
        LogRows {
            session: session.info.id.clone(),
            state: LogState::Loaded,
            rereading: loaded.rereading.is_some(),
            order: rebuild.then(|| {
                let window = loaded.in_order().filter(in_window);
                window.map(|message| message.info.id.clone()).collect()
            }),
            older: loaded.older.is_some() || first != loaded.order.first().map(key),
            messages,
            anew,
            run: self.run(session),
            failed: failed(session),
        }
    }

    /// Subagents of a session whose step may have changed: it also changes by its end, and by that of the link.
    fn stepping(&self, session: &Session, since: Rev) -> BTreeSet<&SessionId> {
        let rows = self.instance.tree_rev.max(self.instance.rev);
        if self.state.activity_rev.max(rows) <= since {
            return BTreeSet::new();
        }
        let all = self.instance.sessions.values();
        all.filter(|other| other.info.parent.as_ref() == Some(&session.info.id))
            .map(|other| &other.info.id)
            .collect()
    }

    /// The current step of a subagent, while it runs.
    fn steps(&self, child: &SessionId) -> Option<StepsRow> {
        let session = self.instance.sessions.get(child)?;
        let (Run::Busy { since } | Run::Retry { since, .. }) = session.run else {
            return None;
        };
        let activity = &session.activity;
        let newest = activity.tools.values().max_by_key(|tool| tool.since);
        Some(StepsRow {
            calls: activity.calls,
            tool: newest.map(|tool| (tool.name.clone(), tool.subject.clone())),
            since: newest.map_or(since, |tool| tool.since),
        })
    }

    /// Run status of a session, with times in the hub's clock.
    fn run(&self, session: &Session) -> Run {
        let mut run = session.run.clone();
        if let Run::Retry { next, .. } = &mut run {
            *next = self.instance.ours(*next);
        }
        run
    }

    /// A message, with times by our clock.
    fn by_our_clock(&self, info: &MessageInfo) -> MessageInfo {
        let ours = |at| self.instance.ours(at);
        MessageInfo {
            created: ours(info.created),
            completed: info.completed.map(ours),
            ..info.clone()
        }
    }

    /// Tool calls of this session that wait for permission.
    fn waiting(&self, session: &Session) -> BTreeMap<Arc<str>, PermissionId> {
        self.instance
            .permissions
            .values()
            .filter(|permission| permission.session == session.info.id)
            .filter_map(|permission| {
                Some((
                    permission.tool.as_ref()?.call.clone(),
                    permission.id.clone(),
                ))
            })
            .collect()
    }
}

/// Facts that all messages of a conversation are shown with.
struct Conversation<'a> {
    session: &'a Session,
    loaded: &'a Loaded,
    /// The last message of the model.
    last: Option<&'a MessageId>,
    /// The message from which on all are taken back.
    reverted: Option<&'a Message>,
    /// Requests that tool calls wait for.
    waiting: BTreeMap<Arc<str>, PermissionId>,
}

impl<'a> Conversation<'a> {
    fn of(front: &Front<'_>, session: &'a Session, loaded: &'a Loaded) -> Self {
        let reverted = session.info.reverted_from.as_ref();
        Self {
            session,
            loaded,
            last: loaded.last_assistant().map(|message| &message.info.id),
            reverted: reverted.and_then(|id| loaded.messages.get(id)),
            waiting: front.waiting(session),
        }
    }
}

/// True if a message has text of the model.
fn says_something(session: &Session, message: &Message) -> bool {
    message.parts.values().any(|part| match &part.kind {
        PartKind::Text { text, .. } => {
            let open = session.open.get(&part.id);
            !text.trim().is_empty() || open.is_some_and(|open| open.bytes() > 0)
        }
        _ => false,
    })
}

/// The failure of a turn that no message tells: it ended before the model began to answer.
fn failed(session: &Session) -> Option<FailureRow> {
    let failure = session
        .failure
        .as_ref()
        .filter(|_| !session.run.is_running())?;
    let last = session
        .loaded()
        .and_then(|loaded| loaded.in_order().next_back());
    let shown = last.and_then(Message::bad_end);
    shown.is_none().then(|| reason::failure(failure))
}

fn empty(id: &SessionId, state: LogState, session: Option<&Session>) -> LogRows {
    LogRows {
        session: id.clone(),
        state,
        rereading: false,
        order: Some(Vec::new()),
        older: false,
        messages: Vec::new(),
        anew: false,
        run: session.map_or(Run::Unknown, |session| session.run.clone()),
        failed: session.and_then(failed),
    }
}

fn order_key(message: &Message) -> (Timestamp, u32, &MessageId) {
    (message.info.created, message.info.tie, &message.info.id)
}

fn key((at, tie, id): &OrderKey) -> (Timestamp, u32, &MessageId) {
    (*at, *tie, id)
}

/// Position of the first message of a window; `None` if there is no message.
fn first<'a>(
    loaded: &'a Loaded,
    from: Option<&MessageId>,
) -> Option<(Timestamp, u32, &'a MessageId)> {
    let before_last = loaded.order.len().min(WINDOW).checked_sub(1)?;
    let newest = loaded.order.iter().rev().nth(before_last).map(key)?;
    let from = from.and_then(|id| loaded.messages.get(id)).map(order_key);
    Some(from.map_or(newest, |from| from.min(newest)))
}

fn part_rows(
    (session, loaded): (&Session, &Loaded),
    message: &Message,
    status: MessageStatus,
    waiting: &BTreeMap<Arc<str>, PermissionId>,
    since: Rev,
    redrawn: impl Fn(&PartKind) -> bool,
    steps: impl Fn(&SessionId) -> Option<StepsRow>,
) -> Vec<PartRow> {
    let over = status != MessageStatus::Streaming;
    message
        .in_order()
        .filter_map(|part| {
            let rev = message
                .part_revs
                .get(&part.id)
                .copied()
                .unwrap_or(message.content_rev);
            let head_changed = message.rev > since;
            if rev <= since && !head_changed && !redrawn(&part.kind) {
                return None;
            }
            let open = part.kind.is_open_text();
            Some(PartRow {
                id: part.id.clone(),
                rev,
                kind: part.kind.clone(),
                open: if open {
                    session.open.get(&part.id).cloned()
                } else {
                    None
                },
                cut_off: open && over,
                compacted: match &part.kind {
                    PartKind::Compaction { .. } => Some(compacted(session, loaded, message)),
                    _ => None,
                },
                steps: match &part.kind {
                    PartKind::Tool(tool) => tool.child.as_ref().and_then(&steps),
                    _ => None,
                },
                waits_for: match &part.kind {
                    PartKind::Tool(tool) => waiting.get(&tool.call).cloned(),
                    _ => None,
                },
                at: message.info.created,
            })
        })
        .collect()
}

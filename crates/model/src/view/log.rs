//! A conversation as rows: messages, parts, and the texts that stream into them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mark::FailureRow;
use super::queued::{Compacted, Queued, compacted, queued};
use super::{Front, WINDOW, reason};
use crate::ids::{MessageId, PartId, PermissionId, SessionId};
use crate::state::{
    Body, Loaded, Message, MessageInfo, MessageStatus, PartKind, Rev, Role, Run, Session,
};
use crate::text::OpenText;
use crate::time::Timestamp;

/// What changed of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRows {
    /// The session.
    pub session: SessionId,
    /// Whether the messages are here.
    pub state: LogState,
    /// Messages in the window, in order, if the list changed.
    pub order: Option<Vec<MessageId>>,
    /// True while what is here may lack what happened behind our back: it is being read again.
    pub rereading: bool,
    /// True if there are messages before the window.
    pub older: bool,
    /// Messages that changed.
    pub messages: Vec<MessageRow>,
    /// True if the viewer shows none of them: they were not here, or not all the time, since the revision that it has.
    pub anew: bool,
    /// Why and since when the session does not go on, if it does not.
    pub run: Run,
    /// How the last turn failed, where no message tells it.
    pub failed: Option<FailureRow>,
}

/// Whether a conversation is here.
#[derive(Clone, Debug, PartialEq)]
pub enum LogState {
    /// The session is not known on this instance.
    NoSuchSession,
    /// It is being read.
    Loading,
    /// It could not be read.
    Failed {
        /// Why, for a person.
        reason: Arc<str>,
    },
    /// It is here.
    Loaded,
}

/// A message that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// As its server describes it.
    pub info: MessageInfo,
    /// How it stands.
    pub status: MessageStatus,
    /// How it ended without success, if it did.
    pub failed: Option<FailureRow>,
    /// Set for a prompt that no answer was begun for.
    pub queued: Option<Queued>,
    /// True if the person took it back.
    pub reverted: bool,
    /// True if its description or list of parts changed, not only parts.
    pub head_changed: bool,
    /// Its parts, in order.
    pub order: Vec<PartId>,
    /// Parts that changed.
    pub parts: Vec<PartRow>,
}

/// A part that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRow {
    /// Its id.
    pub id: PartId,
    /// Revision of its content: the same id and revision always have the same content.
    pub rev: Rev,
    /// What it is.
    pub kind: PartKind,
    /// Its text as heard so far, while it streams or where its end was never told.
    pub open: Option<OpenText>,
    /// True if it will not be finished: what was heard is all there is.
    pub cut_off: bool,
    /// The request that its tool waits for.
    pub waits_for: Option<PermissionId>,
    /// How far the summary is that it asks for.
    pub compacted: Option<Compacted>,
    /// When its text last grew or it last changed; unknown here, so the message's own time.
    pub at: Timestamp,
}

impl Front<'_> {
    pub(super) fn log(&self, from: Option<&MessageId>, since: Rev) -> Option<LogRows> {
        let id = self.session?;
        let Some(session) = self.instance.sessions.get(id) else {
            return (since == Rev(0) || self.instance.tree_rev > since)
                .then(|| empty(id, LogState::NoSuchSession, None));
        };
        let requests = self.instance.requests_rev > since;
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

    // Longer than 70 lines: one row of each kind, in the order in which they are drawn.
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
        let last = loaded.last_assistant().map(|message| &message.info.id);
        let reverted = session
            .info
            .reverted_from
            .as_ref()
            .and_then(|id| loaded.messages.get(id));
        let rebuild = since == Rev(0) || loaded.list_rev > since || session.rev > since;
        let waiting = self.waiting(session);
        let asked_anew = self.instance.requests_rev > since;
        let changed = |message: &&Message| {
            message.content_rev > since || (asked_anew && message_waits(message))
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
            .map(|message| {
                (
                    message,
                    session.message_status(
                        &message.info,
                        last.is_none_or(|last| *last == message.info.id),
                    ),
                )
            })
            .map(|(message, status)| MessageRow {
                status,
                queued: queued(session, loaded, message),
                failed: message.bad_end().map(|failure| reason::failure(&failure)),
                reverted: reverted.is_some_and(|from| order_key(message) >= order_key(from)),
                head_changed: message.rev > since || since == Rev(0),
                order: message.parts.keys().cloned().collect(),
                parts: part_rows(
                    (session, loaded),
                    message,
                    status,
                    &waiting,
                    since,
                    asked_anew,
                ),
                info: self.by_our_clock(&message.info),
            })
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

    /// What a session does, with times by our clock.
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

    /// Tool calls of this session that wait for leave.
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

/// The failure of a turn that no message tells: it ended before the model began to answer.
fn failed(session: &Session) -> Option<FailureRow> {
    let failure = session
        .failure
        .as_ref()
        .filter(|_| !session.run.is_running())?;
    let last = session
        .loaded()
        .and_then(|loaded| loaded.in_order().next_back());
    let told = last.and_then(Message::bad_end);
    told.is_none().then(|| reason::failure(failure))
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

fn order_key(message: &Message) -> (Timestamp, &MessageId) {
    (message.info.created, &message.info.id)
}

fn key((at, id): &(Timestamp, MessageId)) -> (Timestamp, &MessageId) {
    (*at, id)
}

/// Where the first message of a window stands; `None` if there is no message.
fn first<'a>(loaded: &'a Loaded, from: Option<&MessageId>) -> Option<(Timestamp, &'a MessageId)> {
    let before_last = loaded.order.len().min(WINDOW).checked_sub(1)?;
    let newest = loaded.order.iter().rev().nth(before_last).map(key)?;
    let from = from.and_then(|id| loaded.messages.get(id)).map(order_key);
    Some(from.map_or(newest, |from| from.min(newest)))
}

fn message_waits(message: &Message) -> bool {
    message.info.role == Role::Assistant
        && message
            .parts
            .values()
            .any(|part| matches!(part.kind, PartKind::Tool(_)))
}

fn part_rows(
    (session, loaded): (&Session, &Loaded),
    message: &Message,
    status: MessageStatus,
    waiting: &BTreeMap<Arc<str>, PermissionId>,
    since: Rev,
    asked_anew: bool,
) -> Vec<PartRow> {
    let over = status != MessageStatus::Streaming;
    message
        .parts
        .values()
        .filter_map(|part| {
            let rev = message
                .part_revs
                .get(&part.id)
                .copied()
                .unwrap_or(message.content_rev);
            let tool = matches!(part.kind, PartKind::Tool(_));
            let head_changed = message.rev > since;
            if rev <= since && !head_changed && !(tool && asked_anew) {
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
                waits_for: match &part.kind {
                    PartKind::Tool(tool) => waiting.get(&tool.call).cloned(),
                    _ => None,
                },
                at: message.info.created,
            })
        })
        .collect()
}

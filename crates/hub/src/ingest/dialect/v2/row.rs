//! Rows, inboxes, notes, summaries and reverts.

use model::Event;
use model::ids::MessageId;
use model::json::Json;
use model::state::{MessageInfo, Place, SessionChange, SessionInfo};
use opencode::wire2::{
    self, CompactionChange, Created, InboxChange, InboxKind, NoteEvent, RevertChange, RowChange,
    ShellStatus, TextKind,
};

use super::super::bounds;
use super::super::pieces2::{Home, session_id};
use super::super::rest2::{self, ShellRun, with_json};
use super::memory::{self, Waiting};
use super::step::delta;
use super::{Head, V2, doubted, touched};

impl V2 {
    pub(super) fn row(
        &mut self,
        session: &wire2::SessionId,
        change: RowChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let id = session_id(session);
        let change = match change {
            RowChange::Created(created) => {
                return vec![Event::SessionCreated(new_row(session, &created, head))];
            }
            RowChange::Deleted => {
                self.memory.forget(session.as_str());
                return vec![Event::SessionDeleted(id)];
            }
            // In the log alone.
            RowChange::UsageRecorded(_) => return Vec::new(),
            RowChange::Usage(usage) => {
                let (cost, tokens) = (usage.cost, rest2::tokens(usage.tokens));
                return vec![Event::SessionChanged {
                    session: id,
                    change: SessionChange::Used { cost, tokens },
                    at: None,
                }];
            }
            // Its row is read, as one that is not known.
            RowChange::Forked { .. } | RowChange::Metadata(_) | RowChange::Permissions(_) => {
                SessionChange::Touched
            }
            // In any client: nobody has to look again.
            RowChange::Viewed(_) => return vec![Event::Reviewed { session: id }],
            RowChange::Renamed(title) => SessionChange::Title(bounds::words(&title)),
            RowChange::Agent(agent) => SessionChange::Agent(bounds::words(&agent)),
            RowChange::Model(model) => SessionChange::Model(rest2::model_ref(&model)),
            RowChange::Moved { location, .. } => {
                SessionChange::Directory(location.directory.into())
            }
            RowChange::Archived => SessionChange::Archived(true),
            RowChange::Unarchived => SessionChange::Archived(false),
        };
        vec![Event::SessionChanged {
            session: id,
            change,
            at: Some(head.at),
        }]
    }

    pub(super) fn inbox(
        &mut self,
        session: &wire2::SessionId,
        change: InboxChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let id = session_id(session);
        let mut events = Vec::new();
        match change {
            InboxChange::Enqueued { id, item } => {
                let home = Home::new(session, id.as_str());
                let waiting = match &item.kind {
                    InboxKind::User(sent) => {
                        let info = rest2::waiting(&home, head.at, &item.delivery);
                        events.push(Event::Message(with_json(info)));
                        events.extend(home.prompt(sent).into_iter().map(Event::Part));
                        Waiting::Prompt(head.at)
                    }
                    InboxKind::Synthetic { text, .. } => Waiting::Note(text.as_str().into()),
                    InboxKind::Compaction | InboxKind::Move { .. } | InboxKind::Other(_) => {
                        Waiting::Other
                    }
                };
                let known = self.memory.of(session.as_str());
                memory::note(&mut known.inbox, id.as_str().into(), waiting);
            }
            InboxChange::Delivered(id) => events.extend(self.delivered(session, &id, head)),
            InboxChange::Cancelled(item) => {
                self.memory.of(session.as_str()).inbox.remove(item.as_str());
                events.push(Event::MessageRemoved {
                    session: id.clone(),
                    message: MessageId::new(item.as_str()),
                });
            }
            InboxChange::Delivery { id: item, delivery } => {
                let known = self.memory.of(session.as_str());
                let home = Home::new(session, item.as_str());
                events.push(match known.inbox.get(item.as_str()) {
                    Some(Waiting::Prompt(since)) => {
                        let info = rest2::waiting(&home, *since, &delivery);
                        Event::Message(with_json(info))
                    }
                    _ => doubted(session),
                });
            }
        }
        events.push(touched(&id, head));
        events
    }

    /// An item of the inbox becomes a message of its id.
    fn delivered(
        &mut self,
        session: &wire2::SessionId,
        id: &wire2::InboxId,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let known = self.memory.of(session.as_str());
        let home = Home::new(session, id.as_str());
        match known.inbox.remove(id.as_str()) {
            Some(Waiting::Prompt(_)) => {
                let tie = known.tie(head.at);
                known.prompt = Some(home.message.clone());
                let info = MessageInfo {
                    tie,
                    ..rest2::prompt(&home, head.at)
                };
                vec![Event::Message(with_json(info))]
            }
            Some(Waiting::Note(text)) => self.noted(&home, home.note(&text), head),
            Some(Waiting::Other) => Vec::new(),
            None => {
                known.prompt = Some(home.message);
                // It has a place although it is read: what follows in the same millisecond stands behind it.
                known.tie(head.at);
                vec![doubted(session)]
            }
        }
    }

    fn noted(
        &mut self,
        home: &Home,
        parts: Vec<model::state::Part>,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let tie = self.memory.of(home.session.as_str()).tie(head.at);
        let info = MessageInfo {
            tie,
            ..rest2::note(home, head.at)
        };
        let parts = parts.into_iter().map(Event::Part);
        [Event::Message(with_json(info))]
            .into_iter()
            .chain(parts)
            .collect()
    }

    pub(super) fn note(
        &mut self,
        session: &wire2::SessionId,
        note: NoteEvent,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let home = Home::new(session, &head.own_id());
        match note {
            NoteEvent::Instructions { text: None } => Vec::new(),
            NoteEvent::Instructions { text: Some(text) }
            | NoteEvent::Synthetic { text, .. }
            | NoteEvent::Skill { text, .. } => self.noted(&home, home.note(&text), head),
            NoteEvent::ShellStarted(shell) => {
                let known = self.memory.of(session.as_str());
                let begun = (home.message.clone(), head.at);
                memory::note(&mut known.shells, shell.id.as_str().into(), begun);
                let run = ShellRun {
                    started: head.at,
                    over: false,
                    status: &shell.status,
                    exit: None,
                    output: None,
                };
                let part = rest2::shell(&home, shell.id.as_str(), &shell.command, run);
                self.noted(&home, vec![part], head)
            }
            NoteEvent::ShellEnded { shell, output } => {
                let known = self.memory.of(session.as_str());
                let Some((message, started)) = known.shells.remove(shell.id.as_str()) else {
                    return vec![doubted(session)];
                };
                let home = Home::new(session, message.as_str());
                let run = ShellRun {
                    started,
                    over: shell.status != ShellStatus::Running,
                    status: &shell.status,
                    exit: shell.exit,
                    output: Some(&output.output),
                };
                let part = rest2::shell(&home, shell.id.as_str(), &shell.command, run);
                vec![Event::Part(part)]
            }
        }
    }

    pub(super) fn compaction(
        &mut self,
        session: &wire2::SessionId,
        change: CompactionChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let known = self.memory.of(session.as_str());
        if let CompactionChange::Started { input, .. } = &change {
            let own = input.as_ref().map(|input| input.as_str().to_owned());
            let home = Home::new(session, &own.unwrap_or_else(|| head.own_id()));
            let info = MessageInfo {
                tie: known.tie(head.at),
                parent: known.prompt.clone(),
                ..rest2::summary(&home, head.at)
            };
            known.summary = Some(info.clone());
            let text = home.text(0, "", false, Place::At(0));
            return vec![Event::Message(with_json(info)), Event::Part(text)];
        }
        let Some(info) = known.summary.clone() else {
            return vec![doubted(session)];
        };
        let home = Home::new(session, info.id.as_str());
        // REST does not tell when it ended.
        let completed = Some(info.created);
        match change {
            CompactionChange::Started { .. } => Vec::new(),
            CompactionChange::Delta(text) => {
                vec![delta(&home, home.text_id(TextKind::Text, 0), text)]
            }
            CompactionChange::Ended { text, .. } => {
                known.summary = None;
                let text = home.text(0, &text, true, Place::At(0));
                let info = MessageInfo { completed, ..info };
                vec![Event::Part(text), Event::Message(with_json(info))]
            }
            CompactionChange::Failed { error, .. } => {
                known.summary = None;
                let info = MessageInfo {
                    completed,
                    failure: Some(rest2::failure(&error)),
                    ..info
                };
                let text = home.text(0, "", true, Place::At(0));
                vec![Event::Part(text), Event::Message(with_json(info))]
            }
        }
    }

    pub(super) fn revert(
        &mut self,
        session: &wire2::SessionId,
        change: RevertChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let (from, gone) = match change {
            RevertChange::Staged(revert) => {
                (Some(MessageId::new(revert.message_id.as_str())), false)
            }
            RevertChange::Cleared => (None, false),
            // Which messages are gone is read.
            RevertChange::Committed { .. } => (None, true),
        };
        let changed = Event::SessionChanged {
            session: session_id(session),
            change: SessionChange::RevertedFrom(from),
            at: Some(head.at),
        };
        let gone = gone.then(|| doubted(session));
        [changed].into_iter().chain(gone).collect()
    }
}

fn new_row(session: &wire2::SessionId, created: &Created, head: &Head<'_>) -> SessionInfo {
    let row = SessionInfo {
        parent: created.parent_id.as_ref().map(session_id),
        title: bounds::words(created.title.as_deref().unwrap_or_default()),
        directory: created.location.directory.as_str().into(),
        agent: created.agent.as_deref().map(bounds::words),
        model: created.model.as_ref().map(rest2::model_ref),
        raw: Json::null(),
        ..SessionInfo::bare(session_id(session), head.at)
    };
    let raw = model::facts::described::session(&row);
    SessionInfo { raw, ..row }
}

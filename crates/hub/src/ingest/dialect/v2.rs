//! Translation of OpenCode 2's events. They tell pieces of objects: what a piece belongs to is remembered from its beginning on, and where
//! that was before the stream, the conversation is read again.
//!
//! Numbers of durable events prove no loss, as those of a stream have lawful holes. They are passed on, as the number up to which a
//! conversation was read comes from the service, too.

mod memory;
mod row;
mod step;

use std::sync::Arc;

use model::Event;
use model::ids::{PermissionId, QuestionId, SessionId};
use model::state::{ErrorKind, Failure, Outcome, RunStatus, SessionChange};
use model::time::Timestamp;
use opencode::wire2::{
    self, Decision, FormEvent, FormOwner, InterruptReason, PermissionEvent, RunChange, SessionEvent,
};

use super::pieces2::{session_id, time};
use super::{Translated, asking2, bounds, malformed, rest2};
use memory::Memory;

/// Name of the failure of a run that its server ended.
const SERVER_ENDED: &str = "ServerEnded";
/// Name of the failure of a run that made no progress.
const INACTIVE: &str = "RunInactive";

/// A stream of OpenCode 2, with what it began and did not end.
#[derive(Clone, Debug, Default)]
pub struct V2 {
    memory: Memory,
}

/// True for a frame in this version's envelope.
pub(super) fn is_frame(data: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    let envelope = serde_json::from_str::<Envelope<'_>>(data);
    envelope.is_ok_and(|envelope| envelope.kind.is_some() && envelope.data.is_some())
}

/// Where and when an event happened.
struct Head<'a> {
    id: Option<&'a str>,
    at: Timestamp,
    directory: Option<&'a Arc<str>>,
}

impl Head<'_> {
    /// The id of a message that an event makes without naming one.
    fn own_id(&self) -> String {
        let id = self.id.unwrap_or_default();
        format!("msg_{}", id.strip_prefix("evt_").unwrap_or(id))
    }
}

impl V2 {
    pub(super) fn frame(&mut self, data: &str, at: Timestamp) -> Translated {
        let Ok(incoming) = wire2::decode(data) else {
            return malformed("not an event");
        };
        let number = number(&incoming);
        let directory = incoming.location.map(|location| location.directory);
        let directory: Option<Arc<str>> = directory.map(Into::into);
        let session = incoming.event.session().map(|id| Arc::from(id.as_str()));
        let head = Head {
            id: incoming.id.as_deref(),
            at: incoming.created.map_or(at, time),
            directory: directory.as_ref(),
        };
        let mut events = self.event(incoming.event, &head, at);
        events.extend(number);
        Translated {
            events,
            directory,
            session,
        }
    }

    fn event(&mut self, event: wire2::Event, head: &Head<'_>, at: Timestamp) -> Vec<Event> {
        use wire2::Event as W;
        match event {
            W::Session { session, change } => self.session(&session, change, head),
            W::Permission(event) => vec![permission(&event, at)],
            W::Form(event) => form(&event, at).into_iter().collect(),
            W::FolderShutDown => head
                .directory
                .map(|directory| Event::RequestsVoid(directory.clone()))
                .into_iter()
                .collect(),
            W::BranchUpdated { branch } => head
                .directory
                .map(|directory| Event::Branch {
                    directory: directory.clone(),
                    branch: branch.as_deref().map(bounds::words),
                })
                .into_iter()
                .collect(),
            W::Connected
            | W::ProjectUpdated(_)
            | W::WorktreeResolved { .. }
            | W::Catalog(_)
            | W::Passed { .. } => Vec::new(),
            W::Unknown { kind, .. } => vec![Event::Unknown { kind: kind.into() }],
            W::Malformed { kind, .. } => vec![Event::Malformed { kind: kind.into() }],
        }
    }

    fn session(
        &mut self,
        session: &wire2::SessionId,
        change: SessionEvent,
        head: &Head<'_>,
    ) -> Vec<Event> {
        match change {
            SessionEvent::Row(change) => self.row(session, change, head),
            SessionEvent::Inbox(change) => self.inbox(session, change, head),
            SessionEvent::Run(change) => self.run(session, change, head),
            SessionEvent::Note(note) => self.note(session, note, head),
            SessionEvent::Assistant { message, change } => {
                self.assistant(session, &message, change, head)
            }
            SessionEvent::Compaction(change) => self.compaction(session, change, head),
            SessionEvent::Revert(change) => self.revert(session, change, head),
            SessionEvent::ContentReplaced { .. } => vec![doubted(session)],
        }
    }

    fn run(
        &mut self,
        session: &wire2::SessionId,
        change: RunChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let id = session_id(session);
        let failed = |failure| Event::SessionError {
            session: Some(id.clone()),
            failure,
        };
        let (failure, status) = match change {
            RunChange::Started => (None, RunStatus::Busy),
            RunChange::Succeeded => (None, RunStatus::Idle),
            RunChange::Failed(error) => (Some(rest2::failure(&error)), RunStatus::Idle),
            RunChange::Interrupted(reason) => (interrupted(&reason), RunStatus::Idle),
        };
        if status == RunStatus::Idle {
            self.memory.run_ended(session.as_str());
        }
        let failure = failure.map(failed);
        let status = Event::Status {
            session: id.clone(),
            status,
        };
        let events = failure.into_iter().chain([status, touched(&id, head)]);
        events.collect()
    }
}

/// The place of an event in its session's history. One that is not understood has none: what it changed is missing here, as in a hole.
fn number(incoming: &wire2::Incoming<'_>) -> Option<Event> {
    let durable = incoming.durable.as_ref()?;
    let of = incoming.event.session()?;
    durable.aggregate.is(of).then(|| Event::Numbered {
        session: session_id(of),
        seq: durable.seq.0,
    })
}

/// Why a run ended before its end, where a person has to know.
fn interrupted(reason: &InterruptReason) -> Option<Failure> {
    let aborted = || Failure {
        kind: ErrorKind::Aborted,
        name: "MessageAbortedError".into(),
        message: "".into(),
    };
    match reason {
        InterruptReason::User => Some(aborted()),
        // Another run goes on in its place.
        InterruptReason::Superseded => None,
        InterruptReason::Shutdown => Some(Failure::failed(
            SERVER_ENDED,
            "The server ended before the answer was complete",
        )),
        InterruptReason::Inactivity => Some(Failure::failed(
            INACTIVE,
            "The run was ended because it made no progress",
        )),
        InterruptReason::Other(other) => Some(Failure::failed(bounds::words(other), "")),
    }
}

/// The conversation is to be read again.
fn doubted(session: &wire2::SessionId) -> Event {
    Event::ConversationDoubted {
        session: session_id(session),
    }
}

/// The session changed just now.
fn touched(session: &SessionId, head: &Head<'_>) -> Event {
    Event::SessionChanged {
        session: session.clone(),
        change: SessionChange::Touched,
        at: Some(head.at),
    }
}

fn permission(event: &PermissionEvent, at: Timestamp) -> Event {
    match event {
        PermissionEvent::Asked(request) => Event::PermissionAsked(asking2::permission(request, at)),
        PermissionEvent::Replied { id, reply, .. } => {
            let outcome = match reply {
                Decision::Once => Outcome::Once,
                Decision::Always => Outcome::Always,
                Decision::Reject => Outcome::Rejected,
                Decision::Other(_) => Outcome::Unknown,
            };
            Event::PermissionReplied(PermissionId::new(id.as_str()), outcome)
        }
    }
}

/// Forms of a folder wait for no session, and are not shown.
fn form(event: &FormEvent, at: Timestamp) -> Option<Event> {
    let of_session = |owner: &FormOwner| matches!(owner, FormOwner::Session(_));
    match event {
        FormEvent::Created(form) if asking2::waits(form) => {
            asking2::question(form, at).map(Event::QuestionAsked)
        }
        FormEvent::Created(_) => None,
        FormEvent::Replied { owner, id, .. } => of_session(owner)
            .then(|| Event::QuestionClosed(QuestionId::new(id.as_str()), Outcome::Answered)),
        FormEvent::Cancelled { owner, id } => of_session(owner)
            .then(|| Event::QuestionClosed(QuestionId::new(id.as_str()), Outcome::Rejected)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! Translation of OpenCode 1.x events.

use std::sync::Arc;

use model::Event;
use model::ids::{MessageId, PartId, PermissionId, QuestionId, SessionId};
use model::state::{Failure, Outcome, RunStatus};
use model::text::Delta;
use model::time::Timestamp;
use opencode::wire::{self, PermissionReply};

use super::bounds;
use super::rest::{failure, message, part, permission, question, run_status, session, todos};
use super::{Translated, malformed};

pub(super) fn frame(data: &str, at: Timestamp) -> Translated {
    match wire::decode(data) {
        Err(_) => malformed("not an event"),
        Ok(incoming) => {
            let directory: Option<Arc<str>> = incoming.directory.map(Into::into);
            let session = session_of(&incoming.event).map(Into::into);
            let events = translate(incoming.event, directory.as_ref(), at)
                .into_iter()
                .collect();
            Translated {
                events,
                directory,
                session,
            }
        }
    }
}

fn outcome(reply: Option<PermissionReply>) -> Outcome {
    match reply {
        Some(PermissionReply::Once) => Outcome::Once,
        Some(PermissionReply::Always) => Outcome::Always,
        Some(PermissionReply::Reject) => Outcome::Rejected,
        None => Outcome::Unknown,
    }
}

// Longer than 70 lines: a table, a line for each kind of event.
fn translate(event: wire::Event, directory: Option<&Arc<str>>, at: Timestamp) -> Option<Event> {
    use wire::Event as W;
    Some(match event {
        W::ServerConnected | W::ServerHeartbeat => return None,
        W::Sync(sync) => Event::Durable {
            session: SessionId::new(sync.aggregate_id),
            seq: sync.seq,
        },
        W::SessionCompacted { .. } | W::SessionDiff { .. } => return None,
        W::VcsBranchUpdated { branch } => Event::Branch {
            directory: directory?.clone(),
            branch: branch.map(|branch| bounds::words(&branch)),
        },
        W::ProjectUpdated(_) | W::GlobalDisposed => return None,
        W::SessionCreated(info) => Event::SessionCreated(session(*info)),
        W::SessionUpdated(info) => Event::Session(session(*info)),
        W::SessionDeleted { session_id, .. } => Event::SessionDeleted(SessionId::new(session_id)),
        W::SessionIdle { session_id } => Event::Status {
            session: SessionId::new(session_id),
            status: RunStatus::Idle,
        },
        W::SessionStatus { session_id, status } => Event::Status {
            session: SessionId::new(session_id),
            status: run_status(status)?,
        },
        W::SessionError { session_id, error } => Event::SessionError {
            session: session_id.map(SessionId::new),
            failure: error.map_or_else(untold, failure),
        },
        W::MessageUpdated(info) => Event::Message(message(*info, at)),
        W::MessageRemoved {
            session_id,
            message_id,
        } => Event::MessageRemoved {
            session: SessionId::new(session_id),
            message: MessageId::new(message_id),
        },
        W::PartUpdated { part: info, .. } => Event::Part(part(*info)),
        W::PartDelta(delta) => return part_delta(delta),
        W::PartRemoved {
            session_id,
            message_id,
            part_id,
        } => Event::PartRemoved {
            session: SessionId::new(session_id),
            message: MessageId::new(message_id),
            part: PartId::new(part_id),
        },
        W::PermissionAsked(request) => Event::PermissionAsked(permission(*request, at)),
        W::PermissionReplied {
            request_id, reply, ..
        } => Event::PermissionReplied(PermissionId::new(request_id), outcome(reply)),
        W::QuestionAsked(request) => Event::QuestionAsked(question(*request, at)),
        W::QuestionReplied { request_id, .. } => {
            Event::QuestionClosed(QuestionId::new(request_id), Outcome::Answered)
        }
        W::QuestionRejected { request_id, .. } => {
            Event::QuestionClosed(QuestionId::new(request_id), Outcome::Rejected)
        }
        W::TodoUpdated {
            session_id,
            todos: list,
        } => Event::Todos {
            session: SessionId::new(session_id),
            todos: todos(list),
        },
        W::InstanceDisposed {
            directory: disposed,
        } => Event::DirectoryDisposed(disposed.map(Into::into).or_else(|| directory.cloned())?),
        W::Unknown { kind } if is_documented(&kind) => return None,
        W::Unknown { kind } => Event::Unknown { kind: kind.into() },
        W::Malformed { kind, .. } => Event::Malformed { kind: kind.into() },
    })
}

/// Prefixes of event types that OpenCode 1.18 documents and that Drovers does not use.
const UNUSED: [&str; 18] = [
    "catalog.",
    "command.",
    "file.",
    "installation.",
    "integration.",
    "lsp.",
    "mcp.",
    "models-dev.",
    "permission.v2.",
    "plugin.",
    "project.",
    "pty.",
    "question.v2.",
    "reference.",
    "session.next.",
    "tui.",
    "workspace.",
    "worktree.",
];

fn is_documented(kind: &str) -> bool {
    UNUSED.iter().any(|known| kind.starts_with(known))
}

/// Text and reasoning both grow in the field `text`; no increments of other fields are known.
fn part_delta(delta: wire::PartDelta) -> Option<Event> {
    if delta.field != "text" {
        return Some(Event::Unknown {
            kind: format!("message.part.delta of {}", bounds::words(&delta.field)).into(),
        });
    }
    let (lead_low, body, trail_high) = delta.delta.into_parts();
    Some(Event::PartDelta {
        session: SessionId::new(delta.session_id),
        message: MessageId::new(delta.message_id),
        part: PartId::new(delta.part_id),
        delta: Delta {
            lead_low,
            body,
            trail_high,
        },
    })
}

/// A failure without details.
fn untold() -> Failure {
    Failure::failed("", "")
}

fn session_of(event: &wire::Event) -> Option<&str> {
    use wire::Event as W;
    match event {
        W::SessionCreated(info) | W::SessionUpdated(info) => Some(&info.id),
        W::SessionDeleted { session_id, .. }
        | W::SessionIdle { session_id }
        | W::SessionStatus { session_id, .. }
        | W::SessionCompacted { session_id }
        | W::SessionDiff { session_id, .. }
        | W::MessageRemoved { session_id, .. }
        | W::PartRemoved { session_id, .. }
        | W::PermissionReplied { session_id, .. }
        | W::QuestionReplied { session_id, .. }
        | W::QuestionRejected { session_id, .. }
        | W::TodoUpdated { session_id, .. } => Some(session_id),
        W::SessionError { session_id, .. } => session_id.as_deref(),
        W::MessageUpdated(info) => Some(&info.session_id),
        W::PartUpdated { part, .. } => Some(&part.session_id),
        W::PartDelta(delta) => Some(&delta.session_id),
        W::PermissionAsked(request) => Some(&request.session_id),
        W::QuestionAsked(request) => Some(&request.session_id),
        W::Sync(sync) => Some(&sync.aggregate_id),
        _ => None,
    }
}

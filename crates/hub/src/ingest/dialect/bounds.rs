//! Size limits for data from a server, in events and replies.
//!
//! Displayed data is truncated; data that is sent back, or decides what a person allows, is accepted whole or rejected.

use std::sync::Arc;

use model::Event;
use model::ids::{MessageId, SessionId};
use model::json::Json;
use model::plain;
use model::state::{
    Failure, MessageInfo, Part, Permission, Question, RunStatus, SessionChange, SessionInfo, Todos,
};
use serde_json::json;

use crate::limits;

/// True for an acceptable id: short, and valid as one segment of a URL path.
pub(super) fn is_id(id: &str) -> bool {
    let known = (1..=limits::ID_BYTES).contains(&id.len()) && !matches!(id, "." | "..");
    known && !id.chars().any(char::is_control)
}

/// True for an acceptable folder path.
pub(super) fn is_directory(path: &str) -> bool {
    path.len() <= limits::PATH_BYTES
}

/// Truncates a name or a sentence to one line.
pub(super) fn words(text: &str) -> Arc<str> {
    // Most texts are within the limit: their allocation is reused.
    plain::line(text, limits::WORDS_CHARS).into()
}

/// Truncates the text of an error, keeping its lines.
pub(super) fn sentences(text: &str) -> Arc<str> {
    let mut end = text.floor_char_boundary(limits::SENTENCES_BYTES);
    if end == text.len() {
        return plain::block(text).into();
    }
    end = text[..end].trim_end().len();
    (plain::block(&text[..end]) + "…").into()
}

/// The event, or [`Event::Malformed`] if it exceeds a limit.
pub(super) fn event(event: Event) -> Event {
    let kind = match &event {
        Event::Unknown { kind } | Event::Malformed { kind } if kind.len() <= limits::KIND_BYTES => {
            return event;
        }
        Event::Unknown { .. } => {
            return Event::Unknown {
                kind: "of a long name".into(),
            };
        }
        Event::Malformed { .. } => "of a long name",
        event if !ids(event) => "with an id that is none",
        Event::SessionCreated(info) | Event::Session(info) if !is_session(info) => "session",
        Event::SessionChanged {
            change: SessionChange::Directory(directory),
            ..
        } if !is_directory(directory) => "session.moved",
        Event::SessionChanged {
            change: SessionChange::RevertedFrom(Some(id)),
            ..
        } if !is_id(id.as_str()) => "session.revert",
        Event::RequestsVoid(directory) if !is_directory(directory) => "location.shutdown",
        Event::PermissionAsked(request) if !is_permission(request) => "permission.asked",
        Event::QuestionAsked(request) if !is_question(request) => "question.asked",
        Event::Todos { todos, .. } if !is_todos(todos) => "todo.updated",
        Event::Branch { directory, .. } if !is_directory(directory) => "vcs.branch.updated",
        Event::DirectoryDisposed(path) if !is_directory(path) => "server.instance.disposed",
        _ => return event,
    };
    // The event is counted for people; a log line per event could fill a disk.
    tracing::debug!(kind, "an event was dropped: it exceeds a limit");
    Event::Malformed { kind: kind.into() }
}

fn ids(event: &Event) -> bool {
    let (session, message) = (
        |id: &SessionId| is_id(id.as_str()),
        |id: &MessageId| is_id(id.as_str()),
    );
    match event {
        Event::SessionCreated(info) | Event::Session(info) => session(&info.id),
        Event::SessionDeleted(id) => session(id),
        Event::Status { session: id, .. }
        | Event::Durable { session: id, .. }
        | Event::Numbered { session: id, .. }
        | Event::SessionChanged { session: id, .. }
        | Event::ConversationDoubted { session: id }
        | Event::Todos { session: id, .. } => session(id),
        Event::SessionError { session: id, .. } => id.as_ref().is_none_or(session),
        Event::Message(info) => is_message(info),
        Event::Part(part) => is_part(part),
        Event::MessageRemoved {
            session: of,
            message: id,
        } => session(of) && message(id),
        Event::PartDelta {
            session: of,
            message: id,
            part,
            ..
        }
        | Event::PartRemoved {
            session: of,
            message: id,
            part,
        } => session(of) && message(id) && is_id(part.as_str()),
        Event::PermissionReplied(id, _) => is_id(id.as_str()),
        Event::QuestionClosed(id, _) => is_id(id.as_str()),
        _ => true,
    }
}

/// True for an acceptable session.
pub(super) fn is_session(info: &SessionInfo) -> bool {
    let parent = info
        .parent
        .as_ref()
        .is_none_or(|parent| is_id(parent.as_str()));
    let reverted = info
        .reverted_from
        .as_ref()
        .is_none_or(|id| is_id(id.as_str()));
    is_id(info.id.as_str()) && parent && reverted && is_directory(&info.directory)
}

/// True for an acceptable message.
pub(super) fn is_message(info: &MessageInfo) -> bool {
    let parent = info
        .parent
        .as_ref()
        .is_none_or(|parent| is_id(parent.as_str()));
    is_id(info.id.as_str()) && is_id(info.session.as_str()) && parent
}

/// True for an acceptable part.
pub(super) fn is_part(part: &Part) -> bool {
    is_id(part.id.as_str()) && is_id(part.message.as_str()) && is_id(part.session.as_str())
}

/// True for an acceptable permission request, with all of its content.
pub(super) fn is_permission(request: &Permission) -> bool {
    let own = is_id(request.id.as_str()) && is_id(request.session.as_str());
    own && request.raw.get().len() <= limits::REQUEST_BYTES
}

/// True for an acceptable question.
pub(super) fn is_question(request: &Question) -> bool {
    let own = is_id(request.id.as_str()) && is_id(request.session.as_str());
    let options = request
        .items
        .iter()
        .map(|item| item.options.len())
        .sum::<usize>();
    own && request.raw.get().len() <= limits::REQUEST_BYTES
        && request.items.len() + options <= limits::ANSWERS_ON_OFFER
}

/// True for an acceptable to-do list.
pub(super) fn is_todos(todos: &Todos) -> bool {
    todos.raw.get().len() <= limits::TODOS_BYTES
}

/// Replaces the raw JSON of a session row that is too long by JSON of the known fields.
pub(super) fn row(info: SessionInfo) -> SessionInfo {
    if info.raw.get().len() <= limits::ROW_BYTES {
        return info;
    }
    let raw = Json::of(&json!({
        "id": info.id, "parentID": info.parent, "title": info.title, "directory": info.directory, "agent": info.agent,
        "time": {"created": info.created, "updated": info.updated, "archived": info.archived},
        "cost": info.cost,
    }));
    SessionInfo { raw, ..info }
}

/// The failure of a run, truncated for display.
pub(super) fn failure(failure: Failure) -> Failure {
    Failure {
        name: words(&failure.name),
        message: sentences(&failure.message),
        ..failure
    }
}

/// The status of a session, truncated for display.
pub(super) fn status(status: RunStatus) -> RunStatus {
    match status {
        RunStatus::Retry {
            attempt,
            message,
            next,
        } => RunStatus::Retry {
            attempt,
            message: words(&message),
            next,
        },
        status => status,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::time::Timestamp;

    use super::super::{Dialect, Translator};
    use super::*;

    fn translated(dialect: Dialect, event: &serde_json::Value) -> Vec<Event> {
        let translated = Translator::new(dialect).frame(&event.to_string(), Timestamp(1));
        let short = |text: &Option<Arc<str>>| {
            text.as_ref()
                .is_none_or(|text| text.len() <= limits::PATH_BYTES)
        };
        assert!(short(&translated.directory) && short(&translated.session));
        translated.events
    }

    fn v1(kind: &str, properties: serde_json::Value) -> Vec<Event> {
        translated(
            Dialect::V1,
            &json!({"type": kind, "properties": properties}),
        )
    }

    #[test]
    fn ids_that_are_none_are_counted_and_nothing_else() {
        let long = "x".repeat(1 << 20);
        for id in [long.as_str(), "", "..", "a\nb", "a\u{1b}[2J"] {
            let info = json!({"id": id, "sessionID": "s", "messageID": "m", "role": "user", "type": "text", "text": ""});
            for events in [
                v1("session.created", json!({"info": {"id": id}})),
                v1(
                    "session.updated",
                    json!({"info": {"id": "s", "parentID": id}}),
                ),
                v1(
                    "session.deleted",
                    json!({"sessionID": id, "info": {"id": id}}),
                ),
                v1("session.idle", json!({"sessionID": id})),
                v1(
                    "session.error",
                    json!({"sessionID": id, "error": {"name": "x"}}),
                ),
                v1("message.updated", json!({"info": info})),
                v1("message.part.updated", json!({"part": info})),
                v1(
                    "message.part.delta",
                    json!({"sessionID": "s", "messageID": "m", "partID": id, "field": "text", "delta": "x"}),
                ),
                v1(
                    "permission.asked",
                    json!({"id": id, "sessionID": "s", "permission": "bash", "patterns": []}),
                ),
                v1(
                    "permission.replied",
                    json!({"sessionID": "s", "requestID": id, "reply": "once"}),
                ),
                v1(
                    "question.asked",
                    json!({"id": "q", "sessionID": id, "questions": []}),
                ),
                v1("todo.updated", json!({"sessionID": id, "todos": []})),
                translated(
                    Dialect::Sketch,
                    &json!({"type": "session_updated", "session": {"id": id}}),
                ),
                translated(
                    Dialect::Sketch,
                    &json!({"type": "message_updated", "session_id": id, "message_id": "m", "parts": []}),
                ),
            ] {
                let malformed =
                    |event: &Event| matches!(event, Event::Malformed { kind } if kind.len() <= 64);
                assert!(
                    events.iter().all(malformed) && events.len() == 1,
                    "{id:.20}: {events:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_shown_is_cut_and_plain() {
        let long = "\u{202e}x".repeat(1 << 19);
        let events = v1(
            "session.created",
            json!({"info": {"id": "s", "title": long, "agent": long}}),
        );
        let [Event::SessionCreated(info)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert!(info.title.ends_with('…') && !info.title.contains('\u{202e}'));
        assert!(
            info.title.len() + info.agent.as_ref().unwrap().len() + info.raw.get().len()
                < limits::ROW_BYTES
        );
        let events = v1(
            "session.error",
            json!({"sessionID": "s", "error": {"name": long, "data": {"message": long}}}),
        );
        let [Event::SessionError { failure, .. }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert!(
            failure.message.ends_with('…') && failure.message.len() < 10 * limits::SENTENCES_BYTES
        );
        let events = translated(Dialect::V1, &json!({"type": long, "properties": {}}));
        assert!(
            matches!(&events[..], [Event::Unknown { kind }] if kind.len() < 64),
            "{events:?}"
        );
        let events = translated(
            Dialect::V1,
            &json!({"directory": long, "payload": {"type": "session.idle", "properties": {"sessionID": "s"}}}),
        );
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn a_request_is_taken_whole_or_not_at_all() {
        let asks = |bytes: usize| {
            let pattern = "x".repeat(bytes);
            v1(
                "permission.asked",
                json!({"id": "p", "sessionID": "s", "permission": "bash", "patterns": [pattern]}),
            )
        };
        let events = asks(limits::REQUEST_BYTES / 2);
        let [Event::PermissionAsked(request)] = events.as_slice() else {
            panic!()
        };
        assert_eq!(request.patterns[0].len(), limits::REQUEST_BYTES / 2);
        assert!(matches!(
            &asks(limits::REQUEST_BYTES)[..],
            [Event::Malformed { .. }]
        ));
        let options: Vec<_> = (0..limits::ANSWERS_ON_OFFER)
            .map(|n| json!({"label": n.to_string()}))
            .collect();
        let events = v1(
            "question.asked",
            json!({"id": "q", "sessionID": "s", "questions": [{"question": "?", "options": options}]}),
        );
        assert!(matches!(&events[..], [Event::Malformed { .. }]));
    }
}

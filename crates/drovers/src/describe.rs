//! Upstream events as one line for people.

use opencode::wire::{
    self, Event, MessageInfo, PartInfo, PartKind, Role, SessionStatus, ToolState,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::out;

#[derive(Deserialize)]
struct Typed {
    payload: Option<Box<Typed>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "sessionID")]
    session: Option<String>,
}

/// The session an event names.
pub(crate) fn session(event: &RawValue) -> Option<String> {
    let typed: Typed = serde_json::from_str(event.get()).ok()?;
    let properties = match typed.payload {
        Some(payload) => payload.properties,
        None => typed.properties,
    };
    properties?.session.map(|session| out::one_line(&session))
}

/// Type of the event as the server names it.
pub(crate) fn kind(event: &RawValue) -> String {
    let typed = serde_json::from_str::<Typed>(event.get());
    let kind = typed.ok().and_then(|typed| match typed.payload {
        Some(payload) => payload.kind,
        None => typed.kind,
    });
    kind.map_or_else(|| "?".to_owned(), |kind| out::one_line(&kind))
}

/// The event as it was understood; `None` for what is no event of OpenCode 1.
pub(crate) fn read(event: &RawValue) -> Option<Event> {
    wire::decode(event.get())
        .ok()
        .map(|incoming| incoming.event)
}

/// Summary of the event, in a few words; empty where its type is enough.
pub(crate) fn words(event: &Event) -> String {
    let words = match event {
        Event::SessionCreated(info) | Event::SessionUpdated(info) => info.title.clone(),
        Event::SessionStatus { status, .. } => match status {
            SessionStatus::Idle => "idle".to_owned(),
            SessionStatus::Busy => "busy".to_owned(),
            SessionStatus::Retry {
                attempt, message, ..
            } => format!("retry {attempt}: {message}"),
            SessionStatus::Other(other) => other.clone(),
        },
        Event::SessionError { error, .. } => error
            .as_ref()
            .map(|error| error.message.clone())
            .unwrap_or_default(),
        Event::MessageUpdated(info) => message(info),
        Event::PartUpdated { part: info, .. } => part(info),
        Event::PartDelta(delta) => delta.delta.clone().into_string(),
        Event::PermissionAsked(asked) => {
            format!("{}: {}", asked.permission, asked.patterns.join(", "))
        }
        Event::PermissionReplied { reply, .. } => {
            reply.map(|reply| reply.to_string()).unwrap_or_default()
        }
        Event::QuestionAsked(asked) => asked
            .questions
            .iter()
            .map(|question| question.question.as_str())
            .collect::<Vec<_>>()
            .join(" / "),
        Event::TodoUpdated { todos, .. } => format!("{} items", todos.todos.len()),
        Event::Malformed { error, .. } => format!("cannot be read: {error}"),
        Event::Sync(sync) => format!("{} {}", sync.event_type, sync.seq),
        _ => String::new(),
    };
    out::one_line(&words)
}

fn message(info: &MessageInfo) -> String {
    let who = match info.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let how = match (&info.error, info.completed, info.role) {
        (Some(error), ..) => format!(" failed: {}", error.message),
        (None, Some(_), _) => format!(
            " complete ({})",
            info.finish.as_deref().unwrap_or("no reason")
        ),
        (None, None, Role::Assistant) => " running".to_owned(),
        (None, None, Role::User) => String::new(),
    };
    format!("{who}{how}")
}

fn part(info: &PartInfo) -> String {
    match &info.kind {
        PartKind::Text { text, .. } => format!("text {text}"),
        PartKind::Reasoning { text, .. } => format!("reasoning {text}"),
        PartKind::Tool { tool, state, .. } => format!("{tool} {}", tool_state(state)),
        PartKind::StepStart { .. } => "step begins".to_owned(),
        PartKind::StepFinish { reason, .. } => {
            format!("step ends ({})", reason.as_deref().unwrap_or("no reason"))
        }
        PartKind::File(file) => format!("file {}", file.name()),
        _ => String::new(),
    }
}

fn tool_state(state: &ToolState) -> String {
    match state {
        ToolState::Pending { .. } => "pending".to_owned(),
        ToolState::Running { title, .. } => {
            format!("running {}", title.as_deref().unwrap_or_default())
        }
        ToolState::Completed { title, .. } => {
            format!("completed {}", title.as_deref().unwrap_or_default())
        }
        ToolState::Error { error, .. } => format!("failed: {error}"),
    }
}

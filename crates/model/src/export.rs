//! State as programs see it: OpenCode's own REST shapes.

mod so_far;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::ids::SessionId;
use crate::json::Json;
use crate::state::{Instance, Message, Run, Session};

pub use so_far::{MISSING, messages_so_far, part_so_far};

/// An instance as OpenCode's REST returns it: streaming text is as empty as it is there.
#[derive(Debug, Serialize)]
pub struct Rest<'a> {
    /// Each session with its conversation.
    pub sessions: BTreeMap<&'a SessionId, RestSession<'a>>,
    /// Permissions that wait.
    pub permissions: Vec<&'a Json>,
    /// Questions that wait.
    pub questions: Vec<&'a Json>,
}

/// A session with its conversation.
#[derive(Debug, Serialize)]
pub struct RestSession<'a> {
    /// The session.
    pub session: &'a Json,
    /// Messages of the session, oldest first.
    pub messages: Vec<RestMessage<'a>>,
    /// Run status of the session.
    pub status: Value,
    /// To-do list of the session.
    pub todo: Json,
}

/// A message with its parts.
#[derive(Debug, Serialize)]
pub struct RestMessage<'a> {
    /// The message.
    pub info: &'a Json,
    /// Parts of the message, in order.
    pub parts: Vec<&'a Json>,
}

/// An instance in REST's shapes.
pub fn rest(instance: &Instance) -> Rest<'_> {
    Rest {
        sessions: instance
            .sessions
            .iter()
            .map(|(id, session)| (id, rest_session(session)))
            .collect(),
        permissions: instance
            .permissions
            .values()
            .map(|permission| &permission.raw)
            .collect(),
        questions: instance
            .questions
            .values()
            .map(|question| &question.raw)
            .collect(),
    }
}

/// A session in REST's shapes.
pub fn rest_session(session: &Session) -> RestSession<'_> {
    RestSession {
        session: &session.info.raw,
        messages: messages(session),
        status: status(&session.run),
        todo: session
            .todos
            .as_ref()
            .map_or_else(empty_list, |todos| todos.raw.clone()),
    }
}

/// A session's messages in REST's shape; none where they are not kept.
pub fn messages(session: &Session) -> Vec<RestMessage<'_>> {
    session
        .loaded()
        .into_iter()
        .flat_map(|loaded| loaded.in_order())
        .map(message)
        .collect()
}

fn message(message: &Message) -> RestMessage<'_> {
    RestMessage {
        info: &message.info.raw,
        parts: message.in_order().map(|part| &part.raw).collect(),
    }
}

/// The run of a session, in REST's shape, with two values that REST does not have.
pub fn status(run: &Run) -> Value {
    match run {
        Run::Idle => json!({"type": "idle"}),
        Run::Busy { .. } => json!({"type": "busy"}),
        Run::Retry {
            attempt,
            message,
            next,
            ..
        } => {
            json!({"type": "retry", "attempt": attempt, "message": message, "next": next})
        }
        Run::Unknown => json!({"type": "unknown"}),
        Run::Interrupted { .. } => json!({"type": "interrupted"}),
    }
}

/// The run of a session, if its server is connected. Otherwise `stale` says so, and what ran when it
/// last could is `unknown`, with that as `last_known`.
pub fn status_now(instance: &Instance, session: &Session) -> Value {
    let mut status = status(&session.run);
    if instance.is_live() {
        return status;
    }
    if session.run.is_running() {
        return json!({"type": "unknown", "stale": true, "last_known": status});
    }
    status["stale"] = true.into();
    status
}

fn empty_list() -> Json {
    Json::of(&json!([]))
}

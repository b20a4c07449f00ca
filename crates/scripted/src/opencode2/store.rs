//! What one database holds: rows, inboxes and messages, all of them made from durable events, and those events if they are kept.
//! Several processes may share one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::project;

/// Types that stand in the log alone.
const LOG_ONLY: [&str; 2] = ["session.usage.recorded", "session.message.content.updated"];

/// Types whose version is 2.
const SECOND: [&str; 5] = [
    "session.forked",
    "session.deleted",
    "session.instructions.updated",
    "session.tool.success",
    "session.tool.failed",
];

/// A database.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) sessions: BTreeMap<String, Session>,
    /// Whether events are kept.
    pub(super) persist: bool,
    /// What an answer of *always* saved: action and resource.
    pub(super) saved: Vec<(String, String)>,
    /// Titles of version 1's sessions that are not copied yet, the newest last.
    pub(super) legacy: Vec<String>,
    /// How many there were.
    pub(super) legacy_total: usize,
    pub(super) places: u64,
    pub(super) processes: u64,
}

/// A session.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The row.
    pub(super) info: Value,
    /// The transcript, in the order of commits.
    pub(super) messages: Vec<Value>,
    /// What is not delivered, in the order of admission.
    pub(super) inbox: Vec<Value>,
    /// The number of the last event.
    pub(super) last: Option<u64>,
    /// The events, if they are kept.
    pub(super) log: Vec<Value>,
    /// Ids of all prompts that were ever admitted, with their kind.
    pub(super) admitted: BTreeMap<String, Value>,
    /// Its place among the sessions, in the order of creation.
    pub(super) place: u64,
}

impl Session {
    /// A field of the row as text.
    pub(super) fn text(&self, field: &str) -> &str {
        self.info[field].as_str().unwrap_or_default()
    }

    /// Its folder.
    pub(super) fn directory(&self) -> &str {
        self.info["location"]["directory"]
            .as_str()
            .unwrap_or_default()
    }

    /// A message of the transcript.
    pub(super) fn message(&self, id: &str) -> Option<&Value> {
        self.messages
            .iter()
            .rev()
            .find(|message| message["id"] == id)
    }

    /// A message of the transcript, to be changed.
    pub(super) fn message_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.messages
            .iter_mut()
            .rev()
            .find(|message| message["id"] == id)
    }
}

impl Store {
    /// Gives an event the next number of its session, stores what it changes, and returns it as it goes to streams; `None` for one of the
    /// log alone.
    pub(super) fn commit(
        &mut self,
        id: &str,
        kind: &str,
        data: Value,
        event: &str,
        now: u64,
    ) -> Option<Value> {
        let before = self.sessions.get(id);
        let seq = before
            .and_then(|session| session.last)
            .map_or(0, |last| last + 1);
        let version = if SECOND.contains(&kind) { 2 } else { 1 };
        let mut event = json!({
            "id": event, "created": now, "type": kind, "data": data,
            "durable": { "aggregateID": id, "seq": seq, "version": version },
        });
        if let Some(session) = before {
            event["location"] = session.info["location"].clone();
        } else if data_location(&event).is_object() {
            event["location"] = data_location(&event).clone();
        }
        project::apply(self, &event);
        if let Some(session) = self.sessions.get_mut(id) {
            // A fork has jumped past what it copied.
            session.last = session.last.max(Some(seq));
            if self.persist {
                session.log.push(event.clone());
            }
        }
        (!LOG_ONLY.contains(&kind)).then_some(event)
    }

    /// One more process begins on it: how many there were before.
    pub(super) fn processes(&mut self) -> u64 {
        self.processes += 1;
        self.processes - 1
    }

    /// The place of a new session.
    pub(super) fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// The sessions that belong to one.
    pub(super) fn children(&self, id: &str) -> Vec<String> {
        let of = self
            .sessions
            .iter()
            .filter(|(_, session)| session.text("parentID") == id);
        of.map(|(id, _)| id.clone()).collect()
    }

    /// How far the copy of version 1's sessions is.
    pub(super) fn migration(&self) -> Value {
        match self.legacy.len() {
            0 => json!({ "status": "completed" }),
            left => json!({ "status": "running", "progress": {
                "label": "sessions", "numerator": self.legacy_total - left, "denominator": self.legacy_total,
            } }),
        }
    }
}

fn data_location(event: &Value) -> &Value {
    &event["data"]["location"]
}

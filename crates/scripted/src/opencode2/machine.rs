//! One process on a database: its clock, its ids, its runs, what waits for a person, and the frames that leave. Pure: time is given to it,
//! and it waits for nothing.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::asks::{Form, Permission};
use super::run::Run;
use super::store::{Session, Store};
use crate::limits;
use crate::model::DefaultReply;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LETTERS: usize = 26;

/// How a process behaves.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// The folder of requests that name none.
    pub(super) directory: String,
    /// Tokens a second where a script does not say; zero: as fast as possible.
    pub(super) rate: f64,
    /// What prompts are answered with that are no script.
    pub(super) voice: DefaultReply,
    /// Milliseconds until the first repetition of a failed step; they double each time.
    pub(super) retry: u64,
    /// Milliseconds between two of version 1's sessions that are copied.
    pub(super) migration: u64,
}

/// A process.
pub(super) struct Machine {
    pub(super) manner: Manner,
    pub(super) runs: BTreeMap<String, Run>,
    pub(super) permissions: Vec<Permission>,
    pub(super) forms: Vec<Form>,
    /// The folders whose services are up.
    pub(super) folders: BTreeSet<String>,
    pub(super) timers: Vec<(u64, Timer)>,
    random: StdRng,
    now: u64,
    out: Vec<String>,
}

/// What happens later beside the runs.
pub(super) enum Timer {
    /// A person's command ends.
    ShellEnds { session: String, shell: Value },
    /// One more of version 1's sessions is copied.
    Migrate,
}

/// A process and its database, while something is done.
pub(super) struct World<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) store: &'a mut Store,
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSession(String),
    NoMessage(String, String),
    NoPermission(String),
    NoForm(String),
    NoCommand(String),
    FormSettled(String),
    FormAnswer(String),
    Conflict(&'static str),
    Busy(String),
    Invalid(&'static str),
    Cursor,
}

impl Machine {
    pub(super) fn new(manner: Manner, seed: u64) -> Self {
        Self {
            manner,
            runs: BTreeMap::new(),
            permissions: Vec::new(),
            forms: Vec::new(),
            folders: BTreeSet::new(),
            timers: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            now: 0,
            out: Vec::new(),
        }
    }

    /// Sets the clock: milliseconds of the Unix epoch.
    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// The frames since the last call, as JSON.
    pub(super) fn take_frames(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    /// A new id. The same seed gives the same ones.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        let letters = (0..ID_LETTERS)
            .map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())]));
        format!("{prefix}_{}", letters.collect::<String>())
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<u64> {
        let runs = self.runs.values().filter_map(Run::due);
        runs.chain(self.timers.iter().map(|(due, _)| *due)).min()
    }
}

/// An increment, whose text may hold halves of characters, which no [`Value`] can.
#[derive(Serialize)]
struct Delta<'a> {
    id: String,
    created: u64,
    r#type: &'a str,
    data: DeltaData<'a>,
    location: &'a Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeltaData<'a> {
    #[serde(rename = "sessionID")]
    session: &'a str,
    #[serde(rename = "assistantMessageID")]
    message: &'a str,
    ordinal: u64,
    delta: Box<RawValue>,
}

impl World<'_> {
    /// A session, or the refusal that there is none.
    pub(super) fn session(&self, id: &str) -> Result<&Session, Refusal> {
        let found = self.store.sessions.get(id);
        found.ok_or_else(|| Refusal::NoSession(id.to_owned()))
    }

    /// Something durable happened in a session.
    pub(super) fn commit(&mut self, session: &str, kind: &str, mut data: Value) {
        data["sessionID"] = session.into();
        let id = self.machine.id("evt");
        let now = self.machine.now;
        if let Some(event) = self.store.commit(session, kind, data, &id, now) {
            self.machine.out.push(event.to_string());
        }
    }

    /// Something passing happened in a session.
    pub(super) fn emit(&mut self, session: &str, kind: &str, mut data: Value) {
        data["sessionID"] = session.into();
        let location = self.location(session);
        self.emit_at(location, kind, &data);
    }

    /// Something passing happened in a folder.
    pub(super) fn emit_in(&mut self, directory: &str, kind: &str, data: &Value) {
        self.emit_at(json!({ "directory": directory }), kind, data);
    }

    fn emit_at(&mut self, location: Value, kind: &str, data: &Value) {
        let id = self.machine.id("evt");
        let mut event =
            json!({ "id": id, "created": self.machine.now, "type": kind, "data": data });
        if location.is_object() {
            event["location"] = location;
        }
        self.machine.out.push(event.to_string());
    }

    /// A text grew. `delta` is a JSON string.
    pub(super) fn emit_delta(
        &mut self,
        session: &str,
        kind: &str,
        message: &str,
        ordinal: u64,
        delta: String,
    ) {
        let id = self.machine.id("evt");
        let location = self.location(session);
        let event = Delta {
            id,
            created: self.machine.now,
            r#type: kind,
            data: DeltaData {
                session,
                message,
                ordinal,
                delta: RawValue::from_string(delta).expect("a piece writes itself as JSON"),
            },
            location: &location,
        };
        let event = serde_json::to_string(&event).expect("an event is JSON");
        self.machine.out.push(event);
    }

    fn location(&self, session: &str) -> Value {
        let session = self.store.sessions.get(session);
        session.map_or(Value::Null, |session| session.info["location"].clone())
    }

    /// Starts the services of a folder, unless they are up.
    pub(super) fn boot(&mut self, directory: &str) {
        if self.machine.folders.insert(directory.to_owned()) {
            self.emit_in(directory, "model.updated", &json!({}));
        }
    }

    /// Starts the services of a session's folder: a run uses them, and so does what it asks after they were put down.
    pub(super) fn boot_of(&mut self, session: &str) {
        let session = self.store.sessions.get(session);
        if let Some(directory) = session.map(|session| session.directory().to_owned()) {
            self.boot(&directory);
        }
    }

    /// Puts the services of a folder down: its requests are void, its runs go on.
    pub(super) fn shut(&mut self, directory: &str) {
        if self.machine.folders.remove(directory) {
            self.drop_requests_of_folder(directory);
            self.emit_in(directory, "location.shutdown", &json!({}));
        }
    }

    /// Plays everything that is due, up to a bound.
    pub(super) fn advance(&mut self) {
        for _ in 0..limits::ACTS_AT_ONCE {
            let now = self.machine.now;
            let timer = self.machine.timers.iter().position(|(due, _)| *due <= now);
            if let Some(at) = timer {
                let (_, timer) = self.machine.timers.remove(at);
                self.ring(timer);
                continue;
            }
            let mut runs = self.machine.runs.iter();
            let due = runs.find(|(_, run)| run.due().is_some_and(|due| due <= now));
            let Some(session) = due.map(|(session, _)| session.clone()) else {
                return;
            };
            self.play(&session);
        }
    }

    fn ring(&mut self, timer: Timer) {
        match timer {
            Timer::ShellEnds { session, mut shell } => {
                shell["status"] = "exited".into();
                shell["exit"] = 0.into();
                shell["time"]["completed"] = self.machine.now.into();
                let text = format!("{}\n", shell["command"].as_str().unwrap_or_default());
                let output = json!({
                    "output": text, "cursor": text.len(), "size": text.len(), "truncated": false,
                });
                self.commit(
                    &session,
                    "session.shell.ended",
                    json!({ "shell": shell, "output": output }),
                );
            }
            Timer::Migrate => self.migrate(),
        }
    }

    /// Copies one more of version 1's sessions. No event says so.
    fn migrate(&mut self) {
        let Some(title) = self.store.legacy.pop() else {
            return;
        };
        let id = self.machine.id("ses");
        let now = self.machine.now;
        let info = json!({
            "id": id, "projectID": "project", "cost": 0, "tokens": super::project::no_tokens(),
            "time": { "created": now, "updated": now }, "title": title,
            "location": { "directory": self.machine.manner.directory },
        });
        let place = self.store.next_place();
        let session = Session {
            info,
            place,
            ..Session::default()
        };
        self.store.sessions.insert(id, session);
        if !self.store.legacy.is_empty() {
            let due = now + self.machine.manner.migration;
            self.machine.timers.push((due, Timer::Migrate));
        }
    }
}

impl Refusal {
    /// Status and body, as the contract has them.
    pub(super) fn reply(&self) -> (u16, Value) {
        let (status, tag, message, more) = match self {
            Self::NoSession(id) => (
                404,
                "SessionNotFound",
                "no such session",
                json!({ "sessionID": id }),
            ),
            Self::NoMessage(session, id) => (
                404,
                "MessageNotFound",
                "no such message",
                json!({ "sessionID": session, "messageID": id }),
            ),
            Self::NoPermission(id) => (
                404,
                "PermissionNotFound",
                "no such request",
                json!({ "requestID": id }),
            ),
            Self::NoCommand(name) => (
                404,
                "CommandNotFound",
                "no such command",
                json!({ "command": name }),
            ),
            Self::NoForm(id) => (404, "FormNotFound", "no such form", json!({ "id": id })),
            Self::FormSettled(id) => (
                409,
                "FormAlreadySettled",
                "the form is settled",
                json!({ "id": id }),
            ),
            Self::FormAnswer(id) => (
                400,
                "FormInvalidAnswer",
                "the answer does not fit the form",
                json!({ "id": id }),
            ),
            Self::Conflict(message) => (409, "Conflict", *message, json!({})),
            Self::Busy(id) => (
                409,
                "SessionBusy",
                "the session runs",
                json!({ "sessionID": id }),
            ),
            Self::Invalid(message) => (400, "InvalidRequest", *message, json!({})),
            Self::Cursor => (
                400,
                "InvalidCursor",
                "the cursor is none of this list",
                json!({}),
            ),
        };
        let mut body = more;
        body["_tag"] = format!("{tag}Error").into();
        body["message"] = message.into();
        (status, body)
    }
}

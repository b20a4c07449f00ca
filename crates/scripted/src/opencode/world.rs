//! All that a scripted OpenCode knows, and the events each change makes. Pure: time is handed in, events are
//! collected in an outbox, nothing waits. The text of a running part so far is kept apart from the part, as
//! the real server keeps it: whoever reads the part meanwhile sees it empty.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::asks::PendingRequest;
use super::event::{Outgoing, raw};
use super::ids::Ids;
use super::shapes;
use crate::limits;
use crate::script::{Channel, Piece, Utf16};

/// The state of one server.
pub(super) struct World {
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) asks: Vec<PendingRequest>,
    /// Tools that need no asking any more.
    pub(super) approved: BTreeSet<String>,
    pub(super) project: String,
    ids: Ids,
    now: u64,
    outbox: Vec<Outgoing>,
}

/// One session.
pub(super) struct Session {
    pub(super) info: Value,
    pub(super) directory: Arc<str>,
    pub(super) parent: Option<String>,
    pub(super) status: Status,
    pub(super) messages: Vec<Message>,
    pub(super) todos: Value,
    /// User messages not answered yet.
    pub(super) queue: VecDeque<String>,
    /// Whether a run is answering them.
    pub(super) running: bool,
    open: Option<Open>,
    seq: u64,
}

/// One message with its parts.
#[derive(Serialize)]
pub(super) struct Message {
    pub(super) info: Value,
    pub(super) parts: Vec<Value>,
}

/// What a session is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing.
    Idle,
    /// Answering.
    Busy,
    /// Waiting to ask the model again, at `next` (ms).
    Retry {
        attempt: u32,
        message: String,
        next: u64,
    },
}

/// A text or reasoning part that is growing.
struct Open {
    message: String,
    part: String,
    channel: Channel,
    start: u64,
    text: Utf16,
}

/// A prompt as it came in.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) text: String,
    pub(super) message_id: Option<String>,
    pub(super) part_id: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) model: Option<Value>,
}

/// Why something cannot be done.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Refusal {
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("the scripted server keeps no more than {0}")]
    Full(&'static str),
}

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(rename = "sessionID")]
    session: &'a str,
    #[serde(rename = "messageID")]
    message: &'a str,
    #[serde(rename = "partID")]
    part: &'a str,
    field: &'static str,
    delta: Box<RawValue>,
}

impl Status {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Idle => json!({ "type": "idle" }),
            Self::Busy => json!({ "type": "busy" }),
            Self::Retry {
                attempt,
                message,
                next,
            } => {
                json!({ "type": "retry", "attempt": attempt, "message": message, "next": next })
            }
        }
    }
}

impl Message {
    pub(super) fn id(&self) -> &str {
        self.info["id"].as_str().unwrap_or_default()
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            asks: Vec::new(),
            approved: BTreeSet::new(),
            project: format!("{seed:040x}"),
            ids: Ids::new(seed),
            now: 0,
            outbox: Vec::new(),
        }
    }

    /// Sets the clock, milliseconds of the Unix epoch.
    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// What happened since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }

    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.ids.ascending(prefix, self.now)
    }

    /// Makes a session and tells of it.
    pub(super) fn create(
        &mut self,
        directory: &str,
        title: Option<&str>,
        parent: Option<&str>,
    ) -> Result<String, Refusal> {
        let id = self.seed(directory, title, parent)?;
        self.tell_session("session.created", &id);
        Ok(id)
    }

    /// Makes a session without telling.
    pub(super) fn seed(
        &mut self,
        directory: &str,
        title: Option<&str>,
        parent: Option<&str>,
    ) -> Result<String, Refusal> {
        if self.sessions.len() >= limits::SESSIONS {
            return Err(Refusal::Full("2000 sessions"));
        }
        let id = self.ids.descending("ses", self.now);
        let title = title.map_or_else(|| format!("{UNTITLED}{}", self.now), str::to_owned);
        let mut info = shapes::session(
            &id,
            self.sessions.len(),
            &self.project,
            directory,
            &title,
            self.now,
        );
        if let Some(parent) = parent {
            info["parentID"] = parent.into();
        }
        let session = Session {
            info,
            directory: directory.into(),
            parent: parent.map(str::to_owned),
            status: Status::Idle,
            messages: Vec::new(),
            todos: json!([]),
            queue: VecDeque::new(),
            running: false,
            open: None,
            seq: 0,
        };
        self.sessions.insert(id.clone(), session);
        Ok(id)
    }

    /// Deletes a session, its children first.
    pub(super) fn delete(&mut self, id: &str) {
        for child in self.children(id) {
            self.delete(&child);
        }
        self.asks.retain(|ask| ask.session != id);
        self.tell_session("session.deleted", id);
        self.sessions.remove(id);
    }

    pub(super) fn children(&self, id: &str) -> Vec<String> {
        let of = |session: &Session| session.parent.as_deref() == Some(id);
        self.sessions
            .iter()
            .filter(|(_, s)| of(s))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// How many sessions are above this one.
    pub(super) fn depth(&self, id: &str) -> usize {
        let parent = |id: &str| {
            self.sessions
                .get(id)
                .and_then(|session| session.parent.clone())
        };
        std::iter::successors(parent(id), |above| parent(above))
            .take(limits::TASK_DEPTH + 1)
            .count()
    }

    /// Changes a session's record and tells of it.
    pub(super) fn update_session(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let now = self.now;
        if let Some(session) = self.sessions.get_mut(id) {
            session.info["time"]["updated"] = now.into();
            change(&mut session.info);
            self.tell_session("session.updated", id);
        }
    }

    /// Takes a prompt. A message id seen before adds its part to that message, and is not answered again.
    pub(super) fn accept(&mut self, id: &str, prompt: Prompt) -> Result<(), Refusal> {
        let session = self.sessions.get(id).ok_or(Refusal::NotFound("Session"))?;
        if session.messages.len() >= limits::MESSAGES
            || session.queue.len() >= limits::QUEUED_PROMPTS
        {
            return Err(Refusal::Full(
                "5000 messages, 32 of them waiting, in a session",
            ));
        }
        let agent = prompt
            .agent
            .unwrap_or_else(|| session.info["agent"].as_str().unwrap_or("build").to_owned());
        let model = prompt
            .model
            .unwrap_or_else(|| json!({ "providerID": shapes::PROVIDER, "modelID": shapes::MODEL }));
        let message = prompt.message_id.unwrap_or_else(|| self.new_id("msg"));
        let part = prompt.part_id.unwrap_or_else(|| self.new_id("prt"));
        self.drop_reverted(id);
        self.update_session(id, |info| {
            info["agent"] = agent.as_str().into();
            info["model"] = json!({ "id": model["modelID"], "providerID": model["providerID"], "variant": "default" });
        });
        let fresh = self.message(id, &message).is_none();
        if fresh {
            let info = shapes::user(&message, id, &agent, &model, self.now);
            self.put_message(id, info);
        }
        self.put_part(
            id,
            json!({ "type": "text", "text": prompt.text, "messageID": message, "sessionID": id, "id": part }),
        );
        self.update_session(id, |_| ());
        if let (true, Some(session)) = (fresh, self.sessions.get_mut(id)) {
            session.queue.push_back(message);
        }
        Ok(())
    }

    pub(super) fn message(&self, session: &str, id: &str) -> Option<&Message> {
        let messages = &self.sessions.get(session)?.messages;
        messages.iter().rev().find(|message| message.id() == id)
    }

    /// Stores a message's record and tells of it.
    pub(super) fn put_message(&mut self, id: &str, info: Value) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let known = session
            .messages
            .iter_mut()
            .rev()
            .find(|message| message.info["id"] == info["id"]);
        match known {
            Some(message) => message.info = info.clone(),
            None => session.messages.push(Message {
                info: info.clone(),
                parts: Vec::new(),
            }),
        }
        self.tell(
            "message.updated",
            id,
            true,
            &json!({ "sessionID": id, "info": info }),
        );
    }

    /// Changes a message's record and tells of it.
    pub(super) fn update_message(
        &mut self,
        id: &str,
        message: &str,
        change: impl FnOnce(&mut Value),
    ) {
        if let Some(mut info) = self
            .message(id, message)
            .map(|message| message.info.clone())
        {
            change(&mut info);
            self.put_message(id, info);
        }
    }

    /// Stores a part and tells of it.
    pub(super) fn put_part(&mut self, id: &str, part: Value) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let mut messages = session.messages.iter_mut().rev();
        let Some(message) = messages.find(|message| message.info["id"] == part["messageID"]) else {
            return;
        };
        match message
            .parts
            .iter_mut()
            .find(|known| known["id"] == part["id"])
        {
            Some(known) => known.clone_from(&part),
            None => message.parts.push(part.clone()),
        }
        let properties = json!({ "sessionID": id, "part": part, "time": self.now });
        self.tell("message.part.updated", id, true, &properties);
    }

    /// Says a piece: opens a part of the channel if none is open, and grows it.
    pub(super) fn say(&mut self, id: &str, message: &str, channel: Channel, piece: &Piece) {
        let open_channel = |session: &Session| session.open.as_ref().map(|open| open.channel);
        match self.sessions.get(id).map(open_channel) {
            None => return,
            Some(Some(open)) if open == channel => {}
            Some(_) => {
                self.close(id);
                self.open(id, message, channel);
            }
        }
        let Some(open) = self
            .sessions
            .get_mut(id)
            .and_then(|session| session.open.as_mut())
        else {
            return;
        };
        open.text.push(piece);
        let delta =
            RawValue::from_string(piece.to_json()).expect("a piece writes itself as a JSON string");
        let (message, part) = (open.message.clone(), open.part.clone());
        let properties = Delta {
            session: id,
            message: &message,
            part: &part,
            field: "text",
            delta,
        };
        self.tell("message.part.delta", id, false, &properties);
    }

    fn open(&mut self, id: &str, message: &str, channel: Channel) {
        let (part, start) = (self.new_id("prt"), self.now);
        let open = Open {
            message: message.to_owned(),
            part,
            channel,
            start,
            text: Utf16::default(),
        };
        self.put_part(id, open.to_part(id, None));
        if let Some(session) = self.sessions.get_mut(id) {
            session.open = Some(open);
        }
    }

    /// Closes the growing part, if any, with its whole text.
    pub(super) fn close(&mut self, id: &str) {
        let now = self.now;
        if let Some(open) = self
            .sessions
            .get_mut(id)
            .and_then(|session| session.open.take())
        {
            self.put_part(id, open.to_part(id, Some(now)));
        }
    }

    /// Forgets the growing part, which then stays empty for ever, as after a cut in mid-stream.
    pub(super) fn abandon(&mut self, id: &str) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.open = None;
        }
    }

    /// Sets a session's status and tells of it.
    pub(super) fn set_status(&mut self, id: &str, status: Status) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let properties = json!({ "sessionID": id, "status": status.to_json() });
        let idle = status == Status::Idle;
        session.status = status;
        self.tell("session.status", id, false, &properties);
        if idle {
            self.tell("session.idle", id, false, &json!({ "sessionID": id }));
        }
    }

    /// Tells of something in a session. Durable events get the session's next number.
    pub(super) fn tell(
        &mut self,
        kind: &'static str,
        id: &str,
        durable: bool,
        properties: &impl Serialize,
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let durable = durable.then(|| (id.to_owned(), session.next_seq()));
        let directory = Arc::clone(&session.directory);
        let event = Outgoing {
            id: self.new_id("evt"),
            kind,
            directory,
            properties: raw(properties),
            durable,
        };
        self.outbox.push(event);
    }

    fn tell_session(&mut self, kind: &'static str, id: &str) {
        if let Some(session) = self.sessions.get(id) {
            let properties = json!({ "sessionID": id, "info": session.info });
            self.tell(kind, id, true, &properties);
        }
    }
}

impl Session {
    fn next_seq(&mut self) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        seq
    }
}

impl Open {
    fn to_part(&self, session: &str, end: Option<u64>) -> Value {
        let kind = match self.channel {
            Channel::Text => "text",
            Channel::Reasoning => "reasoning",
        };
        let (text, time) = match end {
            None => (String::new(), json!({ "start": self.start })),
            Some(end) => (self.text.text(), json!({ "start": self.start, "end": end })),
        };
        json!({ "id": self.part, "messageID": self.message, "sessionID": session, "type": kind, "text": text, "time": time })
    }
}

/// How the title of a session without one begins.
pub(super) const UNTITLED: &str = "New session - ";

//! Differences between the state of a session and what its server says of it.
//!
//! A server and the state are never read at the same instant, so that one comparison proves a difference only together with a second:
//! [`lasting`] keeps those that neither side changed between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Serialize;

use crate::event::{MessagesRead, Snapshot};
use crate::ids::{MessageId, PartId, SessionId};
use crate::json::Json;
use crate::limits;
use crate::plain;
use crate::state::{
    Instance, Loaded, Message, MessageInfo, OrderKey, Part, PartKind, Run, RunStatus, Session,
    SessionInfo, Tool,
};

/// The state of a session on its server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSays {
    /// Its row.
    pub info: SessionInfo,
    /// The page of its newest messages.
    pub messages: MessagesRead,
    /// The state of its folder: what runs and what waits there.
    pub folder: Snapshot,
}

/// A difference between the state and the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// The message that differs; absent for the session itself.
    pub message: Option<MessageId>,
    /// The part of the message that differs; absent for the message itself.
    pub part: Option<PartId>,
    /// Name of the field that differs.
    pub field: String,
    /// The value that Drovers has, as one line of [`limits::DIFFERENCE_CHARS`] characters at most; absent if it has none.
    pub here: Option<String>,
    /// The value that the server has, likewise.
    pub server: Option<String>,
}

impl Difference {
    /// The difference as a sentence.
    pub fn words(&self) -> String {
        let place = match (&self.message, &self.part) {
            (None, _) => "The session".to_owned(),
            (Some(message), None) => format!("Message {message}"),
            (Some(message), Some(part)) => format!("Part {part} of message {message}"),
        };
        let field = &self.field;
        match (&self.here, &self.server) {
            (None, Some(server)) => {
                format!("{place}: {field} is missing here; the server has {server}.")
            }
            (Some(here), None) => {
                format!("{place}: {field} is not on the server; Drovers has {here}.")
            }
            (here, server) => {
                let (here, server) = (here.as_deref(), server.as_deref());
                format!(
                    "{place}: {field} is {} here and {} on the server.",
                    here.unwrap_or("nothing"),
                    server.unwrap_or("nothing")
                )
            }
        }
    }
}

/// Differences that two comparisons found alike. What changed on either side between them is only a matter of time.
pub fn lasting(first: &[Difference], second: Vec<Difference>) -> Vec<Difference> {
    let first: BTreeSet<_> = first.iter().collect();
    second
        .into_iter()
        .filter(|difference| first.contains(difference))
        .collect()
}

/// Differences of a session whose conversation is cached; [`limits::DIFFERENCES`] at most. Texts that stream are not compared, as a
/// server stores them only once they end.
pub fn differences(instance: &Instance, session: &Session, server: &ServerSays) -> Vec<Difference> {
    let mut found = Found::default();
    found.row(&session.info, &server.info);
    found.run(&session.run, server.folder.statuses.get(&session.info.id));
    if !server.folder.unlisted.contains(&session.info.directory) {
        found.requests(instance, &session.info.id, &server.folder);
    }
    if let Some(loaded) = session.loaded() {
        found.messages(loaded, &server.messages);
    }
    found.differences.truncate(limits::DIFFERENCES);
    found.differences
}

/// The differences so far, and where the next ones are.
#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
    message: Option<MessageId>,
    part: Option<PartId>,
}

impl Found {
    fn add(&mut self, field: &str, here: Option<String>, server: Option<String>) {
        let line = |text: String| plain::line(&text, limits::DIFFERENCE_CHARS);
        self.differences.push(Difference {
            message: self.message.clone(),
            part: self.part.clone(),
            field: field.to_owned(),
            here: here.map(line),
            server: server.map(line),
        });
    }

    fn field<T: PartialEq + Debug>(&mut self, name: &str, here: &T, server: &T) {
        if here != server {
            self.add(name, Some(shown(here)), Some(shown(server)));
        }
    }

    fn row(&mut self, here: &SessionInfo, server: &SessionInfo) {
        self.field("the title", &here.title, &server.title);
        self.field("the folder", &here.directory, &server.directory);
        self.field("the parent", &here.parent, &server.parent);
        self.field("whether it is archived", &here.archived, &server.archived);
        self.field(
            "the message from which it is reverted",
            &here.reverted_from,
            &server.reverted_from,
        );
        self.field("the cost", &here.cost, &server.cost);
        self.field("the number of tokens", &here.tokens, &server.tokens);
        self.field("the changed lines", &here.changes, &server.changes);
    }

    /// A run that the server does not name is idle; an interrupted one is idle on its server.
    fn run(&mut self, here: &Run, server: Option<&RunStatus>) {
        let waits = !matches!(server, Some(RunStatus::Running));
        let here = match here {
            Run::Unknown => return,
            Run::Idle | Run::Interrupted { .. } => "idle",
            Run::Busy { .. } => "running",
            Run::Retry { .. } if waits => "retrying",
            Run::Retry { .. } => "running",
        };
        let server = match server {
            None | Some(RunStatus::Idle) => "idle",
            Some(RunStatus::Busy | RunStatus::Running) => "running",
            Some(RunStatus::Retry { .. }) => "retrying",
        };
        if here != server {
            self.add("the status", Some(here.into()), Some(server.into()));
        }
    }

    /// Requests of ended runs may still wait on the server: they are being refused there.
    fn requests(&mut self, instance: &Instance, session: &SessionId, server: &Snapshot) {
        let expired = |id: &str| {
            let lapsed = instance.expired.iter().any(|one| one.request.id() == id);
            lapsed || instance.answered.find(id).is_some()
        };
        let here: BTreeMap<&str, &str> = instance
            .permissions
            .values()
            .filter(|one| one.session == *session)
            .map(|one| (one.id.as_str(), &*one.permission))
            .chain(
                instance
                    .questions
                    .values()
                    .filter(|one| one.session == *session)
                    .map(|one| (one.id.as_str(), "question")),
            )
            .collect();
        let there: BTreeMap<&str, &str> = server
            .permissions
            .iter()
            .filter(|one| one.session == *session)
            .map(|one| (one.id.as_str(), &*one.permission))
            .chain(
                server
                    .questions
                    .iter()
                    .filter(|one| one.session == *session)
                    .map(|one| (one.id.as_str(), "question")),
            )
            .collect();
        for (id, kind) in &here {
            if !there.contains_key(id) {
                self.add(&format!("the request {id}"), Some((*kind).into()), None);
            }
        }
        for (id, kind) in &there {
            if !here.contains_key(id) && !expired(id) {
                self.add(&format!("the request {id}"), None, Some((*kind).into()));
            }
        }
    }

    /// Of the messages those are compared that both have a page of: the newest, from the later of both beginnings on.
    fn messages(&mut self, here: &Loaded, server: &MessagesRead) {
        let begins = |cut: bool, first: Option<OrderKey>| first.filter(|_| cut);
        let first_here = here.order.first().cloned();
        let places = server.messages.iter().map(|(info, _)| info.order_key());
        let first_there = places.min();
        let from = begins(here.older.is_some(), first_here)
            .max(begins(server.older.is_some(), first_there));
        let within =
            |info: &MessageInfo| from.as_ref().is_none_or(|from| info.order_key() >= *from);
        let there: BTreeMap<_, _> = server
            .messages
            .iter()
            .filter(|(info, _)| within(info))
            .map(|(info, parts)| (&info.id, (info, parts)))
            .collect();
        for message in here.in_order().filter(|message| within(&message.info)) {
            self.message = Some(message.info.id.clone());
            match there.get(&message.info.id) {
                Some((info, parts)) => self.message(message, info, parts),
                None => self.add("the message", Some(role(&message.info)), None),
            }
        }
        for (id, (info, _)) in there {
            if !here.messages.contains_key(id) {
                self.message = Some(id.clone());
                self.add("the message", None, Some(role(info)));
            }
        }
        self.message = None;
    }

    fn message(&mut self, here: &Message, info: &MessageInfo, parts: &[Part]) {
        let own = &here.info;
        self.field("the author", &own.role, &info.role);
        self.field("the prompt that it answers", &own.parent, &info.parent);
        self.field("the time of its creation", &own.created, &info.created);
        self.field("the time of its end", &own.completed, &info.completed);
        self.field("the failure", &own.failure, &info.failure);
        self.field("why the model stopped", &own.finish, &info.finish);
        self.field("the agent", &own.agent, &info.agent);
        self.field("the model", &own.model, &info.model);
        self.field("the cost", &own.cost, &info.cost);
        self.field("the number of tokens", &own.tokens, &info.tokens);
        let there: BTreeMap<_, _> = parts.iter().map(|part| (&part.id, part)).collect();
        for (id, part) in &here.parts {
            self.part = Some(id.clone());
            match there.get(id) {
                Some(server) => self.part(part, server),
                None => self.add("the part", Some(kind(&part.kind)), None),
            }
        }
        for (id, part) in there {
            if !here.parts.contains_key(id) {
                self.part = Some(id.clone());
                self.add("the part", None, Some(kind(&part.kind)));
            }
        }
        self.part = None;
    }

    fn part(&mut self, here: &Part, server: &Part) {
        if here.kind == server.kind {
            return;
        }
        match (&here.kind, &server.kind) {
            (PartKind::Text { text, .. }, PartKind::Text { text: other, .. })
            | (PartKind::Reasoning { text, .. }, PartKind::Reasoning { text: other, .. }) => {
                match (here.kind.is_open_text(), server.kind.is_open_text()) {
                    (true, true) => {}
                    (false, false) if text == other => {
                        self.add(
                            "a detail",
                            Some(shown(&here.kind)),
                            Some(shown(&server.kind)),
                        );
                    }
                    (false, false) => self.field("the text", text, other),
                    (open, _) => {
                        let word = |open| Some(if open { "streaming" } else { "complete" }.into());
                        self.add("the text", word(open), word(!open));
                    }
                }
            }
            (PartKind::Tool(own), PartKind::Tool(other)) => self.tool(own, other),
            (own, other) => self.field("the content", own, other),
        }
    }

    fn tool(&mut self, here: &Tool, server: &Tool) {
        self.field("the tool", &here.name, &server.name);
        self.field("the state of the call", &here.state, &server.state);
        if !is_same_json(&here.input, &server.input) {
            let (here, server) = (here.input.get(), server.input.get());
            let name = "the arguments of the call";
            self.add(name, Some(here.to_owned()), Some(server.to_owned()));
        }
        self.field("the title of the call", &here.title, &server.title);
        self.field("how the call ended", &here.end, &server.end);
        self.field("the subagent's session", &here.child, &server.child);
    }
}

/// True for texts of one value: events and replies may name fields in another order.
fn is_same_json(here: &Json, server: &Json) -> bool {
    let value = |json: &Json| serde_json::from_str::<serde_json::Value>(json.get()).ok();
    here == server || value(here).is_some_and(|here| Some(here) == value(server))
}

fn role(info: &MessageInfo) -> String {
    format!("one of the {:?}", info.role).to_lowercase()
}

/// The kind of a part, without its content.
fn kind(kind: &PartKind) -> String {
    let shown = format!("{kind:?}");
    let end = shown.find([' ', '(', '{']).unwrap_or(shown.len());
    shown[..end].to_lowercase()
}

/// A value for people. Of long texts that differ late, the beginnings look alike: the field is named all the same.
fn shown(value: &impl Debug) -> String {
    match format!("{value:?}") {
        text if text == "None" => "nothing".to_owned(),
        text => match text
            .strip_prefix("Some(")
            .and_then(|text| text.strip_suffix(')'))
        {
            Some(inner) => inner.to_owned(),
            None => text,
        },
    }
}

//! Tolerant types of the OpenCode 2 protocol, from its contract of 2.1.2 (`docs/opencode-2.md`).
//!
//! A frame is decoded in two steps: the envelope first, then the data by the event's type. An unknown type becomes
//! [`Event::Unknown`] with its JSON, an invalid field [`Event::Malformed`]; neither fails the stream. Identifiers, numbers and
//! places are strict (a wrong one would be another place), everything else is lenient. Decoding goes by the fields that are there,
//! never by a version.

mod asking;
mod body;
mod content;
mod event;
mod failure;
mod id;
mod inbox;
mod message;
mod process;
mod session;
mod types;
mod words;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Raw, Text, reason, sanitize};
use crate::wire::{FromRaw, Millis};

pub use crate::wire::NotAnEvent;
pub use asking::{
    Answer, AnswerValue, CallRef, FieldKind, FormField, FormInfo, FormNumber, FormOption,
    FormOwner, FormState, FormWhen, PermissionRequest, TextField,
};
pub use content::{Content, Tool, ToolContent, ToolState};
pub use event::{
    AssistantChange, Catalog, CompactionChange, Created, Event, FormEvent, InboxChange, NoteEvent,
    PermissionEvent, RevertChange, RowChange, RunChange, SessionEvent, ShellInfo, StepEnd,
    TextChange, TextKind, ToolChange, Usage,
};
pub use failure::Failure;
pub use id::{
    AggregateId, BadId, CallId, FormId, InboxId, Mark, MessageId, Ordinal, PermissionId, Seq,
    SessionId, ShellId,
};
pub use inbox::{InboxEntry, InboxItem, InboxKind, Named, Prompt, PromptFile};
pub use message::{
    Assistant, Compaction, Message, MessageKind, Note, Retry, Shell, ShellOutput, StepTime,
};
pub use process::{
    FirstLine, Migration, NoRegistration, Registration, ServerInfo, password_line, version_in,
};
pub use session::{
    Boundary, FileDiff, Fork, Location, ModelRef, PermissionRule, Revert, SessionInfo, SessionTime,
    Tokens,
};
pub use types::{TYPES, Use};
pub use words::{
    CompactionReason, Decision, Delivery, FileStatus, InterruptReason, Outcome, ShellStatus,
};

/// An event of a stream or of a session's log, with its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming<'a> {
    /// Id of the event. A message made by an event that names none has an id made of this one.
    pub id: Option<Cow<'a, str>>,
    /// Time of the event; the first frame of a stream has none.
    pub created: Option<Millis>,
    /// The folder that it belongs to.
    pub location: Option<Location>,
    /// Its place, if it is durable.
    pub durable: Option<Durable>,
    /// The decoded event.
    pub event: Event,
}

/// The place of a durable event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Durable {
    /// Whose numbers these are.
    #[serde(rename = "aggregateID")]
    pub aggregate: AggregateId,
    /// The number. Events that stand in the log alone leave holes in those of a stream.
    pub seq: Seq,
    /// Version of the event's type.
    #[serde(default, deserialize_with = "session::count")]
    pub version: u64,
}

/// An item of a session's log.
#[derive(Debug, Clone, PartialEq)]
pub enum LogItem<'a> {
    /// An event that the server kept.
    Event(Box<Incoming<'a>>),
    /// All events up to here were sent, or the server keeps none.
    Synced {
        /// Whose log it is.
        aggregate: AggregateId,
        /// The number of the last event; absent before the first one.
        seq: Option<Seq>,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    location: Option<&'a RawValue>,
    #[serde(borrow)]
    durable: Option<&'a RawValue>,
}

/// Decodes the data of one frame of `/api/event`.
///
/// # Errors The data is not JSON or has no event type. An unknown or malformed event is not an error.
pub fn decode(data: &str) -> Result<Incoming<'_>, NotAnEvent> {
    match serde_json::from_str::<Envelope<'_>>(data) {
        Ok(envelope) => opened(envelope),
        // Only a lone surrogate in the envelope can be repaired.
        Err(_) => opened(serde_json::from_str(&sanitize(data))?).map(Incoming::into_owned),
    }
}

/// Decodes the data of one frame of a session's log.
///
/// # Errors As [`decode`], and for a watermark that names no log or no whole number.
pub fn decode_log(data: &str) -> Result<LogItem<'_>, NotAnEvent> {
    #[derive(Deserialize)]
    struct Synced {
        #[serde(rename = "aggregateID")]
        aggregate: AggregateId,
        #[serde(default)]
        seq: Option<Seq>,
    }
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
    }
    let watermark = serde_json::from_str::<Kind<'_>>(data)
        .ok()
        .and_then(|kind| kind.kind)
        .is_some_and(|kind| kind.0 == "log.synced");
    if watermark {
        let Synced { aggregate, seq } = serde_json::from_str(data)?;
        return Ok(LogItem::Synced { aggregate, seq });
    }
    decode(data).map(|incoming| LogItem::Event(Box::new(incoming)))
}

impl Incoming<'_> {
    fn into_owned(self) -> Incoming<'static> {
        Incoming {
            id: self.id.map(|id| Cow::Owned(id.into_owned())),
            created: self.created,
            location: self.location,
            durable: self.durable,
            event: self.event,
        }
    }
}

fn opened(envelope: Envelope<'_>) -> Result<Incoming<'_>, NotAnEvent> {
    let Text(kind) = envelope.kind.ok_or(NotAnEvent::NoType)?;
    let created = envelope.created.map(RawValue::get);
    let location = envelope.location.map(|location| sanitize(location.get()));
    let durable = envelope.durable.map(|place| sanitize(place.get()));
    let durable = durable.map(|place| serde_json::from_str::<Option<Durable>>(&place));
    let (durable, event) = match durable.transpose() {
        Ok(durable) => {
            let data = envelope.data.unwrap_or(RawValue::NULL);
            (durable.flatten(), Event::decode(&kind, data))
        }
        // Without its place it cannot be known what it follows.
        Err(error) => (
            None,
            Event::Malformed {
                kind: kind.into_owned(),
                error: reason(&error),
            },
        ),
    };
    Ok(Incoming {
        id: envelope.id.map(Text::get),
        created: created.and_then(|created| serde_json::from_str(created).ok()),
        location: location.and_then(|location| serde_json::from_str(&location).ok()),
        durable,
        event,
    })
}

macro_rules! parses {
    ($($name:ident),+) => {$(
        impl $name {
            /// Decodes an object of a reply.
            ///
            /// # Errors
            /// It is another object, or one without what it cannot be without.
            pub fn parse(raw: Raw) -> Result<Self, serde_json::Error> {
                Self::from_raw(raw)
            }
        }
    )+};
}

parses!(
    SessionInfo,
    Message,
    InboxEntry,
    PermissionRequest,
    FormInfo,
    ServerInfo
);

//! Tolerant types of the OpenCode 1.18 protocol.
//!
//! A frame is decoded in two steps: the envelope first, then the properties by the event's type; the two most frequent
//! types in one step. An unknown event or an invalid field never fails the stream: the event becomes [`Event::Unknown`]
//! or [`Event::Malformed`], to be counted. Objects keep their original text (`raw`), which REST replies are built from.

mod asking;
mod event;
mod message;
mod part;
mod session;
mod straight;
mod time;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Raw, Text, sanitize};

pub use asking::{
    PermissionReply, PermissionRequest, QuestionInfo, QuestionOption, QuestionRequest, Todo,
    TodoList, ToolRef,
};
pub use event::{Event, PartDelta, ProjectInfo, Sync};
pub use message::{ErrorInfo, MessageInfo, MessageWithParts, Role};
pub use part::{FileInfo, PartInfo, PartKind, ToolState};
pub use session::{ModelRef, Revert, SessionInfo, SessionStatus, SessionTime, Tokens};
pub use time::Millis;

/// An event of a stream, with its envelope. Borrows text without escapes from the frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming<'a> {
    /// The folder of the OpenCode instance; absent on the bare `/event` and on events of the whole server, where it may
    /// also be `"global"`.
    pub directory: Option<Cow<'a, str>>,
    /// Id of the project.
    pub project: Option<Cow<'a, str>>,
    /// Id of the workspace.
    pub workspace: Option<Cow<'a, str>>,
    /// Id of the event; a [`Sync`] has the id of the event that it duplicates.
    pub id: Option<Cow<'a, str>>,
    /// The decoded event.
    pub event: Event,
}

/// The data of a frame is not an event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// The data is not JSON, or not an object of the expected form.
    #[error("the data of a frame is not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// The object has no event type.
    #[error("the data of a frame has no event type")]
    NoType,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    directory: Option<Text<'a>>,
    #[serde(borrow)]
    project: Option<Text<'a>>,
    #[serde(borrow)]
    workspace: Option<Text<'a>>,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, rename = "syncEvent")]
    sync: Option<&'a RawValue>,
}

/// Decodes the data of one frame of `/global/event` (with envelope) or `/event` (bare).
///
/// # Errors The data is not JSON or has no event type. An unknown or malformed event is not an error.
pub fn decode(data: &str) -> Result<Incoming<'_>, NotAnEvent> {
    if let Some(incoming) = straight::decode(data) {
        return Ok(incoming);
    }
    match serde_json::from_str::<Envelope<'_>>(data) {
        Ok(envelope) => opened(envelope),
        // Only a lone surrogate in the envelope can be repaired.
        Err(_) => opened(serde_json::from_str(&sanitize(data))?).map(Incoming::into_owned),
    }
}

impl Incoming<'_> {
    fn into_owned(self) -> Incoming<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Incoming {
            directory: owned(self.directory),
            project: owned(self.project),
            workspace: owned(self.workspace),
            id: owned(self.id),
            event: self.event,
        }
    }
}

fn opened(envelope: Envelope<'_>) -> Result<Incoming<'_>, NotAnEvent> {
    let Envelope {
        directory,
        project,
        workspace,
        payload,
        id,
        kind,
        properties,
    } = envelope;
    let payload = payload.unwrap_or(Payload {
        id,
        kind,
        properties,
        sync: None,
    });
    let Text(kind) = payload.kind.ok_or(NotAnEvent::NoType)?;
    let body = payload
        .sync
        .or(payload.properties)
        .unwrap_or(RawValue::NULL);
    Ok(Incoming {
        directory: directory.map(Text::get),
        project: project.map(Text::get),
        workspace: workspace.map(Text::get),
        id: payload.id.map(Text::get),
        event: Event::decode(&kind, body),
    })
}

/// An object that decodes from its JSON text and keeps it.
pub(crate) trait FromRaw: Sized {
    /// Decodes from text without lone surrogates.
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error>;

    /// Decodes from the text of a value.
    fn from_value(value: &RawValue) -> Result<Self, serde_json::Error> {
        Raw::of(value).and_then(Self::from_raw)
    }
}

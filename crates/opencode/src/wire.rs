//! What OpenCode 1.18 says, in tolerant types.
//!
//! A frame is decoded in two steps: the envelope first, then the properties by the event's type; the two most frequent
//! types in one. An unknown event or an
//! odd field is never an error of the stream: it becomes [`Event::Unknown`] or [`Event::Malformed`], to be counted.
//! Objects keep their own text (`raw`), since replies to REST questions are answered from it.

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

/// One event of a stream, with where it happened. It borrows from the frame what stands there without escapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming<'a> {
    /// The folder whose OpenCode instance spoke; absent on the bare `/event` and on events of the whole server, where
    /// it may also be `"global"`.
    pub directory: Option<Cow<'a, str>>,
    /// The project's id.
    pub project: Option<Cow<'a, str>>,
    /// The workspace's id.
    pub workspace: Option<Cow<'a, str>>,
    /// The event's own id; a [`Sync`] has the same one as the event it doubles.
    pub id: Option<Cow<'a, str>>,
    /// What happened.
    pub event: Event,
}

/// The frame's data is not an event at all.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// Not JSON, or not an object of the expected shape.
    #[error("the data of a frame is not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that names no event type.
    #[error("the data of a frame names no event type")]
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

/// Decodes the data of one frame of `/global/event` (enveloped) or `/event` (bare).
///
/// # Errors
/// When it is not JSON or names no event type. An event that is unknown or does not decode is not an error here.
pub fn decode(data: &str) -> Result<Incoming<'_>, NotAnEvent> {
    if let Some(incoming) = straight::decode(data) {
        return Ok(incoming);
    }
    match serde_json::from_str::<Envelope<'_>>(data) {
        Ok(envelope) => opened(envelope),
        // Only a lone surrogate in the envelope itself can be helped.
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

/// An object that decodes from its own JSON text and keeps it.
pub(crate) trait FromRaw: Sized {
    /// Decodes from text without lone surrogates.
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error>;

    /// Decodes from the text of a value.
    fn from_value(value: &RawValue) -> Result<Self, serde_json::Error> {
        Raw::of(value).and_then(Self::from_raw)
    }
}

//! Fast path for the two most frequent event types, which decodes envelope and body in one pass: deltas are most of the
//! events, durable duplicates almost half of the bytes.
//!
//! Everything else is left to the general path, which also reports errors.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

use super::{Event, Incoming, PartDelta, Sync};
use crate::json::Text;
use crate::limits;

static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""message.part.delta""#));
static SYNC: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""sync""#));

#[derive(Deserialize)]
struct Envelope<'a, P> {
    #[serde(borrow)]
    directory: Option<Text<'a>>,
    #[serde(borrow)]
    project: Option<Text<'a>>,
    #[serde(borrow)]
    workspace: Option<Text<'a>>,
    payload: P,
}

#[derive(Deserialize)]
struct Increment<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(rename = "type")]
    _kind: IsDelta,
    properties: PartDelta,
}

#[derive(Deserialize)]
enum IsDelta {
    #[serde(rename = "message.part.delta")]
    Delta,
}

#[derive(Deserialize)]
struct Twin<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(rename = "type")]
    _kind: IsSync,
    #[serde(rename = "syncEvent")]
    sync: Sync,
}

#[derive(Deserialize)]
enum IsSync {
    #[serde(rename = "sync")]
    Sync,
}

/// The event, if it has an envelope and one of these types, in OpenCode's exact format.
pub(super) fn decode(data: &str) -> Option<Incoming<'_>> {
    let head = &data.as_bytes()[..data.len().min(limits::EVENT_HEAD_BYTES)];
    if DELTA.find(head).is_some() {
        let envelope: Envelope<'_, Increment<'_>> = serde_json::from_str(data).ok()?;
        return Some(envelope.opened(|payload| (payload.id, Event::PartDelta(payload.properties))));
    }
    SYNC.find(head)?;
    let envelope: Envelope<'_, Twin<'_>> = serde_json::from_str(data).ok()?;
    Some(envelope.opened(|payload| (payload.id, Event::Sync(payload.sync))))
}

impl<'a, P> Envelope<'a, P> {
    fn opened(self, event: impl FnOnce(P) -> (Option<Text<'a>>, Event)) -> Incoming<'a> {
        let (id, event) = event(self.payload);
        Incoming {
            directory: self.directory.map(Text::get),
            project: self.project.map(Text::get),
            workspace: self.workspace.map(Text::get),
            id: id.map(Text::get),
            event,
        }
    }
}

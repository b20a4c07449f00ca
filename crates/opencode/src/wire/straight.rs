//! The two types of event that are most of a stream, envelope and body read in one pass: increments are most of its events,
//! the twins of durable events almost half of its bytes.
//!
//! Whatever is not just so is left to the general way, which alone tells what is wrong with it.

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

/// The event, if it is an enveloped one of these types as OpenCode writes them.
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

//! Dialects: the only place where the data of a server is translated to [`model::Event`]s.
//!
//! No IO.

mod asking2;
mod bounds;
mod ends;
mod pieces2;
mod rest;
mod rest2;
mod sketch;
mod v1;
mod v2;

use std::sync::Arc;
use std::time::Duration;

use model::Event;
use model::state::ServerKind;
use model::time::Timestamp;
use opencode::sketch::SketchEvent;

use crate::record::keep;
use crate::{engine, limits};

pub use asking2::{NO, YES, asked_fields, shown};
pub use rest::{
    answer_todos, catalog, conversation, json, message_page, permission, permissions, question,
    questions, run_status, session, sessions, statuses,
};
pub use rest2::{
    Asked, ServiceState, service_catalog, service_messages, service_session, service_session_id,
};
pub use sketch::Sketch;
pub use v2::V2;

/// The dialect of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenCode 1.x: `/global/event` envelopes or bare `/event` frames, and REST.
    V1,
    /// OpenCode 2: `/api/event`, and REST of all folders.
    V2,
    /// The sketch of the requirement: `/events` with whole messages and sessions, no REST.
    Sketch,
}

impl Dialect {
    /// The dialect of a frame, where its type tells it; most frames are of [`Dialect::V1`].
    pub fn of_frame(data: &str) -> Option<Self> {
        // Cheaper than parsing what cannot be one.
        if data.contains("\"data\":") && v2::is_frame(data) {
            return Some(Self::V2);
        }
        if !(data.contains("message_updated") || data.contains("session_updated")) {
            return None;
        }
        let sketch = matches!(
            opencode::sketch::decode(data),
            Ok(SketchEvent::MessageUpdated { .. } | SketchEvent::SessionUpdated(_))
        );
        sketch.then_some(Self::Sketch)
    }

    /// What kind of server speaks it.
    pub fn kind(self) -> ServerKind {
        match self {
            Self::V1 => ServerKind::V1,
            Self::V2 => ServerKind::V2,
            Self::Sketch => ServerKind::EVENTS_ONLY,
        }
    }

    /// How long a stream may be silent after a nudge: longer than between two heartbeats.
    pub(super) fn proof_after(self) -> Duration {
        match self {
            Self::V2 => limits::NUDGE_PROOF_2,
            Self::V1 | Self::Sketch => limits::NUDGE_PROOF,
        }
    }

    /// The folders of a stream that are remembered.
    pub(super) fn folders(self) -> usize {
        match self {
            Self::V2 => limits::SERVICE_FOLDERS,
            Self::V1 | Self::Sketch => limits::DIRECTORIES,
        }
    }
}

/// One frame of a stream, translated.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// The events of the frame: one for most frames, none for some, several for a few.
    pub events: Vec<Event>,
    /// The folder of the event, where the frame has it.
    pub directory: Option<Arc<str>>,
    /// The session of the event, where it has one: for readers who follow one session.
    pub session: Option<Arc<str>>,
}

impl Translated {
    /// The frame as an inbound item of the engine, with the payload for the log.
    pub(crate) fn for_engine(self, data: &str) -> engine::Inbound {
        let recorded = keep::payload(&self.events, data);
        engine::Inbound::recorded(self.events, recorded, self.session, data.len())
    }
}

/// Translates the frames of one stream, in order.
#[derive(Clone, Debug)]
pub enum Translator {
    /// OpenCode 1.x.
    V1,
    /// OpenCode 2, with a memory of what is open.
    V2(V2),
    /// The sketch, with a memory of the objects it announced.
    Sketch(Sketch),
}

impl Translator {
    /// A translator for a new stream.
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::V1 => Self::V1,
            Dialect::V2 => Self::V2(V2::default()),
            Dialect::Sketch => Self::Sketch(Sketch::default()),
        }
    }

    /// Translates the data of one frame that arrived at `at`. Data that cannot be parsed becomes [`Event::Malformed`].
    pub fn frame(&mut self, data: &str, at: Timestamp) -> Translated {
        let translated = match self {
            Self::V1 => v1::frame(data, at),
            Self::V2(v2) => v2.frame(data, at),
            Self::Sketch(sketch) => sketch.frame(data, at),
        };
        Translated {
            events: translated.events.into_iter().map(bounds::event).collect(),
            directory: translated
                .directory
                .filter(|path| bounds::is_directory(path)),
            session: translated.session.filter(|id| bounds::is_id(id)),
        }
    }
}

/// The version of a server, truncated for display.
pub fn version(text: &str) -> Arc<str> {
    bounds::words(text)
}

/// A name that a server wrote, as one line.
pub fn line(text: &str) -> Arc<str> {
    bounds::words(text)
}

fn malformed(kind: &str) -> Translated {
    Translated {
        events: vec![Event::Malformed { kind: kind.into() }],
        directory: None,
        session: None,
    }
}

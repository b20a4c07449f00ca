//! From a server's words to ours: the one seam where a foreign dialect becomes [`model::Event`]s.
//!
//! Another dialect (OpenCode 2) is another file here. Nothing here does IO.

mod bounds;
mod ends;
mod rest;
mod sketch;
mod v1;

use std::sync::Arc;

use model::Event;
use model::time::Timestamp;

use crate::engine;
use crate::record::keep;

pub use rest::{
    answer_todos, catalog, json, message_page, permission, permissions, question, questions,
    run_status, session, sessions, statuses,
};
pub use sketch::Sketch;

/// How a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenCode 1.x: `/global/event` envelopes or bare `/event` frames, and REST.
    V1,
    /// The requirement's sketch: `/events`, whole messages and sessions, no REST.
    Sketch,
}

/// One frame of a stream, translated.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it means; most frames mean one thing, some nothing, a few more.
    pub events: Vec<Event>,
    /// The folder it happened in, where the frame tells.
    pub directory: Option<Arc<str>>,
    /// The session it is about, where it is about one: for those who follow only one.
    pub session: Option<Arc<str>>,
}

impl Heard {
    /// The frame as the engine takes it, with what is recorded of its text.
    pub(crate) fn for_engine(self, data: &str) -> engine::Heard {
        let recorded = keep::said(&self.events, data);
        engine::Heard::recorded(self.events, recorded, self.session, data.len())
    }
}

/// Translates the frames of one stream, in order.
#[derive(Debug)]
pub enum Translator {
    /// OpenCode 1.x.
    V1,
    /// The sketch, which needs to remember what it announced.
    Sketch(Sketch),
}

impl Translator {
    /// A translator for a stream that begins.
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::V1 => Self::V1,
            Dialect::Sketch => Self::Sketch(Sketch::default()),
        }
    }

    /// Translates the data of one frame that arrived at `at`. What cannot be read becomes [`Event::Malformed`].
    pub fn frame(&mut self, data: &str, at: Timestamp) -> Heard {
        let heard = match self {
            Self::V1 => v1::frame(data, at),
            Self::Sketch(sketch) => sketch.frame(data, at),
        };
        Heard {
            events: heard.events.into_iter().map(bounds::event).collect(),
            directory: heard.directory.filter(|path| bounds::is_directory(path)),
            session: heard.session.filter(|id| bounds::is_id(id)),
        }
    }
}

/// A server's version, as far as it is shown.
pub fn version(text: &str) -> Arc<str> {
    bounds::words(text)
}

fn malformed(kind: &str) -> Heard {
    Heard {
        events: vec![Event::Malformed { kind: kind.into() }],
        directory: None,
        session: None,
    }
}

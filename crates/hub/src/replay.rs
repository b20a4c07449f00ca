//! Replay: folds a recorded stream as it would be folded live. No IO: bytes in, state out.
//!
//! [`entries`] folds entries of the log, [`timeline`] shows a session at any moment of them, [`bundle`] is a file of them.

pub mod bundle;
pub mod entries;
pub mod timeline;

use std::sync::Arc;

use model::event::Addressed;
use model::ids::{InstanceId, SessionId};
use model::state::{Instance, LinkStatus, Origin, SessionInfo};
use model::time::Timestamp;
use model::{Effect, Event, State, reduce};
use opencode::{limits, sse};

use crate::ingest::dialect::{Dialect, Translator};

/// Folds a recorded stream, fed in chunks of any size.
///
/// Every conversation is retained from its first event on, as nothing can be read again.
pub struct Replay {
    parser: sse::Parser,
    translator: Translator,
    state: State,
    instance: InstanceId,
    frames: u64,
}

impl Replay {
    /// An empty replay.
    pub fn new(dialect: Dialect) -> Self {
        let instance = InstanceId::new("replay");
        let mut replay = Self {
            parser: sse::Parser::new(limits::MAX_EVENT_BYTES),
            translator: Translator::new(dialect),
            state: State::default(),
            instance: instance.clone(),
            frames: 0,
        };
        let origin = Origin::Url("replay:".into());
        let name = Arc::from("replay");
        replay.fold(Event::InstanceAdded { name, origin });
        replay.fold(Event::Link(LinkStatus::Connected));
        replay
    }

    /// Folds a chunk of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        let (translator, frames) = (&mut self.translator, &mut self.frames);
        self.parser.feed(bytes, |frame| {
            *frames += 1;
            events.extend(translator.frame(frame.data, Timestamp(0)).events);
        });
        for event in events {
            self.fold(event);
        }
    }

    /// Number of frames that were folded, and of those skipped for their size.
    pub fn frames(&self) -> (u64, u64) {
        (self.frames, self.parser.skipped())
    }

    /// The current state of the instance.
    pub fn instance(&self) -> &Instance {
        &self.state.instances[&self.instance]
    }

    /// The whole state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Folds an event, and simulates the resulting reads: a recording has no more data.
    fn fold(&mut self, event: Event) -> Vec<Effect> {
        let event = match event {
            Event::Session(info) if !self.knows(&info.id) => Event::SessionCreated(info),
            event => event,
        };
        if let Some(session) = spoken_of(&event).filter(|session| !self.knows(session)) {
            self.reduce(Event::SessionCreated(SessionInfo::bare(
                session.clone(),
                Timestamp(0),
            )));
        }
        self.reduce(event)
    }

    fn reduce(&mut self, event: Event) -> Vec<Effect> {
        let addressed = Addressed {
            instance: self.instance.clone(),
            at: Timestamp(0),
            event,
        };
        reduce(&mut self.state, addressed)
    }

    fn knows(&self, session: &SessionId) -> bool {
        self.instance().sessions.contains_key(session)
    }
}

/// The session whose conversation an event belongs to. A recording may begin in the middle of one.
pub(crate) fn spoken_of(event: &Event) -> Option<&SessionId> {
    match event {
        Event::Message(info) => Some(&info.session),
        Event::Part(part) => Some(&part.session),
        Event::PartDelta { session, .. }
        | Event::Status { session, .. }
        | Event::Todos { session, .. } => Some(session),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

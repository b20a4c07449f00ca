//! Folding a recorded stream, as it would be folded live. No IO: bytes in, state out.

use std::sync::Arc;

use model::event::Addressed;
use model::ids::{InstanceId, SessionId};
use model::state::{Instance, LinkStatus, Origin, SessionInfo};
use model::time::Timestamp;
use model::{Effect, Event, State, reduce};
use opencode::{limits, sse};

use crate::ingest::dialect::{Dialect, Translator};

/// Folds a recorded stream, fed in pieces of any size.
///
/// Every conversation is kept from its first event on, as nothing can be read again.
pub struct Replay {
    parser: sse::Parser,
    translator: Translator,
    state: State,
    instance: InstanceId,
    frames: u64,
}

impl Replay {
    /// A replay that has seen nothing.
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

    /// Folds a piece of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut heard = Vec::new();
        let (translator, frames) = (&mut self.translator, &mut self.frames);
        self.parser.feed(bytes, |frame| {
            *frames += 1;
            heard.extend(translator.frame(frame.data, Timestamp(0)).events);
        });
        for event in heard {
            self.fold(event);
        }
    }

    /// Frames that were folded, and those that were skipped for their size.
    pub fn frames(&self) -> (u64, u64) {
        (self.frames, self.parser.skipped())
    }

    /// What is known now.
    pub fn instance(&self) -> &Instance {
        &self.state.instances[&self.instance]
    }

    /// The whole state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Tells what would be read over REST because of an event, which a recording cannot: it is all there is.
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
fn spoken_of(event: &Event) -> Option<&SessionId> {
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

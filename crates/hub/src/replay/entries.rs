//! Folds entries of the log as they were folded live, but for what was read over REST, which the log does not have.

use std::sync::Arc;

use model::event::Addressed;
use model::ids::{InstanceId, SessionId};
use model::state::{LinkStatus, Origin, Reason, ReasonKind, RunStatus, SessionInfo};
use model::time::Timestamp;
use model::{Event, State, reduce};

use super::spoken_of;
use crate::ingest::dialect::{Dialect, Translator};
use crate::limits;
use crate::record::link_event::LinkEvent;
use crate::record::log::{Entry, Payload};
use crate::record::past::Step;

/// A fold of the entries of one instance. Conversations are retained from their first event on.
#[derive(Clone, Debug)]
pub struct EntryFold {
    instance: InstanceId,
    state: State,
    translator: Translator,
}

impl EntryFold {
    /// A fold that has seen nothing.
    pub fn new(instance: InstanceId, name: Arc<str>) -> Self {
        let mut fold = Self {
            instance,
            state: State::default(),
            translator: Translator::new(Dialect::V1),
        };
        let origin = Origin::Url("".into());
        fold.reduce(Event::InstanceAdded { name, origin }, Timestamp(0));
        fold.reduce(Event::Link(LinkStatus::Connected), Timestamp(0));
        fold
    }

    /// The state so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The instance.
    pub fn instance(&self) -> &model::state::Instance {
        &self.state.instances[&self.instance]
    }

    /// Folds a step.
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Frame(entry) => self.entry(entry),
            Step::Gap { .. } => self.reduce(Event::StreamLost, Timestamp(0)),
        }
    }

    /// The events of an entry, as they are folded.
    pub fn events(&mut self, entry: &Entry) -> Vec<Event> {
        match &entry.payload {
            Payload::Upstream(text) | Payload::Names(text) => {
                if matches!(self.translator, Translator::V1)
                    && let Some(other) = Dialect::of_frame(text)
                {
                    self.translator = Translator::new(other);
                }
                self.translator.frame(text, entry.at).events
            }
            Payload::Hub(text) => match serde_json::from_str(text) {
                Ok(event) => self.link_events(event),
                Err(_) => Vec::new(),
            },
            // Whatever it was, later increments cannot be known to follow what is here.
            Payload::Redacted => vec![Event::StreamLost],
        }
    }

    fn entry(&mut self, entry: &Entry) {
        for event in self.events(entry) {
            self.event(event, entry.at);
        }
    }

    /// Folds an event; its session is created first, as the log may begin in the middle of one.
    fn event(&mut self, event: Event, at: Timestamp) {
        let event = match event {
            Event::Session(info) if !self.knows(&info.id) => Event::SessionCreated(info),
            event => event,
        };
        if let Some(session) = spoken_of(&event).filter(|session| !self.knows(session)) {
            let bare = SessionInfo::bare(session.clone(), at);
            self.reduce(Event::SessionCreated(bare), at);
        }
        self.reduce(event, at);
    }

    /// What an event about the link meant for the state.
    fn link_events(&self, event: LinkEvent) -> Vec<Event> {
        // The log has the sentence, not the kind.
        let reason = |text: String| Reason::new(ReasonKind::Reset, text);
        match event {
            LinkEvent::Connecting { attempt } => vec![
                Event::StreamLost,
                Event::Link(LinkStatus::Connecting { attempt }),
            ],
            LinkEvent::Connected { running } => {
                let mut events = vec![Event::Link(LinkStatus::Connected)];
                let complete = running.len() < limits::WORD_SESSIONS;
                let known = self.instance().sessions.keys();
                events.extend(known.filter_map(|session| {
                    let status = match running.contains(session) {
                        true => RunStatus::Busy,
                        false if complete => RunStatus::Idle,
                        false => return None,
                    };
                    let session = session.clone();
                    Some(Event::Status { session, status })
                }));
                events
            }
            LinkEvent::Stale => vec![Event::Link(LinkStatus::Stale)],
            LinkEvent::Error {
                attempt,
                of,
                retry_at,
                reason: why,
            } => vec![Event::Link(LinkStatus::Error {
                attempt,
                of,
                retry_at: Timestamp(retry_at),
                reason: reason(why),
            })],
            LinkEvent::Disconnected { reason: why } => {
                let reason = reason(why);
                vec![Event::Link(LinkStatus::Disconnected { reason })]
            }
        }
    }

    fn reduce(&mut self, event: Event, at: Timestamp) {
        let addressed = Addressed {
            instance: self.instance.clone(),
            at,
            event,
        };
        // There is no server to read from.
        let _unread = reduce(&mut self.state, addressed);
    }

    fn knows(&self, session: &SessionId) -> bool {
        self.instance().sessions.contains_key(session)
    }
}

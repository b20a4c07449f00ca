//! History from the journal that no server stores: the beginnings of open texts, and which sessions ran.
//!
//! The newest part of the journal is folded by the ordinary fold into a temporary state. The result is sent to the
//! engine before a server is connected, with a gap after each text. Only reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::event::{Addressed, Recalled};
use model::ids::{InstanceId, SessionId};
use model::state::{LinkStatus, Origin, RunStatus, SessionInfo};
use model::{Event, State, reduce};

use crate::ingest::dialect::{Dialect, Translator};
use crate::limits;
use crate::record::journal::Journal;
use crate::record::link_event::LinkEvent;
use crate::record::log::{Entry, Payload};
use crate::replay::spoken_of;

/// The history of each instance's sessions.
pub type InstanceHistory = BTreeMap<InstanceId, BTreeMap<SessionId, Recalled>>;

/// Reads the history; empty if there is no journal, or it cannot be read.
pub async fn recall(journal: &Journal) -> InstanceHistory {
    let folded = journal.newest(limits::JOURNAL_RECALL_BYTES, |entries| {
        let mut scratch = RecallState::default();
        entries.for_each(|entry| scratch.take(&entry));
        scratch.recalled()
    });
    folded.await.unwrap_or_default()
}

#[derive(Default)]
struct RecallState {
    state: State,
    /// The previous entry.
    last: Option<(Arc<str>, u64)>,
    /// Streams of services of OpenCode 2, with what is open in them.
    services: BTreeMap<InstanceId, Translator>,
}

impl RecallState {
    fn take(&mut self, entry: &Entry) {
        let place = (entry.epoch.clone(), entry.seq);
        let follows = self
            .last
            .replace(place)
            .is_none_or(|(epoch, seq)| epoch == entry.epoch && seq + 1 == entry.seq);
        if !follows {
            let instances: Vec<_> = self.state.instances.keys().cloned().collect();
            for instance in instances {
                self.fold(&instance, entry, Event::StreamLost);
            }
        }
        let instance = &entry.instance;
        if !self.state.instances.contains_key(instance) {
            let (name, origin) = (Arc::from(""), Origin::Url("".into()));
            self.fold(instance, entry, Event::InstanceAdded { name, origin });
            self.fold(instance, entry, Event::Link(LinkStatus::Connected));
        }
        match &entry.payload {
            Payload::Upstream(text) | Payload::Names(text) => {
                // Only a server of these dialects reports statuses; others cannot be evaluated.
                if Dialect::of_frame(text) == Some(Dialect::V2) {
                    let service = || Translator::new(Dialect::V2);
                    self.services
                        .entry(instance.clone())
                        .or_insert_with(service);
                }
                let translated = match self.services.get_mut(instance) {
                    Some(service) => service.frame(text, entry.at),
                    None => Translator::new(Dialect::V1).frame(text, entry.at),
                };
                for event in translated.events {
                    self.event(instance, entry, event);
                }
            }
            Payload::Hub(text) => match serde_json::from_str(text) {
                Ok(LinkEvent::Connecting { .. }) => self.fold(instance, entry, Event::StreamLost),
                Ok(LinkEvent::Connected { running }) => {
                    for session in running {
                        let status = RunStatus::Busy;
                        self.event(instance, entry, Event::Status { session, status });
                    }
                }
                _ => {}
            },
            Payload::Redacted => self.fold(instance, entry, Event::StreamLost),
        }
    }

    /// Folds an event of a session, which is created first: the journal may begin in the middle of a session.
    fn event(&mut self, instance: &InstanceId, entry: &Entry, event: Event) {
        let event = match event {
            // Its messages are not loaded here, so its texts are followed like any other.
            Event::SessionCreated(info) => Event::Session(info),
            event => event,
        };
        if let Some(session) = spoken_of(&event)
            && self.state.session(instance, session).is_none()
        {
            let bare = SessionInfo::bare(session.clone(), entry.at);
            self.fold(instance, entry, Event::Session(bare));
        }
        self.fold(instance, entry, event);
    }

    fn fold(&mut self, instance: &InstanceId, entry: &Entry, event: Event) {
        let addressed = Addressed {
            instance: instance.clone(),
            at: entry.at,
            event,
        };
        // There is no server to read from.
        let _unread = reduce(&mut self.state, addressed);
    }

    fn recalled(self) -> InstanceHistory {
        let instances = self.state.instances.into_iter();
        instances
            .map(|(id, instance)| {
                let sessions = instance.sessions.into_iter();
                let remembered = sessions.filter_map(|(id, session)| {
                    let running = session.run.is_running();
                    let mut open = session.open;
                    open.values_mut().for_each(model::text::OpenText::mark_gap);
                    let known = Recalled {
                        open,
                        running,
                        ..Recalled::default()
                    };
                    (running || !known.open.is_empty()).then_some((id, known))
                });
                (id, remembered.collect())
            })
            .collect()
    }
}

//! What the hubs before this one knew and no server tells: the beginnings of open texts, and what ran.
//!
//! The newest part of the journal is folded by the ordinary fold, into a state that nobody sees. What came of it is told
//! to the real state before a server is connected to, with a gap behind each text. It only ever reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::event::{Addressed, Remembered};
use model::ids::{InstanceId, SessionId};
use model::state::{LinkStatus, Origin, RunStatus, SessionInfo};
use model::{Event, State, reduce};

use crate::ingest::dialect::{Dialect, Translator};
use crate::limits;
use crate::record::journal::Journal;
use crate::record::log::{Entry, Said};
use crate::record::word::Word;
use crate::replay::spoken_of;

/// What is remembered of each instance's sessions.
pub type Recalled = BTreeMap<InstanceId, BTreeMap<SessionId, Remembered>>;

/// Reads what is remembered; nothing if there is no journal, or it cannot be read.
pub async fn recall(journal: &Journal) -> Recalled {
    let folded = journal.newest(limits::JOURNAL_RECALL_BYTES, |entries| {
        let mut scratch = Scratch::default();
        entries.for_each(|entry| scratch.take(&entry));
        scratch.recalled()
    });
    folded.await.unwrap_or_default()
}

#[derive(Default)]
struct Scratch {
    state: State,
    /// The entry before.
    last: Option<(Arc<str>, u64)>,
}

impl Scratch {
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
        match &entry.said {
            Said::Upstream(text) | Said::Names(text) => {
                // Only a server of this dialect is asked what runs; of the others nothing can be judged.
                let heard = Translator::new(Dialect::V1).frame(text, entry.at);
                for event in heard.events {
                    self.event(instance, entry, event);
                }
            }
            Said::Hub(text) => match serde_json::from_str(text) {
                Ok(Word::Connecting { .. }) => self.fold(instance, entry, Event::StreamLost),
                Ok(Word::Connected { running }) => {
                    for session in running {
                        let status = RunStatus::Busy;
                        self.event(instance, entry, Event::Status { session, status });
                    }
                }
                _ => {}
            },
            Said::Withheld => self.fold(instance, entry, Event::StreamLost),
        }
    }

    /// Folds an event of a session, which is made known first: the journal may begin in its middle.
    fn event(&mut self, instance: &InstanceId, entry: &Entry, event: Event) {
        let event = match event {
            // Its messages are not kept here, so its texts are followed as those of any other.
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
        // There is no server to read anything from.
        let _unread = reduce(&mut self.state, addressed);
    }

    fn recalled(self) -> Recalled {
        let instances = self.state.instances.into_iter();
        instances
            .map(|(id, instance)| {
                let sessions = instance.sessions.into_iter();
                let remembered = sessions.filter_map(|(id, session)| {
                    let running = session.run.is_running();
                    let mut open = session.open;
                    open.values_mut().for_each(model::text::OpenText::mark_gap);
                    let known = Remembered {
                        open,
                        running,
                        ..Remembered::default()
                    };
                    (running || !known.open.is_empty()).then_some((id, known))
                });
                (id, remembered.collect())
            })
            .collect()
    }
}

//! What the search needs of a state: sessions that may be indexed, and sessions that may be found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use search::{Hit, Scope, SessionKey};

use super::Finding;
use super::beyond::Beyond;

/// A session that may be indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Its instance and id.
    pub(super) key: SessionKey,
    /// When it last changed, by its server's clock.
    pub(super) updated: Timestamp,
    /// True while it runs.
    pub(super) running: bool,
    /// Its folder, if it is beyond what its server lists.
    pub(super) directory: Option<Arc<str>>,
}

impl Due {
    /// What sessions are read by, the least first: those that rest before those that run, the newest first.
    pub(super) fn order(&self) -> (bool, Reverse<Timestamp>) {
        (self.running, Reverse(self.updated))
    }
}

/// The sessions of a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Sessions of connected instances.
    pub(super) sessions: Vec<Due>,
    /// Sessions of instances that are not connected.
    pub(super) away: usize,
    /// Sessions of instances that the journal leaves out.
    pub(super) left_out: usize,
    /// Instances that have older sessions than their servers listed, and that are not all read.
    pub(super) cut: usize,
    /// Where the lists of connected instances were cut, by folder.
    older: BTreeMap<InstanceId, BTreeMap<Arc<str>, Timestamp>>,
    /// All sessions of instances that listed theirs, and that may be stored.
    listed: BTreeMap<InstanceId, Option<BTreeSet<SessionId>>>,
}

impl Look {
    /// Looks. `is_private` names the instances that are not stored.
    pub(super) fn of(state: &State, is_private: impl Fn(&InstanceId) -> bool) -> Self {
        let mut look = Self::default();
        for instance in state.instances.values() {
            if is_private(&instance.id) {
                look.left_out += instance.sessions.len();
                continue;
            }
            let all = instance.sessions.keys().cloned().collect();
            let known = (instance.listed && instance.is_live()).then_some(all);
            look.listed.insert(instance.id.clone(), known);
            if !instance.is_live() {
                look.away += instance.sessions.len();
                continue;
            }
            if !instance.older.is_empty() {
                look.older
                    .insert(instance.id.clone(), instance.older.clone());
            }
            let shown = instance.sessions.values();
            let shown = shown.filter(|one| state.shows(&instance.id, &one.info.id));
            look.sessions.extend(shown.map(|session| Due {
                key: (instance.id.clone(), session.info.id.clone()),
                updated: session.info.updated,
                running: session.run.is_running(),
                directory: None,
            }));
        }
        look
    }

    /// Adds what is beyond the lists of servers. Until a list was read to its end, nothing counts as gone that it lacks.
    pub(super) fn go_beyond(&mut self, beyond: &BTreeMap<InstanceId, Beyond>) {
        let mut shared = BTreeSet::new();
        for (id, older) in &self.older {
            let known = beyond.get(id);
            let lacks = known.is_none_or(|known| known.lacks(older));
            self.cut += usize::from(lacks);
            let Some(Some(listed)) = self.listed.get_mut(id) else {
                continue;
            };
            let of_it = known.into_iter().flat_map(|known| &known.sessions);
            for (session, facts) in of_it {
                // Servers of one user list each other's sessions.
                if !listed.insert(session.clone()) || !shared.insert(session) {
                    continue;
                }
                self.sessions.push(Due {
                    key: (id.clone(), session.clone()),
                    updated: facts.updated,
                    running: false,
                    directory: Some(facts.directory.clone()),
                });
            }
            if lacks && !known.is_some_and(Beyond::is_unable) {
                self.listed.insert(id.clone(), None);
            }
        }
    }

    /// Sessions that run.
    pub(super) fn running(&self) -> impl Iterator<Item = SessionKey> + '_ {
        let running = self.sessions.iter().filter(|session| session.running);
        running.map(|session| session.key.clone())
    }

    /// True if the state says that there is no such session.
    pub(super) fn lacks(&self, (instance, session): &SessionKey) -> bool {
        match self.listed.get(instance) {
            None => true,
            Some(None) => false,
            Some(Some(listed)) => !listed.contains(session),
        }
    }

    /// True if an instance was removed, or may not be stored.
    pub(super) fn is_removed(&self, instance: &InstanceId) -> bool {
        !self.listed.contains_key(instance)
    }
}

/// Where hits may be shown from, with what a hit is called.
#[derive(Clone, Debug)]
pub(super) struct Places(BTreeMap<InstanceId, Place>);

#[derive(Clone, Debug)]
struct Place {
    name: Arc<str>,
    /// True if the instance's name is one that the query wants, or the query wants none.
    named: bool,
    /// True if sessions that are not among these may exist.
    open: bool,
    /// Titles of sessions, and whether their folders are what the query wants.
    sessions: BTreeMap<SessionId, (Arc<str>, bool)>,
}

impl Places {
    /// Every place of a state and beyond its lists, with whether it has one of these words (all do, if there are none).
    pub(super) fn of(
        state: &State,
        words: &[String],
        beyond: &BTreeMap<InstanceId, Beyond>,
    ) -> Self {
        let wanted = |text: &str| {
            let text = text.to_lowercase();
            words.is_empty() || words.iter().any(|word| text.contains(word))
        };
        let places = state.instances.values().map(|instance| {
            let shown = instance.sessions.values();
            let shown = shown.filter(|one| state.shows(&instance.id, &one.info.id));
            let sessions = shown.map(|session| {
                let info = &session.info;
                let found = (Arc::from(info.title()), wanted(&info.directory));
                (info.id.clone(), found)
            });
            let mut sessions: BTreeMap<_, _> = sessions.collect();
            let older = beyond.get(&instance.id).into_iter();
            for (id, facts) in older.flat_map(|older| &older.sessions) {
                let is_known = instance.sessions.contains_key(id);
                if is_known || instance.tombstones.contains(id) {
                    continue;
                }
                let found = (facts.title.clone(), wanted(&facts.directory));
                sessions.insert(id.clone(), found);
            }
            let place = Place {
                name: instance.name.clone(),
                named: wanted(&instance.name),
                open: !instance.listed,
                sessions,
            };
            (instance.id.clone(), place)
        });
        Self(places.collect())
    }

    /// A hit with the names of its place.
    pub(super) fn finding(&self, hit: Hit) -> Finding {
        let place = self.0.get(&hit.instance);
        let session = place.and_then(|place| place.sessions.get(&hit.session));
        Finding {
            instance: place.map_or_else(Arc::default, |place| place.name.clone()),
            title: session.map_or_else(String::new, |(title, _)| title.to_string()),
            hit,
        }
    }
}

impl Scope for Places {
    fn has(&self, instance: &InstanceId, session: &SessionId) -> bool {
        let Some(place) = self.0.get(instance) else {
            return false;
        };
        match place.sessions.get(session) {
            Some((_, wanted)) => place.named || *wanted,
            None => place.open && place.named,
        }
    }
}

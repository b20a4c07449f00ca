//! Which live sessions get into each other's way: those that changed the same file, from the state alone, and those whose work trees would
//! conflict, by a merge that is tried. Both are shown at the rows of the sessions before anybody merges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::event::Event;
use model::ids::{InstanceId, SessionId};
use model::state::{Clash, ClashKind, State};
use model::time::Timestamp;
use model::view::{Clashes, file_clashes};
use tokio::time::{Instant, sleep, timeout};

use super::Hub;
use crate::git::{Repository, list_of, overlaps};
use crate::limits;

/// The folder of tries in the data directory.
const SCRATCH: &str = "radar";

/// A session at a work tree: the one of its sessions that changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Occupant {
    instance: InstanceId,
    session: SessionId,
    title: Arc<str>,
    live: bool,
    updated: Timestamp,
}

/// Folders of local sessions, with the session of each.
type Occupied = BTreeMap<Arc<str>, Occupant>;

impl Hub {
    /// Watches for clashes for as long as the hub runs.
    pub(crate) async fn keep_radar(&self) {
        let mut changes = self.engine().changes();
        let mut radar = Radar::default();
        loop {
            changes.borrow_and_update();
            let waits = radar.look(self).await;
            sleep(limits::RADAR_PATHS).await;
            let changed = changes.changed();
            // What happened since the last try is tried even if nothing more happens.
            let ended = match waits {
                Some(waits) => matches!(timeout(waits, changed).await, Ok(Err(_))),
                None => changed.await.is_err(),
            };
            if ended {
                return;
            }
        }
    }

    /// The instances whose servers run on this machine.
    async fn local_instances(&self) -> BTreeSet<InstanceId> {
        let known = |state: &State| state.instances.keys().cloned().collect::<Vec<_>>();
        let mut local = BTreeSet::new();
        for instance in self.engine().read(known) {
            if self.is_local(&instance).await {
                local.insert(instance);
            }
        }
        local
    }
}

/// What was found the last time.
#[derive(Default)]
struct Radar {
    branches: Clashes,
    tried: Option<Instant>,
    /// The folders at the last try, with when something last changed there.
    occupied: Occupied,
    places: Places,
}

/// The work tree of each folder, and the data of its repository, by when that was looked up.
#[derive(Default)]
struct Places(BTreeMap<Arc<str>, (Instant, Option<Place>)>);

#[derive(Clone)]
struct Place {
    repository: PathBuf,
    tree: PathBuf,
}

impl Places {
    async fn of(&mut self, folder: &Arc<str>) -> Option<Place> {
        if let Some((_, place)) = self.0.get(folder) {
            return place.clone();
        }
        let opened = Repository::open(Path::new(&**folder)).await.ok();
        let place = opened.map(|opened| Place {
            repository: opened.common().to_owned(),
            tree: opened.root().to_owned(),
        });
        self.0
            .insert(folder.clone(), (Instant::now(), place.clone()));
        place
    }

    /// Forgets what was looked up long ago: a folder may be another repository by now.
    fn forget(&mut self) {
        self.0
            .retain(|_, (at, _)| at.elapsed() < limits::RADAR_PLACE);
    }
}

impl Radar {
    /// Looks, and tells the state. How long until a try that has to wait is due.
    async fn look(&mut self, hub: &Hub) -> Option<Duration> {
        if !hub.engine().read(is_worth_a_look) {
            return None;
        }
        let local = hub.local_instances().await;
        let occupied = hub.engine().read(|state| occupied(state, &local));
        let mut waits = None;
        if occupied != self.occupied {
            let since = self.tried.map(|at| at.elapsed());
            let left = since.map(|since| limits::RADAR_BRANCHES.saturating_sub(since));
            waits = left.filter(|left| !left.is_zero());
            if waits.is_none() {
                self.places.forget();
                let scratch = hub.0.dir.join(SCRATCH);
                self.branches = branch_clashes(&occupied, &mut self.places, &scratch).await;
                self.occupied = occupied;
                self.tried = Some(Instant::now());
            }
        }
        let mut found = hub.engine().read(|state| file_clashes(state, &local));
        for (key, clashes) in &self.branches {
            found
                .entry(key.clone())
                .or_default()
                .extend(clashes.iter().cloned());
        }
        publish(hub, found).await;
        waits
    }
}

/// True if two sessions may get into each other's way, or did.
fn is_worth_a_look(state: &State) -> bool {
    let sessions = state.instances.values();
    let sessions = sessions.flat_map(|instance| instance.sessions.values());
    let mut live = 0;
    for session in sessions {
        if !session.clashes.is_empty() {
            return true;
        }
        live += usize::from(session.run.is_running() || session.unreviewed.is_some());
    }
    live > 0 && state.owners.len() > 1
}

/// The folders in which shown root sessions of local instances work, each with the session that changed last.
fn occupied(state: &State, local: &BTreeSet<InstanceId>) -> Occupied {
    let mut occupied = Occupied::new();
    for instance in state
        .instances
        .values()
        .filter(|one| local.contains(&one.id))
    {
        for session in instance.sessions.values() {
            let info = &session.info;
            let is_root = info.parent.is_none() && info.archived.is_none();
            if !is_root || !state.shows(&instance.id, &info.id) || !info.directory.starts_with('/')
            {
                continue;
            }
            let activity = session.activity.last_event.unwrap_or_default();
            let new = Occupant {
                instance: instance.id.clone(),
                session: info.id.clone(),
                title: info.title().into(),
                live: session.run.is_running() || session.unreviewed.is_some(),
                updated: instance.ours(info.updated).max(activity),
            };
            let known = occupied.get(&info.directory);
            if known.is_none_or(|known| (known.live, known.updated) < (new.live, new.updated)) {
                occupied.insert(info.directory.clone(), new);
            }
        }
    }
    occupied
}

/// Clashes of sessions whose work trees of one repository would conflict. Only pairs with a live session count.
async fn branch_clashes(occupied: &Occupied, places: &mut Places, scratch: &Path) -> Clashes {
    let mut repositories: BTreeMap<PathBuf, BTreeMap<PathBuf, &Occupant>> = BTreeMap::new();
    let live = occupied.values().filter(|one| one.live).count();
    if live == 0 || occupied.len() < 2 {
        return Clashes::new();
    }
    for (folder, occupant) in newest(occupied) {
        let Some(place) = places.of(folder).await else {
            continue;
        };
        let trees = repositories.entry(place.repository).or_default();
        let known = trees.entry(place.tree).or_insert(occupant);
        if (known.live, known.updated) < (occupant.live, occupant.updated) {
            *known = occupant;
        }
    }
    let mut found = Clashes::new();
    let several = repositories.into_values().filter(|trees| trees.len() > 1);
    for trees in several.take(limits::RADAR_REPOSITORIES) {
        let mut trees: Vec<_> = trees.into_iter().collect();
        trees.sort_by_key(|(_, one)| (std::cmp::Reverse(one.live), std::cmp::Reverse(one.updated)));
        trees.truncate(limits::RADAR_TREES);
        if !trees.iter().any(|(_, one)| one.live) {
            continue;
        }
        let paths: Vec<_> = trees.iter().map(|(path, _)| path.clone()).collect();
        let overlaps = overlaps(&paths, scratch).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "whether work trees conflict cannot be tried");
            Vec::new()
        });
        for overlap in overlaps {
            let (Some((_, one)), Some((_, other))) =
                (trees.get(overlap.between.0), trees.get(overlap.between.1))
            else {
                continue;
            };
            if one.live || other.live {
                add(&mut found, one, other, &overlap.paths);
                add(&mut found, other, one, &overlap.paths);
            }
        }
    }
    found
}

/// Folders, those with live and new sessions first, as many as are looked at.
fn newest(occupied: &Occupied) -> Vec<(&Arc<str>, &Occupant)> {
    let mut all: Vec<_> = occupied.iter().collect();
    all.sort_by_key(|(_, one)| (std::cmp::Reverse(one.live), std::cmp::Reverse(one.updated)));
    all.truncate(limits::RADAR_REPOSITORIES * limits::RADAR_TREES);
    all
}

fn add(found: &mut Clashes, at: &Occupant, other: &Occupant, paths: &[changes::FilePath]) {
    let named = (
        other.instance.clone(),
        other.session.clone(),
        other.title.clone(),
    );
    let paths = paths
        .iter()
        .map(|path| list_of(std::slice::from_ref(path)).into());
    let clash = Clash::with_paths(ClashKind::Branches, named, paths);
    let all = found
        .entry((at.instance.clone(), at.session.clone()))
        .or_default();
    if all.len() < model::limits::CLASH_SESSIONS {
        all.push(clash);
    }
}

/// Tells the state what changed of the clashes.
async fn publish(hub: &Hub, mut found: Clashes) {
    let changed = hub.engine().read(move |state| {
        let mut changed = Vec::new();
        for instance in state.instances.values() {
            let sessions = instance.sessions.values();
            for session in sessions.filter(|session| !session.clashes.is_empty()) {
                let key = (instance.id.clone(), session.info.id.clone());
                let now = found.remove(&key).unwrap_or_default();
                if now != session.clashes {
                    changed.push((key, now));
                }
            }
        }
        found.retain(|(instance, session), _| state.session(instance, session).is_some());
        changed.extend(found);
        changed
    });
    for ((instance, session), clashes) in changed {
        let event = Event::Clashes { session, clashes };
        hub.engine().own(instance, event).await;
    }
}

//! Live sessions that changed the same file in one folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lineage::{Roots, TreeRoots};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Clash, ClashKind, Session, State, absolute};

/// Clashes by the root session that they are shown at.
pub type Clashes = BTreeMap<(InstanceId, SessionId), Vec<Clash>>;

/// A root session with all below it.
struct Family<'a> {
    root: &'a Session,
    live: bool,
    paths: BTreeSet<String>,
}

type Key<'a> = (&'a InstanceId, &'a SessionId);

/// Live sessions whose calls changed the same file, each with the others. A session is live while it or one below it runs, and until a
/// person has looked at how it ended. `here` are the instances that work on one disk; each other has one of its own.
pub fn file_clashes(state: &State, here: &BTreeSet<InstanceId>) -> Clashes {
    let families = families(state);
    let mut by_path: BTreeMap<(Option<&InstanceId>, &str), Vec<Key<'_>>> = BTreeMap::new();
    for (key, family) in families.iter().filter(|(_, family)| family.live) {
        let disk = Some(key.0).filter(|instance| !here.contains(*instance));
        for path in &family.paths {
            by_path.entry((disk, path)).or_default().push(*key);
        }
    }
    let mut pairs: BTreeMap<(Key<'_>, Key<'_>), BTreeSet<&str>> = BTreeMap::new();
    for ((_, path), keys) in &by_path {
        let keys = &keys[..keys.len().min(limits::CLASH_SESSIONS)];
        for one in keys {
            for other in keys.iter().filter(|other| *other != one) {
                pairs.entry((*one, *other)).or_default().insert(path);
            }
        }
    }
    let mut clashes = Clashes::new();
    for ((one, other), paths) in pairs {
        let (Some(own), Some(others)) = (families.get(&one), families.get(&other)) else {
            continue;
        };
        let folder = &own.root.info.directory;
        let paths = paths.into_iter().map(|path| inside(folder, path));
        let named = (
            other.0.clone(),
            other.1.clone(),
            Arc::from(others.root.info.title()),
        );
        let all = clashes.entry((one.0.clone(), one.1.clone())).or_default();
        if all.len() < limits::CLASH_SESSIONS {
            all.push(Clash::with_paths(ClashKind::Files, named, paths));
        }
    }
    clashes
}

fn families(state: &State) -> BTreeMap<Key<'_>, Family<'_>> {
    let mut families: BTreeMap<Key<'_>, Family<'_>> = BTreeMap::new();
    for instance in state.instances.values() {
        let (mut shown, mut roots) = (TreeRoots::of(state, instance), Roots::of(instance));
        for session in instance.sessions.values() {
            let is_live = session.run.is_running() || session.unreviewed.is_some();
            if (!is_live && session.edits.is_empty()) || !shown.is(&session.info.id) {
                continue;
            }
            let root = roots.root_of(&session.info.id);
            let Some(top) = instance.sessions.get(root) else {
                continue;
            };
            let family = families
                .entry((&instance.id, root))
                .or_insert_with(|| Family {
                    root: top,
                    live: false,
                    paths: BTreeSet::new(),
                });
            family.live |= session.run.is_running()
                || (session.info.id == *root && session.unreviewed.is_some());
            let paths = session.edits.paths();
            let folder = &session.info.directory;
            family
                .paths
                .extend(paths.filter_map(|path| absolute(folder, path)));
        }
    }
    families
}

/// A path as it is from a folder, if it is inside.
fn inside(folder: &str, path: &str) -> Arc<str> {
    let rest = path
        .strip_prefix(folder)
        .and_then(|rest| rest.strip_prefix('/'));
    rest.unwrap_or(path).into()
}

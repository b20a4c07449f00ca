//! Instances come, go, and change their link.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Effect, Fold};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{
    AnsweredLately, Body, Catalog, Copying, Counters, FoldersAsked, Instance, Label, Link,
    LinkStatus, Origin, ReasonKind, Rev, ServerKind, State, Tombstones, Usage,
};
use crate::time::Timestamp;

pub(super) fn add(
    state: &mut State,
    rev: Rev,
    id: InstanceId,
    at: Timestamp,
    name: Arc<str>,
    origin: Origin,
) {
    if state.instances.contains_key(&id) {
        return;
    }
    let instance = Instance {
        id: id.clone(),
        name,
        colour: None,
        order: None,
        origin,
        link: Link {
            status: LinkStatus::Connecting { attempt: 0 },
            since: at,
            last_event_at: None,
            refused: false,
        },
        version: None,
        server: None,
        clock_ahead: 0,
        catalog: None,
        listed: false,
        older: BTreeMap::new(),
        branches: BTreeMap::new(),
        snoozes: BTreeMap::new(),
        today: Usage::default(),
        asked: FoldersAsked::default(),
        sessions: BTreeMap::new(),
        permissions: BTreeMap::new(),
        questions: BTreeMap::new(),
        expired: Default::default(),
        stops: Default::default(),
        unproven_stops: Default::default(),
        recalled: BTreeMap::new(),
        folders_cut: None,
        copying: None,
        answered: AnsweredLately::default(),
        queues: BTreeMap::new(),
        parallels: BTreeMap::new(),
        tombstones: Tombstones::default(),
        counters: Counters::default(),
        rev,
        tree_rev: rev,
        requests_rev: rev,
    };
    state.instances.insert(id, instance);
    touch_set(state, rev);
}

pub(super) fn remove(state: &mut State, rev: Rev, id: &InstanceId) {
    if state.instances.remove(id).is_some() {
        hand_over(state, id);
        touch_trees(state, rev);
        touch_set(state, rev);
    }
}

/// Gives an instance another name, colour or place, wherever it is shown.
pub(super) fn label(state: &mut State, rev: Rev, id: &InstanceId, label: Label) {
    let Some(instance) = state.instances.get_mut(id) else {
        return;
    };
    let Label {
        name,
        colour,
        order,
    } = label;
    if (&instance.name, instance.colour, instance.order) == (&name, colour, order) {
        return;
    }
    (instance.name, instance.colour, instance.order) = (name, colour, order);
    instance.rev = rev;
    touch_trees(state, rev);
    touch_set(state, rev);
}

/// Transfers the sessions that a removed instance owned to the first other instance that has them.
fn hand_over(state: &mut State, gone: &InstanceId) {
    let instances = &state.instances;
    state.owners.retain(|session, owner| {
        if owner == gone {
            let other = |i: &&Instance| i.sessions.contains_key(session);
            let Some(heir) = instances.values().find(other) else {
                return false;
            };
            *owner = heir.id.clone();
        }
        true
    });
}

/// Forgets whose a session is once no instance has it.
pub(super) fn disown(state: &mut State, session: &SessionId) {
    let has = |instance: &Instance| instance.sessions.contains_key(session);
    if !state.instances.values().any(has) {
        state.owners.remove(session);
    }
}

/// Reads of the folders in which other servers still list a session that is gone from one server. Servers can share a database, and
/// only the one that deletes a session reports it.
pub(super) fn others_with<'a>(
    state: &'a State,
    from: &'a InstanceId,
    session: &'a SessionId,
) -> impl Iterator<Item = Effect> + 'a {
    let others = state.instances.values();
    let others = others.filter(move |other| other.id != *from && other.is_live());
    others.filter_map(move |other| {
        let directory = other.sessions.get(session)?.info.directory.clone();
        (!directory.is_empty()).then(|| Effect::ReadDirectory(other.id.clone(), directory))
    })
}

fn touch_set(state: &mut State, rev: Rev) {
    state.rev = rev;
    state.rows_rev = rev;
    state.instances_rev = rev;
}

/// A session moved between servers of one database, so the lists of all of them may look different now.
pub(super) fn touch_trees(state: &mut State, rev: Rev) {
    state.rev = rev;
    state.rows_rev = rev;
    for instance in state.instances.values_mut() {
        instance.tree_rev = rev;
        if instance.has_requests() {
            instance.requests_rev = rev;
        }
    }
}

impl Fold<'_> {
    pub(super) fn link(&mut self, status: LinkStatus) {
        if self.instance.link.status == status {
            return;
        }
        self.instance.link.refused = match &status {
            LinkStatus::Connecting { .. } => self.instance.link.refused,
            _ => {
                let reason = status.reason();
                reason.is_some_and(|reason| reason.kind == ReasonKind::Unauthorized)
            }
        };
        self.instance.link.status = status;
        self.instance.link.since = self.at;
        self.touch_tab();
    }

    pub(super) fn version(&mut self, version: Arc<str>) {
        if self.instance.version.as_ref() != Some(&version) {
            self.instance.version = Some(version);
            self.touch_tab();
        }
    }

    pub(super) fn server(&mut self, kind: ServerKind) {
        if self.instance.server.replace(kind) != Some(kind) {
            // What may be done in its sessions, and how they are grouped.
            self.touch_tab();
            self.touch_tree();
        }
    }

    /// The branch of a folder: an absent name removes it.
    pub(super) fn branch(&mut self, directory: Arc<str>, branch: Option<Arc<str>>) {
        let branches = &mut self.instance.branches;
        let room = branches.len() < limits::BRANCHES || branches.contains_key(&directory);
        let changed = match branch {
            Some(branch) if room => {
                let before = branches.insert(directory, branch.clone());
                before.as_ref() != Some(&branch)
            }
            Some(_) => false,
            None => branches.remove(&directory).is_some(),
        };
        if changed {
            self.touch_tree();
        }
    }

    /// Every time of the server's reads otherwise now.
    pub(super) fn clock(&mut self, ahead: i64) {
        if self.instance.clock_ahead == ahead {
            return;
        }
        self.instance.clock_ahead = ahead;
        let rev = self.rev;
        for session in self.instance.sessions.values_mut() {
            session.rev = rev;
            session.body_rev = rev;
            if let Body::Loaded(loaded) = &mut session.body {
                for message in loaded.messages.values_mut() {
                    message.rev = rev;
                    message.content_rev = rev;
                }
            }
        }
        self.touch_tab();
        self.touch_tree();
    }

    pub(super) fn folders_cut(&mut self, read: usize) {
        if self.instance.folders_cut.replace(read) != Some(read) {
            self.notices = true;
            self.changed = true;
            self.instance.rev = self.rev;
        }
    }

    pub(super) fn copying(&mut self, copying: Option<Copying>) {
        if self.instance.copying != copying {
            self.instance.copying = copying;
            self.notices = true;
            self.changed = true;
            self.instance.rev = self.rev;
        }
    }

    pub(super) fn catalog(&mut self, catalog: Catalog) {
        if self.instance.catalog.as_ref() != Some(&catalog) {
            self.instance.catalog = Some(catalog);
            self.touch_tab();
        }
    }

    /// What streams may miss pieces from here on, and reads that were under way will not be answered in order.
    pub(super) fn stream_lost(&mut self) {
        self.copying(None);
        let rev = self.rev;
        for session in self.instance.sessions.values_mut() {
            match &mut session.body {
                Body::Loading(_) => {
                    session.body = Body::NotLoaded;
                    session.body_rev = rev;
                }
                Body::Loaded(loaded) => loaded.rereading = None,
                Body::NotLoaded | Body::Failed { .. } => {}
            }
            session.mark_gaps(rev);
            session.answer.miss();
            // A step that ended meanwhile would be shown for as long as the run goes on.
            session.activity.end();
            session.activity_rev = rev;
            // Without the last number nobody knows whether more came after the proof.
            session.hole |= session.newest() > session.proof.map(|proof| proof.upto);
            session.seq = None;
        }
        self.notices |= !self.instance.asked.unlisted.is_empty();
        self.instance.asked = FoldersAsked::default();
        self.changed = true;
        self.activity = true;
        // Silence and circles are over with it.
        self.rows = true;
    }
}

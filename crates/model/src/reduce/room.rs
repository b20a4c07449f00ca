//! Bounds on stored sessions and requests: a server may have any number of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Fold;
use crate::ids::SessionId;
use crate::limits;
use crate::state::{Permission, Question};
use crate::time::Timestamp;

impl Fold<'_> {
    /// True if one more session can be stored.
    pub(super) fn has_room_for_session(&mut self) -> bool {
        if self.instance.sessions.len() < limits::SESSIONS {
            return true;
        }
        self.drop_sessions();
        let room = self.instance.sessions.len() < limits::SESSIONS;
        self.instance.counters.left_out(u64::from(!room));
        room
    }

    /// Drops the sessions that changed longest ago, roots last, as their descendants are found from them. They are not deleted: an event
    /// of one has it read again, as has a request for older sessions.
    fn drop_sessions(&mut self) {
        let permissions = self
            .instance
            .permissions
            .values()
            .map(|asked| &asked.session);
        let questions = self.instance.questions.values().map(|asked| &asked.session);
        let sessions = self.instance.sessions.values();
        let running = sessions.filter(|session| session.run.is_running());
        let running = running.map(|session| &session.info.id);
        let stopped = &self.instance.stops;
        let kept =
            self.with_those_above(permissions.chain(questions).chain(running).chain(stopped));
        let mut quiet: Vec<_> = self
            .instance
            .sessions
            .values()
            .filter(|session| !kept.contains(&session.info.id))
            .map(|session| {
                let is_root = session.info.parent.is_none();
                (is_root, session.info.updated, session.info.id.clone())
            })
            .collect();
        quiet.sort_unstable();
        quiet.truncate(limits::SESSIONS_SLICE);
        self.instance.counters.left_out(quiet.len() as u64);
        let mut older = self.instance.older.clone();
        for (_, updated, id) in quiet {
            if let Some(session) = self.instance.sessions.remove(&id) {
                let after = Timestamp(updated.0.saturating_add(1));
                let cut = older.entry(session.info.directory.clone()).or_insert(after);
                *cut = after.max(*cut);
            }
            self.owners.gone.push(id);
        }
        self.set_older(older);
        self.touch_tree();
    }

    /// Sessions, and the nearest of those above them: a chain without end must not keep all room.
    fn with_those_above<'a>(
        &self,
        sessions: impl Iterator<Item = &'a SessionId>,
    ) -> BTreeSet<SessionId> {
        let mut all = BTreeSet::new();
        for session in sessions {
            let mut at = Some(session);
            // One that is in it already has all above it in it, too.
            let mut steps = 0..=limits::ANCESTORS;
            while let Some(id) = at.filter(|id| steps.next().is_some() && all.insert((*id).clone()))
            {
                let known = self.instance.sessions.get(id);
                at = known.and_then(|session| session.info.parent.as_ref());
            }
        }
        all
    }

    /// True if one more permission request can be stored.
    pub(super) fn has_room_for_permission(&mut self, new: &Permission) -> bool {
        let waiting = &self.instance.permissions;
        let room = waiting.len() < limits::REQUESTS
            && has_room(
                waiting.values().map(weigh_permission),
                weigh_permission(new),
            );
        self.instance.counters.left_out(u64::from(!room));
        room
    }

    /// True if the arguments of a call, of this many bytes, can be stored with the waiting permission request.
    pub(super) fn has_room_for_input(&self, bytes: usize) -> bool {
        let waiting = self.instance.permissions.values().map(weigh_permission);
        waiting.map(|(_, bytes)| bytes).sum::<usize>() + bytes <= limits::REQUESTS_BYTES
    }

    /// True if one more question can be stored.
    pub(super) fn has_room_for_question(&mut self, new: &Question) -> bool {
        let waiting = &self.instance.questions;
        let room = waiting.len() < limits::REQUESTS
            && has_room(waiting.values().map(weigh_question), weigh_question(new));
        self.instance.counters.left_out(u64::from(!room));
        room
    }

    /// Leaves out the newest of the requests that were read and are more than may wait.
    pub(super) fn keep_requests_within_bounds(&mut self) {
        let instance = &mut *self.instance;
        let read = instance.permissions.len() + instance.questions.len();
        let mut room = Room::default();
        let permissions = &mut instance.permissions;
        permissions.retain(|_, one| room.takes(weigh_permission(one)));
        let mut room = Room::default();
        let questions = &mut instance.questions;
        questions.retain(|_, one| room.takes(weigh_question(one)));
        let left_out = read - permissions.len() - questions.len();
        instance.counters.left_out(left_out as u64);
    }
}

/// Session of a request, and its stored bytes.
type Weight<'a> = (&'a SessionId, usize);

fn weigh_permission(request: &Permission) -> Weight<'_> {
    let bytes = request.raw.get().len() + request.content.bytes;
    (&request.session, bytes)
}

fn weigh_question(request: &Question) -> Weight<'_> {
    (&request.session, request.raw.get().len())
}

/// True if there is room for one more request, by its session and by the bytes of all.
fn has_room<'a>(waiting: impl Iterator<Item = Weight<'a>>, new: Weight<'_>) -> bool {
    let (mut own, mut bytes) = (0, new.1);
    for one in waiting {
        own += usize::from(one.0 == new.0);
        bytes += one.1;
    }
    own < limits::REQUESTS_OF_SESSION && bytes <= limits::REQUESTS_BYTES
}

/// What is taken by requests of one kind, while many are looked through.
#[derive(Default)]
struct Room {
    all: usize,
    bytes: usize,
    sessions: BTreeMap<SessionId, usize>,
}

impl Room {
    /// Takes one more, if there is room for it.
    fn takes(&mut self, (session, bytes): Weight<'_>) -> bool {
        let own = self.sessions.entry(session.clone()).or_default();
        let room = self.all < limits::REQUESTS
            && *own < limits::REQUESTS_OF_SESSION
            && self.bytes + bytes <= limits::REQUESTS_BYTES;
        if room {
            *own += 1;
            self.all += 1;
            self.bytes += bytes;
        }
        room
    }
}

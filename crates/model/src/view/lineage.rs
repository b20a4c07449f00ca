//! What sessions have from those above them, found once for each: a walk up from every session of a deep tree would take
//! the square of its depth.

use std::collections::BTreeMap;

use crate::ids::SessionId;
use crate::state::{Halt, Instance, Run, State};

/// Inherited property of one session.
enum Step<'a, T> {
    /// This.
    Is(T),
    /// Inherited from the parent.
    As(&'a SessionId),
}

/// The answer for `session`, and with it for every session on the way up. Sessions in a loop have what `looped` is.
fn inherited<'a, T: Copy>(
    known: &mut BTreeMap<&'a SessionId, T>,
    session: &'a SessionId,
    step: impl Fn(&'a SessionId) -> Step<'a, T>,
    looped: T,
) -> T {
    let mut path = Vec::new();
    let mut at = session;
    let answer = loop {
        if let Some(answer) = known.get(at) {
            break *answer;
        }
        // A session that is met again on the way up is in a loop.
        known.insert(at, looped);
        path.push(at);
        match step(at) {
            Step::Is(answer) => break answer,
            Step::As(parent) => at = parent,
        }
    };
    known.extend(path.into_iter().map(|session| (session, answer)));
    answer
}

fn parent<'a>(instance: &'a Instance, session: &SessionId) -> Option<&'a SessionId> {
    let parent = instance.sessions.get(session)?.info.parent.as_ref()?;
    instance.sessions.contains_key(parent).then_some(parent)
}

/// The topmost known ancestors of many sessions of one instance; as [`Instance::root_of`] for one.
pub struct Roots<'a> {
    instance: &'a Instance,
    known: BTreeMap<&'a SessionId, &'a SessionId>,
}

impl<'a> Roots<'a> {
    /// None is known yet.
    pub fn of(instance: &'a Instance) -> Self {
        Self {
            instance,
            known: BTreeMap::new(),
        }
    }

    /// The topmost ancestor of a session that is known; of a loop, one of its sessions.
    pub fn root_of(&mut self, session: &'a SessionId) -> &'a SessionId {
        let instance = self.instance;
        let step = |at| parent(instance, at).map_or(Step::Is(at), Step::As);
        inherited(&mut self.known, session, step, session)
    }
}

/// Whether each session is a shown root or a descendant of one.
pub(super) struct TreeRoots<'a> {
    state: &'a State,
    instance: &'a Instance,
    known: BTreeMap<&'a SessionId, bool>,
}

impl<'a> TreeRoots<'a> {
    pub(super) fn of(state: &'a State, instance: &'a Instance) -> Self {
        Self {
            state,
            instance,
            known: BTreeMap::new(),
        }
    }

    /// False also for what is in a loop, which hangs nowhere.
    pub(super) fn is(&mut self, session: &'a SessionId) -> bool {
        let (state, instance) = (self.state, self.instance);
        let shown = |session: &SessionId| state.shows(&instance.id, session);
        let step = |at: &'a SessionId| {
            let archived = |at| instance.sessions.get(at).map(|s| s.info.archived);
            match archived(at) {
                Some(None) if shown(at) => parent(instance, at)
                    .filter(|parent| shown(parent))
                    .map_or(Step::Is(true), Step::As),
                _ => Step::Is(false),
            }
        };
        inherited(&mut self.known, session, step, false)
    }
}

/// Whether each session is a descendant of an interrupted one.
pub(super) struct BelowInterrupted<'a> {
    instance: &'a Instance,
    known: BTreeMap<&'a SessionId, bool>,
}

impl<'a> BelowInterrupted<'a> {
    pub(super) fn of(instance: &'a Instance) -> Self {
        Self {
            instance,
            known: BTreeMap::new(),
        }
    }

    pub(super) fn is(&mut self, session: &'a SessionId) -> bool {
        let instance = self.instance;
        let interrupted = |id| {
            let run = instance.sessions.get(id).map(|session| &session.run);
            matches!(run, Some(Run::Interrupted { .. }))
        };
        let step = |at| match parent(instance, at) {
            None => Step::Is(false),
            Some(parent) if interrupted(parent) => Step::Is(true),
            Some(parent) => Step::As(parent),
        };
        inherited(&mut self.known, session, step, false)
    }
}

/// Whether a person stopped each session; see [`Instance::is_stopped`] for one session.
pub(super) struct Stops<'a> {
    instance: &'a Instance,
    known: BTreeMap<&'a SessionId, bool>,
}

impl<'a> Stops<'a> {
    pub(super) fn of(instance: &'a Instance) -> Self {
        Self {
            instance,
            known: BTreeMap::new(),
        }
    }

    pub(super) fn stopped(&mut self, session: &'a SessionId) -> bool {
        let instance = self.instance;
        if instance.stops.is_empty() {
            return false;
        }
        let step = |at: &'a SessionId| {
            let info = instance.sessions.get(at);
            match info.map(|session| (&session.halt, &session.info.parent)) {
                Some((Halt::Stopped { .. }, _)) => Step::Is(true),
                Some((Halt::Inherited, Some(parent))) => Step::As(parent),
                Some(_) => Step::Is(false),
                None => Step::Is(instance.was_stopped(at)),
            }
        };
        inherited(&mut self.known, session, step, false)
    }
}

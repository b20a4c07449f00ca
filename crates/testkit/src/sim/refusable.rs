//! Which requests a hub may refuse by itself: those that a person refused, and those of sessions that are stopped or do not run.

use std::collections::{BTreeMap, BTreeSet};

use super::server::Inner;
use super::stop::Stop;
use super::store::{Kept, Store};

/// What allows a hub to refuse requests of one server.
#[derive(Debug, Default)]
pub(super) struct Refusable {
    /// Requests that a person refuses.
    pub by_people: BTreeSet<String>,
    /// When requests were made, in time of the server.
    pub asked: BTreeMap<String, i64>,
    /// Stops by people, oldest first.
    pub stops: Vec<Stop>,
    /// Sessions whose messages could not be read at some time: the hub could not find out who gave them a prompt.
    pub unread: BTreeSet<String>,
    /// How often REST answered that a session does not exist, although it does.
    denials: BTreeMap<String, Denials>,
}

/// Answers that a session does not exist, although it does.
#[derive(Clone, Copy, Debug, Default)]
struct Denials {
    /// Lists that lacked it.
    lists: u32,
    /// Answers to a request for it.
    answers: u32,
    /// True if a list lacked it after such an answer.
    both: bool,
}

impl Refusable {
    /// A list lacks a session.
    pub(super) fn lacked(&mut self, session: &str) {
        let denials = self.denials.entry(session.to_owned()).or_default();
        denials.lists += 1;
        denials.both |= denials.answers > 0;
    }

    /// REST answers that a session does not exist.
    pub(super) fn denied(&mut self, session: &str) {
        let denials = self.denials.entry(session.to_owned()).or_default();
        denials.answers += 1;
    }

    /// True for a session that the hub may take for gone: one list, or one answer, is not enough for that, nor is a list before it.
    fn seems_gone(&self, session: &str) -> bool {
        let denials = self.denials.get(session).copied().unwrap_or_default();
        denials.both || denials.lists > 1 || denials.answers > 1
    }
}

impl Inner {
    /// Why the hub may not refuse a request that waits.
    pub(super) fn must_wait(&self, store: &Store, session: &str, request: &str) -> Option<String> {
        let known = &self.refusable;
        let ended = !self.running.contains_key(session);
        if known.seems_gone(session) || ended || known.by_people.contains(request) {
            return None;
        }
        let asked = known.asked.get(request)?;
        let root = root(store, session)?;
        let last = known
            .stops
            .iter()
            .rfind(|stop| stop.session == root.info.id);
        let Some(stop) = last else {
            return Some(format!("{session} runs, and nobody stopped it"));
        };
        let prompted = root.prompts().rfind(|created| created <= asked)?;
        let unread = known.unread.contains(&root.info.id);
        let released = stop.done.is_some_and(|done| done < prompted);
        (released && !unread)
            .then(|| format!("{session} runs by a prompt that is newer than its stop"))
    }
}

/// The topmost session above one.
fn root<'a>(store: &'a Store, session: &str) -> Option<&'a Kept> {
    let mut at = store.sessions.get(session)?;
    while let Some(parent) = &at.info.parent_id {
        at = store.sessions.get(parent)?;
    }
    Some(at)
}

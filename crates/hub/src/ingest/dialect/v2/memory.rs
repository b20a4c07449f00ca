//! What a stream began and did not end, within bounds. What is forgotten is read again when it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ids::MessageId;
use model::state::MessageInfo;
use model::time::Timestamp;

use super::super::pieces2::Called;
use crate::limits;

/// Sessions that had an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    sessions: BTreeMap<Arc<str>, Known>,
}

/// What is open in a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Time and place of the last message.
    last: Option<(Timestamp, u32)>,
    /// The last prompt that was delivered.
    pub(super) prompt: Option<MessageId>,
    /// Steps of the model.
    pub(super) steps: BTreeMap<MessageId, Step>,
    /// Items of the inbox.
    pub(super) inbox: BTreeMap<Arc<str>, Waiting>,
    /// Commands of people, by their ids.
    pub(super) shells: BTreeMap<Arc<str>, (MessageId, Timestamp)>,
    /// The summary that is being written.
    pub(super) summary: Option<MessageInfo>,
    /// True while a step waits for another attempt.
    pub(super) retries: bool,
}

/// A step that goes on.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) info: MessageInfo,
    pub(super) calls: BTreeMap<Arc<str>, Called>,
    /// When each reasoning began.
    pub(super) thoughts: BTreeMap<u32, Timestamp>,
}

/// An item of the inbox.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// It becomes a message of a person, who wrote it then.
    Prompt(Timestamp),
    /// It becomes a note of this text.
    Note(Arc<str>),
    /// It becomes no message.
    Other,
}

impl Memory {
    /// What is known of a session.
    pub(super) fn of(&mut self, session: &str) -> &mut Known {
        if !self.sessions.contains_key(session) && self.sessions.len() >= limits::SESSIONS_2 {
            self.sessions.clear();
        }
        self.sessions.entry(session.into()).or_default()
    }

    pub(super) fn forget(&mut self, session: &str) {
        self.sessions.remove(session);
    }

    /// Nothing goes on in a session any more.
    pub(super) fn run_ended(&mut self, session: &str) {
        if let Some(known) = self.sessions.get_mut(session) {
            known.steps.clear();
            known.summary = None;
            known.retries = false;
        }
    }
}

impl Known {
    /// The place of a new message among those of its time.
    pub(super) fn tie(&mut self, at: Timestamp) -> u32 {
        let tie = match self.last {
            Some((last, tie)) if last == at => tie + 1,
            _ => 0,
        };
        self.last = Some((at, tie));
        tie
    }
}

/// Notes an object, and forgets the others where there are too many.
pub(super) fn note<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.len() >= limits::OPEN_2 && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, value);
}

//! Entries of one session, in order, with the places between them where the log has lost some.
//!
//! [`Chain`] is pure: it is given what is stored and what is in memory, and proves by the sequence of all entries that
//! none is missing between two of them. Where that cannot be proven there is a gap.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use model::ids::InstanceId;

use super::log::{Cursor, Entry, Payload};

/// A step in the history of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An entry of the log.
    Frame(Arc<Entry>),
    /// Entries between these two cursors are lost.
    Gap {
        /// The cursor after the last entry before the gap.
        after: Cursor,
        /// The cursor at which the log continues.
        resume: Cursor,
    },
}

/// Selects the entries of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The instance.
    pub instance: InstanceId,
    /// The session, with its descendants.
    pub sessions: BTreeSet<Arc<str>>,
}

/// The history of a session as far as the log has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The steps, oldest first.
    pub steps: Vec<Step>,
    /// True if older entries exist that did not fit.
    pub cut: bool,
}

/// Builder of a [`History`].
#[derive(Debug)]
pub(crate) struct Chain {
    selection: Selection,
    steps: VecDeque<Step>,
    /// The last entry, selected or not.
    end: Option<(Arc<str>, u64)>,
    bytes: usize,
    most: usize,
    cut: bool,
}

impl Selection {
    /// True for an entry of the sessions, and for one that concerns every session of the instance. Heartbeats change
    /// nothing, and are left out.
    pub fn has(&self, entry: &Entry) -> bool {
        if entry.instance != self.instance {
            return false;
        }
        match (&entry.session, &entry.payload) {
            (Some(session), _) => self.sessions.contains(session),
            (None, Payload::Upstream(text)) => !text.contains("\"server.heartbeat\""),
            (None, _) => true,
        }
    }

    /// True for an entry of one of the sessions themselves.
    pub fn names(&self, entry: &Entry) -> bool {
        let of_it = |session| self.sessions.contains(session);
        entry.instance == self.instance && entry.session.as_ref().is_some_and(of_it)
    }
}

impl Chain {
    /// An empty history that holds up to `most` bytes of entries. Beyond it the oldest are dropped.
    pub(crate) fn new(selection: Selection, most: usize) -> Self {
        Self {
            selection,
            steps: VecDeque::new(),
            end: None,
            bytes: 0,
            most,
            cut: false,
        }
    }

    /// Adds entries that nobody selected: they prove that nothing is missing.
    pub(crate) fn others(&mut self, epoch: &Arc<str>, first: u64, last: u64) {
        self.reach(epoch, first);
        self.advance(epoch, last);
    }

    /// Adds an entry.
    pub(crate) fn entry(&mut self, entry: Arc<Entry>) {
        self.reach(&entry.epoch, entry.seq);
        self.advance(&entry.epoch, entry.seq);
        if self.selection.has(&entry) {
            self.bytes += entry.bytes();
            self.steps.push_back(Step::Frame(entry));
            self.shed();
        }
    }

    /// Records that older entries exist.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// Adds a gap where the log says that there is one.
    pub(crate) fn gap(&mut self, after: Cursor, resume: Cursor) {
        self.end = Some((resume.epoch.clone(), resume.seq));
        if !self.steps.is_empty() && !matches!(self.steps.back(), Some(Step::Gap { .. })) {
            self.steps.push_back(Step::Gap { after, resume });
        }
    }

    pub(crate) fn history(mut self) -> History {
        while matches!(self.steps.front(), Some(Step::Gap { .. })) {
            self.steps.pop_front();
        }
        History {
            steps: self.steps.into(),
            cut: self.cut,
        }
    }

    fn reach(&mut self, epoch: &Arc<str>, seq: u64) {
        let Some((last_epoch, last)) = &self.end else {
            return;
        };
        if last_epoch == epoch && seq <= last + 1 {
            return;
        }
        let after = Cursor {
            epoch: last_epoch.clone(),
            seq: *last,
        };
        let resume = Cursor {
            epoch: epoch.clone(),
            seq: seq.saturating_sub(1),
        };
        self.gap(after, resume);
    }

    fn advance(&mut self, epoch: &Arc<str>, seq: u64) {
        let before = self.end.as_ref().filter(|(known, _)| known == epoch);
        let seq = before.map_or(seq, |(_, last)| seq.max(*last));
        self.end = Some((epoch.clone(), seq));
    }

    fn shed(&mut self) {
        while self.bytes > self.most && self.steps.len() > 1 {
            if let Some(Step::Frame(oldest)) = self.steps.pop_front() {
                self.bytes -= oldest.bytes();
                self.cut = true;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::time::Timestamp;

    use super::*;

    fn entry(epoch: &str, seq: u64, session: Option<&str>) -> Arc<Entry> {
        Arc::new(Entry {
            epoch: epoch.into(),
            seq,
            instance: InstanceId::new("i"),
            session: session.map(Into::into),
            payload: Payload::Upstream(format!("{{\"n\":{seq}}}").into()),
            at: Timestamp(seq.cast_signed()),
            private: false,
        })
    }

    fn chain(most: usize) -> Chain {
        let selection = Selection {
            instance: InstanceId::new("i"),
            sessions: BTreeSet::from(["s".into()]),
        };
        Chain::new(selection, most)
    }

    /// The steps in words: sequences, and `gap` with its ends.
    fn words(history: &History) -> Vec<String> {
        let steps = history.steps.iter();
        steps
            .map(|step| match step {
                Step::Frame(entry) => entry.cursor().to_string(),
                Step::Gap { after, resume } => format!("gap {after} {resume}"),
            })
            .collect()
    }

    #[test]
    fn entries_of_others_prove_that_nothing_is_missing() {
        let mut chain = chain(usize::MAX);
        chain.entry(entry("a", 1, Some("s")));
        chain.entry(entry("a", 2, Some("another")));
        chain.others(&"a".into(), 3, 9);
        chain.entry(entry("a", 10, Some("s")));
        chain.entry(entry("a", 11, None));
        assert_eq!(words(&chain.history()), ["a-1", "a-10", "a-11"]);
    }

    #[test]
    fn what_is_not_proven_is_a_gap() {
        let mut chain = chain(usize::MAX);
        chain.entry(entry("a", 1, Some("s")));
        chain.entry(entry("a", 3, Some("s")));
        chain.entry(entry("b", 1, Some("another")));
        chain.entry(entry("b", 2, Some("s")));
        let history = chain.history();
        assert_eq!(
            words(&history),
            ["a-1", "gap a-1 a-2", "a-3", "gap a-3 b-0", "b-2"]
        );
        assert!(!history.cut);
    }

    #[test]
    fn what_is_in_memory_and_stored_stands_once_without_a_gap() {
        let mut chain = chain(usize::MAX);
        chain.others(&"a".into(), 1, 9);
        chain.entry(entry("a", 7, Some("s")));
        chain.entry(entry("a", 10, Some("s")));
        assert_eq!(words(&chain.history()), ["a-7", "a-10"]);
    }

    #[test]
    fn beyond_the_bound_the_oldest_go() {
        let one = entry("a", 1, Some("s")).bytes();
        let mut chain = chain(one * 2);
        for seq in 1..=4 {
            chain.entry(entry("a", seq, Some("s")));
        }
        let history = chain.history();
        assert!(history.cut);
        assert_eq!(words(&history), ["a-3", "a-4"]);
    }
}

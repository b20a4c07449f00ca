//! The end of the log in memory, and an index of everything before it. Pure: the only place that knows where an entry
//! is stored.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::{Cursor, Entry, LogRead, Payload};
use crate::limits;
use crate::record::journal::store::Purge;

/// The part of an epoch that the journal has: entries after `begin`, up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) epoch: Arc<str>,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// The known state of an epoch.
#[derive(Debug)]
struct TailEpoch {
    stored: Stored,
    /// Sequence of its newest entry, stored or not.
    last: u64,
    /// Number of its newest entries in the ring.
    here: usize,
}

/// A position: the index of an epoch in [`Tail::epochs`], and an entry of it.
type EntryPosition = (usize, u64);

/// The newest entries of all epochs; and the location of the entries of each epoch.
#[derive(Debug)]
pub(super) struct Tail {
    /// Epochs, oldest first; never empty. The last one is being written.
    epochs: Vec<TailEpoch>,
    ring: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Maximum bytes retained while nothing is stored.
    bound: usize,
    /// True while the last epoch is being stored.
    storing: bool,
    /// Bytes of the last epoch's entries that are not stored yet; zero while nothing is stored.
    unstored: usize,
    private: BTreeSet<InstanceId>,
    deleted: Deleted,
    /// Purges for the journal; `None` where there is no journal.
    purges: Option<VecDeque<Purge>>,
}

/// Deleted sessions, whose later entries are not stored. A lookup takes constant time; beyond
/// [`limits::JOURNAL_DELETED`] the oldest is evicted.
#[derive(Debug, Default)]
struct Deleted {
    known: HashSet<(InstanceId, Arc<str>)>,
    order: VecDeque<(InstanceId, Arc<str>)>,
}

impl Deleted {
    fn has(&self, instance: &InstanceId, session: &Arc<str>) -> bool {
        !self.known.is_empty() && self.known.contains(&(instance.clone(), session.clone()))
    }

    fn remove(&mut self, instance: &InstanceId, session: &Arc<str>) {
        let key = (instance.clone(), session.clone());
        if self.known.remove(&key) {
            self.order.retain(|known| *known != key);
        }
    }

    fn add(&mut self, instance: &InstanceId, session: &Arc<str>) {
        let key = (instance.clone(), session.clone());
        if !self.known.insert(key.clone()) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > limits::JOURNAL_DELETED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl TailEpoch {
    fn new(stored: Stored) -> Self {
        Self {
            last: stored.end,
            stored,
            here: 0,
        }
    }

    /// The sequence before its first entry in the ring.
    fn ring_begin(&self) -> u64 {
        self.last - self.here as u64
    }

    /// The first sequence at or after `seq` whose next entry is retained.
    fn next_kept(&self, seq: u64) -> Option<u64> {
        let stored = seq.max(self.stored.begin);
        let stored = (stored < self.stored.end).then_some(stored);
        let ring = seq.max(self.ring_begin());
        let ring = (ring < self.last).then_some(ring);
        stored.into_iter().chain(ring).min()
    }
}

impl Tail {
    pub(super) fn new(epoch: Arc<str>, bound: usize) -> Self {
        let nothing = Stored {
            epoch,
            begin: 0,
            end: 0,
        };
        Self {
            epochs: vec![TailEpoch::new(nothing)],
            ring: VecDeque::new(),
            bytes: 0,
            bound,
            storing: false,
            unstored: 0,
            private: BTreeSet::new(),
            deleted: Deleted::default(),
            purges: None,
        }
    }

    pub(super) fn expect_journal(&mut self) {
        self.purges = Some(VecDeque::new());
    }

    pub(super) fn next_purge(&self) -> Option<Purge> {
        self.purges.as_ref()?.front().cloned()
    }

    pub(super) fn purge_noted(&mut self, noted: &Purge) {
        if let Some(purges) = &mut self.purges {
            purges.retain(|purge| purge != noted);
        }
    }

    pub(super) fn is_to_be_purged(&self, instance: &InstanceId) -> bool {
        let of_it = |purge: &Purge| purge.session.is_none() && purge.instance == *instance;
        let purges = self.purges.as_ref();
        purges.is_none_or(|purges| purges.iter().any(of_it))
    }

    pub(super) fn append(
        &mut self,
        instance: &InstanceId,
        session: Option<Arc<str>>,
        payload: Payload,
        at: Timestamp,
    ) {
        let private = self.is_private(instance, session.as_ref(), &payload);
        let last = self.epochs.len() - 1;
        let epoch = &mut self.epochs[last];
        epoch.last += 1;
        epoch.here += 1;
        let entry = Entry {
            epoch: epoch.stored.epoch.clone(),
            seq: epoch.last,
            instance: instance.clone(),
            session,
            payload,
            at,
            private,
        };
        let bytes = entry.bytes();
        self.bytes += bytes;
        self.ring.push_back(Arc::new(entry));
        if self.storing {
            self.unstored += bytes;
            let epoch = &self.epochs[last];
            let behind = epoch.last - epoch.stored.end;
            if self.unstored > limits::JOURNAL_BEHIND_BYTES
                || behind > limits::JOURNAL_BEHIND_ENTRIES
            {
                self.unstore();
            }
        }
        self.evict();
    }

    /// Events of an instance in a second. Where older entries of that time are in memory no more, over the rest of it.
    pub(super) fn rate(&self, instance: &InstanceId, now: Timestamp) -> f64 {
        let window = u64::try_from(limits::EVENT_RATE.as_millis()).unwrap_or(u64::MAX);
        let recent = self.ring.iter().rev();
        let recent = recent.take_while(|entry| now.since(entry.at) <= window);
        let is_event = |entry: &&Arc<Entry>| {
            entry.instance == *instance && !matches!(entry.payload, Payload::Hub(_))
        };
        let count = recent.filter(is_event).count();
        let oldest = self.ring.front().map(|entry| now.since(entry.at));
        let over = oldest.unwrap_or(window).clamp(1000, window);
        // A count in memory is far below what a float holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let rate = count as f64 * 1000.0 / over as f64;
        rate
    }

    fn is_private(
        &self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        payload: &Payload,
    ) -> bool {
        let late = |session: &Arc<str>| self.deleted.has(instance, session);
        self.private.contains(instance)
            || (!matches!(payload, Payload::Names(_)) && session.is_some_and(late))
    }

    /// Evicts the oldest entries beyond the bound, except those that are still to be stored.
    fn evict(&mut self) {
        let bound = if self.storing {
            limits::JOURNALED_LOG_BYTES.min(self.bound)
        } else {
            self.bound
        };
        while self.bytes > bound
            && let Some(oldest) = self.ring.front()
        {
            let at = self
                .epochs
                .iter()
                .position(|epoch| epoch.here > 0)
                .unwrap_or(self.epochs.len() - 1);
            let newest = at + 1 == self.epochs.len();
            if newest && self.storing && oldest.seq > self.epochs[at].stored.end {
                break;
            }
            self.bytes -= oldest.bytes();
            self.epochs[at].here -= 1;
            self.ring.pop_front();
        }
    }

    pub(super) fn end(&self) -> Cursor {
        let last = self.epochs.len() - 1;
        self.cursor((last, self.epochs[last].last))
    }

    /// The cursor after the newest stored entry of the last epoch.
    pub(super) fn stored_end(&self) -> Cursor {
        let last = self.epochs.len() - 1;
        self.cursor((last, self.epochs[last].stored.end))
    }

    pub(super) fn begin(&self) -> Cursor {
        self.cursor(self.next_kept((0, 0)))
    }

    fn cursor(&self, (epoch, seq): EntryPosition) -> Cursor {
        Cursor {
            epoch: self.epochs[epoch].stored.epoch.clone(),
            seq,
        }
    }

    /// The first position at or after this one whose next entry is retained; the end if there is none.
    fn next_kept(&self, (epoch, seq): EntryPosition) -> EntryPosition {
        for (at, known) in self.epochs.iter().enumerate().skip(epoch) {
            let from = if at == epoch { seq } else { 0 };
            if let Some(seq) = known.next_kept(from) {
                return (at, seq);
            }
        }
        let last = self.epochs.len() - 1;
        (last, self.epochs[last].last)
    }

    pub(super) fn read(&self, after: &Cursor, most: usize) -> Option<LogRead> {
        let gap = |from| {
            let resume = self.cursor(self.next_kept(from));
            Some(LogRead::Gap { resume })
        };
        let known = |epoch: &TailEpoch| epoch.stored.epoch == after.epoch;
        let Some(at) = self.epochs.iter().rposition(known) else {
            return gap((0, 0));
        };
        let epoch = &self.epochs[at];
        let newest = at + 1 == self.epochs.len();
        if after.seq >= epoch.last {
            return match (newest, after.seq == epoch.last) {
                (true, true) => Some(LogRead::Entries(Vec::new())),
                // No reader can be ahead of the log: the cursor is of another log.
                (true, false) => gap((0, 0)),
                // All later entries are in later epochs; whether the reader's own epoch had more is unknown.
                (false, _) => gap((at + 1, 0)),
            };
        }
        if epoch.next_kept(after.seq) != Some(after.seq) {
            return gap((at, after.seq));
        }
        if after.seq < epoch.ring_begin() {
            return None;
        }
        let before: usize = self.epochs[..at].iter().map(|epoch| epoch.here).sum();
        let skip = usize::try_from(after.seq - epoch.ring_begin()).unwrap_or(usize::MAX);
        let here = self.ring.range(before..before + epoch.here);
        Some(LogRead::Entries(
            here.skip(skip).take(most).cloned().collect(),
        ))
    }

    pub(super) fn recent(&self) -> Vec<Arc<Entry>> {
        self.ring.iter().cloned().collect()
    }

    pub(super) fn is_deleted(&self, instance: &InstanceId, session: &Arc<str>) -> bool {
        self.deleted.has(instance, session)
    }

    pub(super) fn resume_after(&self, after: &Cursor, lost: Option<u64>) -> Cursor {
        let known = |epoch: &TailEpoch| epoch.stored.epoch == after.epoch;
        let Some(at) = self.epochs.iter().rposition(known) else {
            return self.begin();
        };
        let lost = lost.unwrap_or_else(|| self.epochs[at].ring_begin());
        self.cursor(self.next_kept((at, lost.max(after.seq + 1))))
    }

    pub(super) fn set_private(&mut self, instance: &InstanceId, private: bool) {
        if private {
            self.private.insert(instance.clone());
        } else {
            self.private.remove(instance);
        }
    }

    pub(super) fn leaves_out(&self, instance: &InstanceId) -> bool {
        self.private.contains(instance)
    }

    pub(super) fn redact(&mut self, instance: &InstanceId, session: Option<&Arc<str>>) {
        let purge = Purge {
            instance: instance.clone(),
            session: session.cloned(),
        };
        self.redact_all(vec![purge]);
    }

    /// Redacts all of these in one pass: a list may lack thousands of sessions at once.
    pub(super) fn redact_all(&mut self, purges: Vec<Purge>) {
        for purge in &purges {
            self.order_purge(purge);
        }
        let (whole, sessions): (Vec<_>, Vec<_>) = purges
            .into_iter()
            .partition(|purge| purge.session.is_none());
        let sessions: HashMap<(InstanceId, Arc<str>), Purge> = sessions
            .into_iter()
            .filter_map(|purge| Some(((purge.instance.clone(), purge.session.clone()?), purge)))
            .collect();
        for entry in &mut self.ring {
            let session = entry.session.clone();
            let of_session =
                session.and_then(|session| sessions.get(&(entry.instance.clone(), session)));
            let about = whole.iter().chain(of_session).any(|purge| {
                purge.covers(&entry.instance, entry.session.as_deref(), &entry.payload)
            });
            if about && entry.payload != Payload::Redacted {
                let redacted = Entry {
                    payload: Payload::Redacted,
                    ..Entry::clone(entry)
                };
                *entry = Arc::new(redacted);
            }
        }
        self.bytes = self.ring.iter().map(|entry| entry.bytes()).sum();
        self.unstored = self.weigh_unstored();
    }

    /// Queues a purge for the journal, and prevents storing later entries.
    fn order_purge(&mut self, purge: &Purge) {
        let session = purge.session.as_ref();
        let new = session.is_some_and(|session| !self.deleted.has(&purge.instance, session));
        if let Some(session) = session {
            self.deleted.add(&purge.instance, session);
        }
        let Some(purges) = &mut self.purges else {
            return;
        };
        // One that was not deleted before is not queued either: there may be thousands to compare.
        if !new && purges.contains(purge) {
            return;
        }
        purges.push_back(purge.clone());
        if purges.len() > limits::JOURNAL_DELETED {
            // The removal of an instance is also recorded elsewhere, and covers more than any session.
            let session = purges.iter().position(|purge| purge.session.is_some());
            purges.remove(session.unwrap_or(0));
            tracing::error!("what was deleted while the journal failed may stay in it");
        }
    }

    pub(super) fn unredact(&mut self, instance: &InstanceId, session: &Arc<str>) {
        self.deleted.remove(instance, session);
        self.purge_noted(&Purge {
            instance: instance.clone(),
            session: Some(session.clone()),
        });
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.epochs.len() == 1 && self.epochs[0].last == 0
    }

    pub(super) fn begin_epoch(&mut self, older: Vec<Stored>, current: Stored) -> bool {
        if current.end > 0 && !self.is_untouched() {
            return false;
        }
        // The epochs of this run follow the ones found on disk, in the order of the ring; including an epoch without
        // entries, in which a reader may wait.
        let mut found = older;
        let mut own: Vec<TailEpoch> = self.epochs.drain(..).collect();
        for epoch in &mut own {
            let same = |found: &Stored| found.epoch == epoch.stored.epoch;
            if let Some(at) = found.iter().position(same) {
                // The journal has lost a part of this epoch since it reported it.
                epoch.stored = found.remove(at);
            }
        }
        let mut epochs: Vec<TailEpoch> = found.into_iter().map(TailEpoch::new).collect();
        epochs.append(&mut own);
        let surplus = epochs.len().saturating_sub(limits::JOURNAL_EPOCHS);
        let bare = |epoch: &&TailEpoch| epoch.here == 0;
        let droppable = epochs.iter().take(surplus).take_while(bare).count();
        epochs.drain(..droppable);
        epochs.push(TailEpoch::new(current));
        self.epochs = epochs;
        self.storing = true;
        self.unstored = 0;
        self.evict();
        true
    }

    pub(super) fn is_stored(&self) -> bool {
        self.storing
    }

    pub(super) fn unstored_bytes(&self) -> usize {
        self.unstored
    }

    fn newest_epoch(&self) -> &TailEpoch {
        &self.epochs[self.epochs.len() - 1]
    }

    fn not_stored(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let epoch = self.newest_epoch();
        let count = epoch.last - epoch.stored.end.min(epoch.last);
        let skip = self.ring.len() - usize::try_from(count).unwrap_or(0).min(self.ring.len());
        self.ring.range(skip..)
    }

    fn weigh_unstored(&self) -> usize {
        if !self.storing {
            return 0;
        }
        self.not_stored().map(|entry| entry.bytes()).sum()
    }

    pub(super) fn unstored(&self, most: usize, bytes: usize) -> Option<Vec<Arc<Entry>>> {
        let mut left = bytes;
        self.storing.then(|| {
            let fits = |entry: &&Arc<Entry>| {
                let fits = left > 0;
                left = left.saturating_sub(entry.bytes());
                fits
            };
            self.not_stored()
                .take(most)
                .take_while(fits)
                .cloned()
                .collect()
        })
    }

    pub(super) fn stored(&mut self, seq: u64) {
        let last = self.epochs.len() - 1;
        let epoch = &self.epochs[last];
        let end = seq.clamp(epoch.stored.end, epoch.last);
        let count = usize::try_from(end - epoch.stored.end).unwrap_or(usize::MAX);
        if self.storing {
            let done: usize = self
                .not_stored()
                .take(count)
                .map(|entry| entry.bytes())
                .sum();
            self.unstored -= done;
        }
        self.epochs[last].stored.end = end;
        self.evict();
    }

    pub(super) fn pruned(&mut self, epochs: &[Stored]) {
        for epoch in &mut self.epochs {
            let kept = epochs.iter().find(|kept| kept.epoch == epoch.stored.epoch);
            let end = epoch.stored.end;
            epoch.stored.begin = kept.map_or(end, |kept| kept.begin).min(end);
        }
    }

    pub(super) fn unstore(&mut self) {
        self.storing = false;
        self.unstored = 0;
        self.evict();
    }
}

#[cfg(test)]
impl Tail {
    /// Number of deleted sessions in memory.
    pub(super) fn deleted(&self) -> usize {
        self.deleted.order.len()
    }

    /// True if it retains no more than this.
    pub(super) fn is_within(&self, bytes: usize) -> bool {
        self.bytes <= bytes
    }
}

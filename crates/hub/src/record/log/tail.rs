//! The end of the log, and the knowledge of all that lies before it. Pure: the one place that knows where an entry is.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::{Cursor, Entry, Read, Said};
use crate::limits;
use crate::record::journal::store::Purge;

/// What the journal has of a life: entries after `begin`, up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) epoch: Arc<str>,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// A life, as far as it is known.
#[derive(Debug)]
struct Life {
    stored: Stored,
    /// Its newest entry, stored or not.
    last: u64,
    /// How many of its newest entries are in the ring.
    here: usize,
}

/// A place: the number of a life in [`Tail::lives`], and an entry of it.
type Place = (usize, u64);

/// The newest entries, over all lives; and which entries each life has, where.
#[derive(Debug)]
pub(super) struct Tail {
    /// Oldest first; never empty. The last one is being written.
    lives: Vec<Life>,
    ring: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Bytes kept while nothing is stored.
    bound: usize,
    /// True while the last life is being stored.
    storing: bool,
    /// Bytes of the last life's entries that are not stored yet; zero while nothing is.
    unstored: usize,
    private: BTreeSet<InstanceId>,
    deleted: Deleted,
    /// What the journal is to purge; none is noted where there is no journal.
    purges: Option<VecDeque<Purge>>,
}

/// Sessions that were deleted: what still comes of them is not stored. Looking one up takes the same time however many there
/// are; beyond [`limits::JOURNAL_DELETED`] the oldest is forgotten.
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

impl Life {
    fn new(stored: Stored) -> Self {
        Self {
            last: stored.end,
            stored,
            here: 0,
        }
    }

    /// The sequence before its first entry that is in the ring.
    fn ring_begin(&self) -> u64 {
        self.last - self.here as u64
    }

    /// The first place at or after `seq` whose next entry is kept.
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
            lives: vec![Life::new(nothing)],
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
        said: Said,
        at: Timestamp,
    ) {
        let private = self.is_private(instance, session.as_ref(), &said);
        let last = self.lives.len() - 1;
        let life = &mut self.lives[last];
        life.last += 1;
        life.here += 1;
        let entry = Entry {
            epoch: life.stored.epoch.clone(),
            seq: life.last,
            instance: instance.clone(),
            session,
            said,
            at,
            private,
        };
        let bytes = entry.bytes();
        self.bytes += bytes;
        self.ring.push_back(Arc::new(entry));
        if self.storing {
            self.unstored += bytes;
            let life = &self.lives[last];
            let behind = life.last - life.stored.end;
            if self.unstored > limits::JOURNAL_BEHIND_BYTES
                || behind > limits::JOURNAL_BEHIND_ENTRIES
            {
                self.unstore();
            }
        }
        self.evict();
    }

    fn is_private(&self, instance: &InstanceId, session: Option<&Arc<str>>, said: &Said) -> bool {
        let late = |session: &Arc<str>| self.deleted.has(instance, session);
        self.private.contains(instance)
            || (!matches!(said, Said::Names(_)) && session.is_some_and(late))
    }

    /// Lets go of the oldest entries beyond the bound, but of none that is still to be stored.
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
                .lives
                .iter()
                .position(|life| life.here > 0)
                .unwrap_or(self.lives.len() - 1);
            let newest = at + 1 == self.lives.len();
            if newest && self.storing && oldest.seq > self.lives[at].stored.end {
                break;
            }
            self.bytes -= oldest.bytes();
            self.lives[at].here -= 1;
            self.ring.pop_front();
        }
    }

    pub(super) fn end(&self) -> Cursor {
        let last = self.lives.len() - 1;
        self.cursor((last, self.lives[last].last))
    }

    pub(super) fn begin(&self) -> Cursor {
        self.cursor(self.next_kept((0, 0)))
    }

    fn cursor(&self, (life, seq): Place) -> Cursor {
        Cursor {
            epoch: self.lives[life].stored.epoch.clone(),
            seq,
        }
    }

    /// The first place at or after this one whose next entry is kept; the end if there is none.
    fn next_kept(&self, (life, seq): Place) -> Place {
        for (at, known) in self.lives.iter().enumerate().skip(life) {
            let from = if at == life { seq } else { 0 };
            if let Some(seq) = known.next_kept(from) {
                return (at, seq);
            }
        }
        let last = self.lives.len() - 1;
        (last, self.lives[last].last)
    }

    pub(super) fn read(&self, after: &Cursor, most: usize) -> Option<Read> {
        let gap = |from| {
            let resume = self.cursor(self.next_kept(from));
            Some(Read::Gap { resume })
        };
        let known = |life: &Life| life.stored.epoch == after.epoch;
        let Some(at) = self.lives.iter().rposition(known) else {
            return gap((0, 0));
        };
        let life = &self.lives[at];
        let newest = at + 1 == self.lives.len();
        if after.seq >= life.last {
            return match (newest, after.seq == life.last) {
                (true, true) => Some(Read::Entries(Vec::new())),
                // No reader can be ahead of the log: this is another one's cursor.
                (true, false) => gap((0, 0)),
                // All that came after it is in later lives; what its own may have lacked is not known.
                (false, _) => gap((at + 1, 0)),
            };
        }
        if life.next_kept(after.seq) != Some(after.seq) {
            return gap((at, after.seq));
        }
        if after.seq < life.ring_begin() {
            return None;
        }
        let before: usize = self.lives[..at].iter().map(|life| life.here).sum();
        let skip = usize::try_from(after.seq - life.ring_begin()).unwrap_or(usize::MAX);
        let here = self.ring.range(before..before + life.here);
        Some(Read::Entries(here.skip(skip).take(most).cloned().collect()))
    }

    pub(super) fn resume_after(&self, after: &Cursor, lost: Option<u64>) -> Cursor {
        let known = |life: &Life| life.stored.epoch == after.epoch;
        let Some(at) = self.lives.iter().rposition(known) else {
            return self.begin();
        };
        let lost = lost.unwrap_or_else(|| self.lives[at].ring_begin());
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

    pub(super) fn withhold(&mut self, instance: &InstanceId, session: Option<&Arc<str>>) {
        let purge = Purge {
            instance: instance.clone(),
            session: session.cloned(),
        };
        self.withhold_all(vec![purge]);
    }

    /// Takes out the texts of all of these in one pass: a list may lack thousands of sessions at once.
    pub(super) fn withhold_all(&mut self, purges: Vec<Purge>) {
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
            let about = whole
                .iter()
                .chain(of_session)
                .any(|purge| purge.covers(&entry.instance, entry.session.as_deref(), &entry.said));
            if about && entry.said != Said::Withheld {
                let withheld = Entry {
                    said: Said::Withheld,
                    ..Entry::clone(entry)
                };
                *entry = Arc::new(withheld);
            }
        }
        self.bytes = self.ring.iter().map(|entry| entry.bytes()).sum();
        self.unstored = self.weigh_unstored();
    }

    /// Has the journal take it out as well, and keep out what still comes of it.
    fn order_purge(&mut self, purge: &Purge) {
        let session = purge.session.as_ref();
        let new = session.is_some_and(|session| !self.deleted.has(&purge.instance, session));
        if let Some(session) = session {
            self.deleted.add(&purge.instance, session);
        }
        let Some(purges) = &mut self.purges else {
            return;
        };
        // One that was not deleted before is not ordered either: there may be thousands to look through.
        if !new && purges.contains(purge) {
            return;
        }
        purges.push_back(purge.clone());
        if purges.len() > limits::JOURNAL_DELETED {
            // A removed instance is noted elsewhere too, and holds more than any session.
            let session = purges.iter().position(|purge| purge.session.is_some());
            purges.remove(session.unwrap_or(0));
            tracing::error!("what was deleted while the journal failed may stay in it");
        }
    }

    pub(super) fn keep_again(&mut self, instance: &InstanceId, session: &Arc<str>) {
        self.deleted.remove(instance, session);
        self.purge_noted(&Purge {
            instance: instance.clone(),
            session: Some(session.clone()),
        });
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.lives.len() == 1 && self.lives[0].last == 0
    }

    pub(super) fn begin_life(&mut self, older: Vec<Stored>, current: Stored) -> bool {
        if current.end > 0 && !self.is_untouched() {
            return false;
        }
        // What this hub wrote follows what it found, in its own order, which is that of the ring; also a life without
        // entries, in which a reader may wait.
        let mut found = older;
        let mut own: Vec<Life> = self.lives.drain(..).collect();
        for life in &mut own {
            let same = |found: &Stored| found.epoch == life.stored.epoch;
            if let Some(at) = found.iter().position(same) {
                // The journal has less of it than was told, and not more.
                life.stored = found.remove(at);
            }
        }
        let mut lives: Vec<Life> = found.into_iter().map(Life::new).collect();
        lives.append(&mut own);
        let surplus = lives.len().saturating_sub(limits::JOURNAL_LIVES);
        let bare = |life: &&Life| life.here == 0;
        let droppable = lives.iter().take(surplus).take_while(bare).count();
        lives.drain(..droppable);
        lives.push(Life::new(current));
        self.lives = lives;
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

    fn newest_life(&self) -> &Life {
        &self.lives[self.lives.len() - 1]
    }

    fn not_stored(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let life = self.newest_life();
        let count = life.last - life.stored.end.min(life.last);
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
        let last = self.lives.len() - 1;
        let life = &self.lives[last];
        let end = seq.clamp(life.stored.end, life.last);
        let count = usize::try_from(end - life.stored.end).unwrap_or(usize::MAX);
        if self.storing {
            let done: usize = self
                .not_stored()
                .take(count)
                .map(|entry| entry.bytes())
                .sum();
            self.unstored -= done;
        }
        self.lives[last].stored.end = end;
        self.evict();
    }

    pub(super) fn pruned(&mut self, lives: &[Stored]) {
        for life in &mut self.lives {
            let kept = lives.iter().find(|kept| kept.epoch == life.stored.epoch);
            let end = life.stored.end;
            life.stored.begin = kept.map_or(end, |kept| kept.begin).min(end);
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
    /// Deleted sessions that it remembers.
    pub(super) fn deleted(&self) -> usize {
        self.deleted.order.len()
    }

    /// True if it keeps no more than this.
    pub(super) fn is_within(&self, bytes: usize) -> bool {
        self.bytes <= bytes
    }
}

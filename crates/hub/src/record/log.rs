//! The lossless feed: every upstream event in order, by cursor.
//!
//! A cursor is `epoch-seq`: the epoch names a life of the log, the sequence counts its entries from one. A life goes on
//! over a clean restart of the hub and ends with anything less. A reader is told of a gap wherever it cannot be given
//! the very next entry: between lives, and where entries are kept no more.
//!
//! The newest entries are in memory, where who follows finds them; the rest is in the journal, if there is one. This file
//! decides which of them a reader is given, so that nothing falls between. It never waits for the journal: at the bounds
//! in [`limits`] what is not stored yet counts as lost to it.

mod entry;
mod tail;

use std::sync::{Arc, Mutex, MutexGuard};

use model::ids::InstanceId;
use model::time::Timestamp;
use tokio::sync::{Notify, watch};

pub use entry::{BadCursor, Cursor, Entry, Said};
pub(crate) use tail::Stored;
use tail::Tail;

use crate::limits;
use crate::record::journal::store::Purge;

/// The log.
#[derive(Debug)]
pub struct Log {
    tail: Mutex<Tail>,
    newest: watch::Sender<u64>,
    /// Wakes the journal's writer.
    pending: Notify,
    /// How many purges the journal has noted.
    purged: watch::Sender<u64>,
}

/// What a reader gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Entries in order; none if the reader is at the end.
    Entries(Vec<Arc<Entry>>),
    /// What lies before `resume` is lost to this reader.
    Gap {
        /// Where the log goes on.
        resume: Cursor,
    },
}

impl Log {
    /// A log in memory alone, of a life with this name, that keeps up to `bound` bytes.
    pub fn new(epoch: Arc<str>, bound: usize) -> Self {
        Self {
            tail: Mutex::new(Tail::new(epoch, bound)),
            newest: watch::Sender::new(0),
            pending: Notify::new(),
            purged: watch::Sender::new(0),
        }
    }

    /// Appends what a server or the hub said, in order, each with the session it is about; the oldest give way to it.
    /// Readers are woken once for all of it.
    pub(crate) fn append(
        &self,
        instance: &InstanceId,
        said: impl IntoIterator<Item = (Option<Arc<str>>, Said)>,
        at: Timestamp,
    ) {
        let mut tail = self.tail();
        let (storing, before) = (tail.is_stored(), tail.unstored_bytes());
        let mut count = 0;
        for (session, said) in said {
            tail.append(instance, session, said, at);
            count += 1;
        }
        let (given_up, after) = (storing && !tail.is_stored(), tail.unstored_bytes());
        drop(tail);
        if count == 0 {
            return;
        }
        self.newest.send_modify(|appended| *appended += count);
        let group = limits::JOURNAL_GROUP_BYTES;
        if (before == 0 && after > 0) || (before < group && after >= group) || given_up {
            self.pending.notify_one();
        }
    }

    /// The place after the newest entry.
    pub fn end(&self) -> Cursor {
        self.tail().end()
    }

    /// The place before the oldest entry that is kept, here or in the journal.
    pub fn begin(&self) -> Cursor {
        self.tail().begin()
    }

    /// Up to `most` entries after a place; `None` if they are in the journal alone: see
    /// [`Journal::read`](crate::record::journal::Journal::read).
    pub fn read(&self, after: &Cursor, most: usize) -> Option<Read> {
        self.tail().read(after, most)
    }

    /// Wakes whenever an entry was appended.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Takes the texts of an instance, or of one session of it, out of what is in memory and out of the journal. What
    /// still comes of that session is not stored.
    pub(crate) fn withhold(&self, instance: &InstanceId, session: Option<&Arc<str>>) {
        self.tail().withhold(instance, session);
        self.pending.notify_one();
    }

    /// The same for many sessions at once.
    pub(crate) fn withhold_all(&self, purges: Vec<Purge>) {
        if !purges.is_empty() {
            self.tail().withhold_all(purges);
            self.pending.notify_one();
        }
    }

    /// A session that was withheld is there after all: what is said in it from now on is stored.
    pub(crate) fn keep_again(&self, instance: &InstanceId, session: &Arc<str>) {
        self.tail().keep_again(instance, session);
    }

    /// There is a journal: what it is to purge is noted for it.
    pub(crate) fn expect_journal(&self) {
        self.tail().expect_journal();
    }

    /// What the journal is to purge next. It stays so until [`Log::purge_noted`]: a journal that fails meanwhile loses none.
    pub(crate) fn next_purge(&self) -> Option<Purge> {
        self.tail().next_purge()
    }

    /// The journal has noted this purge, and will do it whatever happens to the hub.
    pub(crate) fn purge_noted(&self, purge: &Purge) {
        self.tail().purge_noted(purge);
        self.purged.send_modify(|noted| *noted += 1);
    }

    /// True while the journal has not noted yet that the texts of a removed instance are to be purged, or while there is no
    /// journal.
    pub(crate) fn is_to_be_purged(&self, instance: &InstanceId) -> bool {
        self.tail().is_to_be_purged(instance)
    }

    /// Wakes whenever the journal noted a purge.
    pub(crate) fn purges_noted(&self) -> watch::Receiver<u64> {
        self.purged.subscribe()
    }

    /// Sets whether what an instance says is stored.
    pub(crate) fn set_private(&self, instance: &InstanceId, private: bool) {
        self.tail().set_private(instance, private);
    }

    /// True if what an instance says is not stored.
    pub(crate) fn is_private(&self, instance: &InstanceId) -> bool {
        self.tail().leaves_out(instance)
    }

    /// From now on the log goes on in this life, which is written to a journal that has these older ones. False, and
    /// nothing is changed, if the life has entries already and others came meanwhile: then it has to be a new one.
    pub(crate) fn begin_life(&self, older: Vec<Stored>, current: Stored) -> bool {
        let begun = self.tail().begin_life(older, current);
        self.newest.send_modify(|_| {});
        begun
    }

    /// True if no entry was appended since the log began.
    pub(crate) fn is_untouched(&self) -> bool {
        self.tail().is_untouched()
    }

    /// Entries that are to be stored, oldest first, up to these bounds; at least one if there is one. `None` once they
    /// were too many to wait for the journal.
    pub(crate) fn unstored(&self, most: usize, bytes: usize) -> Option<Vec<Arc<Entry>>> {
        self.tail().unstored(most, bytes)
    }

    /// Bytes of entries that are to be stored; `None` once they were too many.
    pub(crate) fn pending_bytes(&self) -> Option<usize> {
        let tail = self.tail();
        tail.is_stored().then(|| tail.unstored_bytes())
    }

    /// Waits until there is something to be stored, or a whole group of it, or too much.
    pub(crate) async fn pending(&self) {
        self.pending.notified().await;
    }

    /// Entries up to this one are stored.
    pub(crate) fn stored(&self, seq: u64) {
        self.tail().stored(seq);
    }

    /// What the journal still has of each life: the rest was pruned.
    pub(crate) fn pruned(&self, lives: &[Stored]) {
        self.tail().pruned(lives);
    }

    /// Nothing is stored any more: the log goes on in memory alone.
    pub(crate) fn unstore(&self) {
        self.tail().unstore();
    }

    /// Where a reader goes on for whom what is stored after its place is lost: up to `lost`, or all of its life.
    pub(crate) fn resume_after(&self, after: &Cursor, lost: Option<u64>) -> Cursor {
        self.tail().resume_after(after, lost)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests;

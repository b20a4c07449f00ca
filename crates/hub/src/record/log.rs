//! The lossless feed: every upstream event in order, by cursor.
//!
//! A cursor is `epoch-seq`: the epoch identifies an uninterrupted part of the log, the sequence counts its entries from
//! one. An epoch continues over a clean restart of the hub, and ends with any possible loss. A reader receives a gap
//! where the next entry is not available: between epochs, and where entries are no longer retained.
//!
//! The newest entries are in memory, where followers read them; older ones are in the journal, if there is one. This
//! file decides which entries a reader receives, so that none is skipped. It never waits for the journal: beyond the
//! bounds in [`limits`] entries that are not stored yet are lost to the journal.

mod entry;
mod tail;

use std::sync::{Arc, Mutex, MutexGuard};

use model::ids::InstanceId;
use model::time::Timestamp;
use tokio::sync::{Notify, watch};

pub use entry::{BadCursor, Cursor, Entry, Payload};
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
    /// Number of purges that the journal has recorded.
    purged: watch::Sender<u64>,
}

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRead {
    /// Entries in order; empty if the reader is at the end.
    Entries(Vec<Arc<Entry>>),
    /// The entries before `resume` are lost to this reader.
    Gap {
        /// The cursor at which the log continues.
        resume: Cursor,
    },
}

impl Log {
    /// A log in memory only, with an epoch of this name, that retains up to `bound` bytes.
    pub fn new(epoch: Arc<str>, bound: usize) -> Self {
        Self {
            tail: Mutex::new(Tail::new(epoch, bound)),
            newest: watch::Sender::new(0),
            pending: Notify::new(),
            purged: watch::Sender::new(0),
        }
    }

    /// Appends payloads of a server or the hub, in order, each with its session; evicts the oldest. Readers are woken
    /// once.
    pub(crate) fn append(
        &self,
        instance: &InstanceId,
        entries: impl IntoIterator<Item = (Option<Arc<str>>, Payload)>,
        at: Timestamp,
    ) {
        let mut tail = self.tail();
        let (storing, before) = (tail.is_stored(), tail.unstored_bytes());
        let mut count = 0;
        for (session, payload) in entries {
            tail.append(instance, session, payload, at);
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

    /// The cursor after the newest entry.
    pub fn end(&self) -> Cursor {
        self.tail().end()
    }

    /// The cursor after the newest entry that the journal has: what came since would be lost with the process.
    pub fn stored_end(&self) -> Cursor {
        self.tail().stored_end()
    }

    /// The cursor before the oldest retained entry, in memory or in the journal.
    pub fn begin(&self) -> Cursor {
        self.tail().begin()
    }

    /// Up to `most` entries after a cursor; `None` if they are only in the journal: see
    /// [`Journal::read`](crate::record::journal::Journal::read).
    pub fn read(&self, after: &Cursor, most: usize) -> Option<LogRead> {
        self.tail().read(after, most)
    }

    /// How many events of an instance arrived in a second, over the last [`limits::EVENT_RATE`] before `now`.
    pub fn rate(&self, instance: &InstanceId, now: Timestamp) -> f64 {
        self.tail().rate(instance, now)
    }

    /// The entries in memory, oldest first.
    pub(crate) fn recent(&self) -> Vec<Arc<Entry>> {
        self.tail().recent()
    }

    /// True if a session was deleted, as far as that is remembered.
    pub(crate) fn is_deleted(&self, instance: &InstanceId, session: &Arc<str>) -> bool {
        self.tail().is_deleted(instance, session)
    }

    /// A receiver that is notified of every appended entry.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Redacts the texts of an instance, or of one of its sessions, in memory and in the journal. Later entries of that
    /// session are not stored.
    pub(crate) fn redact(&self, instance: &InstanceId, session: Option<&Arc<str>>) {
        self.tail().redact(instance, session);
        self.pending.notify_one();
    }

    /// Redacts many sessions at once.
    pub(crate) fn redact_all(&self, purges: Vec<Purge>) {
        if !purges.is_empty() {
            self.tail().redact_all(purges);
            self.pending.notify_one();
        }
    }

    /// A redacted session exists after all: its entries are stored from now on.
    pub(crate) fn unredact(&self, instance: &InstanceId, session: &Arc<str>) {
        self.tail().unredact(instance, session);
    }

    /// Declares that there is a journal: purges are queued for it.
    pub(crate) fn expect_journal(&self) {
        self.tail().expect_journal();
    }

    /// The next purge for the journal. It stays queued until [`Log::purge_noted`], so that a failure of the journal
    /// loses none.
    pub(crate) fn next_purge(&self) -> Option<Purge> {
        self.tail().next_purge()
    }

    /// The journal has recorded this purge, and will complete it even after a restart.
    pub(crate) fn purge_noted(&self, purge: &Purge) {
        self.tail().purge_noted(purge);
        self.purged.send_modify(|noted| *noted += 1);
    }

    /// True while the journal has not recorded the purge of a removed instance, or while there is no journal.
    pub(crate) fn is_to_be_purged(&self, instance: &InstanceId) -> bool {
        self.tail().is_to_be_purged(instance)
    }

    /// A receiver that is notified when the journal recorded a purge.
    pub(crate) fn purges_noted(&self) -> watch::Receiver<u64> {
        self.purged.subscribe()
    }

    /// Sets whether the entries of an instance are stored.
    pub(crate) fn set_private(&self, instance: &InstanceId, private: bool) {
        self.tail().set_private(instance, private);
    }

    /// True if the entries of an instance are not stored.
    pub(crate) fn is_private(&self, instance: &InstanceId) -> bool {
        self.tail().leaves_out(instance)
    }

    /// Continues the log in the epoch `current`, which is written to a journal that has the `older` epochs. Returns
    /// false without any change if that epoch has entries already and others arrived in the meantime: then a new epoch
    /// is needed.
    pub(crate) fn begin_epoch(&self, older: Vec<Stored>, current: Stored) -> bool {
        let begun = self.tail().begin_epoch(older, current);
        self.newest.send_modify(|_| {});
        begun
    }

    /// True if no entry was appended since the start.
    pub(crate) fn is_untouched(&self) -> bool {
        self.tail().is_untouched()
    }

    /// Entries to be stored, oldest first, up to these bounds; at least one if there is any. `None` once the backlog
    /// exceeded its bound.
    pub(crate) fn unstored(&self, most: usize, bytes: usize) -> Option<Vec<Arc<Entry>>> {
        self.tail().unstored(most, bytes)
    }

    /// Bytes of entries to be stored; `None` once the backlog exceeded its bound.
    pub(crate) fn pending_bytes(&self) -> Option<usize> {
        let tail = self.tail();
        tail.is_stored().then(|| tail.unstored_bytes())
    }

    /// Waits until there is an entry to be stored, a full group, or a backlog beyond its bound.
    pub(crate) async fn pending(&self) {
        self.pending.notified().await;
    }

    /// Entries up to this one are stored.
    pub(crate) fn stored(&self, seq: u64) {
        self.tail().stored(seq);
    }

    /// The entries of each epoch that the journal still has: the others were pruned.
    pub(crate) fn pruned(&self, lives: &[Stored]) {
        self.tail().pruned(lives);
    }

    /// Stops storing: the log continues in memory only.
    pub(crate) fn unstore(&self) {
        self.tail().unstore();
    }

    /// The cursor at which a reader continues whose stored entries are lost: up to `lost`, or the whole epoch.
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

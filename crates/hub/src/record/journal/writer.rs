//! The only writer of a journal.
//!
//! It stores the pending entries of the log in groups, and reports the status. A failure ends the current epoch of the
//! log: the next epoch begins once the medium can be written again. It never blocks the log.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::block::{self, Packer};
use super::store::{
    Block, BlockPosition, Bounds, Epoch, EpochId, Purge, SessionKey, Store, StoreError,
};
use super::{Options, Status};
use crate::limits;
use crate::record::log::{Entry, Log, Payload, Stored};
use crate::tasks;

/// The reason why the journal stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the disk is too slow for the events of the servers")]
    Overrun,
    #[error("out of memory: {0}")]
    Packing(String),
    #[error("its writer failed ({0})")]
    Panicked(Arc<str>),
}

/// The reason why writing ended.
enum WriterEnd {
    /// The journal was closed, or all of its handles were dropped.
    Closed,
    Failed(Fault),
}

pub(super) struct Writer {
    options: Options,
    log: Arc<Log>,
    closing: mpsc::Receiver<oneshot::Sender<()>>,
    status: watch::Sender<Status>,
}

/// An open journal, and the epoch that is written.
struct OpenJournal {
    store: Box<dyn Store>,
    epoch: EpochId,
    /// The newest block, while it grows.
    packer: Option<Packer>,
    last: u64,
    purges: Vec<Purge>,
    /// The position up to which blocks were searched for the first purge.
    searched: BlockPosition,
    /// Sessions that the store has noted since this journal was opened.
    sessions: HashSet<SessionKey>,
}

/// Runs a writer: on its own thread if its medium may block, so that a stuck disk affects nothing else.
pub(super) fn host(writer: Writer) {
    if !writer.options.medium.may_wait() {
        tokio::spawn(writer.run());
        return;
    }
    let status = writer.status.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let hosted = runtime.and_then(|runtime| {
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || runtime.block_on(writer.run()))
    });
    if let Err(error) = hosted {
        let reason = format!("no thread can be had for it: {error}");
        status.send_replace(Status::Off {
            reason: Some(reason.into()),
        });
    }
}

impl Writer {
    pub(super) fn new(
        options: Options,
        log: Arc<Log>,
        closing: mpsc::Receiver<oneshot::Sender<()>>,
        status: watch::Sender<Status>,
    ) -> Self {
        Self {
            options,
            log,
            closing,
            status,
        }
    }

    pub(super) async fn run(mut self) {
        let mut put_aside = None;
        loop {
            let end = tasks::caught(self.open_and_write(put_aside.clone())).await;
            let end = end.unwrap_or_else(|reason| WriterEnd::Failed(Fault::Panicked(reason)));
            let fault = match end {
                WriterEnd::Closed => return,
                WriterEnd::Failed(fault) => fault,
            };
            self.log.unstore();
            tracing::warn!(%fault, "the journal failed; the log goes on in memory");
            let damaged = matches!(fault, Fault::Store(StoreError::Damaged(_)));
            let newer = matches!(fault, Fault::Store(StoreError::Newer(_)));
            self.say_failed(&fault);
            if damaged && let Some(place) = self.put_aside() {
                put_aside = Some(place);
                continue;
            }
            let again = if newer {
                Duration::MAX
            } else {
                limits::JOURNAL_AGAIN
            };
            // Nothing is stored, so there is nothing to close.
            tokio::select! {
                biased;
                () = sleep(again) => {}
                _done = self.closing.recv() => return,
            }
        }
    }

    async fn open_and_write(&mut self, put_aside: Option<Arc<str>>) -> WriterEnd {
        match self.open() {
            Ok(open) => {
                self.status.send_replace(Status::Ok { put_aside });
                self.write(open).await
            }
            Err(fault) => WriterEnd::Failed(fault),
        }
    }

    fn say_failed(&self, fault: &Fault) {
        let reason: Arc<str> = fault.to_string().into();
        let since = self.options.clock.now();
        self.status.send_modify(|status| {
            *status = match (&fault, &*status) {
                (Fault::Store(StoreError::Newer(_)), _) => Status::Off {
                    reason: Some(reason),
                },
                (_, Status::Failed { since, .. }) => Status::Failed {
                    reason,
                    since: *since,
                },
                _ => Status::Failed { reason, since },
            };
        });
    }

    fn put_aside(&self) -> Option<Arc<str>> {
        let aside = self.options.medium.put_aside();
        aside
            .inspect_err(|error| tracing::warn!(%error, "a damaged journal cannot be put aside"))
            .ok()
            .map(Into::into)
    }

    /// Opens the journal and continues its last epoch, or begins a new one.
    fn open(&self) -> Result<OpenJournal, Fault> {
        let mut store = self.options.medium.open()?;
        let epochs = store.epochs()?;
        let purges = store.purges()?;
        if let Some((last, older)) = epochs.split_last()
            && last.closed
            && self.log.is_untouched()
        {
            store.resume(last.id)?;
            if self
                .log
                .begin_epoch(older.iter().map(stored).collect(), stored(last))
            {
                return Ok(OpenJournal::new(store, last.id, last.end, purges));
            }
        }
        let epoch = (self.options.names)();
        let id = store.begin(&epoch, limits::JOURNAL_EPOCHS)?;
        let current = Stored {
            epoch,
            begin: 0,
            end: 0,
        };
        self.log
            .begin_epoch(epochs.iter().map(stored).collect(), current);
        Ok(OpenJournal::new(store, id, 0, purges))
    }

    async fn write(&mut self, mut open: OpenJournal) -> WriterEnd {
        let mut prune = interval(limits::JOURNAL_PRUNE);
        prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due: Option<Instant> = None;
        let mut behind = true;
        loop {
            let done: Result<(), Fault> = tokio::select! {
                biased;
                done = self.closing.recv() => {
                    let Some(done) = done else { return WriterEnd::Closed };
                    return match self.close(&mut open) {
                        Ok(()) => {
                            let _nobody_waits = done.send(());
                            WriterEnd::Closed
                        }
                        Err(fault) => WriterEnd::Failed(fault),
                    };
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.store(&mut open).map(|()| due = self.next_due())
                }
                () = self.log.pending() => match self.log.pending_bytes() {
                    None => Err(Fault::Overrun),
                    Some(bytes) if bytes >= limits::JOURNAL_GROUP_BYTES => {
                        self.store(&mut open).map(|()| due = self.next_due())
                    }
                    Some(_) => {
                        due = due.or_else(|| self.next_due());
                        Ok(())
                    }
                },
                _ = prune.tick() => {
                    behind = true;
                    Ok(())
                }
                () = tokio::task::yield_now(), if behind => self.tidy(&mut open).map(|more| behind = more),
            };
            let noted = done.and_then(|()| self.note_purges(&mut open));
            match noted {
                Ok(noted) => behind |= noted,
                Err(fault) => return WriterEnd::Failed(fault),
            }
        }
    }

    /// When the pending entries are to be stored, if there are any.
    fn next_due(&self) -> Option<Instant> {
        Some(Instant::now() + next_group(self.log.pending_bytes())?)
    }

    /// Stores all entries that are pending now. Later entries wait for the next group: otherwise a busy log would
    /// compress and write the newest block again for every few entries.
    fn store(&self, open: &mut OpenJournal) -> Result<(), Fault> {
        let newest = self.log.end().seq;
        loop {
            let entries = self
                .log
                .unstored(limits::JOURNAL_GROUP_ENTRIES, limits::JOURNAL_GROUP_BYTES);
            let entries = entries.ok_or(Fault::Overrun)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            open.note_sessions(&entries)?;
            let mut group = Vec::new();
            for entry in &entries {
                let packer = open
                    .packer
                    .get_or_insert_with(|| Packer::new(open.epoch, entry.seq));
                packer.push(entry);
                if packer.is_full() {
                    group.push(pack(packer)?);
                    open.packer = None;
                }
            }
            if let Some(packer) = &open.packer {
                group.push(pack(packer)?);
            }
            open.store.append(&group)?;
            open.last = last.seq;
            self.log.stored(last.seq);
            if open.last >= newest {
                return Ok(());
            }
        }
    }

    fn close(&self, open: &mut OpenJournal) -> Result<(), Fault> {
        self.store(open)?;
        self.note_purges(open)?;
        open.store.close(open.epoch, open.last)?;
        Ok(())
    }

    /// Records new deletions as purges. True if there were any.
    fn note_purges(&self, open: &mut OpenJournal) -> Result<bool, Fault> {
        let mut any = false;
        // Each leaves the log's list only once the store has recorded it: after a failure it is recorded at the next
        // opening.
        while let Some(purge) = self.log.next_purge() {
            open.store.note_purge(&purge)?;
            self.log.purge_noted(&purge);
            open.purges.push(purge);
            any = true;
        }
        Ok(any)
    }

    /// Purges and prunes a little. True if there is more to do at once.
    fn tidy(&self, open: &mut OpenJournal) -> Result<bool, Fault> {
        if let Some(purge) = open.purges.first().cloned() {
            // Entries of the purged source are stored by now, or were redacted before.
            self.store(open)?;
            open.packer = None;
            return open.purge(&purge);
        }
        let days = i64::from(self.options.retention.days);
        let bounds = Bounds {
            bytes: self.options.retention.bytes,
            oldest: Timestamp(self.options.clock.now().0 - days * 86_400_000),
        };
        let pruned = open.store.prune(bounds, limits::JOURNAL_SLICE)?;
        if pruned > 0 {
            // The newest block may be affected.
            open.packer = None;
            let epochs = open.store.epochs()?;
            self.log
                .pruned(&epochs.iter().map(stored).collect::<Vec<_>>());
        }
        Ok(pruned == limits::JOURNAL_SLICE)
    }
}

impl OpenJournal {
    fn new(store: Box<dyn Store>, epoch: EpochId, last: u64, purges: Vec<Purge>) -> Self {
        Self {
            store,
            epoch,
            packer: None,
            last,
            purges,
            searched: BlockPosition::default(),
            sessions: HashSet::new(),
        }
    }

    /// Notes of which sessions these entries hold texts. The next hub asks whether those sessions still exist.
    fn note_sessions(&mut self, entries: &[Arc<Entry>]) -> Result<(), StoreError> {
        let mut new: BTreeSet<SessionKey> = BTreeSet::new();
        for entry in entries {
            let texts =
                !entry.private && matches!(entry.payload, Payload::Upstream(_) | Payload::Hub(_));
            let Some(session) = entry.session.as_ref().filter(|_| texts) else {
                continue;
            };
            let key = (entry.instance.clone(), session.clone());
            if !self.sessions.contains(&key) {
                new.insert(key);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<SessionKey> = new.into_iter().collect();
        self.store.note_sessions(&new, limits::JOURNAL_SESSIONS)?;
        if self.sessions.len() + new.len() > limits::JOURNAL_SESSIONS {
            // Those that are noted once more are noted in vain, and nothing else.
            self.sessions.clear();
        }
        self.sessions.extend(new);
        Ok(())
    }

    /// Removes texts from a few more blocks. True if there is more to do at once.
    fn purge(&mut self, purge: &Purge) -> Result<bool, Fault> {
        let blocks = self
            .store
            .holding(purge, self.searched, limits::JOURNAL_SLICE)?;
        let Some(last) = blocks.last() else {
            if !self.store.purged(purge)? {
                return Ok(false);
            }
            self.purges.remove(0);
            let of_it = |(instance, session): &SessionKey| {
                let one = purge.session.as_ref();
                *instance == purge.instance && one.is_none_or(|one| one == session)
            };
            self.sessions.retain(|noted| !of_it(noted));
            self.searched = BlockPosition::default();
            return Ok(true);
        };
        let searched = (last.epoch, last.first);
        let without: Result<Vec<Block>, _> = blocks
            .iter()
            .map(|block| {
                block::without(block, |record| {
                    purge.covers(&record.instance, record.session.as_deref(), &record.payload)
                })
            })
            .collect();
        let without = without.map_err(|bad| StoreError::Damaged(bad.to_string()))?;
        self.store.append(&without)?;
        self.searched = searched;
        Ok(true)
    }
}

/// The delay until the next group; `None` if nothing is pending.
fn next_group(pending: Option<usize>) -> Option<Duration> {
    match pending {
        Some(0) => None,
        // These entries arrived while the previous group was stored, so no wakeup follows.
        Some(bytes) if bytes >= limits::JOURNAL_GROUP_BYTES => Some(limits::JOURNAL_BREATH),
        Some(_) | None => Some(limits::JOURNAL_GROUP),
    }
}

fn pack(packer: &Packer) -> Result<Block, Fault> {
    packer
        .pack()
        .map_err(|error| Fault::Packing(error.to_string()))
}

fn stored(epoch: &Epoch) -> Stored {
    Stored {
        epoch: epoch.name.clone(),
        begin: epoch.begin,
        end: epoch.end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_whole_group_already_is_stored_soon() {
        let whole = limits::JOURNAL_GROUP_BYTES;
        assert_eq!(next_group(Some(0)), None);
        assert_eq!(next_group(Some(whole - 1)), Some(limits::JOURNAL_GROUP));
        assert_eq!(next_group(Some(whole)), Some(limits::JOURNAL_BREATH));
        assert_eq!(next_group(None), Some(limits::JOURNAL_GROUP));
    }
}

//! The one writer of a journal.
//!
//! It stores what the log has pending, in groups, and says how that goes. A failure ends the life of the log that is
//! being stored: the next begins once the medium can be written again. It never holds up the log.

use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::block::{self, Packer};
use super::store::{Block, Bounds, Life, LifeId, Place, Purge, Store, StoreError};
use super::{Options, Status};
use crate::limits;
use crate::record::log::{Log, Stored};
use crate::tasks;

/// Why nothing is stored any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the disk is too slow for what the servers say")]
    Overrun,
    #[error("there is no memory for it: {0}")]
    Packing(String),
    #[error("the part of Drovers that writes it failed ({0})")]
    Panicked(Arc<str>),
}

/// Why writing ended.
enum End {
    /// It was asked for, or nobody is left to write for.
    Closed,
    Failed(Fault),
}

pub(super) struct Writer {
    options: Options,
    log: Arc<Log>,
    closing: mpsc::Receiver<oneshot::Sender<()>>,
    status: watch::Sender<Status>,
}

/// An open journal, and the life that is written to it.
struct Open {
    store: Box<dyn Store>,
    life: LifeId,
    /// The newest block, as long as it grows.
    packer: Option<Packer>,
    last: u64,
    purges: Vec<Purge>,
    /// Up to where blocks were searched for the first of them.
    searched: Place,
}

/// Gives a writer what it runs on: a thread of its own if its medium may wait, so that a disk that hangs harms nobody.
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
            let end = end.unwrap_or_else(|reason| End::Failed(Fault::Panicked(reason)));
            let fault = match end {
                End::Closed => return,
                End::Failed(fault) => fault,
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

    async fn open_and_write(&mut self, put_aside: Option<Arc<str>>) -> End {
        match self.open() {
            Ok(open) => {
                self.status.send_replace(Status::Ok { put_aside });
                self.write(open).await
            }
            Err(fault) => End::Failed(fault),
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

    /// Opens the journal and goes on in its last life, or begins one.
    fn open(&self) -> Result<Open, Fault> {
        let mut store = self.options.medium.open()?;
        let lives = store.lives()?;
        let purges = store.purges()?;
        if let Some((last, older)) = lives.split_last()
            && last.closed
            && self.log.is_untouched()
        {
            store.resume(last.id)?;
            if self
                .log
                .begin_life(older.iter().map(stored).collect(), stored(last))
            {
                return Ok(Open::new(store, last.id, last.end, purges));
            }
        }
        let epoch = (self.options.names)();
        let life = store.begin(&epoch, limits::JOURNAL_LIVES)?;
        let current = Stored {
            epoch,
            begin: 0,
            end: 0,
        };
        self.log
            .begin_life(lives.iter().map(stored).collect(), current);
        Ok(Open::new(store, life, 0, purges))
    }

    async fn write(&mut self, mut open: Open) -> End {
        let mut prune = interval(limits::JOURNAL_PRUNE);
        prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due: Option<Instant> = None;
        let mut behind = true;
        loop {
            let done: Result<(), Fault> = tokio::select! {
                biased;
                done = self.closing.recv() => {
                    let Some(done) = done else { return End::Closed };
                    return match self.close(&mut open) {
                        Ok(()) => {
                            let _nobody_waits = done.send(());
                            End::Closed
                        }
                        Err(fault) => End::Failed(fault),
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
                Err(fault) => return End::Failed(fault),
            }
        }
    }

    /// When what came since the last group is to be stored, if anything came.
    fn next_due(&self) -> Option<Instant> {
        Some(Instant::now() + next_group(self.log.pending_bytes())?)
    }

    /// Stores everything that is pending now. What comes meanwhile waits for the next group: else a busy log would have
    /// the newest block packed and written again for every few entries.
    fn store(&self, open: &mut Open) -> Result<(), Fault> {
        let newest = self.log.end().seq;
        loop {
            let entries = self
                .log
                .unstored(limits::JOURNAL_GROUP_ENTRIES, limits::JOURNAL_GROUP_BYTES);
            let entries = entries.ok_or(Fault::Overrun)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            let mut group = Vec::new();
            for entry in &entries {
                let packer = open
                    .packer
                    .get_or_insert_with(|| Packer::new(open.life, entry.seq));
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

    fn close(&self, open: &mut Open) -> Result<(), Fault> {
        self.store(open)?;
        self.note_purges(open)?;
        open.store.close(open.life, open.last)?;
        Ok(())
    }

    /// Notes what was deleted since. True if that was anything.
    fn note_purges(&self, open: &mut Open) -> Result<bool, Fault> {
        let mut any = false;
        // Each leaves the log's list only once the store has it: what fails here is noted by the next that opens it.
        while let Some(purge) = self.log.next_purge() {
            open.store.note_purge(&purge)?;
            self.log.purge_noted(&purge);
            open.purges.push(purge);
            any = true;
        }
        Ok(any)
    }

    /// Purges and prunes a little. True if there is more to do at once.
    fn tidy(&self, open: &mut Open) -> Result<bool, Fault> {
        if let Some(purge) = open.purges.first().cloned() {
            // What it says is stored by now, or was withheld before it was.
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
            // The newest block may be among them.
            open.packer = None;
            let lives = open.store.lives()?;
            self.log
                .pruned(&lives.iter().map(stored).collect::<Vec<_>>());
        }
        Ok(pruned == limits::JOURNAL_SLICE)
    }
}

impl Open {
    fn new(store: Box<dyn Store>, life: LifeId, last: u64, purges: Vec<Purge>) -> Self {
        Self {
            store,
            life,
            packer: None,
            last,
            purges,
            searched: Place::default(),
        }
    }

    /// Takes texts out of a few more blocks. True if there is more to do at once.
    fn purge(&mut self, purge: &Purge) -> Result<bool, Fault> {
        let blocks = self
            .store
            .holding(purge, self.searched, limits::JOURNAL_SLICE)?;
        let Some(last) = blocks.last() else {
            if !self.store.purged(purge)? {
                return Ok(false);
            }
            self.purges.remove(0);
            self.searched = Place::default();
            return Ok(true);
        };
        let searched = (last.life, last.first);
        let without: Result<Vec<Block>, _> = blocks
            .iter()
            .map(|block| {
                block::without(block, |record| {
                    purge.covers(&record.instance, record.session.as_deref(), &record.said)
                })
            })
            .collect();
        let without = without.map_err(|bad| StoreError::Damaged(bad.to_string()))?;
        self.store.append(&without)?;
        self.searched = searched;
        Ok(true)
    }
}

/// How long what waits to be stored goes on waiting; `None` if nothing does.
fn next_group(pending: Option<usize>) -> Option<Duration> {
    match pending {
        Some(0) => None,
        // It came while the group before was stored, so that nothing else tells of it.
        Some(bytes) if bytes >= limits::JOURNAL_GROUP_BYTES => Some(limits::JOURNAL_BREATH),
        Some(_) | None => Some(limits::JOURNAL_GROUP),
    }
}

fn pack(packer: &Packer) -> Result<Block, Fault> {
    packer
        .pack()
        .map_err(|error| Fault::Packing(error.to_string()))
}

fn stored(life: &Life) -> Stored {
    Stored {
        epoch: life.epoch.clone(),
        begin: life.begin,
        end: life.end,
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

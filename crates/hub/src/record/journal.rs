//! The journal: the log on disk, so that it outlives the hub.
//!
//! One [`writer`] stores the entries of the log in groups, asynchronously: live readers never wait for it. [`store`] is
//! the port to the storage; [`sqlite`] implements it with a file, [`memory`] in memory. [`block`] is the format of
//! entries. If the journal fails, the log continues in memory, and later entries belong to a new epoch: see
//! `docs/adr/0008-journal.md`.
//!
//! What a reader receives is decided in [`crate::record::log`].

pub mod block;
pub mod memory;
mod read;
mod sources;
pub mod sqlite;

pub mod store;
mod writer;

use std::sync::Arc;

use model::time::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::limits;
use crate::record::log::Log;
use store::Medium;
use writer::Writer;

/// Configuration of a journal.
#[derive(Clone)]
pub struct Options {
    /// The storage.
    pub medium: Arc<dyn Medium>,
    /// The retention.
    pub retention: Retention,
    /// The clock, for the age of entries.
    pub clock: Clock,
    /// Generates the names of new epochs; they must be unique.
    pub names: Names,
}

/// A generator of epoch names.
pub type Names = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// The retention of a journal. Entries beyond either bound are pruned, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Maximum size in bytes.
    pub bytes: u64,
    /// Maximum age of an entry in days.
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            bytes: limits::JOURNAL_BYTES,
            days: limits::JOURNAL_DAYS,
        }
    }
}

/// The status of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The journal is being opened.
    Opening,
    /// Every entry is stored, with a delay of at most [`limits::JOURNAL_GROUP`].
    Ok {
        /// Where a damaged journal was moved that this one replaces.
        put_aside: Option<Arc<str>>,
    },
    /// The journal is off: nothing is stored.
    Off {
        /// The reason, unless the journal was turned off by the configuration.
        reason: Option<Arc<str>>,
    },
    /// Nothing is stored at the moment; opening is retried.
    Failed {
        /// The reason, for people.
        reason: Arc<str>,
        /// Time of the failure.
        since: Timestamp,
    },
}

impl Status {
    /// The notice for people, if any.
    pub fn notice(&self) -> Option<Arc<str>> {
        let text = match self {
            Self::Opening | Self::Ok { put_aside: None } | Self::Off { reason: None } => {
                return None;
            }
            Self::Ok {
                put_aside: Some(place),
            } => format!(
                "The journal was damaged, so a new one was started. The damaged file is kept as {place}"
            ),
            Self::Off {
                reason: Some(reason),
            } => format!(
                "The journal is off: {reason}. What is shown is live; it cannot be read back later. Update Drovers, or \
                 choose another data directory with `--data-dir`"
            ),
            Self::Failed { reason, .. } => format!(
                "The journal has stopped: {reason}. What is shown is live; it cannot be read back later. It is tried \
                 again every {} s",
                limits::JOURNAL_AGAIN.as_secs()
            ),
        };
        Some(text.into())
    }
}

/// A log and its journal. Cheap to clone; the writer ends once all clones are dropped, or with the process.
#[derive(Clone, Debug)]
pub struct Journal {
    log: Arc<Log>,
    status: watch::Receiver<Status>,
    kept: Option<JournalHandle>,
}

/// The handle to the writer and the storage.
#[derive(Clone, Debug)]
struct JournalHandle {
    medium: Arc<dyn Medium>,
    reads: Arc<Semaphore>,
    closing: mpsc::Sender<oneshot::Sender<()>>,
}

impl Journal {
    /// A log in memory only, whose only epoch has this name.
    pub fn off(epoch: Arc<str>) -> Self {
        let (_, status) = watch::channel(Status::Off { reason: None });
        Self {
            log: Arc::new(Log::new(epoch, limits::LOG_BYTES)),
            status,
            kept: None,
        }
    }

    /// A log with its journal. Returns once the journal is open, has failed, or takes longer than
    /// [`limits::JOURNAL_OPEN`].
    pub async fn open(options: Options) -> Self {
        let log = Arc::new(Log::new((options.names)(), limits::LOG_BYTES));
        log.expect_journal();
        let (closing, closed) = mpsc::channel(1);
        let (status_sender, mut status) = watch::channel(Status::Opening);
        let kept = JournalHandle {
            medium: options.medium.clone(),
            reads: Arc::new(Semaphore::new(limits::JOURNAL_READS)),
            closing,
        };
        writer::host(Writer::new(options, log.clone(), closed, status_sender));
        let opened = async {
            let opened = status.wait_for(|status| *status != Status::Opening);
            // An error means that the writer thread has ended, which is reported elsewhere.
            let _gone = opened.await.is_err();
        };
        let _late = timeout(limits::JOURNAL_OPEN, opened).await;
        Self {
            log,
            status,
            kept: Some(kept),
        }
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A receiver of the current status.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Stores the remaining entries and closes the journal, so that the next run of the hub continues the epoch. Waits
    /// at most [`limits::JOURNAL_CLOSE`].
    pub async fn close(&self) {
        let Some(kept) = &self.kept else { return };
        let closing = async {
            let (done, closed) = oneshot::channel();
            if kept.closing.send(done).await.is_ok() {
                // Dropped unanswered where the journal could not be closed: the writer logged that.
                let _unclosed = closed.await;
            }
        };
        if timeout(limits::JOURNAL_CLOSE, closing).await.is_err() {
            tracing::warn!(
                "the journal was not closed in time: the log begins a new epoch at the next start"
            );
        }
    }
}

#[cfg(test)]
mod tests;

//! The journal: the log on disk, so that it outlives the hub.
//!
//! One [`writer`] stores what the log appends, in groups, behind it: nobody who is live ever waits for it. [`store`] is
//! the port to where it is kept; [`sqlite`] keeps it in a file, [`memory`] in memory. [`block`] is the format of
//! entries, [`keep`] what of an event is kept, [`word`] what the hub says itself; [`recall`] reads at the start what a
//! hub before this one knew. If it fails, the log goes on in memory, and
//! what follows belongs to a new life of it: see `docs/adr/0008-journal.md`.
//!
//! Nothing here decides what a reader is given: that is [`crate::record::log`].

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

/// How a journal is kept.
#[derive(Clone)]
pub struct Options {
    /// Where.
    pub medium: Arc<dyn Medium>,
    /// How much of it.
    pub retention: Retention,
    /// The time of day, for its age.
    pub clock: Clock,
    /// Gives a new life its name; no two may be the same.
    pub names: Names,
}

/// Gives names to lives of the log.
pub type Names = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// How much of a journal is kept. What is beyond either bound goes, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes that it may take.
    pub bytes: u64,
    /// How old an entry may be.
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

/// How a journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is being opened.
    Opening,
    /// Everything is stored, at most [`limits::JOURNAL_GROUP`] behind.
    Ok {
        /// Where a damaged one was put that this one follows.
        put_aside: Option<Arc<str>>,
    },
    /// Nothing is stored, and nothing will be.
    Off {
        /// Why, if nobody wanted it so.
        reason: Option<Arc<str>>,
    },
    /// Nothing is stored now; it is tried again.
    Failed {
        /// Why, for a person.
        reason: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
}

impl Status {
    /// What a person should know of it, if anything.
    pub fn notice(&self) -> Option<Arc<str>> {
        let text = match self {
            Self::Opening | Self::Ok { put_aside: None } | Self::Off { reason: None } => {
                return None;
            }
            Self::Ok {
                put_aside: Some(place),
            } => format!(
                "The journal was damaged and a new one was begun. What was there is kept as {place}"
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

/// A log and its journal. Cheap to clone; once all are dropped the writer ends, as it would with its process.
#[derive(Clone, Debug)]
pub struct Journal {
    log: Arc<Log>,
    status: watch::Receiver<Status>,
    kept: Option<Kept>,
}

/// Where it is kept.
#[derive(Clone, Debug)]
struct Kept {
    medium: Arc<dyn Medium>,
    reads: Arc<Semaphore>,
    closing: mpsc::Sender<oneshot::Sender<()>>,
}

impl Journal {
    /// A log in memory alone, whose only life has this name.
    pub fn off(epoch: Arc<str>) -> Self {
        let (_, status) = watch::channel(Status::Off { reason: None });
        Self {
            log: Arc::new(Log::new(epoch, limits::LOG_BYTES)),
            status,
            kept: None,
        }
    }

    /// A log with its journal, which is open when this returns, or has failed, or takes longer than
    /// [`limits::JOURNAL_OPEN`].
    pub async fn open(options: Options) -> Self {
        let log = Arc::new(Log::new((options.names)(), limits::LOG_BYTES));
        log.expect_journal();
        let (closing, closed) = mpsc::channel(1);
        let (told, mut status) = watch::channel(Status::Opening);
        let kept = Kept {
            medium: options.medium.clone(),
            reads: Arc::new(Semaphore::new(limits::JOURNAL_READS)),
            closing,
        };
        writer::host(Writer::new(options, log.clone(), closed, told));
        let opened = async {
            let opened = status.wait_for(|status| *status != Status::Opening);
            // Gone only with its thread, which is told of elsewhere.
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

    /// How it is now, and a way to wait for the next change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Stores what is left, and closes it, so that the next hub goes on in the same life. Waits at most
    /// [`limits::JOURNAL_CLOSE`].
    pub async fn close(&self) {
        let Some(kept) = &self.kept else { return };
        let closing = async {
            let (done, closed) = oneshot::channel();
            if kept.closing.send(done).await.is_ok() {
                // Dropped unanswered where it could not be closed: the writer said so.
                let _unclosed = closed.await;
            }
        };
        if timeout(limits::JOURNAL_CLOSE, closing).await.is_err() {
            tracing::warn!(
                "the journal was not closed in time: the log begins a new life at the next start"
            );
        }
    }
}

#[cfg(test)]
mod tests;

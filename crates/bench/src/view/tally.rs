//! What viewers of one kind saw, added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hdrhistogram::Histogram;

use super::wire::Bytes;
use crate::load::{Sent, Token};

/// The longest latency that is resolved, in microseconds. A longer one counts as this.
const LONGEST: u64 = 120_000_000;

/// What viewers of one kind saw of the words that were sent in the open window.
#[derive(Debug)]
pub(crate) struct Tally {
    sent: Arc<Sent>,
    from: AtomicU64,
    until: AtomicU64,
    latencies: Mutex<Latencies>,
    /// Words whose time of sending is not known any more.
    unknown: AtomicU64,
    /// Words that came twice, or that a later one overtook.
    out_of_order: AtomicU64,
    /// Viewers that have begun to look.
    pub(crate) looking: AtomicU64,
    /// Frames that were decoded.
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: Arc<Bytes>,
}

#[derive(Debug)]
struct Latencies {
    all: Histogram<u64>,
    newest: Histogram<u64>,
}

/// Latencies, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) all: Histogram<u64>,
    /// Of the newest word of each batch alone: the feed's tick is not in it.
    pub(crate) newest: Histogram<u64>,
    pub(crate) unknown: u64,
    pub(crate) out_of_order: u64,
}

impl Tally {
    pub(crate) fn new(sent: Arc<Sent>) -> Arc<Self> {
        Arc::new(Self {
            sent,
            from: AtomicU64::new(u64::MAX),
            until: AtomicU64::new(u64::MAX),
            latencies: Mutex::new(Latencies {
                all: histogram(),
                newest: histogram(),
            }),
            unknown: AtomicU64::new(0),
            out_of_order: AtomicU64::new(0),
            looking: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            bytes: Arc::default(),
        })
    }

    /// Counts words that are sent from a time on.
    pub(crate) fn open(&self, from: u64) {
        self.until.store(u64::MAX, Ordering::Relaxed);
        self.from.store(from, Ordering::Relaxed);
    }

    /// Counts words no longer that are sent from a time on; those on their way still count.
    pub(crate) fn close(&self, until: u64) {
        self.until.store(until, Ordering::Relaxed);
    }

    /// Words that were counted.
    pub(crate) fn count(&self) -> u64 {
        self.latencies().all.len() + self.unknown.load(Ordering::Relaxed)
    }

    /// Takes what was seen, and begins anew.
    pub(crate) fn take(&self) -> Seen {
        let mut latencies = self.latencies();
        let seen = Seen {
            all: latencies.all.clone(),
            newest: latencies.newest.clone(),
            unknown: self.unknown.swap(0, Ordering::Relaxed),
            out_of_order: self.out_of_order.swap(0, Ordering::Relaxed),
        };
        latencies.all.reset();
        latencies.newest.reset();
        self.from.store(u64::MAX, Ordering::Relaxed);
        seen
    }

    /// Notes words that are here now, in order, and how many of them are not the next of their session.
    pub(crate) fn note(&self, words: &[Token], out_of_order: u64) {
        if words.is_empty() {
            return;
        }
        let now = self.sent.now();
        let from = self.from.load(Ordering::Relaxed);
        if from == u64::MAX {
            return;
        }
        let until = self.until.load(Ordering::Relaxed);
        let counts = |sent: &u64| *sent >= from && *sent < until;
        let mut latencies = self.latencies();
        let mut newest = None;
        for word in words {
            match self.sent.of(*word) {
                None => {
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                }
                Some(sent) if counts(&sent) => {
                    latencies.all.saturating_record(now.saturating_sub(sent));
                    newest = newest.max(Some(sent));
                }
                Some(_) => {}
            }
        }
        if let Some(sent) = newest {
            latencies.newest.saturating_record(now.saturating_sub(sent));
        }
        self.out_of_order.fetch_add(out_of_order, Ordering::Relaxed);
    }

    fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// An empty histogram of microseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3)
        .expect("the bounds are in order, and three digits can be had")
}

/// Where each session was.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Option<u32>>);

impl Places {
    /// True if a word is the next one of its session, or the first that is seen of it.
    pub(crate) fn is_next(&mut self, token: Token) -> bool {
        let slot = token.slot as usize;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        let before = self.0[slot].replace(token.number);
        before.is_none_or(|before| before + 1 == token.number)
    }

    /// True if a word is newer than every one of its session before it.
    pub(crate) fn is_new(&mut self, token: Token) -> bool {
        let slot = token.slot as usize;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        let newer = self.0[slot].is_none_or(|before| token.number > before);
        if newer {
            self.0[slot] = Some(token.number);
        }
        newer
    }
}

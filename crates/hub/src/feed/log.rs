//! The lossless feed: every upstream event in order, by cursor.
//!
//! A cursor is `epoch-seq`: the epoch is the life of this log, the sequence counts its entries from one. A reader whose
//! cursor is of another life, or older than what is kept, is told of the gap before it gets anything else.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};

use model::ids::InstanceId;
use model::time::Timestamp;
use tokio::sync::watch;

/// A place in the log: after the entry that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which life of the log.
    pub epoch: Arc<str>,
    /// Which entry; zero is before the first.
    pub seq: u64,
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor looks like `epoch-123`: take it from the `id` of an event")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (epoch, seq) = text.rsplit_once('-').ok_or(BadCursor)?;
        if epoch.is_empty() {
            return Err(BadCursor);
        }
        Ok(Self {
            epoch: epoch.into(),
            seq: seq.parse().map_err(|_| BadCursor)?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// One upstream event.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub seq: u64,
    /// The server it came from.
    pub instance: InstanceId,
    /// The session it is about, if it is about one.
    pub session: Option<Arc<str>>,
    /// As it came.
    pub event: Arc<str>,
    /// When it came.
    pub at: Timestamp,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    epoch: Arc<str>,
    bound: usize,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    last: u64,
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
    /// A log that keeps up to `bound` bytes of events.
    pub fn new(epoch: Arc<str>, bound: usize) -> Self {
        Self {
            epoch,
            bound,
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Appends an event; the oldest give way to it.
    pub(crate) fn append(
        &self,
        instance: &InstanceId,
        session: Option<Arc<str>>,
        event: Arc<str>,
        at: Timestamp,
    ) {
        let mut ring = self.ring();
        ring.last += 1;
        ring.bytes += event.len();
        let (seq, instance) = (ring.last, instance.clone());
        ring.entries.push_back(Arc::new(Entry {
            seq,
            instance,
            session,
            event,
            at,
        }));
        while ring.bytes > self.bound
            && let Some(oldest) = ring.entries.pop_front()
        {
            ring.bytes -= oldest.event.len();
        }
        drop(ring);
        self.newest.send_replace(seq);
    }

    /// The place after the newest entry.
    pub fn end(&self) -> Cursor {
        self.cursor(self.ring().last)
    }

    /// The place before the oldest entry that is kept.
    pub fn begin(&self) -> Cursor {
        self.cursor(self.ring().first() - 1)
    }

    /// The place after an entry.
    pub fn cursor(&self, seq: u64) -> Cursor {
        Cursor {
            epoch: self.epoch.clone(),
            seq,
        }
    }

    /// Up to `most` entries after a place.
    pub fn read(&self, after: &Cursor, most: usize) -> Read {
        let ring = self.ring();
        let first = ring.first();
        if after.epoch != self.epoch || after.seq > ring.last || after.seq + 1 < first {
            return Read::Gap {
                resume: self.cursor(first - 1),
            };
        }
        let skip = usize::try_from(after.seq + 1 - first).unwrap_or(usize::MAX);
        Read::Entries(ring.entries.iter().skip(skip).take(most).cloned().collect())
    }

    /// Wakes whenever an entry was appended.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Ring {
    /// Number of the oldest entry that is kept; of the next one, if none is.
    fn first(&self) -> u64 {
        self.entries
            .front()
            .map_or(self.last + 1, |entry| entry.seq)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn log_of(events: &[&str], bound: usize) -> Log {
        let log = Log::new("e".into(), bound);
        for event in events {
            log.append(&"i".into(), None, (*event).into(), Timestamp(0));
        }
        log
    }

    fn texts(read: Read) -> Vec<String> {
        match read {
            Read::Entries(entries) => entries
                .iter()
                .map(|entry| entry.event.to_string())
                .collect(),
            Read::Gap { resume } => vec![format!("gap, then after {resume}")],
        }
    }

    #[test]
    fn a_reader_gets_what_is_after_its_cursor() {
        let log = log_of(&["a", "b", "c"], 100);
        assert_eq!(texts(log.read(&log.begin(), 9)), ["a", "b", "c"]);
        assert_eq!(texts(log.read(&"e-1".parse().unwrap(), 1)), ["b"]);
        assert_eq!(texts(log.read(&log.end(), 9)), [""; 0]);
    }

    #[test]
    fn what_is_lost_is_said() {
        let log = log_of(&["aaaa", "bbbb", "cccc"], 8);
        assert_eq!(
            texts(log.read(&"e-0".parse().unwrap(), 9)),
            ["gap, then after e-1"]
        );
        assert_eq!(
            texts(log.read(&"other-3".parse().unwrap(), 9)),
            ["gap, then after e-1"]
        );
        assert_eq!(
            texts(log.read(&"e-99".parse().unwrap(), 9)),
            ["gap, then after e-1"]
        );
        assert_eq!(
            texts(log.read(&"e-1".parse().unwrap(), 9)),
            ["bbbb", "cccc"]
        );
    }

    #[test]
    fn a_cursor_reads_as_it_is_written() {
        let cursor: Cursor = "2026-a-17".parse().unwrap();
        assert_eq!((&*cursor.epoch, cursor.seq), ("2026-a", 17));
        assert_eq!(cursor.to_string(), "2026-a-17");
        for bad in ["", "17", "-17", "a-", "a-b"] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor));
        }
    }
}

//! What the log is made of: entries, and places between them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

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

/// One thing that was said of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its life.
    pub epoch: Arc<str>,
    /// Its place in it.
    pub seq: u64,
    /// The server it came from, or is about.
    pub instance: InstanceId,
    /// The session it is about, if it is about one.
    pub session: Option<Arc<str>>,
    /// What was said.
    pub said: Said,
    /// When it came.
    pub at: Timestamp,
    /// True if its text must not be stored.
    pub private: bool,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An event of the server, as it came.
    Upstream(Arc<str>),
    /// An event of the server of which only type and ids are kept, as JSON: nothing that anyone wrote.
    Names(Arc<str>),
    /// The hub's own word on the link, as JSON.
    Hub(Arc<str>),
    /// Something that is not kept.
    Withheld,
}

impl Entry {
    /// The place after it.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.epoch.clone(),
            seq: self.seq,
        }
    }

    /// Bytes that it takes, its own place included.
    pub fn bytes(&self) -> usize {
        let text = match &self.said {
            Said::Upstream(text) | Said::Names(text) | Said::Hub(text) => text.len(),
            Said::Withheld => 0,
        };
        text + size_of::<Self>()
    }
}

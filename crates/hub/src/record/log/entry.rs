//! Entries of the log, and cursors between them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

/// A cursor: the position in the log after the entry that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch of the log.
    pub epoch: Arc<str>,
    /// The sequence of the entry; zero is before the first.
    pub seq: u64,
}

/// A text that is not a valid cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor has the form `epoch-123`. Use the `id` of an event")]
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

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The epoch of the entry.
    pub epoch: Arc<str>,
    /// The sequence in the epoch.
    pub seq: u64,
    /// The server that sent the entry, or that it is about.
    pub instance: InstanceId,
    /// The session of the entry, if it has one.
    pub session: Option<Arc<str>>,
    /// The payload.
    pub payload: Payload,
    /// Time of arrival.
    pub at: Timestamp,
    /// True if the text must not be stored.
    pub private: bool,
}

/// The payload of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An event of the server, as received.
    Upstream(Arc<str>),
    /// An event of the server of which only type and ids are retained, as JSON without text of any author.
    Names(Arc<str>),
    /// An event of the hub about the link, as JSON.
    Hub(Arc<str>),
    /// A payload that was removed.
    Redacted,
}

impl Entry {
    /// The cursor after this entry.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.epoch.clone(),
            seq: self.seq,
        }
    }

    /// Size in bytes, including the entry itself.
    pub fn bytes(&self) -> usize {
        let text = match &self.payload {
            Payload::Upstream(text) | Payload::Names(text) | Payload::Hub(text) => text.len(),
            Payload::Redacted => 0,
        };
        text + size_of::<Self>()
    }
}

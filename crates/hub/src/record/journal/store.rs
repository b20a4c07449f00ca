//! The port to the storage of a journal: epochs, and blocks of their entries.
//!
//! Synchronous and free of policy: it stores whole groups or nothing. The writer decides when to write, what to prune
//! and how to handle a failure. The storage never parses a block.

use std::fmt::Debug;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::sources::Sources;
use crate::record::log::Payload;

/// A session of an instance.
pub type SessionKey = (InstanceId, Arc<str>);

/// Identifier of an epoch in a medium; later epochs have greater ids.
pub type EpochId = i64;

/// The stored part of an epoch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Id of the epoch.
    pub id: EpochId,
    /// Name of the epoch in cursors.
    pub name: Arc<str>,
    /// The sequence before the oldest stored entry; `end` if none is stored.
    pub begin: u64,
    /// The sequence of the newest entry that was ever stored; zero before the first.
    pub end: u64,
    /// True if the epoch was closed cleanly and is complete: then it may continue at `end + 1`.
    pub closed: bool,
}

/// A purge: the texts to be removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purge {
    /// The instance whose texts are purged.
    pub instance: InstanceId,
    /// The session whose texts are purged; all sessions if absent.
    pub session: Option<Arc<str>>,
}

impl Purge {
    /// True if the purge covers a payload. Names of a session's events remain: nobody wrote them.
    pub fn covers(&self, instance: &InstanceId, session: Option<&str>, payload: &Payload) -> bool {
        let names = matches!(payload, Payload::Names(_));
        let here = self.session.is_none() || (self.session.as_deref() == session && !names);
        self.instance == *instance && here
    }
}

/// Consecutive entries of one epoch, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The epoch of the entries.
    pub epoch: EpochId,
    /// Sequence of the first entry. A block replaces the previous one with the same epoch and first entry.
    pub first: u64,
    /// Sequence of the last entry.
    pub last: u64,
    /// Time of the newest entry.
    pub newest: Timestamp,
    /// Bytes before compression.
    pub raw: u64,
    /// The sources of the texts in the block.
    pub sources: Sources,
    /// The compressed entries: see [`crate::record::journal::block`].
    pub data: Vec<u8>,
}

/// Consecutive entries of one epoch, of which only the blocks that a reader asked for are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Name of the epoch.
    pub epoch: Arc<str>,
    /// Sequence of the first entry.
    pub first: u64,
    /// Sequence of the last entry.
    pub last: u64,
    /// The block; `None` where it has nothing of the instance.
    pub block: Option<Block>,
}

/// What [`Reader::spans`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The spans, oldest first.
    pub spans: Vec<Span>,
    /// True if there are older blocks of the instance.
    pub cut: bool,
}

/// Selects the blocks of [`Reader::spans`], from the newest one back. Pure.
#[derive(Debug)]
pub(super) struct SpanChoice {
    instance: Purge,
    /// The session, until a block was found that may hold its texts.
    session: Option<Purge>,
    left: u64,
    /// The spans, newest first.
    found: Spans,
}

/// What is done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// It is newer than all that is wanted.
    Skipped,
    /// It has nothing of the instance.
    Named,
    /// It is read.
    Whole,
    /// It, and all before it, are beyond the bound.
    Beyond,
}

impl SpanChoice {
    pub(super) fn new(instance: &InstanceId, session: Option<&Arc<str>>, raw: u64) -> Self {
        let purge = |session: Option<&Arc<str>>| Purge {
            instance: instance.clone(),
            session: session.cloned(),
        };
        Self {
            instance: purge(None),
            session: session.map(|session| purge(Some(session))),
            left: raw,
            found: Spans::default(),
        }
    }

    /// Decides about the next older block; without sources it may hold anything.
    pub(super) fn choose(&mut self, sources: Option<&Sources>, raw: u64) -> Chosen {
        let holds = |purge: &Purge| sources.is_none_or(|sources| sources.may_hold(purge));
        if let Some(session) = &self.session {
            if !holds(session) {
                return Chosen::Skipped;
            }
            self.session = None;
        }
        if !holds(&self.instance) {
            return Chosen::Named;
        }
        if raw > self.left {
            self.found.cut = true;
            return Chosen::Beyond;
        }
        self.left -= raw;
        Chosen::Whole
    }

    /// Adds a span before the ones so far.
    pub(super) fn add(&mut self, span: Span) {
        if span.block.is_none()
            && let Some(after) = self.found.spans.last_mut()
            && after.block.is_none()
            && after.epoch == span.epoch
            && span.last + 1 == after.first
        {
            after.first = span.first;
            return;
        }
        self.found.spans.push(span);
    }

    pub(super) fn spans(mut self) -> Spans {
        self.found.spans.reverse();
        self.found
    }
}

/// The position of a block: its epoch and first entry. Ordered by time.
pub type BlockPosition = (EpochId, u64);

/// The bounds for pruning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Maximum bytes.
    pub bytes: u64,
    /// Entries that arrived before this time may be pruned.
    pub oldest: Timestamp,
}

/// The reason why an operation of the storage failed. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The stored data is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The data was written by a newer version of Drovers.
    #[error("it was written by a newer Drovers (format {0})")]
    Newer(i64),
    /// Another program has the storage locked.
    #[error("another program has it locked")]
    Locked,
    /// The disk reported an error.
    #[error("it cannot be read or written: {0}")]
    Refused(String),
}

/// A storage location for a journal. Reopened after every failure.
pub trait Medium: Debug + Send + Sync + 'static {
    /// Opens the storage for its only writer, and creates it if needed.
    ///
    /// # Errors The storage cannot be opened; it is left unchanged.
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;

    /// Opens the storage for a reader.
    ///
    /// # Errors The storage cannot be read.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// Moves damaged storage aside, and returns its new location.
    ///
    /// # Errors It cannot be moved.
    fn put_aside(&self) -> Result<String, StoreError>;

    /// True if calls may block on a disk: then they run off the event loop.
    fn may_wait(&self) -> bool;
}

/// The writer's side. Each call is atomic.
pub trait Store: Send {
    /// The epochs, oldest first.
    fn epochs(&mut self) -> Result<Vec<Epoch>, StoreError>;

    /// Begins an epoch. Retains at most `keep` older epochs without entries.
    fn begin(&mut self, name: &str, keep: usize) -> Result<EpochId, StoreError>;

    /// Continues a closed epoch. Once this returns the epoch is durably not closed: otherwise entries lost with the
    /// power could be followed by others with the same cursors.
    fn resume(&mut self, epoch: EpochId) -> Result<(), StoreError>;

    /// Notes sessions before blocks with their texts are stored, so that [`Reader::sessions`] lists them. Only the last `keep`
    /// noted sessions are retained.
    fn note_sessions(&mut self, sessions: &[SessionKey], keep: usize) -> Result<(), StoreError>;

    /// Stores a group of blocks.
    fn append(&mut self, group: &[Block]) -> Result<(), StoreError>;

    /// Closes an epoch at this last entry: everything in it is durable once this returns.
    fn close(&mut self, epoch: EpochId, last: u64) -> Result<(), StoreError>;

    /// Removes up to `most` of the oldest blocks beyond the bounds. Returns their number.
    fn prune(&mut self, bounds: Bounds, most: usize) -> Result<usize, StoreError>;

    /// Records a purge until [`Store::purged`], over failures and restarts.
    fn note_purge(&mut self, purge: &Purge) -> Result<(), StoreError>;

    /// The outstanding purges.
    fn purges(&mut self) -> Result<Vec<Purge>, StoreError>;

    /// Up to `most` blocks after a position that may contain texts to be purged, in order.
    fn holding(
        &mut self,
        purge: &Purge,
        after: BlockPosition,
        most: usize,
    ) -> Result<Vec<Block>, StoreError>;

    /// Removes a completed purge, and the sessions that it names, from their lists. No copy of the purged texts remains; false if
    /// a reader may still hold one: then the purge stays on the list, and this is called again.
    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError>;

    /// Size in bytes.
    fn bytes(&mut self) -> Result<u64, StoreError>;
}

/// A reader's side.
pub trait Reader: Send {
    /// Blocks of an epoch from the one that contains the entry after `after`, as many as fit `raw` bytes before
    /// compression, and at least one if there is any.
    fn read(&mut self, epoch: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError>;

    /// The newest blocks of all epochs, oldest first, as many as fit `raw` bytes before compression, each with its
    /// epoch.
    fn newest(&mut self, raw: u64) -> Result<Vec<(Arc<str>, Block)>, StoreError>;

    /// The newest blocks that may hold texts of an instance, as many as fit `raw` bytes before compression, and the ranges of the
    /// blocks between them. With a session, from the newest block that may hold its texts.
    fn spans(
        &mut self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        raw: u64,
    ) -> Result<Spans, StoreError>;

    /// The noted sessions of which a block may hold texts, the last noted first.
    fn sessions(&mut self) -> Result<Vec<SessionKey>, StoreError>;
}

#[cfg(test)]
mod tests;

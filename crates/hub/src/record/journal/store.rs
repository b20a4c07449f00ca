//! The port to where a journal is kept: lives, and blocks of their entries.
//!
//! Synchronous, and free of policy: it keeps what it is given, whole groups or nothing of them, and gives it back. When
//! to write, what to prune and what a failure means is decided by the writer. It never looks into a block.

use std::fmt::Debug;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::sources::Sources;
use crate::record::log::Said;

/// Names a life within one medium; a later life has a greater one.
pub type LifeId = i64;

/// A life of the log, as far as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its number.
    pub id: LifeId,
    /// Its name in cursors.
    pub epoch: Arc<str>,
    /// The sequence before its oldest entry that is kept; `end` if none is.
    pub begin: u64,
    /// The sequence of the newest entry that was ever stored in it; zero before the first.
    pub end: u64,
    /// True if it was closed cleanly and nothing of it is missing: then it may go on at `end + 1`.
    pub closed: bool,
}

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purge {
    /// The texts of this instance,
    pub instance: InstanceId,
    /// of this session only, if one is named.
    pub session: Option<Arc<str>>,
}

impl Purge {
    /// True if what was said there is to go. Names of a session's events stay: nobody wrote them.
    pub fn covers(&self, instance: &InstanceId, session: Option<&str>, said: &Said) -> bool {
        let names = matches!(said, Said::Names(_));
        let here = self.session.is_none() || (self.session.as_deref() == session && !names);
        self.instance == *instance && here
    }
}

/// Entries of one life, one after the other, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose.
    pub life: LifeId,
    /// Sequence of the first entry. A block of the same life and first entry replaces the one before it.
    pub first: u64,
    /// Sequence of the last.
    pub last: u64,
    /// When the newest of them came.
    pub newest: Timestamp,
    /// Bytes before packing.
    pub raw: u64,
    /// Whose texts are in it.
    pub sources: Sources,
    /// The entries: see [`crate::record::journal::block`].
    pub data: Vec<u8>,
}

/// The place of a block: its life, and its first entry. Places are in the order of time.
pub type Place = (LifeId, u64);

/// What of the oldest may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that may be kept.
    pub bytes: u64,
    /// Entries that came before this may go.
    pub oldest: Timestamp,
}

/// Why a store does not do what it was asked. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room.
    #[error("there is no room left for it: {0}")]
    Full(String),
    /// What is there makes no sense.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It was made by a later Drovers.
    #[error("it was written by a newer Drovers (format {0})")]
    Newer(i64),
    /// Another program holds it.
    #[error("another program holds it")]
    Locked,
    /// The disk refuses.
    #[error("it cannot be read or written: {0}")]
    Refused(String),
}

/// A place where a journal can be kept. Opened anew after every failure.
pub trait Medium: Debug + Send + Sync + 'static {
    /// Opens it for its one writer, making it if there is none.
    ///
    /// # Errors
    /// It cannot be had; it stays as it is.
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;

    /// Opens it for a reader.
    ///
    /// # Errors
    /// It cannot be read.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// Puts what is damaged out of the way, and says where it is now.
    ///
    /// # Errors
    /// It cannot be moved.
    fn put_aside(&self) -> Result<String, StoreError>;

    /// True if its calls may wait for a disk: then they are kept off the threads that serve.
    fn may_wait(&self) -> bool;
}

/// The writer's side. Each call is done whole or not at all.
pub trait Store: Send {
    /// Its lives, oldest first.
    fn lives(&mut self) -> Result<Vec<Life>, StoreError>;

    /// Begins a life; at most `keep` older ones are remembered once their entries are gone.
    fn begin(&mut self, epoch: &str, keep: usize) -> Result<LifeId, StoreError>;

    /// Goes on with a closed life. From its return on that life is not closed, whatever happens to the machine: else
    /// entries that are lost with the power could be followed by others of the same names.
    fn resume(&mut self, life: LifeId) -> Result<(), StoreError>;

    /// Keeps a group of blocks.
    fn append(&mut self, group: &[Block]) -> Result<(), StoreError>;

    /// Closes a life whose last entry is this: all of it is safe from its return on.
    fn close(&mut self, life: LifeId, last: u64) -> Result<(), StoreError>;

    /// Lets go of up to `most` of the oldest blocks beyond the bounds. Gives back how many.
    fn prune(&mut self, bounds: Bounds, most: usize) -> Result<usize, StoreError>;

    /// Remembers that something is to be purged until [`Store::purged`], over failures and restarts.
    fn note_purge(&mut self, purge: &Purge) -> Result<(), StoreError>;

    /// What is still to be purged.
    fn purges(&mut self) -> Result<Vec<Purge>, StoreError>;

    /// Up to `most` blocks after a place that may hold texts that are to be purged, in order.
    fn holding(
        &mut self,
        purge: &Purge,
        after: Place,
        most: usize,
    ) -> Result<Vec<Block>, StoreError>;

    /// Forgets a purge that is done. No copy of what was purged stays behind; false if one may, as a reader holds it:
    /// then the purge stays noted, and this is asked again.
    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError>;

    /// Bytes that it takes.
    fn bytes(&mut self) -> Result<u64, StoreError>;
}

/// A reader's side.
pub trait Reader: Send {
    /// Blocks of a life from the one on that holds the entry after `after`, as many as fit `raw` bytes before packing,
    /// and at least one if there is one.
    fn read(&mut self, epoch: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError>;

    /// The newest blocks of all lives, oldest first, as many as fit `raw` bytes before packing, each with its epoch.
    fn newest(&mut self, raw: u64) -> Result<Vec<(Arc<str>, Block)>, StoreError>;
}

#[cfg(test)]
mod tests;

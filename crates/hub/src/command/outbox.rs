//! What was sent under which key, remembered for as long as its sender may ask again: also over a restart of the hub.
//!
//! Whatever is sent to a server under an idempotency key gets its ids first, and they are kept before it leaves. After
//! an unclear outcome the same ids are read for, and sent again. No text is ever kept, only a fingerprint of it.

mod disk;
mod memory;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use model::ids::InstanceId;
use model::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use disk::{Disk, FILE};
pub use memory::Memory;

/// Names what is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The instance that it goes to.
    pub instance: InstanceId,
    /// What it belongs to there: a session's id, or [`Key::NEW_SESSION`].
    pub of: Arc<str>,
    /// The key that its sender gave it.
    pub key: Arc<str>,
}

impl Key {
    /// What a session that is to be made belongs to.
    pub const NEW_SESSION: &'static str = "new";
}

/// Tells other content under the same key: SHA-256 of its JSON with sorted fields, the same for every build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of something that has JSON.
    pub fn of(content: &impl Serialize) -> Self {
        // Objects of `Value` are sorted by their names, which a test holds to.
        let sorted = serde_json::to_value(content).unwrap_or_default();
        Self(Sha256::digest(sorted.to_string()).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Something that was, or is being, sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The id that it has at the server: a prompt's message, or the mark of a new session.
    pub id: Arc<str>,
    /// The ids of its parts.
    pub parts: Vec<Arc<str>>,
    /// Its content.
    pub fingerprint: Fingerprint,
    /// When the key was first used.
    pub at: Timestamp,
    /// Set once the server took it: the id that the sender was told.
    pub taken: Option<Arc<str>>,
}

/// What claiming a key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing was sent under it; what was given is kept now.
    New,
    /// This may have been sent under it.
    Known(Sending),
}

/// Why nothing can be remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is sent cannot be remembered in {path}: {reason}")]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What the disk or the database said.
    pub reason: String,
}

/// Remembers what was sent. [`Disk`] is the real one; [`Memory`] is for tests and simulations.
pub trait Store: Send + Sync + fmt::Debug {
    /// What is known under this key; if nothing is, `new` is known from now on, and kept before this ends.
    fn claim(&self, key: Key, new: Sending) -> BoxFuture<'static, Result<Claim, StoreError>>;

    /// Notes that the server took it, and as what.
    fn taken(&self, key: Key, id: Arc<str>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Forgets a key whose sending the server refused: nothing was sent under it.
    fn release(&self, key: Key) -> BoxFuture<'static, Result<(), StoreError>>;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

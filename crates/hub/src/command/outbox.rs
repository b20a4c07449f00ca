//! The outbox of the hub: what was sent under which idempotency key, stored for as long as the
//! sender may retry, also over a restart of the hub.
//!
//! Everything sent to a server under an idempotency key gets its ids first, and the ids are stored
//! before sending. After an unclear outcome the hub looks for the same ids and sends them again.
//! The outbox stores a fingerprint of the content, never a text.

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

/// The key of an entry in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The target instance.
    pub instance: InstanceId,
    /// The scope of the key in the instance: a session id, or [`Key::NEW_SESSION`].
    pub of: Arc<str>,
    /// The idempotency key from the sender.
    pub key: Arc<str>,
}

impl Key {
    /// The scope of the keys of sessions to be created.
    pub const NEW_SESSION: &'static str = "new";
}

/// Hash that detects different content under the same key: SHA-256 of the content's JSON with
/// sorted fields, the same for every build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a serializable value.
    pub fn of(content: &impl Serialize) -> Self {
        // Objects of `Value` are sorted by name, which a test verifies.
        let sorted = serde_json::to_value(content).unwrap_or_default();
        Self(Sha256::digest(sorted.to_string()).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// An entry of the outbox: a command that was or is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The id at the server: the message id of a prompt, or the mark of a new session.
    pub id: Arc<str>,
    /// The ids of the parts.
    pub parts: Vec<Arc<str>>,
    /// Fingerprint of the content.
    pub fingerprint: Fingerprint,
    /// Time of the first use of the key.
    pub at: Timestamp,
    /// The id that was returned to the sender; set once the server acknowledged the command.
    pub taken: Option<Arc<str>>,
}

/// The result of claiming a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key is new. The given entry is stored now.
    New,
    /// The key was used before. This entry may have been sent under it.
    Known(Sending),
}

/// The outbox cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outbox {path} cannot be written: {reason}")]
pub struct StoreError {
    /// Path of the file.
    pub path: PathBuf,
    /// The error of the disk or the database.
    pub reason: String,
}

/// Storage of the outbox. [`Disk`] is used in production; [`Memory`] in tests and simulations.
pub trait Store: Send + Sync + fmt::Debug {
    /// Returns the entry under this key. If there is none, stores `new` under the key before the
    /// future resolves.
    fn claim(&self, key: Key, new: Sending) -> BoxFuture<'static, Result<Claim, StoreError>>;

    /// Records that the server acknowledged the entry, with the resulting id.
    fn taken(&self, key: Key, id: Arc<str>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Removes a key whose command the server refused, so that the key can be used again.
    fn release(&self, key: Key) -> BoxFuture<'static, Result<(), StoreError>>;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

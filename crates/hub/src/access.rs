//! Access control: the hub serves this machine only, of browsers only the hub's own page, and only callers with a valid
//! key.
//!
//! A page of another site can make a browser send requests to the hub, and can resolve its own name to a loopback
//! address (DNS rebinding); [`admit`] rejects both. The key of a request is looked up in the [`Keyring`], which returns
//! the caller and its powers. Nothing here speaks HTTP.

mod caller;
mod door;
mod key;
mod keyring;
mod listen;
mod throttle;

pub use caller::{Caller, NoRole, Power, Powers, Role};
pub use door::{Entrance, Refusal, RequestOrigin, admit};
pub use key::{Digest, Key};
pub use keyring::{
    Admitted, CredentialKind, Keyring, KeyringError, Listed, NewToken, PageLogin, Presented,
};
pub use listen::{DEFAULT_PORT, Listen, ListenError};
pub use throttle::Throttle;

/// Whether a hub authenticates its callers.
#[derive(Clone, Debug)]
pub enum Access {
    /// No authentication: every caller has every power. For tests (`--no-auth`).
    Anybody,
    /// Callers authenticate with a key of this keyring.
    Keys(Keyring),
}

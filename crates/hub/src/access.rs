//! Access control: the hub serves this machine, others only over TLS, of browsers only the hub's own page, and only
//! callers with a valid key.
//!
//! A page of another site can make a browser send requests to the hub, and can resolve its own name to a loopback
//! or private address (DNS rebinding); [`admit`] rejects both. The key of a request is looked up in the [`Keyring`], which returns
//! the caller and its powers. Nothing here speaks HTTP.

mod attempts;
mod caller;
mod door;
mod hosts;
mod key;
mod keyring;
mod listen;
mod outside;
mod passkey;
mod password;
mod site;
mod throttle;
mod tls;

pub use attempts::Attempts;
pub use caller::{Caller, NoRole, Power, Powers, Role};
pub use door::{Entrance, Hosts, Refusal, RequestOrigin, admit};
pub use hosts::{HostName, NoHostName, machine_addresses};
pub use key::{Digest, Key};
pub use keyring::{
    Admitted, CredentialKind, Keyring, KeyringError, Listed, ListedPasskey, NewPasskey, NewToken,
    PageLogin, Presented,
};
pub use listen::{DEFAULT_PORT, Listen, ListenError};
pub use outside::{Outside, Protection};
pub use passkey::{
    ALGORITHMS, Assertion, Attestation, Challenge, CredentialId, NoPasskeyName, PasskeyError,
    PasskeyName, Shown, UserHandle,
};
pub use password::{Password, PasswordError};
pub use site::Site;
pub use throttle::Throttle;
pub use tls::{Authority, CertificateFacts, Certificates, TlsError};

/// Whether a hub authenticates its callers.
#[derive(Clone, Debug)]
pub enum Access {
    /// No authentication: every caller has every power. For tests (`--no-auth`).
    Anybody,
    /// Callers authenticate with a key of this keyring.
    Keys(Keyring),
}

//! Who may speak to the hub: this machine alone, of its browsers only the hub's own page, and of all those only who was
//! given a key.
//!
//! A page of another site can make a browser send requests here, and can give its own name our address (DNS rebinding);
//! neither gets past [`admit`]. What a caller shows is looked up in the [`Keyring`], which tells who it is and what
//! it may do. Nothing here speaks HTTP.

mod caller;
mod door;
mod key;
mod keyring;
mod listen;
mod throttle;

pub use caller::{Caller, NoRole, Power, Powers, Role};
pub use door::{Entrance, Refusal, Visit, admit};
pub use key::{Digest, Key};
pub use keyring::{Admitted, Entered, Keyring, KeyringError, Kind, Listed, NewToken, Shown};
pub use listen::{DEFAULT_PORT, Listen, ListenError};
pub use throttle::Throttle;

/// Whether a hub asks who its callers are.
#[derive(Clone, Debug)]
pub enum Access {
    /// It does not: whoever reaches it may do everything. For tests (`--no-auth`).
    Anybody,
    /// It lets in who shows a key of this ring.
    Keys(Keyring),
}

//! Who may speak to the hub: this machine alone, and of its browsers only the hub's own page.
//!
//! Pure. A page of another site can make a browser send requests here, and can give its own name our address (DNS
//! rebinding); neither gets past [`Door::admit`]. There is no login yet, which is why [`Listen`] knows loopback only.
//! Nothing here speaks HTTP.

mod caller;
mod door;
mod listen;

pub use caller::{Caller, Power, Powers};
pub use door::{Door, Refusal, Visit};
pub use listen::{DEFAULT_PORT, Listen, ListenError};

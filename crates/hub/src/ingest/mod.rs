//! The upstream leg: one supervised event stream per server, turned into [`model::Event`]s.
//!
//! [`supervisor`] keeps the stream alive, [`resync`] closes the gap after every connection, [`backoff`] is the policy of
//! trying again, [`silence`] the one of waiting, [`server_clock`] the one of reading a server's times, [`wake`] notices a machine that slept, [`dialect`] translates,
//! [`found`] tells what answers before it is added, [`upstream`] is the port to the server, [`assemble`] makes one state of its answers. Only the supervisor decides what
//! is said of a link; nothing here changes state.

pub mod assemble;
pub mod backoff;
pub mod dialect;
mod found;
mod reads;
pub(crate) mod reason;
mod resync;
mod server_clock;
mod silence;
pub mod supervisor;
pub mod upstream;
pub(crate) mod wake;

pub use found::unusable;
pub use server_clock::{Dated, ServerClock};
pub use silence::{Patience, PatienceError};
pub use supervisor::Supervisor;

//! The upstream leg: one supervised event stream per server, translated to [`model::Event`]s.
//!
//! [`supervisor`] keeps the stream connected, [`resync`] closes the gap after every connection, [`backoff`] is the
//! policy of reconnecting, [`timeouts`] the policy of silence, [`server_clock`] estimates a server's clock, [`wake`]
//! detects that the machine slept, [`dialect`] translates, [`found`] probes addresses before they are added,
//! [`upstream`] is the port to the server, [`assemble`] builds one state from its replies. Only the supervisor
//! determines the status of a link; nothing here changes the state.

pub mod assemble;
pub mod backoff;
pub mod dialect;
mod found;
mod reads;
pub(crate) mod reason;
mod resync;
mod server_clock;
pub mod supervisor;
mod timeouts;
pub mod upstream;
pub(crate) mod wake;

pub use found::unusable;
pub use server_clock::{ClockSample, ServerClock};
pub use supervisor::Supervisor;
pub use timeouts::{Timeouts, TimeoutsError};

//! The downstream leg: what viewers get.
//!
//! [`live`] keeps a viewer's picture true, skipping what lies between; [`log`] gives every event to those who want all.

pub mod live;
pub mod log;
mod tick;

pub use tick::Ticks;

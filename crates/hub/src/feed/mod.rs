//! The downstream leg: the data that viewers receive.
//!
//! [`position`] renders the first page of a viewer, [`live`] keeps it up to date and skips intermediate states. Single
//! events are in [`crate::record::log`].

pub mod live;
pub mod position;
mod shared;
mod tick;

pub use shared::{Drawing, LiveShared};
pub use tick::Ticks;

//! The downstream leg: what viewers get.
//!
//! [`place`] gives a viewer its first picture, [`live`] keeps it true, skipping what lies between; [`log`] gives every
//! event to those who want all.

pub mod live;
pub mod log;
pub mod place;
mod tick;

pub use tick::Ticks;

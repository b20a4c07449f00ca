//! The downstream leg: what viewers get.
//!
//! [`place`] gives a viewer its first picture, [`live`] keeps it true and skips what lies between. Every single event is in
//! [`crate::record::log`].

pub mod live;
pub mod place;
mod tick;

pub use tick::Ticks;

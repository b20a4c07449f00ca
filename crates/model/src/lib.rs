//! The state of Drovers, and the fold that applies events to it.
//!
//! Everything here is pure and synchronous: the same events give the same state, on any machine, at any speed.
//! There is no IO, no clock (time arrives inside events), no async and no HTTP. The way in is [`reduce::reduce`];
//! the way out is [`view`] for people and [`export`] for programs.

pub mod event;
pub mod export;
pub mod facts;
pub mod ids;
pub mod json;
pub mod limits;
pub mod plain;
pub mod reduce;
pub mod state;
pub mod text;
pub mod time;
pub mod view;

pub use event::Event;
pub use reduce::{Effect, reduce};
pub use state::State;

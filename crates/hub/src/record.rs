//! The record: every event that arrived, in order, for replay and for whoever wants all of them.
//!
//! [`log`] is its newest part, in memory; [`journal`] stores it on disk behind that. [`keep`] decides what of an event is
//! recorded, [`word`] is what the hub records of a link itself. Nothing of it is needed to serve live state.

pub mod journal;
pub(crate) mod keep;
pub mod log;
pub(crate) mod word;

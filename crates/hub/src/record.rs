//! The record: every event that arrived, in order, for replay and for readers of all events.
//!
//! [`log`] is the newest part, in memory; [`journal`] stores the log on disk. [`keep`] determines the recorded payload
//! of an event, [`link_event`] the events that the hub records about a link. Live state does not depend on the record.

pub mod journal;
pub(crate) mod keep;
pub(crate) mod link_event;
pub mod log;

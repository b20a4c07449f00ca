//! The record: every event that arrived, in order, for replay and for readers of all events.
//!
//! [`log`] is the newest part, in memory; [`journal`] stores the log on disk. [`past`] is the history of one session.
//! [`redact`] leaves out of an event what anyone wrote. [`keep`] determines the recorded payload
//! of an event, [`link_event`] the events that the hub records about a link. Live state does not depend on the record.

pub mod journal;
pub(crate) mod keep;
pub(crate) mod link_event;
pub mod log;
pub mod past;
pub mod redact;

//! The protocol of OpenCode servers, independent of the hub's own types.
//!
//! * [`sse`]: bytes to event-stream frames.
//! * [`json`]: JSON text that may contain lone surrogates.
//! * [`wire`]: tolerant types of OpenCode 1.18, decoded from frames and replies.
//! * [`wire2`]: the same of OpenCode 2, from its contract.
//! * [`sketch`]: a second, trivial dialect (`GET /events`).
//! * [`client`]: REST calls and the event stream over one shared HTTP client.
//! * [`client2`]: the same of OpenCode 2.
//! * [`limits`]: every bound of this crate.
//!
//! Keeps no state between events and never reconnects: the end of a stream is reported, and the caller's policy decides
//! what follows.

pub mod client;
pub mod client2;
pub mod json;
pub mod limits;
pub mod sketch;
pub mod sse;
pub mod wire;
pub mod wire2;

pub use client::{Client, ClientError, Credentials, EventStream, Http, SpokenDialect};
pub use json::{DeltaText, Raw};
pub use url::Url;
pub use wire::{Event, Incoming};

//! The foreign protocol, and nothing of ours: what an OpenCode server says and how it is asked.
//!
//! * [`sse`]: bytes to event-stream frames.
//! * [`json`]: JSON text that may hold lone surrogates.
//! * [`wire`]: tolerant types of OpenCode 1.18, decoded from frames and replies.
//! * [`sketch`]: a second, trivial dialect (`GET /events`).
//! * [`client`]: REST calls and the event stream over one shared HTTP client.
//! * [`limits`]: every bound of this crate.
//!
//! It never keeps state between events, never reconnects and never decides what is true: a stream that ends is
//! reported, and what to do about it is the caller's policy.

pub mod client;
pub mod json;
pub mod limits;
pub mod sketch;
pub mod sse;
pub mod wire;

pub use client::{Client, ClientError, Credentials, EventStream, Http, Spoken};
pub use json::{DeltaText, Raw};
pub use url::Url;
pub use wire::{Event, Incoming};

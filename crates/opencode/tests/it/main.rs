//! Tests of the protocol: specification, recorded streams, and invalid replies.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../../fuzz/bodies.rs"]
mod bodies;
mod captures;
mod client;
mod contract;
mod decoding;
mod schema;
mod second;
mod server;
mod streams;
mod vectors;
mod wire2;

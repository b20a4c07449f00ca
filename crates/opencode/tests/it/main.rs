//! The wire against the text it is written by, recorded streams, and servers that answer badly.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../../fuzz/bodies.rs"]
mod bodies;
mod captures;
mod client;
mod decoding;
mod server;
mod streams;
mod vectors;

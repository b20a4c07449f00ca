//! The harness itself: what it offers must be real.
#![allow(clippy::unwrap_used)]

mod browser;
mod captures;
mod client;
mod opencode;
mod proxy;
mod serve;
mod simulation;

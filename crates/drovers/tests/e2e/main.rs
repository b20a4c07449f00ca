#![allow(clippy::unwrap_used)]
//! The whole product: the real OpenCode with a scripted model, the real binary, a real browser.
//!
//! Every test ends by asserting that the page reported nothing: no console error, no refusal by its own policy.

mod access;
mod adding;
mod bench;
mod census;
mod consent;
mod deaths;
mod demo;
#[cfg(target_os = "linux")]
mod disk;
mod door;
mod drawing;
mod endings;
mod faults;
mod hostile;
mod keys;
mod legs;
mod links;
mod login;
mod many;
mod outage;
mod outbox;
mod own;
mod phone;
mod reading;
mod servers;
mod stopping;
mod turns;
mod vectors;
mod viewers;
mod weight;

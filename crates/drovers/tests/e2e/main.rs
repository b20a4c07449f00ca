#![allow(clippy::unwrap_used)]
//! The whole product: the real OpenCode with a scripted model, the real binary, a real browser.
//!
//! Every test ends by asserting that the page reported nothing: no console error, no refusal by its own policy.

mod access;
mod adding;
mod away;
mod bench;
mod bulk;
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
mod finding;
mod folders;
mod hands;
mod hostile;
mod inspect;
mod installed;
mod keys;
mod legs;
mod links;
mod login;
mod main_job;
mod many;
mod menu;
mod needing;
mod nowhere;
mod outage;
mod outbox;
mod overview;
mod own;
mod pairing;
mod panes;
mod parallel;
mod passkeys;
mod permalinks;
mod phone;
mod prompting;
mod queueing;
mod reach;
mod reading;
mod reading_back;
mod replaced;
mod review;
mod roles;
mod rows;
mod second;
mod servers;
mod sessions;
mod spoken;
mod stopping;
mod tools;
mod tree;
mod turns;
mod twice;
mod vectors;
mod viewers;
mod weight;
mod worktrees;

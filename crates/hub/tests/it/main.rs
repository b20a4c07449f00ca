//! The hub as its users meet it: over HTTP on loopback, with a scripted OpenCode behind it.
#![allow(clippy::unwrap_used)]

mod account;
mod admission;
mod api;
mod bad_input;
mod consent;
mod door;
mod ends;
mod feeds;
mod finding;
mod folders;
mod fuzzed;
mod gate;
mod git;
mod health;
mod hostile;
mod inspect;
mod journal;
mod lab;
mod metrics;
mod outbox;
mod pages;
mod parallel;
mod peer;
mod push;
mod queue;
mod reasons;
mod review;
mod reviewed;
mod sessions;
mod told;
mod upstreams;
mod worktrees;

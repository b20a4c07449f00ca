//! The hub: one supervised stream per OpenCode server, one state, any number of viewers.
//!
//! Read the modules in the order in which an event travels: [`ingest`] receives it, [`engine`] folds it, [`feed`] sends
//! it to viewers.

pub mod access;
pub mod backup;
pub mod clock;
pub mod command;
pub mod datadir;
pub mod engine;
pub mod feed;
pub mod git;
pub mod http;
pub mod ingest;
pub mod inspect;
pub mod instances;
pub mod limits;
mod picture;
pub mod push;
pub mod record;
pub mod registry;
pub mod replay;
pub mod review;
pub mod secret;
pub mod settings;
pub mod tasks;
pub mod workspace;
pub mod worktrees;

pub use instances::{Hub, HubError, HubOptions, Keep};

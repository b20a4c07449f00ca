//! The hub: one supervised stream per OpenCode server, one state, any number of viewers.
//!
//! Read it in the order in which an event travels: [`ingest`] hears it, [`engine`] folds it, [`feed`] shows it.

pub mod access;
pub mod clock;
pub mod command;
pub mod datadir;
pub mod engine;
pub mod feed;
pub mod http;
pub mod hub;
pub mod ingest;
pub mod journal;
pub mod limits;
mod picture;
pub mod registry;
pub mod replay;
pub mod workspace;

pub use hub::{Hub, HubError, HubOptions, Keep};

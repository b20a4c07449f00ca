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
pub mod ingest;
pub mod instances;
pub mod limits;
mod picture;
pub mod record;
pub mod registry;
pub mod replay;
pub mod secret;
pub mod tasks;
pub mod workspace;

pub use instances::{Hub, HubError, HubOptions, Keep};

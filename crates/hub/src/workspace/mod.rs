//! This machine's side of an instance: folders, the OpenCode servers we run in them, and those found running.
//!
//! It starts and ends processes and looks at the process table. It never speaks HTTP (ingest probes what is found
//! here), never writes to a project folder, and never touches a process that it did not start.

pub mod binary;
pub mod discover;
pub mod folders;
pub mod guard;
mod limits;
mod output;
pub mod server;
mod trust;

#[cfg(test)]
mod tests;

pub use binary::BinaryError;
pub use folders::{Folder, FolderError};
pub use server::{Exit, GuardCommand, Launcher, Running, StartError, USERNAME, own_variables};
pub use trust::{Trust, Untrusted};

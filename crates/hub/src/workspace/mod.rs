//! Folders and processes of an instance: folders, the OpenCode servers that the hub runs in them, and those found
//! running.
//!
//! Starts and stops processes and reads the process table. Never speaks HTTP (ingest probes discovered servers), writes nothing
//! to a project folder but a new, empty folder that a person asks for, and never touches a process that it did not start.

pub mod binary;
pub mod browse;
pub mod discover;
pub mod folders;
pub mod guard;
mod launch;
mod limits;
mod majors;
mod output;
pub mod server;
pub mod service;
mod trust;
mod usage;

#[cfg(test)]
mod tests;

pub use binary::BinaryError;
pub use folders::{Folder, FolderError};
pub use launch::{LaunchError, LaunchOptions};
pub use output::Printed;
pub use server::{
    Exit, GuardCommand, KeptEnd, Launcher, Restarts, Running, StartError, USERNAME, end_kept,
    kept_servers, own_variables,
};
pub use service::{ServiceError, ServiceFile};
pub use trust::{Starts, Trust, Untrusted};
pub use usage::{ProcessUsage, usage};

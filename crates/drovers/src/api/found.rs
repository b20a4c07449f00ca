//! OpenCode processes that the hub found on its machine.

use serde::{Deserialize, Serialize};

/// OpenCode processes on this machine other than the hub's own servers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Discovered {
    #[serde(default)]
    pub(crate) servers: Vec<Found>,
    /// OpenCode in terminals: nobody can follow them live.
    #[serde(default)]
    pub(crate) terminals: Vec<Terminal>,
    /// Whether the background service of OpenCode 2 runs and is no instance.
    #[serde(default)]
    pub(crate) service: bool,
}

/// A process or address that may be an OpenCode server.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Found {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) folder: Option<String>,
}

/// An OpenCode in a terminal.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Terminal {
    pub(crate) pid: u32,
    pub(crate) folder: String,
    /// Reopens its sessions live.
    pub(crate) command: String,
}

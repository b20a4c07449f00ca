//! ripgrep, which OpenCode searches files with, and would fetch from the network.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::npm::Package;

const PACKAGE: Package = Package {
    folder: "ripgrep",
    name: "@vscode/ripgrep",
    version: "1.18.0",
};

/// Its binary, installed once with npm into `.testenv/ripgrep`.
///
/// # Errors
/// npm is missing or fails, or has none for this machine.
pub fn binary() -> Result<PathBuf> {
    let scope = PACKAGE.installed()?.join("@vscode");
    let packages = std::fs::read_dir(&scope)?.filter_map(Result::ok);
    let mut binaries = packages.map(|package| package.path().join("bin/rg"));
    let binary = binaries.find(|binary| binary.is_file());
    binary.with_context(|| format!("{} has no ripgrep for this machine", scope.display()))
}

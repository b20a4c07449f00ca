//! Where the OpenCode of the tests comes from.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::npm::Package;

/// The version the transcripts were recorded from.
pub const VERSION: &str = "1.18.33";

/// Names a ready binary to use instead of installing one.
const OVERRIDE: &str = "DROVERS_TEST_OPENCODE";

const PACKAGE: Package = Package {
    folder: "opencode",
    name: "opencode-ai",
    version: VERSION,
};

/// The OpenCode binary: the one named in `DROVERS_TEST_OPENCODE`, or version [`VERSION`] installed once with
/// npm into `.testenv/opencode`.
///
/// # Errors
/// npm is missing or fails, or what it installed is another version.
pub fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(OVERRIDE) {
        return Ok(given.into());
    }
    let modules = PACKAGE.installed();
    let modules = modules.with_context(|| format!("no OpenCode; {OVERRIDE} may name a binary"))?;
    Ok(modules.join(".bin/opencode"))
}

//! Where the OpenCode of the tests comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The version the transcripts were recorded from.
pub const VERSION: &str = "1.18.33";

/// Names a ready binary to use instead of installing one.
const OVERRIDE: &str = "DROVERS_TEST_OPENCODE";

/// The OpenCode binary: the one named in `DROVERS_TEST_OPENCODE`, or version [`VERSION`] installed once with
/// npm into `.testenv/opencode`.
///
/// # Errors
/// When npm is missing or fails.
pub fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(OVERRIDE) {
        return Ok(given.into());
    }
    let folder = crate::testenv().join("opencode");
    let binary = folder.join("node_modules/.bin/opencode");
    crate::lock::once(
        "opencode",
        || version(&folder).as_deref() == Some(VERSION),
        || install(&folder, &binary),
    )?;
    Ok(binary)
}

/// The installed version, from its package rather than by running it, which takes a second.
fn version(folder: &Path) -> Option<String> {
    let package = std::fs::read(folder.join("node_modules/opencode-ai/package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
    Some(package["version"].as_str()?.to_owned())
}

fn install(folder: &Path, binary: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let package = format!("opencode-ai@{VERSION}");
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder)
        .arg(&package)
        .output()
        .with_context(|| {
            format!("the tests need npm to install {package}; or name a binary in {OVERRIDE}")
        })?;
    if !output.status.success() {
        bail!(
            "npm install {package} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let said = Command::new(binary)
        .arg("--version")
        .env("HOME", folder)
        .output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    if said.trim() != VERSION {
        bail!(
            "{} says it is version {:?}, not {VERSION}",
            binary.display(),
            said.trim()
        );
    }
    Ok(())
}

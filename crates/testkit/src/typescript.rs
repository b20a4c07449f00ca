//! The TypeScript compiler, which checks the types of the page's client. Building and running the product need no Node.

use std::process::Command;

use anyhow::{Context, Result};

use crate::npm::Package;

const COMPILER: Package = Package {
    folder: "typescript",
    name: "typescript",
    version: "7.0.2",
};

/// What the compiler says against the page's client, by its `tsconfig.json`; empty where nothing is wrong.
///
/// # Errors
/// The compiler cannot be installed or run.
pub fn errors() -> Result<String> {
    let compiler = COMPILER.installed()?.join(".bin/tsc");
    let output = Command::new(&compiler)
        .arg("--project")
        .arg(crate::workspace().join("crates/page/client"))
        .output()
        .with_context(|| format!("cannot run {}", compiler.display()))?;
    let errors = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(match output.status.success() {
        true => String::new(),
        false => errors + &String::from_utf8_lossy(&output.stderr),
    })
}

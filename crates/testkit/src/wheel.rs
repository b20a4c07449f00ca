//! An independent client of OpenCode 2, generated from the same contract: a wheel of the Python package index, in a virtual environment
//! below `.testenv/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The client, in the version of the contract that is spoken.
const PACKAGE: &str = "opencode-python-sdk==0.2.3";

/// What it says once it is installed.
const INSTALLED: &str = "installed";

/// The Python that has the client.
///
/// # Errors
/// Python or its module `venv` is missing, or pip fails.
pub fn python() -> Result<PathBuf> {
    let folder = crate::testenv().join("wheel");
    let mark = folder.join(INSTALLED);
    let ready = || std::fs::read_to_string(&mark).is_ok_and(|text| text == PACKAGE);
    crate::lock::once("wheel", ready, || install(&folder, &mark))?;
    Ok(folder.join("bin/python"))
}

fn install(folder: &Path, mark: &Path) -> Result<()> {
    let venv = ["-m", "venv", "--clear"].map(Path::new);
    run(Path::new("python3"), &[&venv[..], &[folder]].concat())
        .context("the tests need python3 with its module venv (python3-venv)")?;
    let pip = ["-m", "pip", "install", "--quiet", PACKAGE].map(Path::new);
    run(&folder.join("bin/python"), &pip)?;
    std::fs::write(mark, PACKAGE).with_context(|| format!("cannot write {}", mark.display()))
}

fn run(program: &Path, arguments: &[&Path]) -> Result<()> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed:\n{errors}", program.display());
    }
    Ok(())
}

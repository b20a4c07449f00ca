//! Packages of npm that the tests need, each installed once per checkout into a folder of its own below `.testenv/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A package in one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    /// Its folder below `.testenv/`.
    pub(crate) folder: &'static str,
    /// Its name at npm.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
}

impl Package {
    /// The folder `node_modules` that has it, once it is installed.
    ///
    /// # Errors
    /// npm is missing, or fails.
    pub(crate) fn installed(self) -> Result<PathBuf> {
        let folder = crate::testenv().join(self.folder);
        let modules = folder.join("node_modules");
        let ready = || self.version_in(&modules).as_deref() == Some(self.version);
        crate::lock::once(self.folder, ready, || self.install(&folder))?;
        Ok(modules)
    }

    fn version_in(self, modules: &Path) -> Option<String> {
        let package = std::fs::read(modules.join(self.name).join("package.json")).ok()?;
        let package: Value = serde_json::from_slice(&package).ok()?;
        Some(package["version"].as_str()?.to_owned())
    }

    fn install(self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let package = format!("{}@{}", self.name, self.version);
        let output = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(&package)
            .output()
            .with_context(|| format!("the tests need npm to install {package}"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("npm install {package} failed:\n{errors}");
        }
        Ok(())
    }
}

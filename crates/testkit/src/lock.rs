//! One installer at a time among parallel test processes.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Runs `install` while holding the lock file of this name, unless `ready` holds by then.
pub(crate) fn once(
    name: &str,
    ready: impl Fn() -> bool,
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    if ready() {
        return Ok(());
    }
    let folder = crate::testenv();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{name}.lock"));
    let lock = open(&path)?;
    lock.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    if ready() {
        return Ok(());
    }
    install()
}

fn open(path: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

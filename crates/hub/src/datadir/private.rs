//! Files that only their user reads, written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces the file at `path` (mode 0600) by `bytes`, in one step: after a crash it is the old one or the new one,
/// on the disk. Blocks on the disk.
///
/// Two must not write the same file at once: the data directory's lock sees to it between processes.
///
/// # Errors
/// The system refuses; the old file is untouched then.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    let result = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // What counts is the first error; a file that stays behind is replaced by the next write.
        let _stays = fs::remove_file(&temporary);
        return result;
    }
    File::open(
        path.parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )?
    .sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".tmp");
    name.into()
}

/// Writes a new file: one left by a crash is removed first, for it could have another mode, or be a link.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

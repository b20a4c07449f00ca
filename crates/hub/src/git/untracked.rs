//! Files that git does not know yet: read by the hub, as git has nothing of them.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use changes::FileKind;
use rustix::fs::OFlags;

use super::GitError;

/// A file of the work tree.
pub(super) struct Found {
    /// What it is.
    pub(super) kind: FileKind,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Its content: of a link the path that it has; `None` if it is larger than the bound.
    pub(super) content: Option<Vec<u8>>,
}

/// Reads a file, up to a bound. A link is not followed, and nothing but a file is opened. Blocks on the disk.
pub(super) fn look(path: &Path, most: usize) -> Result<Found, GitError> {
    let gone = |_| GitError::NoSuchFile;
    let facts = path.symlink_metadata().map_err(gone)?;
    if facts.is_symlink() {
        let to = path.read_link().map_err(gone)?;
        return Ok(Found {
            kind: FileKind::Link,
            size: facts.len(),
            content: Some(to.as_os_str().as_bytes().to_vec()),
        });
    }
    if !facts.is_file() {
        return Ok(Found {
            kind: FileKind::Submodule,
            size: 0,
            content: None,
        });
    }
    let kind = match facts.permissions().mode() & 0o100 {
        0 => FileKind::File,
        _ => FileKind::Executable,
    };
    let (size, most) = (facts.len(), most as u64);
    if size > most {
        return Ok(Found {
            kind,
            size,
            content: None,
        });
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut content = Vec::new();
    file.and_then(|file| file.take(most).read_to_end(&mut content))
        .map_err(gone)?;
    Ok(Found {
        kind,
        size,
        content: Some(content),
    })
}

/// Whether git would take a content for binary: by a NUL in its first 8,000 bytes.
pub(super) fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(8000)].contains(&0)
}

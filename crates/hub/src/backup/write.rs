//! Makes an archive of a data directory. Never writes into that directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{BackupError, Entry, FILES, FORMAT, Kind, MANIFEST, Manifest, disk};
use crate::datadir::with_suffix;
use crate::limits;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Names of the files in the archive.
    pub files: Vec<String>,
    /// Bytes of these files.
    pub bytes: u64,
    /// Files that are there and were left out.
    pub left_out: Vec<String>,
    /// True if passwords of servers, or environments of folders, were left out.
    pub without_passwords: bool,
}

/// Writes a backup of the data directory to a new file (mode 0600). A hub may run meanwhile. Blocks on the disk.
///
/// The archive appears under its name when it is complete.
///
/// # Errors
/// The file exists; there is no data directory; the disk refuses; an SQLite file is busy for longer than
/// [`limits::BACKUP_BUSY`].
pub fn write(data_dir: &Path, to: &Path, credentials: bool) -> Result<Written, BackupError> {
    if !data_dir.join("lock").exists() {
        return Err(BackupError::NoData(data_dir.to_owned()));
    }
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let staging = Staging::new(to)?;
    let mut copied = Copied::default();
    for (name, kind) in FILES {
        copied.take(data_dir, name, kind, &staging, credentials)?;
    }
    copied.left_out.extend(super::unknown(data_dir));
    let manifest = Manifest {
        format: FORMAT,
        drovers: env!("CARGO_PKG_VERSION").to_owned(),
        made: jiff::Timestamp::now(),
        credentials,
        files: copied.entries,
    };
    let archive = staging.path("archive");
    pack(&manifest, &staging, &archive).map_err(disk(&archive))?;
    // A hard link never replaces a file that was made meanwhile.
    fs::hard_link(&archive, to)
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::rename(&archive, to),
        })
        .map_err(disk(to))?;
    Ok(Written {
        bytes: manifest.files.iter().map(|file| file.size).sum(),
        files: manifest.files.into_iter().map(|file| file.name).collect(),
        left_out: copied.left_out,
        without_passwords: copied.without_passwords,
    })
}

#[derive(Default)]
struct Copied {
    entries: Vec<Entry>,
    left_out: Vec<String>,
    without_passwords: bool,
}

impl Copied {
    fn take(
        &mut self,
        data_dir: &Path,
        name: &str,
        kind: Kind,
        staging: &Staging,
        credentials: bool,
    ) -> Result<(), BackupError> {
        let from = data_dir.join(name);
        let to = staging.path(name);
        if !from.exists() {
            return Ok(());
        }
        match kind {
            Kind::Credentials if !credentials => {
                self.left_out.push(name.to_owned());
                return Ok(());
            }
            Kind::Database => copy_database(&from, &to)?,
            Kind::Instances if !credentials => {
                let bytes = fs::read(&from).map_err(disk(&from))?;
                let (bytes, removed) = without_passwords(bytes);
                self.without_passwords = removed;
                fill(&to, &bytes).map_err(disk(&to))?;
            }
            _ => {
                let bytes = fs::read(&from).map_err(disk(&from))?;
                fill(&to, &bytes).map_err(disk(&to))?;
            }
        }
        self.entries.push(entry(name, &to).map_err(disk(&to))?);
        Ok(())
    }
}

/// The list of instances without user names, passwords and values of environments; nothing of it, if it cannot be parsed.
fn without_passwords(bytes: Vec<u8>) -> (Vec<u8>, bool) {
    let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else {
        return (b"{}".to_vec(), true);
    };
    let mut removed = false;
    let instances = document.get_mut("instances").and_then(Value::as_array_mut);
    for instance in instances.into_iter().flatten() {
        if let Some(instance) = instance.as_object_mut() {
            removed |= instance.remove("password").is_some();
            instance.remove("username");
            removed |= instance.remove("env").is_some();
        }
    }
    match removed {
        true => (document.to_string().into_bytes(), true),
        false => (bytes, false),
    }
}

/// Copies an SQLite file in one step, during which its writer waits or, with a write-ahead log, goes on.
fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Database {
        path: from.to_owned(),
        reason: error.to_string(),
    };
    fill(to, b"").map_err(disk(to))?;
    // Opened for writing, because a hot journal of a killed hub is rolled back first.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(failed)?;
    source.busy_timeout(limits::BACKUP_BUSY).map_err(failed)?;
    let mut target = Connection::open_with_flags(to, flags).map_err(failed)?;
    let backup = Backup::new(&source, &mut target).map_err(failed)?;
    match backup.step(-1).map_err(failed)? {
        StepResult::Done => Ok(()),
        _ => Err(BackupError::Database {
            path: from.to_owned(),
            reason: "it is in use".to_owned(),
        }),
    }
}

/// Creates a file (mode 0600) with this content.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = new_file(path)?;
    file.write_all(bytes)
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn entry(name: &str, path: &Path) -> io::Result<Entry> {
    let mut file = File::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0; limits::BACKUP_CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        size += read as u64;
    }
    Ok(Entry {
        name: name.to_owned(),
        size,
        sha256: hex(&hash.finalize()),
    })
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pack(manifest: &Manifest, staging: &Staging, archive: &Path) -> io::Result<()> {
    let encoder = zstd::Encoder::new(new_file(archive)?, 0)?;
    let mut tar = tar::Builder::new(encoder);
    let described = serde_json::to_vec_pretty(manifest)?;
    tar.append_data(&mut header(described.len() as u64), MANIFEST, &*described)?;
    for file in &manifest.files {
        let content = File::open(staging.path(&file.name))?;
        tar.append_data(&mut header(file.size), &file.name, content)?;
    }
    let file = tar.into_inner()?.finish()?;
    file.sync_all()
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header
}

/// A private folder beside the archive, removed with all that is in it.
struct Staging(PathBuf);

impl Staging {
    fn new(to: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(to, &format!(".partial-{:08x}", rand::random::<u32>()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(disk(&path))?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a temporary folder of the backup stays behind");
        }
    }
}

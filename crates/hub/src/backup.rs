//! Copies of a data directory in one file, made while a hub uses the directory, and their way back.
//!
//! A backup is a tar archive, compressed with zstd: `backup.json` first, which names every other file with its size and hash. SQLite
//! files are copied by SQLite's own backup, so that each is one state of its transactions. Only known files are copied. Credentials are
//! left out unless they are asked for.

mod restore;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::datadir::DataDirError;
use crate::datadir::format::Newer;

pub use restore::{Restored, restore};
pub use write::{Written, write};

/// The format of the archive that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// Name of the first entry of an archive.
const MANIFEST: &str = "backup.json";

/// How a file is copied, and what a restore does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Read at once: the hub replaces it as a whole, or appends lines.
    Plain,
    /// The list of instances, which has passwords of servers.
    Instances,
    /// Queues of prompts: after a restore no prompt is sent before a person lets it go.
    Queue,
    /// An SQLite file.
    Database,
    /// Credentials, or their digests.
    Credentials,
}

/// The files of a data directory that are copied, in this order: what refers to sent prompts is read before the outbox, so that the
/// outbox of a backup knows every prompt that its queue may have sent.
const FILES: [(&str, Kind); 22] = [
    ("format.json", Kind::Plain),
    ("settings.json", Kind::Plain),
    ("instances.json", Kind::Instances),
    ("trusted.json", Kind::Plain),
    ("access.json", Kind::Credentials),
    ("password", Kind::Credentials),
    ("tls.json", Kind::Credentials),
    ("push.json", Kind::Credentials),
    ("usage.json", Kind::Plain),
    ("parallel.json", Kind::Plain),
    ("drafts.json", Kind::Plain),
    ("reviews.json", Kind::Plain),
    ("setups.json", Kind::Plain),
    ("unfinished.json", Kind::Plain),
    ("queue.json", Kind::Queue),
    ("notes.jsonl", Kind::Plain),
    ("audit.log", Kind::Plain),
    ("audit.log.1", Kind::Plain),
    ("audit-refused.log", Kind::Plain),
    ("audit-refused.log.1", Kind::Plain),
    ("outbox.sqlite", Kind::Database),
    ("journal.sqlite", Kind::Database),
];

/// Files that describe the running hub, or are made anew: the search index is read again from the servers.
const PASSING: [&str; 6] = [
    "lock",
    "runtime.json",
    "token",
    "servers",
    "kept",
    "search.sqlite",
];

/// The kind of a file; `None` for one that is not copied.
fn kind_of(name: &str) -> Option<Kind> {
    let known = FILES.iter().find(|(known, _)| *known == name);
    known.map(|(_, kind)| *kind)
}

/// Names in a data directory that this version neither copies nor knows as passing, without what was kept of damaged files and
/// earlier restores. Blocks on the disk.
pub fn unknown(data_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let passing = |name: &str| {
        let beside = ["-wal", "-shm", "-journal", ".tmp"];
        let base = beside.iter().find_map(|end| name.strip_suffix(end));
        let base = base.unwrap_or(name);
        PASSING.contains(&base) || kind_of(base).is_some()
    };
    let kept = |name: &str| name.contains(".broken-") || name.starts_with(restore::BEFORE);
    let mut names: Vec<_> = names.filter(|name| !passing(name) && !kept(name)).collect();
    names.sort();
    names
}

/// The first entry of an archive.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// Version of Drovers that wrote it.
    drovers: String,
    /// Time of the backup.
    made: jiff::Timestamp,
    /// True if it has credentials.
    credentials: bool,
    files: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    size: u64,
    /// SHA-256 of the content, in hexadecimal digits.
    sha256: String,
}

/// The reason why a backup cannot be made or restored. Nothing was changed then, unless the message says so.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no data directory at this path.
    #[error("there is no data directory at {0}. Name it with `--data-dir`")]
    NoData(PathBuf),
    /// The file for the backup exists.
    #[error("{0} exists. Choose another name, or remove it first")]
    Exists(PathBuf),
    /// There is no file to restore.
    #[error("there is no file {0}. Check its name: `drovers backup` says where it writes one")]
    NoFile(PathBuf),
    /// The file is no backup.
    #[error("{path} is no backup of Drovers, or is damaged: {reason}. Choose another file")]
    NoBackup {
        /// Path of the archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive was written by a newer version.
    #[error(
        "{path} was written by a newer Drovers (version {version}). Update Drovers to restore it"
    )]
    NewerBackup {
        /// Path of the archive.
        path: PathBuf,
        /// Version that wrote it.
        version: String,
    },
    /// A file in the archive was written by a newer version.
    #[error(transparent)]
    Newer(#[from] Newer),
    /// A hub uses the data directory, or it cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// An SQLite file cannot be copied.
    #[error("{path} cannot be copied: {reason}. Try again, or stop the hub first")]
    Database {
        /// Path of the file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The disk reported an error.
    #[error("{path}: {source}. Check its permissions and the space on its disk")]
    Disk {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// An error of the disk at a path.
fn disk(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Disk {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;

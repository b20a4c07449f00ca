//! Puts the files of an archive into a data directory, and keeps what was there.
//!
//! The whole archive is unpacked and checked before the first file moves. A restore that is killed after that leaves a mark, with which no
//! hub starts until a restore has completed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::write::hex;
use super::{BackupError, Entry, FILES, FORMAT, Kind, MANIFEST, Manifest, disk, kind_of};
use crate::datadir::{DataDir, SQLITE_FILES, format, with_suffix, write_private};
use crate::limits;

/// The beginning of the names of folders with what was there before a restore.
pub(super) const BEFORE: &str = "before-restore-";

/// Folder in which an archive is unpacked.
const UNPACKED: &str = "before-restore-unpacked";

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Names of the files from the archive.
    pub files: Vec<String>,
    /// Time of the backup.
    pub made: jiff::Timestamp,
    /// Version of Drovers that wrote it.
    pub version: String,
    /// True if the archive had credentials.
    pub credentials: bool,
    /// Folder with the files that were there before, if there were any.
    pub kept: Option<PathBuf>,
    /// Number of sessions whose queued prompts are on hold now.
    pub held: usize,
}

/// Restores an archive into the data directory. Files that were there are moved into a new folder of it. Blocks on the disk.
///
/// # Errors
/// A hub uses the directory; the file is no backup, damaged, or of a newer version; the disk refuses.
pub fn restore(archive: &Path, data_dir: &Path) -> Result<Restored, BackupError> {
    if !archive.exists() {
        return Err(BackupError::NoFile(archive.to_owned()));
    }
    let dir = DataDir::open_for_restore(data_dir)?;
    let unpacked = dir.file(UNPACKED);
    remove(&unpacked)?;
    let made = DirBuilder::new().mode(0o700).create(&unpacked);
    made.map_err(disk(&unpacked))?;
    let result = restore_by(archive, &dir, &unpacked);
    remove(&unpacked)?;
    result
}

fn restore_by(archive: &Path, dir: &DataDir, unpacked: &Path) -> Result<Restored, BackupError> {
    let manifest = unpack(archive, unpacked)?;
    format::check(unpacked)?;
    let held = hold_queues(unpacked).map_err(disk(unpacked))?;
    trust_no_more(unpacked).map_err(disk(unpacked))?;
    dir.begin_restore()?;
    let kept = keep_present(dir, manifest.credentials)?;
    for (name, _) in FILES {
        let from = unpacked.join(name);
        if from.exists() {
            fs::rename(&from, dir.file(name)).map_err(disk(&from))?;
        }
    }
    dir.end_restore()?;
    Ok(Restored {
        files: manifest.files.into_iter().map(|file| file.name).collect(),
        made: manifest.made,
        version: manifest.drovers,
        credentials: manifest.credentials,
        kept,
        held,
    })
}

fn remove(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(folder)(error)),
        _ => Ok(()),
    }
}

/// Unpacks an archive into an empty folder and checks each file by size and hash.
fn unpack(archive: &Path, into: &Path) -> Result<Manifest, BackupError> {
    let damaged = |reason: String| BackupError::NoBackup {
        path: archive.to_owned(),
        reason,
    };
    let unreadable = |error: io::Error| damaged(error.to_string());
    let file = File::open(archive).map_err(disk(archive))?;
    let decoder = zstd::Decoder::new(file).map_err(unreadable)?;
    let mut tar = tar::Archive::new(decoder);
    let mut manifest: Option<Manifest> = None;
    let mut expected: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in tar.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.display().to_string();
        if manifest.is_none() {
            let read = read_manifest(&name, &mut entry).map_err(damaged)?;
            if read.format > FORMAT {
                return Err(BackupError::NewerBackup {
                    path: archive.to_owned(),
                    version: read.drovers.chars().take(limits::WORDS_CHARS).collect(),
                });
            }
            let files = read.files.iter();
            expected = files.map(|one| (one.name.clone(), one.clone())).collect();
            manifest = Some(read);
            continue;
        }
        let plain = entry.header().entry_type().is_file() && kind_of(&name).is_some();
        let Some(described) = expected.remove(&name).filter(|_| plain) else {
            return Err(damaged(format!("it has an unexpected entry {name:?}")));
        };
        extract(&mut entry, &described, &into.join(&name)).map_err(damaged)?;
    }
    match (manifest, expected.keys().next()) {
        (Some(manifest), None) => Ok(manifest),
        (Some(_), Some(name)) => Err(damaged(format!("{name} is missing in it"))),
        (None, _) => Err(damaged("it is empty".to_owned())),
    }
}

fn read_manifest(name: &str, entry: &mut impl Read) -> Result<Manifest, String> {
    if name != MANIFEST {
        return Err(format!("it does not begin with {MANIFEST}"));
    }
    let mut json = Vec::new();
    let mut bounded = entry.take(limits::BACKUP_MANIFEST_BYTES);
    bounded
        .read_to_end(&mut json)
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| format!("{MANIFEST}: {error}"))
}

fn extract(from: &mut impl Read, described: &Entry, to: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", described.name);
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(to).map_err(failed)?;
    let mut bounded = from.take(described.size.saturating_add(1));
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0; limits::BACKUP_CHUNK_BYTES];
    loop {
        let read = bounded.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        size += read as u64;
        file.write_all(&chunk[..read]).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    match size == described.size && hex(&hash.finalize()) == described.sha256 {
        true => Ok(()),
        false => Err(format!("{} is not as it was written", described.name)),
    }
}

/// Holds every queue: a prompt may have been sent after the backup was made. Returns the number of queues with prompts.
fn hold_queues(unpacked: &Path) -> io::Result<usize> {
    let queues = FILES.iter().filter(|(_, kind)| *kind == Kind::Queue);
    let mut held = 0;
    for (name, _) in queues {
        let path = unpacked.join(name);
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        let mut document: Value = serde_json::from_slice(&bytes)?;
        for line in document.as_array_mut().into_iter().flatten() {
            let prompts = line.get("prompts").and_then(Value::as_array);
            if prompts.is_some_and(|prompts| !prompts.is_empty()) {
                line["hold"] = Value::from("stopped");
                held += 1;
            }
        }
        write_private(&path, &serde_json::to_vec(&document)?)?;
    }
    Ok(held)
}

/// Without a list of trusted folders a hub would take those of its instances for trusted, as at an update from a version that had no such list.
fn trust_no_more(unpacked: &Path) -> io::Result<()> {
    let path = unpacked.join("trusted.json");
    match path.exists() {
        true => Ok(()),
        false => write_private(&path, br#"{"version":1,"folders":[]}"#),
    }
}

/// Moves the files that a restore replaces into a new folder. Credentials stay if the archive has none.
fn keep_present(dir: &DataDir, credentials: bool) -> Result<Option<PathBuf>, BackupError> {
    let replaced = FILES
        .iter()
        .filter(|(_, kind)| credentials || *kind != Kind::Credentials)
        .map(|(name, _)| *name)
        .chain(["search.sqlite"]);
    let beside = |name: &'static str| {
        let ends = [""].into_iter().chain(SQLITE_FILES);
        ends.map(move |end| with_suffix(Path::new(name), end))
    };
    let mut present = replaced
        .flat_map(beside)
        .filter(|name| dir.path().join(name).exists())
        .peekable();
    if present.peek().is_none() {
        return Ok(None);
    }
    let kept = new_folder(dir)?;
    for name in present {
        let from = dir.path().join(&name);
        fs::rename(&from, kept.join(&name)).map_err(disk(&from))?;
    }
    Ok(Some(kept))
}

fn new_folder(dir: &DataDir) -> Result<PathBuf, BackupError> {
    for number in 1_u32.. {
        let path = dir.file(&format!("{BEFORE}{number}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(disk(&path)(error)),
        }
    }
    let full = io::Error::from(io::ErrorKind::StorageFull);
    Err(disk(dir.path())(full))
}

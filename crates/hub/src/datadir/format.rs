//! The format of a data directory: a hub never starts on files that a newer version wrote.
//!
//! `format.json` has the format of all files together. Files with a version of their own are checked by that as well, because a person
//! may copy one of them. The journal and the search index are not: the hub runs without them, and says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::write_private;
use crate::limits;

/// The format that this version writes. A change that earlier versions would misread increments it.
const FORMAT: u64 = 1;

/// File name of the mark.
const FILE: &str = "format.json";

/// Documents with a version of their own at the top, and the newest one that is known.
const DOCUMENTS: [(&str, u64); 4] = [
    ("access.json", 3),
    ("tls.json", 1),
    ("instances.json", 2),
    ("trusted.json", 1),
];

/// SQLite files whose version must be known, and the newest that is. Of a file in use a new version may be in its log only;
/// the format of the directory has it then.
const DATABASES: [(&str, u64); 1] = [("outbox.sqlite", 1)];

/// Position of `PRAGMA user_version` in an SQLite file: four bytes, the most significant first.
const USER_VERSION: usize = 60;

/// A file was written by a newer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path} was written by a newer Drovers (format {format}{by}). Update Drovers, or choose another data directory with \
     `--data-dir`"
)]
pub struct Newer {
    /// Path of the file.
    pub path: PathBuf,
    /// Its format.
    pub format: u64,
    /// The version of the program, as a text to add.
    by: String,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    format: u64,
    drovers: String,
}

/// Checks the files of the directory at `path`, and changes nothing. Blocks on the disk.
///
/// A file that cannot be read or parsed is no error here: whatever loads it reports that.
///
/// # Errors
/// A file is of a newer format.
pub fn check(path: &Path) -> Result<(), Newer> {
    if let Some(mark) = mark(path).filter(|mark| mark.format > FORMAT) {
        let version: String = mark.drovers.chars().take(limits::WORDS_CHARS).collect();
        return Err(Newer {
            path: path.join(FILE),
            format: mark.format,
            by: format!(", version {version}"),
        });
    }
    let documents = DOCUMENTS.map(|(name, known)| (name, known, version_of(&path.join(name))));
    let databases = DATABASES.map(|(name, known)| (name, known, user_version(&path.join(name))));
    for (name, known, found) in documents.into_iter().chain(databases) {
        if let Some(format) = found.filter(|found| *found > known) {
            return Err(Newer {
                path: path.join(name),
                format,
                by: String::new(),
            });
        }
    }
    Ok(())
}

/// Writes the mark, unless it is there. Blocks on the disk.
///
/// # Errors
/// The disk refuses.
pub(super) fn write(path: &Path) -> io::Result<()> {
    if mark(path).is_some_and(|mark| mark.format == FORMAT) {
        return Ok(());
    }
    let mark = Mark {
        format: FORMAT,
        drovers: env!("CARGO_PKG_VERSION").to_owned(),
    };
    write_private(&path.join(FILE), &serde_json::to_vec(&mark)?)
}

fn mark(path: &Path) -> Option<Mark> {
    serde_json::from_slice(&fs::read(path.join(FILE)).ok()?).ok()
}

fn version_of(path: &Path) -> Option<u64> {
    let document: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    document.get("version")?.as_u64()
}

fn user_version(path: &Path) -> Option<u64> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 4];
    let file = fs::File::open(path).ok()?;
    file.read_exact_at(&mut bytes, USER_VERSION as u64).ok()?;
    Some(u32::from_be_bytes(bytes).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::datadir::{DataDir, DataDirError};

    #[test]
    fn files_of_a_newer_version_are_refused_and_left_as_they_are() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        drop(DataDir::open(&path).unwrap());
        assert_eq!(check(&path), Ok(()));
        let refused = |name: &str| {
            let before = fs::read(path.join(name)).unwrap();
            let Err(DataDirError::Newer(newer)) = DataDir::open(&path) else {
                panic!("{name} is not refused");
            };
            assert_eq!(newer.path, path.join(name));
            let text = newer.to_string();
            assert!(
                text.contains("newer Drovers") && text.contains("Update Drovers"),
                "{text}"
            );
            assert_eq!(fs::read(path.join(name)).unwrap(), before);
            fs::remove_file(path.join(name)).unwrap();
        };
        for (name, known) in DOCUMENTS {
            let newer = format!(r#"{{"version": {}, "new": []}}"#, known + 1);
            fs::write(path.join(name), newer).unwrap();
            refused(name);
        }
        for (name, known) in DATABASES {
            let database = Connection::open(path.join(name)).unwrap();
            database
                .execute_batch(&format!("PRAGMA user_version = {}", known + 1))
                .unwrap();
            drop(database);
            refused(name);
        }
        fs::write(path.join(FILE), r#"{"format": 2, "drovers": "9.0.0"}"#).unwrap();
        assert!(
            check(&path)
                .unwrap_err()
                .to_string()
                .contains("version 9.0.0")
        );
        refused(FILE);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_for_others_to_report() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("instances.json"), "{").unwrap();
        fs::write(dir.path().join("outbox.sqlite"), "short").unwrap();
        fs::write(dir.path().join(FILE), "[]").unwrap();
        assert_eq!(check(dir.path()), Ok(()));
    }
}

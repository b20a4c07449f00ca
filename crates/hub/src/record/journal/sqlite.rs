//! A journal in an SQLite file: `journal.sqlite` in the data directory, mode 0600.
//!
//! Write-ahead logging keeps readers and the writer out of each other's way, and a transaction whole over a crash of the
//! process. A crash of the machine may take the newest transactions; what they held is then of a life that nobody
//! continues. Deleted content is overwritten. `docs/journal.md` describes the tables.

mod schema;
mod write;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use crate::limits;

use super::store::{Block, Medium, Reader, Store, StoreError};
use write::Writing;

/// The file's name.
pub const FILE: &str = "journal.sqlite";

/// Bytes of a page, as SQLite has it by default.
const PAGE: u64 = 4096;

/// A journal's file.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    path: PathBuf,
    most_pages: Option<u32>,
}

impl SqliteFile {
    /// The journal in this file.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            most_pages: None,
        }
    }

    /// The same, but it never grows beyond so many pages of 4 KiB: then it is full.
    pub fn with_most_pages(self, pages: u32) -> Self {
        Self {
            most_pages: Some(pages),
            ..self
        }
    }

    /// The same, with room for so many bytes and for what comes between two looks at its size.
    pub fn for_bytes(self, bytes: u64) -> Self {
        let room = bytes.saturating_add((bytes / 4).max(limits::JOURNAL_SLACK_BYTES));
        let pages = u32::try_from(room / PAGE).unwrap_or(u32::MAX);
        self.with_most_pages(pages)
    }

    /// Makes the file, if there is none, so that only its user reads it: what SQLite puts beside it gets its mode.
    fn make(&self) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        for file in self.files() {
            match fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// What the name of the next damaged file ends with. Those beyond [`limits::JOURNALS_ASIDE`] are deleted, the oldest first:
    /// each may be as large as a journal, and what is deleted is purged from none of them.
    fn make_room_aside(&self) -> io::Result<String> {
        let mut aside = self.numbers_aside()?;
        aside.sort_unstable();
        let next = aside.last().map_or(1, |last| last + 1);
        let surplus = (aside.len() + 1).saturating_sub(limits::JOURNALS_ASIDE);
        for number in aside.into_iter().take(surplus) {
            for file in self.files() {
                match fs::remove_file(with_suffix(&file, &broken(number))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(broken(next))
    }

    /// The numbers of the damaged files beside it.
    fn numbers_aside(&self) -> io::Result<Vec<u64>> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(Vec::new());
        };
        let begins = format!("{}{}", name.display(), broken(""));
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(&begins));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    /// The file and what SQLite keeps beside it.
    fn files(&self) -> [PathBuf; 3] {
        ["", "-wal", "-shm"].map(|suffix| with_suffix(&self.path, suffix))
    }
}

fn broken(number: impl std::fmt::Display) -> String {
    format!(".broken-{number}")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

impl Medium for SqliteFile {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        self.make().map_err(refused)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(said)?;
        connection
            .busy_timeout(limits::JOURNAL_BUSY)
            .map_err(said)?;
        schema::prepare(&connection)?;
        if let Some(pages) = self.most_pages {
            let set = format!("PRAGMA max_page_count = {pages}");
            connection.query_row(&set, [], |_| Ok(())).map_err(said)?;
        }
        Ok(Box::new(Writing::new(connection)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(said)?;
        connection
            .busy_timeout(limits::JOURNAL_BUSY)
            .map_err(said)?;
        Ok(Box::new(Reading(connection)))
    }

    fn put_aside(&self) -> Result<String, StoreError> {
        let suffix = self.make_room_aside().map_err(refused)?;
        for file in self.files() {
            match fs::rename(&file, with_suffix(&file, &suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(refused(error));
                }
                _ => {}
            }
        }
        let aside = with_suffix(&self.path, &suffix);
        Ok(aside.display().to_string())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

struct Reading(Connection);

impl Reader for Reading {
    fn read(&mut self, epoch: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError> {
        // The first block that ends after the place, found by its beginning: blocks of a life follow each other.
        let sql = "SELECT life, first, last, newest, raw, data FROM block
            WHERE life = (SELECT id FROM life WHERE epoch = ?1) AND first >= coalesce(
                (SELECT max(first) FROM block WHERE life = (SELECT id FROM life WHERE epoch = ?1) AND first <= ?2), 0)
            ORDER BY first";
        let mut statement = self.0.prepare(sql).map_err(said)?;
        let mut rows = statement
            .query(params![epoch, number(after + 1)])
            .map_err(said)?;
        let mut blocks: Vec<Block> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(said)? {
            let block = block(row).map_err(said)?;
            if block.last <= after {
                continue;
            }
            bytes += block.raw;
            if bytes > raw && !blocks.is_empty() {
                break;
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn newest(&mut self, raw: u64) -> Result<Vec<(Arc<str>, Block)>, StoreError> {
        let sql = "SELECT life, first, block.last, newest, raw, data, epoch FROM block
            JOIN life ON life.id = block.life ORDER BY block.id DESC";
        let mut statement = self.0.prepare(sql).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        let mut blocks = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(said)? {
            let block = block(row).map_err(said)?;
            bytes += block.raw;
            if bytes > raw {
                break;
            }
            let epoch: String = row.get(6).map_err(said)?;
            blocks.push((epoch.into(), block));
        }
        blocks.reverse();
        Ok(blocks)
    }
}

/// A row that begins with life, first, last, newest, raw and data. Whose texts are in it is not read.
fn block(row: &Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        life: row.get(0)?,
        first: natural(row.get(1)?),
        last: natural(row.get(2)?),
        newest: Timestamp(row.get(3)?),
        raw: natural(row.get(4)?),
        sources: Default::default(),
        data: row.get(5)?,
    })
}

/// SQLite's integers are signed; a sequence never comes near their end.
fn number(natural: u64) -> i64 {
    i64::try_from(natural).unwrap_or(i64::MAX)
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn text(value: Option<&str>) -> Value {
    Value::Text(value.unwrap_or_default().to_owned())
}

fn refused(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full(error.to_string())
        }
        _ => StoreError::Refused(error.to_string()),
    }
}

/// What SQLite said, in our terms.
fn said(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
        _ => StoreError::Refused(text),
    }
}

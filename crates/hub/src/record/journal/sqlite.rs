//! A journal in an SQLite file: `journal.sqlite` in the data directory, mode 0600.
//!
//! With write-ahead logging readers and the writer do not block each other, and a transaction survives a crash of the
//! process. A crash of the machine may lose the newest transactions; their entries then belong to an epoch that is not
//! continued. Deleted content is overwritten. `docs/journal.md` describes the tables.

mod schema;
mod write;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use crate::datadir::{SQLITE_FILES, put_aside, with_suffix};
use crate::limits;

use super::sources::Sources;
use super::store::{
    Block, Chosen, Medium, Purge, Reader, SessionKey, Span, SpanChoice, Spans, Store, StoreError,
};
use write::Writing;

/// File name of the journal.
pub const FILE: &str = "journal.sqlite";

/// Bytes of a page, SQLite's default.
const PAGE: u64 = 4096;

/// The journal file.
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

    /// The same file, limited to a number of pages of 4 KiB: beyond that it is full.
    pub fn with_most_pages(self, pages: u32) -> Self {
        Self {
            most_pages: Some(pages),
            ..self
        }
    }

    /// The same file, with space for a number of bytes and the growth between two size checks.
    pub fn for_bytes(self, bytes: u64) -> Self {
        let room = bytes.saturating_add((bytes / 4).max(limits::JOURNAL_SLACK_BYTES));
        let pages = u32::try_from(room / PAGE).unwrap_or(u32::MAX);
        self.with_most_pages(pages)
    }

    /// Creates the file, if there is none, with access for its owner only: SQLite's auxiliary files get the same mode.
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

    /// The file and SQLite's auxiliary files.
    fn files(&self) -> [PathBuf; 3] {
        ["", "-wal", "-shm"].map(|suffix| with_suffix(&self.path, suffix))
    }
}

impl Medium for SqliteFile {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        self.make().map_err(refused)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        connection
            .busy_timeout(limits::JOURNAL_BUSY)
            .map_err(failed)?;
        schema::prepare(&connection)?;
        if let Some(pages) = self.most_pages {
            let set = format!("PRAGMA max_page_count = {pages}");
            connection.query_row(&set, [], |_| Ok(())).map_err(failed)?;
        }
        Ok(Box::new(Writing::new(connection)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        connection
            .busy_timeout(limits::JOURNAL_BUSY)
            .map_err(failed)?;
        Ok(Box::new(Reading(connection)))
    }

    fn put_aside(&self) -> Result<String, StoreError> {
        let aside = put_aside(&self.path, &SQLITE_FILES).map_err(refused)?;
        Ok(aside.display().to_string())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

struct Reading(Connection);

impl Reader for Reading {
    fn read(&mut self, epoch: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError> {
        // The first block that ends after the position, found by its beginning: blocks of an epoch are contiguous.
        let sql = "SELECT epoch, first, last, newest, raw, data FROM block
            WHERE epoch = (SELECT id FROM epoch WHERE name = ?1) AND first >= coalesce(
                (SELECT max(first) FROM block WHERE epoch = (SELECT id FROM epoch WHERE name = ?1) AND first <= ?2), 0)
            ORDER BY first";
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let mut rows = statement
            .query(params![epoch, number(after + 1)])
            .map_err(failed)?;
        let mut blocks: Vec<Block> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            let block = block(row).map_err(failed)?;
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
        let sql = "SELECT epoch, first, block.last, newest, raw, data, name FROM block
            JOIN epoch ON epoch.id = block.epoch ORDER BY block.id DESC";
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut blocks = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            let block = block(row).map_err(failed)?;
            bytes += block.raw;
            if bytes > raw {
                break;
            }
            let epoch: String = row.get(6).map_err(failed)?;
            blocks.push((epoch.into(), block));
        }
        blocks.reverse();
        Ok(blocks)
    }

    fn spans(
        &mut self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        raw: u64,
    ) -> Result<Spans, StoreError> {
        let sql = "SELECT block.id, first, block.last, raw, sources, name FROM block
            JOIN epoch ON epoch.id = block.epoch ORDER BY block.id DESC";
        let whole = "SELECT epoch, first, last, newest, raw, data FROM block WHERE id = ?1";
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut choice = SpanChoice::new(instance, session, raw);
        while let Some(row) = rows.next().map_err(failed)? {
            let sources: Option<Vec<u8>> = row.get(4).map_err(failed)?;
            let sources = sources.as_deref().map(Sources::from_bytes);
            let size = natural(row.get(3).map_err(failed)?);
            let read = match choice.choose(sources.as_ref(), size) {
                Chosen::Skipped => continue,
                Chosen::Beyond => break,
                Chosen::Named => None,
                Chosen::Whole => {
                    let id: i64 = row.get(0).map_err(failed)?;
                    Some(self.0.query_row(whole, [id], block).map_err(failed)?)
                }
            };
            let epoch: String = row.get(5).map_err(failed)?;
            choice.add(Span {
                epoch: epoch.into(),
                first: natural(row.get(1).map_err(failed)?),
                last: natural(row.get(2).map_err(failed)?),
                block: read,
            });
        }
        Ok(choice.spans())
    }

    fn sessions(&mut self) -> Result<Vec<SessionKey>, StoreError> {
        let held = self.held()?;
        let sql = "SELECT instance, session FROM session ORDER BY id DESC";
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let noted = statement.query_map([], |row| {
            let (instance, session): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(Purge {
                instance: model::ids::InstanceId::new(instance),
                session: Some(session.into()),
            })
        });
        let noted: Vec<Purge> = noted.and_then(Iterator::collect).map_err(failed)?;
        let held = |one: &Purge| held.as_ref().is_none_or(|held| held.may_hold(one));
        let sessions = noted.into_iter().filter(held);
        Ok(sessions
            .filter_map(|one| Some((one.instance, one.session?)))
            .collect())
    }
}

impl Reading {
    /// Whose texts all blocks hold; `None` if one may hold anything.
    fn held(&self) -> Result<Option<Sources>, StoreError> {
        let mut statement = self
            .0
            .prepare("SELECT sources FROM block")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut held = Sources::default();
        while let Some(row) = rows.next().map_err(failed)? {
            let sources: Option<Vec<u8>> = row.get(0).map_err(failed)?;
            let Some(sources) = sources else {
                return Ok(None);
            };
            held.join(&Sources::from_bytes(&sources));
        }
        Ok(Some(held))
    }
}

/// Converts a row that begins with epoch, first, last, newest, raw and data. The sources are not read.
fn block(row: &Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        epoch: row.get(0)?,
        first: natural(row.get(1)?),
        last: natural(row.get(2)?),
        newest: Timestamp(row.get(3)?),
        raw: natural(row.get(4)?),
        sources: Default::default(),
        data: row.get(5)?,
    })
}

/// SQLite's integers are signed; a sequence number never comes near the maximum.
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

/// Converts an error of SQLite.
fn failed(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
        _ => StoreError::Refused(text),
    }
}

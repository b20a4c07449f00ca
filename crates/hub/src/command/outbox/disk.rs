//! Remembers in a small SQLite file of the data directory: ids, keys, fingerprints and times, never a text.
//!
//! The file is opened when it is first needed, and again after every failure: a disk that was full and is not any more
//! needs no restart. A file that is damaged, or of a later version, is put aside and begun anew. All work is done on a
//! thread of its own kind; nothing here waits on the event loop.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};
use tokio::task::spawn_blocking;

use super::{Claim, Fingerprint, Key, Sending, Store, StoreError};
use crate::limits;

/// The file's name in the data directory.
pub const FILE: &str = "outbox.sqlite";

/// Version of the table below, kept as the file's `user_version`.
const FORMAT: i64 = 1;

/// `seq` is the order in which keys came: the lowest is forgotten first.
const TABLE: &str = "
    CREATE TABLE sending (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        instance TEXT NOT NULL,
        of TEXT NOT NULL,
        key TEXT NOT NULL,
        id TEXT NOT NULL,
        parts TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        at INTEGER NOT NULL,
        taken TEXT,
        UNIQUE (instance, of, key)
    ) STRICT;
    PRAGMA user_version = 1;";

/// A [`Store`] on the disk.
#[derive(Clone, Debug)]
pub struct Disk {
    path: PathBuf,
    open: Arc<Mutex<Option<Connection>>>,
}

impl Disk {
    /// In this file, which is opened or made when it is first needed.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Arc::default(),
        }
    }

    /// Does something with the file, away from the event loop.
    pub(super) fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let Self { path, open } = self.clone();
        async move {
            let failed = |reason: String| StoreError {
                path: path.clone(),
                reason,
            };
            let at = path.clone();
            let done = spawn_blocking(move || {
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                let mut connection = match open.take() {
                    Some(connection) => connection,
                    None => open_file(&at).map_err(|error| error.to_string())?,
                };
                let done = work(&mut connection).map_err(|error| error.to_string())?;
                // After a failure it is not put back, and so opened again the next time.
                *open = Some(connection);
                Ok(done)
            });
            done.await
                .map_err(|error| failed(error.to_string()))?
                .map_err(failed)
        }
        .boxed()
    }
}

impl Store for Disk {
    fn claim(&self, key: Key, new: Sending) -> BoxFuture<'static, Result<Claim, StoreError>> {
        self.with(move |connection| claim(connection, &key, &new))
    }

    fn taken(&self, key: Key, id: Arc<str>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.with(move |connection| {
            connection
                .prepare(
                    "UPDATE sending SET taken = ?4 WHERE instance = ?1 AND of = ?2 AND key = ?3",
                )?
                .execute(params![key.instance.as_str(), key.of, key.key, id])
                .map(drop)
        })
    }

    fn release(&self, key: Key) -> BoxFuture<'static, Result<(), StoreError>> {
        self.with(move |connection| {
            connection
                .prepare("DELETE FROM sending WHERE instance = ?1 AND of = ?2 AND key = ?3")?
                .execute(params![key.instance.as_str(), key.of, key.key])
                .map(drop)
        })
    }
}

fn claim(connection: &mut Connection, key: &Key, new: &Sending) -> rusqlite::Result<Claim> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = change
        .prepare(
            "SELECT id, parts, fingerprint, at, taken FROM sending
             WHERE instance = ?1 AND of = ?2 AND key = ?3",
        )?
        .query_row(params![key.instance.as_str(), key.of, key.key], sending_of)
        .optional()?;
    if let Some(known) = known {
        return Ok(Claim::Known(known));
    }
    change
        .prepare(
            "INSERT INTO sending (instance, of, key, id, parts, fingerprint, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            key.instance.as_str(),
            key.of,
            key.key,
            new.id,
            new.parts.join(" "),
            new.fingerprint.0,
            new.at.0
        ])?;
    forget_old(&change, new.at)?;
    change.commit()?;
    Ok(Claim::New)
}

fn forget_old(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let age = i64::try_from(limits::PROMPT_KEY_AGE.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare("DELETE FROM sending WHERE at < ?1 OR seq <= (SELECT max(seq) FROM sending) - ?2")?
        .execute(params![
            now.0.saturating_sub(age),
            i64::try_from(limits::PROMPT_KEYS).unwrap_or(i64::MAX)
        ])
        .map(drop)
}

fn sending_of(row: &Row<'_>) -> rusqlite::Result<Sending> {
    let parts: String = row.get(1)?;
    Ok(Sending {
        id: row.get(0)?,
        parts: parts.split_whitespace().map(Arc::from).collect(),
        fingerprint: Fingerprint(row.get(2)?),
        at: Timestamp(row.get(3)?),
        taken: row.get(4)?,
    })
}

/// Opens the file, or makes it; one that cannot be used is put aside first.
fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    match open_usable(path) {
        Ok(Some(connection)) => return Ok(connection),
        Ok(None) => tracing::warn!(path = %path.display(), "of a later version: put aside"),
        Err(error) if is_damaged(&error) => {
            tracing::warn!(path = %path.display(), %error, "damaged: put aside");
        }
        Err(error) => return Err(error),
    }
    put_aside(path).map_err(disk)?;
    open_usable(path)?.ok_or(rusqlite::Error::InvalidQuery)
}

/// The file, ready; none if it is of a later version.
fn open_usable(path: &Path) -> rusqlite::Result<Option<Connection>> {
    // SQLite gives its side files the mode of this one.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(disk)?;
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit is on the disk before the prompt leaves.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        0 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLE} COMMIT;"))?,
        FORMAT => {}
        _ => return Ok(None),
    }
    Ok(Some(connection))
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

/// Renames the file, over one that was put aside before, and takes its side files away.
fn put_aside(path: &Path) -> std::io::Result<()> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    fs::rename(path, beside(".aside"))?;
    for end in ["-wal", "-shm"] {
        match fs::remove_file(beside(end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn disk(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

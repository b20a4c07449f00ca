//! The outbox in a small SQLite file of the data directory: ids, keys, fingerprints and times,
//! never a text.
//!
//! The file is opened on first use, and again after every failure, so that a disk that was full
//! needs no restart of the hub. A file that is damaged or was written by a newer version is moved
//! aside and kept; its readable entries are copied to a new file, and a notice reports the loss.
//! Every opening checks the whole file, so that damage to a page or the index never hides a key.
//! The file has no separate log that could be lost alone. All work is done on blocking threads;
//! nothing here blocks the event loop.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params,
};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::{Claim, Fingerprint, Key, Sending, Store, StoreError};
use crate::datadir::{SQLITE_FILES, put_aside};
use crate::limits;

/// File name in the data directory.
pub const FILE: &str = "outbox.sqlite";

/// Version of the table below, stored as the file's `user_version`.
const FORMAT: i64 = 1;

/// `seq` is the order of insertion: the lowest is evicted first.
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

/// A [`Store`] on disk.
#[derive(Clone, Debug)]
pub struct Disk {
    path: PathBuf,
    open: Arc<Mutex<Option<Connection>>>,
    /// The current notice for people, if any.
    notice: watch::Sender<Option<Arc<str>>>,
}

impl Disk {
    /// An outbox in this file, which is opened or created on first use.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Arc::default(),
            notice: watch::Sender::default(),
        }
    }

    /// The current notice for people: a sentence if a file was moved aside.
    pub fn notice(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.notice.subscribe()
    }

    /// Runs an operation on the file on a blocking thread.
    pub(super) fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let Self { path, open, notice } = self.clone();
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
                    None => {
                        let (connection, put_aside) =
                            open_file(&at).map_err(|error| error.to_string())?;
                        if let Some(put_aside) = put_aside {
                            tracing::warn!("{put_aside}");
                            notice.send_replace(Some(put_aside.into()));
                        }
                        connection
                    }
                };
                let done = work(&mut connection).map_err(|error| error.to_string())?;
                // After a failure the connection is dropped, and opened again for the next
                // operation.
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
        self.with(move |connection| taken(connection, &key, &id))
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

/// Records the acknowledgement even where the key was lost with a file that was moved aside: a
/// retry under the key is then refused as a key reused, and not sent twice.
fn taken(connection: &mut Connection, key: &Key, id: &Arc<str>) -> rusqlite::Result<()> {
    connection
        .prepare(
            "INSERT INTO sending (instance, of, key, id, parts, fingerprint, at, taken)
             VALUES (?1, ?2, ?3, ?4, '', zeroblob(32), unixepoch() * 1000, ?4)
             ON CONFLICT (instance, of, key) DO UPDATE SET taken = ?4",
        )?
        .execute(params![key.instance.as_str(), key.of, key.key, id])
        .map(drop)
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

/// Opens or creates the file. An unusable file is moved aside first, which the returned sentence
/// reports.
fn open_file(path: &Path) -> rusqlite::Result<(Connection, Option<String>)> {
    let why = match open_usable(path) {
        Ok(Some(connection)) => return Ok((connection, None)),
        Ok(None) => "was written by a newer version",
        Err(error) if is_damaged(&error) => "is damaged",
        Err(error) => return Err(error),
    };
    let aside = put_aside(path, &SQLITE_FILES).map_err(disk)?;
    let connection = open_usable(path)?.ok_or(rusqlite::Error::InvalidQuery)?;
    let rescued = rescue(&aside, &connection);
    let notice = format!(
        "The list of what was sent {why}: it is kept as {}, and {rescued} of its entries were taken over. What else was \
         sent before and is sent again now may arrive twice",
        aside.display()
    );
    Ok((connection, Some(notice)))
}

/// The file, ready; none if it was written by a newer version.
fn open_usable(path: &Path) -> rusqlite::Result<Option<Connection>> {
    // SQLite gives its auxiliary files the mode of this file.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(disk)?;
    let connection = as_it_is(Connection::open(path)?)?;
    let format = format_of(&connection)?;
    if format > FORMAT {
        return Ok(None);
    }
    // All data is in one file: a separate log could be lost alone, and its keys with it.
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    // Every commit is on disk before the prompt is sent.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Only now are the contents of a leftover log visible.
    match format_of(&connection)? {
        0 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLE} COMMIT;"))?,
        FORMAT => {}
        _ => return Ok(None),
    }
    check(&connection)?;
    Ok(Some(connection))
}

fn format_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Opens a connection that leaves a separate log in place on close: a newer version may use one,
/// and its contents would be lost.
fn as_it_is(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Checks the whole file, which is small: an undetected missing entry would be sent twice.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let message: String =
        connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if message != "ok" {
        return Err(damaged(message));
    }
    connection
        .prepare(&format!("{ROWS} LIMIT 0"))
        .map(drop)
        .map_err(|error| damaged(error.to_string()))
}

fn damaged(message: String) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(message))
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

/// All columns of all entries, read from the table without the index.
const ROWS: &str =
    "SELECT instance, of, key, id, parts, fingerprint, at, taken FROM sending NOT INDEXED";

/// Copies the readable entries of a file that was moved aside, from both ends up to the damage.
/// Returns the number of entries.
fn rescue(aside: &Path, to: &Connection) -> usize {
    let rescued = |order: &str| -> rusqlite::Result<usize> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let from = as_it_is(Connection::open_with_flags(aside, flags)?)?;
        let mut read = from.prepare(&format!("{ROWS} ORDER BY seq {order}"))?;
        let mut rows = read.query([])?;
        let mut write = to.prepare(
            "INSERT OR IGNORE INTO sending (instance, of, key, id, parts, fingerprint, at, taken)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut rescued = 0;
        while let Ok(Some(row)) = rows.next() {
            let values: Vec<rusqlite::types::Value> =
                (0..8).map_while(|at| row.get(at).ok()).collect();
            // A row that is not a valid entry has another number of values and is skipped.
            if values.len() == 8 {
                rescued += write
                    .execute(rusqlite::params_from_iter(values))
                    .unwrap_or(0);
            }
        }
        Ok(rescued)
    };
    let whole = to.execute_batch("BEGIN IMMEDIATE").is_ok();
    let many = ["ASC", "DESC"].map(|order| rescued(order).unwrap_or(0));
    match whole && to.execute_batch("COMMIT").is_ok() {
        true => many.iter().sum(),
        false => 0,
    }
}

fn disk(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

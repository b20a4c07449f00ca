//! Remembers in a small SQLite file of the data directory: ids, keys, fingerprints and times, never a text.
//!
//! The file is opened when it is first needed, and again after every failure: a disk that was full and is not any more
//! needs no restart. A file that is damaged, or of a later version, is put aside and kept; what can be read of it is taken
//! over into a new one, and a notice says that there was more. It is looked through whole whenever it is opened, so that
//! no key is missed in silence whose page or index is damaged; and it has no log beside it that could be lost alone. All
//! work is done on a thread of its own kind; nothing here waits on the event loop.

use std::fs::{self, OpenOptions};
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
    /// What a person should know of it.
    notice: watch::Sender<Option<Arc<str>>>,
}

impl Disk {
    /// In this file, which is opened or made when it is first needed.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Arc::default(),
            notice: watch::Sender::default(),
        }
    }

    /// What a person should know of it: that a file was put aside, in a sentence.
    pub fn notice(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.notice.subscribe()
    }

    /// Does something with the file, away from the event loop.
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

/// Where the key is lost with a file that was put aside, its sending is kept all the same: what comes under it is refused
/// then as something else, and not sent again.
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

/// Opens the file, or makes it; one that cannot be used is put aside first, which is told in a sentence.
fn open_file(path: &Path) -> rusqlite::Result<(Connection, Option<String>)> {
    let why = match open_usable(path) {
        Ok(Some(connection)) => return Ok((connection, None)),
        Ok(None) => "is of a later version",
        Err(error) if is_damaged(&error) => "is damaged",
        Err(error) => return Err(error),
    };
    let aside = put_aside(path).map_err(disk)?;
    let connection = open_usable(path)?.ok_or(rusqlite::Error::InvalidQuery)?;
    let rescued = rescue(&aside, &connection);
    let told = format!(
        "The list of what was sent {why}: it is kept as {}, and {rescued} of its entries were taken over. What else was \
         sent before and is sent again now may arrive twice",
        aside.display()
    );
    Ok((connection, Some(told)))
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
    let connection = as_it_is(Connection::open(path)?)?;
    let format = format_of(&connection)?;
    if format > FORMAT {
        return Ok(None);
    }
    // All is in the one file: a log beside it may be lost alone, and its keys with it.
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    // Every commit is on the disk before the prompt leaves.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // It may only now be known what a log beside it held.
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

/// A connection that leaves a log beside its file where it is when it closes: a later version may keep one there, and what is in
/// it alone would be lost.
fn as_it_is(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Looks through the whole file, which is small: what is missing in it would be sent twice.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let said: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if said != "ok" {
        return Err(damaged(said));
    }
    connection
        .prepare(&format!("{ROWS} LIMIT 0"))
        .map(drop)
        .map_err(|error| damaged(error.to_string()))
}

fn damaged(said: String) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(said))
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

/// Everything of every sending, by the table alone.
const ROWS: &str =
    "SELECT instance, of, key, id, parts, fingerprint, at, taken FROM sending NOT INDEXED";

/// Takes over what can be read of a file that was put aside, from both of its ends up to the damage. Gives how much it was.
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
            // One that is no sending does not fit, and is passed over.
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

/// Renames the file and what SQLite left beside it, to a name that none was put aside under.
fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let beside = |name: &Path, end: &str| {
        let mut name = name.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let mut aside = beside(path, ".aside");
    for n in 2..=limits::PUT_ASIDE {
        if !aside.exists() {
            break;
        }
        aside = beside(path, &format!(".aside{n}"));
    }
    fs::rename(path, &aside)?;
    for end in ["-wal", "-journal", "-shm"] {
        match fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn disk(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

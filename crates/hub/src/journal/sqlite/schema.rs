//! The file's tables and settings, and what marks it as ours.

use rusqlite::Connection;

use super::said;
use crate::journal::store::StoreError;

/// Marks the file as Drovers' (`PRAGMA application_id`): `Drov` in ASCII.
const APPLICATION: i64 = 0x4472_6f76;

/// The format of tables and blocks (`PRAGMA user_version`); the only one read.
const FORMAT: i64 = 1;

/// What makes a new file one of ours. Pages are given back a few at a time, which has to be said before anything is in it.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE life (
        id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, closed INTEGER NOT NULL);
    CREATE TABLE block (
        id INTEGER PRIMARY KEY, life INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        newest INTEGER NOT NULL, raw INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (life, first));
    CREATE TABLE source (
        id INTEGER PRIMARY KEY, instance TEXT NOT NULL, session TEXT NOT NULL, UNIQUE (instance, session));
    CREATE TABLE mention (source INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (source, block)) WITHOUT ROWID;
    CREATE INDEX mention_of_block ON mention (block);
    CREATE TABLE purge (instance TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (instance, session)) WITHOUT ROWID;
    PRAGMA application_id = 0x44726f76;
    PRAGMA user_version = 1;
    COMMIT;";

/// Settings of every connection that writes: what is deleted is overwritten, a group costs no flush of the disk, the
/// write-ahead log goes back to 4 MiB after a burst, and 3 MiB of pages stay in memory, which is more than a group writes.
const SETTINGS: &str = "
    PRAGMA secure_delete = ON;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -3072;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA foreign_keys = OFF;";

/// Makes a connection ready to write, and a new file one of ours.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(said)?;
    let (application, format) = (
        pragma("application_id").map_err(said)?,
        pragma("user_version").map_err(said)?,
    );
    let new = tables == 0 && application == 0 && format == 0;
    match (application, format) {
        _ if new => connection
            .execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")
            .map_err(said)?,
        (APPLICATION, FORMAT) => {}
        (APPLICATION, later) if later > FORMAT => return Err(StoreError::Newer(later)),
        _ => {
            return Err(StoreError::Damaged(
                "the file is no journal of Drovers".to_owned(),
            ));
        }
    }
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(said)?;
    if mode != "wal" {
        return Err(StoreError::Refused(
            "its disk takes no write-ahead log".to_owned(),
        ));
    }
    connection.execute_batch(SETTINGS).map_err(said)?;
    if new {
        connection.execute_batch(TABLES).map_err(said)?;
    }
    Ok(())
}

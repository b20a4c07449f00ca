//! The file's tables and settings, and what marks it as ours.

use rusqlite::Connection;

use super::said;
use crate::record::journal::store::StoreError;

/// Marks the file as Drovers' (`PRAGMA application_id`): `Drov` in ASCII.
const APPLICATION: i64 = 0x4472_6f76;

/// The format of tables and blocks (`PRAGMA user_version`). One of [`FORMER`] is made one of these; others are not read.
const FORMAT: i64 = 2;

/// The format that had a row for each session in each block.
const FORMER: i64 = 1;

/// What makes a new file one of ours. Pages are given back a few at a time, which has to be said before anything is in it.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE life (
        id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, closed INTEGER NOT NULL);
    CREATE TABLE block (
        id INTEGER PRIMARY KEY, life INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        newest INTEGER NOT NULL, raw INTEGER NOT NULL, sources BLOB, data BLOB NOT NULL, UNIQUE (life, first));
    CREATE TABLE purge (instance TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (instance, session)) WITHOUT ROWID;
    PRAGMA application_id = 0x44726f76;
    PRAGMA user_version = 2;
    COMMIT;";

/// What makes a file of the former format one of this. Blocks without sources may hold anything, until they go.
const UPGRADE: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE block ADD COLUMN sources BLOB;
    DROP TABLE mention;
    DROP TABLE source;
    PRAGMA user_version = 2;
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
        (APPLICATION, FORMAT | FORMER) => {}
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
    match format {
        _ if new => connection.execute_batch(TABLES).map_err(said)?,
        FORMER => connection.execute_batch(UPGRADE).map_err(said)?,
        _ => {}
    }
    Ok(())
}

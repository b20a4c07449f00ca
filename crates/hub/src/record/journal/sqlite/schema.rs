//! Tables and settings of the file, and the marks that identify it.

use rusqlite::Connection;

use super::failed;
use crate::record::journal::store::StoreError;

/// Identifies the file as Drovers' (`PRAGMA application_id`): `Drov` in ASCII.
const APPLICATION: i64 = 0x4472_6f76;

/// Version of the tables and blocks (`PRAGMA user_version`). Files of older versions are upgraded, those of newer ones rejected.
const FORMAT: i64 = 3;

/// The first version, which had a row for each session in each block.
const FIRST: i64 = 1;

/// Initializes a new file. Incremental vacuum must be set before any content is written.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE epoch (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, closed INTEGER NOT NULL);
    CREATE TABLE block (
        id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        newest INTEGER NOT NULL, raw INTEGER NOT NULL, sources BLOB, data BLOB NOT NULL, UNIQUE (epoch, first));
    CREATE TABLE purge (instance TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (instance, session)) WITHOUT ROWID;
    PRAGMA application_id = 0x44726f76;
    PRAGMA user_version = 3;
    COMMIT;";

/// The sessions whose texts may be stored, the last noted with the greatest `id`. The table is created when a file is opened: a
/// file of this format may lack it.
const SESSIONS: &str = "
    CREATE TABLE IF NOT EXISTS session (
        id INTEGER PRIMARY KEY, instance TEXT NOT NULL, session TEXT NOT NULL, UNIQUE (instance, session));";

/// Upgrades a file from version 1 to 2. Blocks without sources may contain anything, until they are pruned.
const TO_2: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE block ADD COLUMN sources BLOB;
    DROP TABLE mention;
    DROP TABLE source;
    PRAGMA user_version = 2;
    COMMIT;";

/// Upgrades a file from version 2 to 3, which has the same rows under other names. Only the schema changes.
const TO_3: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE life RENAME COLUMN epoch TO name;
    ALTER TABLE life RENAME TO epoch;
    ALTER TABLE block RENAME COLUMN life TO epoch;
    PRAGMA user_version = 3;
    COMMIT;";

/// Settings of every connection that writes: deleted content is overwritten, a group costs no flush of the disk, the
/// write-ahead log shrinks to 4 MiB after a burst, and 3 MiB of pages stay in memory, which is more than a group
/// writes.
const SETTINGS: &str = "
    PRAGMA secure_delete = ON;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -3072;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA foreign_keys = OFF;";

/// Prepares a connection for writing, and initializes a new file.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let (application, format) = (
        pragma("application_id").map_err(failed)?,
        pragma("user_version").map_err(failed)?,
    );
    let new = tables == 0 && application == 0 && format == 0;
    match (application, format) {
        _ if new => connection
            .execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")
            .map_err(failed)?,
        (APPLICATION, FIRST..=FORMAT) => {}
        (APPLICATION, later) if later > FORMAT => return Err(StoreError::Newer(later)),
        _ => {
            return Err(StoreError::Damaged(
                "the file is no journal of Drovers".to_owned(),
            ));
        }
    }
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(StoreError::Refused(
            "its disk takes no write-ahead log".to_owned(),
        ));
    }
    connection.execute_batch(SETTINGS).map_err(failed)?;
    let steps: &[&str] = match format {
        _ if new => &[TABLES],
        FIRST => &[TO_2, TO_3],
        2 => &[TO_3],
        _ => &[],
    };
    for step in steps {
        connection.execute_batch(step).map_err(failed)?;
    }
    connection.execute_batch(SESSIONS).map_err(failed)
}

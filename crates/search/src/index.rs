//! The file: sessions, documents, and the words of documents.
//!
//! The number of a document begins with the time of its message, so that the newest documents are the greatest numbers: answers
//! are in the order of time, and `after:` and `before:` are ranges of numbers. The table of words (FTS5) has no content and no positions: a document that has
//! all words of a query is read, and its text decides.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};

use crate::doc::Doc;
use crate::limits;
use crate::tokens::tokens;

/// Identifies the file as Drovers' (`PRAGMA application_id`): `DroF` in ASCII.
const APPLICATION: i64 = 0x4472_6f46;
/// Version of the tables and of what tokens are (`PRAGMA user_version`). A file of another version is made anew.
const FORMAT: i64 = 2;
/// Bits of a document's number that tell documents of one millisecond apart.
const ORDINAL_BITS: u32 = 20;
/// The latest time that a number can begin with, in milliseconds since 1970: the year 2109.
const LATEST: i64 = (1 << 42) - 1;

const TABLES: &str = "
    CREATE TABLE session (
        id INTEGER PRIMARY KEY, instance TEXT NOT NULL, session TEXT NOT NULL, seen INTEGER, next TEXT,
        UNIQUE (instance, session));
    CREATE TABLE doc (
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL, message TEXT NOT NULL, part INTEGER NOT NULL, kind INTEGER NOT NULL,
        tool TEXT NOT NULL, files TEXT NOT NULL, model TEXT NOT NULL, hash INTEGER NOT NULL, text BLOB NOT NULL);
    CREATE INDEX doc_of_session ON doc (session);
    CREATE VIRTUAL TABLE word USING fts5 (
        tokens, content = '', detail = none, columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 0');
    INSERT INTO word (word, rank) VALUES ('secure-delete', 1);";

/// Deleted content is overwritten; a batch costs no flush of the disk.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA secure_delete = ON;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -4096;";

/// The reason why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be read or written.
    #[error("the search index cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file is one of another version, or none of Drovers.
    #[error("the search index is of another version")]
    Foreign,
    /// The file cannot be created.
    #[error("the search index cannot be created: {0}")]
    Disk(#[from] std::io::Error),
}

impl IndexError {
    /// True if a new file helps: what the index has can be read again. A full disk is no reason to delete it.
    fn needs_new_file(&self) -> bool {
        match self {
            Self::Foreign => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            ),
            Self::Disk(_) => false,
        }
    }
}

/// A session, by its instance and its id.
pub type SessionKey = (InstanceId, SessionId);

/// How far a session is indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// When the session had last changed, by its server's clock, as it was read whole; `None` if it never was.
    pub seen: Option<Timestamp>,
    /// Cursor of the page that is read next, if reading it for the first time was interrupted.
    pub next: Option<String>,
}

/// A page of a session's messages: all documents of a span of time.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents.
    pub docs: Vec<Doc>,
    /// When the oldest message of the page began; `None` on the oldest page.
    pub from: Option<Timestamp>,
    /// When the oldest message of the page after it began, which is not of this page; `None` on the newest page.
    pub to: Option<Timestamp>,
}

/// The index. Cheap to clone.
#[derive(Clone)]
pub struct Index {
    path: Arc<PathBuf>,
    writer: Arc<Mutex<Connection>>,
    pub(crate) readers: Arc<Mutex<Vec<Connection>>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish()
    }
}

impl Index {
    /// Opens the file, or makes it, for its user alone. A damaged file, or one of another version, is made anew: what it has can be read
    /// again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let writer = match connect(path) {
            Ok(writer) => writer,
            Err(error) if error.needs_new_file() => {
                for suffix in ["", "-wal", "-shm"] {
                    remove(&suffixed(path, suffix))?;
                }
                connect(path)?
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: Arc::new(path.to_owned()),
            writer: Arc::new(Mutex::new(writer)),
            readers: Arc::default(),
        })
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for a query.
    pub(crate) fn reader(&self) -> Result<Connection, IndexError> {
        let kept = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&*self.path, flags)?;
        reader.busy_timeout(limits::BUSY)?;
        Ok(reader)
    }

    /// All sessions, and how far each is indexed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions(&self) -> Result<BTreeMap<SessionKey, Indexed>, IndexError> {
        let writer = self.writer();
        let mut statement = writer.prepare("SELECT instance, session, seen, next FROM session")?;
        let rows = statement.query_map([], |row| {
            let key = (
                InstanceId::new(row.get::<_, String>(0)?),
                SessionId::new(row.get::<_, String>(1)?),
            );
            let seen: Option<i64> = row.get(2)?;
            let indexed = Indexed {
                seen: seen.map(Timestamp),
                next: row.get(3)?,
            };
            Ok((key, indexed))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes how far a session is indexed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, key: &SessionKey, indexed: &Indexed) -> Result<(), IndexError> {
        let seen = indexed.seen.map(|seen| seen.0);
        self.writer().execute(
            "INSERT INTO session (instance, session, seen, next) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (instance, session) DO UPDATE SET seen = ?3, next = ?4",
            params![key.0.as_str(), key.1.as_str(), seen, indexed.next],
        )?;
        Ok(())
    }

    /// Makes the documents of a page's span of time those of the page. True if that changed anything.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the page is stored then.
    pub fn store(&self, key: &SessionKey, page: &Page) -> Result<bool, IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        let session = number_of(&transaction, key)?;
        let changed = replace(&transaction, session, page)?;
        transaction.commit()?;
        Ok(changed)
    }

    /// Deletes sessions with their documents.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn delete(&self, keys: &[SessionKey]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for (instance, session) in keys {
            let sql = "SELECT id FROM session WHERE instance = ?1 AND session = ?2";
            let of = params![instance.as_str(), session.as_str()];
            let number: Option<i64> = transaction
                .query_row(sql, of, |row| row.get(0))
                .optional()?;
            let Some(number) = number else { continue };
            for (id, _) in stored(&transaction, number, 0, i64::MAX)?.into_values() {
                delete(&transaction, id)?;
            }
            transaction.execute("DELETE FROM session WHERE id = ?1", [number])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn bytes(&self) -> Result<u64, IndexError> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = self.writer().query_row(sql, [], |row| row.get(0))?;
        Ok(bytes.unsigned_abs())
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn connect(path: &Path) -> Result<Connection, IndexError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(limits::BUSY)?;
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    let new: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })?;
    if new {
        connection.execute_batch(SETTINGS)?;
        connection.execute_batch(&format!(
            "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))?;
    } else if (pragma("application_id")?, pragma("user_version")?) != (APPLICATION, FORMAT) {
        return Err(IndexError::Foreign);
    } else {
        connection.execute_batch(SETTINGS)?;
    }
    Ok(connection)
}

fn number_of(transaction: &Transaction<'_>, key: &SessionKey) -> rusqlite::Result<i64> {
    let of = params![key.0.as_str(), key.1.as_str()];
    transaction.execute(
        "INSERT OR IGNORE INTO session (instance, session) VALUES (?1, ?2)",
        of,
    )?;
    let sql = "SELECT id FROM session WHERE instance = ?1 AND session = ?2";
    transaction.query_row(sql, of, |row| row.get(0))
}

/// The smallest number of a document of that time.
pub(crate) fn first_of(at: Timestamp) -> i64 {
    at.0.clamp(0, LATEST) << ORDINAL_BITS
}

/// When the message of a document began.
pub(crate) fn time_of(id: i64) -> Timestamp {
    Timestamp(id >> ORDINAL_BITS)
}

type Stored = HashMap<i64, (i64, i64)>;

/// Number and hash of the documents of a session in a range of numbers, by part.
fn stored(
    transaction: &Transaction<'_>,
    session: i64,
    from: i64,
    to: i64,
) -> rusqlite::Result<Stored> {
    let sql = "SELECT part, id, hash FROM doc WHERE session = ?1 AND id >= ?2 AND id < ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map(params![session, from, to], |row| {
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
    })?;
    rows.collect()
}

fn replace(transaction: &Transaction<'_>, session: i64, page: &Page) -> rusqlite::Result<bool> {
    // A neighbouring page may have other documents of the millisecond at an edge.
    let from = page.from.map_or(0, first_of);
    let to = page
        .to
        .map_or(i64::MAX, |to| first_of(Timestamp(to.0.saturating_add(1))));
    let mut before = stored(transaction, session, from, to)?;
    let mut new: Vec<&Doc> = Vec::new();
    for doc in &page.docs {
        match before.remove(&doc.part_hash()) {
            Some((id, hash)) if hash == doc.hash() && time_of(id) == time_of(first_of(doc.at)) => {}
            Some((id, _)) => {
                delete(transaction, id)?;
                new.push(doc);
            }
            None => new.push(doc),
        }
    }
    let inside = |id: i64| {
        page.from.is_none_or(|from| time_of(id) > from) && page.to.is_none_or(|to| time_of(id) < to)
    };
    before.retain(|_, (id, _)| inside(*id));
    let changed = !new.is_empty() || !before.is_empty();
    for (id, _) in before.into_values() {
        delete(transaction, id)?;
    }
    // The table of words takes rising numbers as one batch.
    new.sort_by_key(|doc| doc.at);
    for doc in new {
        insert(transaction, session, doc)?;
    }
    Ok(changed)
}

fn insert(transaction: &Transaction<'_>, session: i64, doc: &Doc) -> rusqlite::Result<()> {
    let first = first_of(doc.at);
    let sql = "SELECT coalesce(max(id) + 1, ?1) FROM doc WHERE id >= ?1 AND id < ?2";
    let next = first + (1 << ORDINAL_BITS);
    let id: i64 = transaction
        .prepare_cached(sql)?
        .query_row([first, next], |row| row.get(0))?;
    if id >= next {
        // A million documents of one millisecond: a server that makes them up.
        return Ok(());
    }
    let sql = "INSERT INTO doc (id, session, message, part, kind, tool, files, model, hash, text)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    transaction.prepare_cached(sql)?.execute(params![
        id,
        session,
        &*doc.message,
        doc.part_hash(),
        doc.kind.number(),
        &*doc.tool,
        doc.files,
        doc.model,
        doc.hash(),
        packed(&doc.text),
    ])?;
    let sql = "INSERT INTO word (rowid, tokens) VALUES (?1, ?2)";
    let words = words(&doc.files, &doc.text);
    transaction
        .prepare_cached(sql)?
        .execute(params![id, words])?;
    Ok(())
}

/// Removes a document. FTS5 removes the words that it is given: the same ones as were stored.
fn delete(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    let sql = "SELECT files, text FROM doc WHERE id = ?1";
    let (files, text): (String, Vec<u8>) = transaction
        .prepare_cached(sql)?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "INSERT INTO word (word, rowid, tokens) VALUES ('delete', ?1, ?2)";
    let words = words(&files, &unpacked(&text));
    transaction
        .prepare_cached(sql)?
        .execute(params![id, words])?;
    transaction
        .prepare_cached("DELETE FROM doc WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

fn words(files: &str, text: &str) -> String {
    let mut all = tokens(text);
    all.append(&mut tokens(files));
    Vec::from_iter(all).join(" ")
}

/// The first byte says whether the rest is compressed.
fn packed(text: &str) -> Vec<u8> {
    let mut plain = vec![0];
    plain.extend_from_slice(text.as_bytes());
    if text.len() < limits::COMPRESSED_FROM {
        return plain;
    }
    match zstd::bulk::compress(text.as_bytes(), 3) {
        Ok(small) if small.len() < text.len() => {
            let mut packed = vec![1];
            packed.extend(small);
            packed
        }
        _ => plain,
    }
}

/// The text of a stored document; empty if it is damaged.
pub(crate) fn unpacked(stored: &[u8]) -> String {
    let bytes = match stored.split_first() {
        Some((0, plain)) => plain.to_vec(),
        Some((1, small)) => {
            let most = limits::TEXT_BYTES + limits::INPUT_BYTES + limits::OUTPUT_BYTES;
            zstd::bulk::decompress(small, 2 * most).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;

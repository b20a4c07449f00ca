//! The one connection that writes.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Statement, Transaction, TransactionBehavior, params};

use super::{block, natural, number, said, text};
use crate::journal::store::{Block, Bounds, Life, LifeId, Purge, Source, Store, StoreError};

/// Free pages given back to the system at once; the rest waits, or is used again.
const GIVEN_BACK: u32 = 256;

/// Free pages kept for what comes next.
const SPARE: i64 = 1024;

/// Sources whose numbers are remembered. Beyond it they are looked up anew.
const SOURCES: usize = 4096;

pub(super) struct Writing {
    connection: Connection,
    known: Known,
}

/// What is known to be in the file, so that it need not be looked up.
#[derive(Default)]
struct Known {
    /// Whose texts the block that grows holds: its row alone is written anew.
    growing: Option<Mentioned>,
    /// Numbers of sources.
    sources: BTreeMap<Source, i64>,
}

/// A block, and the sources that are stored with it.
struct Mentioned {
    block: i64,
    sources: BTreeSet<Source>,
}

impl Writing {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            known: Known::default(),
        }
    }

    fn change<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let behavior = TransactionBehavior::Immediate;
        let changing = self
            .connection
            .transaction_with_behavior(behavior)
            .map_err(said)?;
        let changed = change(&changing).map_err(said)?;
        changing.commit().map_err(said)?;
        Ok(changed)
    }

    /// A change that is on the disk once it is done.
    fn change_safely(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.connection
            .execute_batch("PRAGMA synchronous = FULL")
            .map_err(said)?;
        let changed = self.change(change);
        self.connection
            .execute_batch("PRAGMA synchronous = NORMAL")
            .map_err(said)?;
        changed
    }

    /// Moves everything from the write-ahead log into the file, and empties it. False if a reader is in the way.
    fn checkpoint(&self) -> Result<bool, StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(said)?;
        Ok(busy == 0)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        let sql = format!("PRAGMA {name}");
        self.connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(said)
    }
}

impl Store for Writing {
    fn lives(&mut self) -> Result<Vec<Life>, StoreError> {
        // A closed life whose newest block is not its last was torn.
        let sql = "SELECT id, epoch, last, closed,
                (SELECT min(first) FROM block WHERE life = life.id), (SELECT max(last) FROM block WHERE life = life.id
                    AND first = (SELECT max(first) FROM block WHERE life = life.id))
            FROM life ORDER BY id";
        let sql = sql.replace("WHERE life = life.id", "WHERE block.life = life.id");
        let mut statement = self.connection.prepare(&sql).map_err(said)?;
        let lives = statement.query_map([], |row| {
            let (end, newest): (i64, Option<i64>) = (row.get(2)?, row.get(5)?);
            let first: Option<i64> = row.get(4)?;
            let epoch: String = row.get(1)?;
            Ok(Life {
                id: row.get(0)?,
                epoch: epoch.into(),
                begin: natural(first.map_or(end, |first| first - 1)),
                end: natural(end),
                closed: row.get(3)? && newest.is_none_or(|newest| newest == end),
            })
        });
        lives.and_then(Iterator::collect).map_err(said)
    }

    fn begin(&mut self, epoch: &str, keep: usize) -> Result<LifeId, StoreError> {
        self.change(|change| {
            change.execute(
                "INSERT INTO life (epoch, last, closed) VALUES (?1, 0, 0)",
                [epoch],
            )?;
            let id = change.last_insert_rowid();
            let bare = "DELETE FROM life WHERE id <= (SELECT id FROM life ORDER BY id DESC LIMIT 1 OFFSET ?1)
                AND NOT EXISTS (SELECT 1 FROM block WHERE block.life = life.id)";
            change.execute(bare, [i64::try_from(keep).unwrap_or(i64::MAX)])?;
            Ok(id)
        })
    }

    fn resume(&mut self, life: LifeId) -> Result<(), StoreError> {
        self.change_safely(|change| {
            change.execute("UPDATE life SET closed = 0 WHERE id = ?1", [life])?;
            Ok(())
        })
    }

    fn append(&mut self, group: &[Block]) -> Result<(), StoreError> {
        // Forgotten if this fails.
        let known = std::mem::take(&mut self.known);
        self.known = self.change(|change| {
            let mut putting = Putting::new(change, known)?;
            group.iter().try_for_each(|block| putting.put(block))?;
            Ok(putting.known)
        })?;
        Ok(())
    }

    fn close(&mut self, life: LifeId, last: u64) -> Result<(), StoreError> {
        self.change_safely(|change| {
            let closed = "UPDATE life SET closed = 1, last = ?2 WHERE id = ?1";
            change.execute(closed, params![life, number(last)])?;
            Ok(())
        })?;
        // Whether a reader is in the way or not: what counts is on the disk.
        self.checkpoint()?;
        Ok(())
    }

    fn prune(&mut self, bounds: Bounds, most: usize) -> Result<usize, StoreError> {
        // It may be among what goes, and its number may be given again.
        self.known.growing = None;
        let surplus = self.bytes()?.saturating_sub(bounds.bytes);
        let pruned = self.change(|change| {
            let sql = "SELECT id, newest, length(data) FROM block ORDER BY id LIMIT ?1";
            let mut statement = change.prepare(sql)?;
            let mut rows = statement.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
            let (mut freed, mut pruned) = (0, 0);
            while let Some(row) = rows.next()? {
                let (id, newest, bytes): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if freed >= surplus && newest >= bounds.oldest.0 {
                    break;
                }
                freed += natural(bytes);
                pruned += 1;
                change.execute("DELETE FROM mention WHERE block = ?1", [id])?;
                change.execute("DELETE FROM block WHERE id = ?1", [id])?;
            }
            Ok(pruned)
        })?;
        if pruned < most && self.pragma("freelist_count")? > SPARE {
            let give_back = format!("PRAGMA incremental_vacuum({GIVEN_BACK})");
            self.connection.execute_batch(&give_back).map_err(said)?;
        }
        Ok(pruned)
    }

    fn note_purge(&mut self, purge: &Purge) -> Result<(), StoreError> {
        self.change_safely(|change| {
            let note = "INSERT OR IGNORE INTO purge (instance, session) VALUES (?1, ?2)";
            change.execute(
                note,
                params![purge.instance.as_str(), text(purge.session.as_deref())],
            )?;
            Ok(())
        })
    }

    fn purges(&mut self) -> Result<Vec<Purge>, StoreError> {
        let sql = "SELECT instance, session FROM purge";
        let mut statement = self.connection.prepare(sql).map_err(said)?;
        let purges = statement.query_map([], |row| {
            let (instance, session): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(Purge {
                instance: model::ids::InstanceId::new(instance),
                session: (!session.is_empty()).then(|| session.into()),
            })
        });
        purges.and_then(Iterator::collect).map_err(said)
    }

    fn holding(&mut self, purge: &Purge, most: usize) -> Result<Vec<Block>, StoreError> {
        let sql = "SELECT life, first, last, newest, raw, data FROM block WHERE id IN
            (SELECT block FROM mention JOIN source ON source.id = mention.source
             WHERE instance = ?1 AND (?2 = '' OR session = ?2)) ORDER BY id LIMIT ?3";
        let mut statement = self.connection.prepare(sql).map_err(said)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let session = text(purge.session.as_deref());
        let blocks = statement.query_map(params![purge.instance.as_str(), session, most], block);
        blocks.and_then(Iterator::collect).map_err(said)
    }

    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        if !self.checkpoint()? {
            return Ok(false);
        }
        self.known.sources.clear();
        self.change(|change| {
            let session = text(purge.session.as_deref());
            let done = "DELETE FROM purge WHERE instance = ?1 AND session = ?2";
            change.execute(done, params![purge.instance.as_str(), session])?;
            change.execute(
                "DELETE FROM source WHERE NOT EXISTS (SELECT 1 FROM mention WHERE source = source.id)",
                [],
            )?;
            Ok(true)
        })
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        let pages = self.pragma("page_count")? - self.pragma("freelist_count")?;
        Ok(natural(pages) * natural(self.pragma("page_size")?))
    }
}

/// Keeps blocks, and whose texts are in them. Each statement is compiled once for a group.
struct Putting<'a> {
    known: Known,
    block: Statement<'a>,
    life: Statement<'a>,
    unmention: Statement<'a>,
    source: Statement<'a>,
    source_id: Statement<'a>,
    mention: Statement<'a>,
}

impl<'a> Putting<'a> {
    fn new(change: &'a Transaction<'_>, known: Known) -> rusqlite::Result<Self> {
        Ok(Self {
            known,
            block: change.prepare(
                "INSERT INTO block (life, first, last, newest, raw, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (life, first) DO UPDATE SET last = excluded.last, newest = excluded.newest,
                     raw = excluded.raw, data = excluded.data
                 RETURNING id",
            )?,
            life: change.prepare("UPDATE life SET last = max(last, ?2) WHERE id = ?1")?,
            unmention: change.prepare("DELETE FROM mention WHERE block = ?1")?,
            source: change.prepare(
                "INSERT OR IGNORE INTO source (instance, session) VALUES (?1, ?2)",
            )?,
            source_id: change
                .prepare("SELECT id FROM source WHERE instance = ?1 AND session = ?2")?,
            mention: change.prepare("INSERT INTO mention (source, block) VALUES (?1, ?2)")?,
        })
    }

    fn put(&mut self, block: &Block) -> rusqlite::Result<()> {
        let (first, last) = (number(block.first), number(block.last));
        let id: i64 = self.block.query_row(
            params![
                block.life,
                first,
                last,
                block.newest.0,
                number(block.raw),
                block.data
            ],
            |row| row.get(0),
        )?;
        self.life.execute(params![block.life, last])?;
        let grew = |known: &Mentioned| known.block == id && known.sources.is_subset(&block.sources);
        let mentioned = match self.known.growing.take().filter(grew) {
            Some(known) => known.sources,
            None => {
                self.unmention.execute([id])?;
                BTreeSet::new()
            }
        };
        for source in block.sources.difference(&mentioned) {
            let source = self.source_id(source)?;
            self.mention.execute([source, id])?;
        }
        self.known.growing = Some(Mentioned {
            block: id,
            sources: block.sources.clone(),
        });
        Ok(())
    }

    /// The number of a source, which it gets if it has none.
    fn source_id(&mut self, source: &Source) -> rusqlite::Result<i64> {
        if let Some(known) = self.known.sources.get(source) {
            return Ok(*known);
        }
        let session = source.session.as_deref().unwrap_or_default();
        let names = [source.instance.as_str(), session];
        self.source.execute(names)?;
        let id = self.source_id.query_row(names, |row| row.get(0))?;
        if self.known.sources.len() >= SOURCES {
            self.known.sources.clear();
        }
        self.known.sources.insert(source.clone(), id);
        Ok(id)
    }
}

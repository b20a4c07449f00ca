//! The one connection that writes.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{block, natural, number, said, text};
use crate::record::journal::sources::Sources;
use crate::record::journal::store::{Block, Bounds, Life, LifeId, Place, Purge, Store, StoreError};

/// Free pages given back to the system at once; the rest waits, or is used again.
const GIVEN_BACK: u32 = 256;

/// Free pages kept for what comes next.
const SPARE: i64 = 1024;

pub(super) struct Writing {
    connection: Connection,
}

impl Writing {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
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
        self.change(|change| {
            let mut keep = change.prepare(
                "INSERT INTO block (life, first, last, newest, raw, sources, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (life, first) DO UPDATE SET last = excluded.last, newest = excluded.newest,
                     raw = excluded.raw, sources = excluded.sources, data = excluded.data",
            )?;
            let mut life = change.prepare("UPDATE life SET last = max(last, ?2) WHERE id = ?1")?;
            for block in group {
                let last = number(block.last);
                keep.execute(params![
                    block.life,
                    number(block.first),
                    last,
                    block.newest.0,
                    number(block.raw),
                    block.sources.to_bytes(),
                    block.data
                ])?;
                life.execute(params![block.life, last])?;
            }
            Ok(())
        })
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

    fn holding(
        &mut self,
        purge: &Purge,
        after: Place,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        let sql = "SELECT life, first, sources FROM block WHERE (life, first) > (?1, ?2) ORDER BY life, first";
        let mut statement = self.connection.prepare(sql).map_err(said)?;
        let mut rows = statement
            .query(params![after.0, number(after.1)])
            .map_err(said)?;
        let whole =
            "SELECT life, first, last, newest, raw, data FROM block WHERE life = ?1 AND first = ?2";
        let mut whole = self.connection.prepare(whole).map_err(said)?;
        let mut holding = Vec::new();
        while holding.len() < most
            && let Some(row) = rows.next().map_err(said)?
        {
            let (life, first): (i64, i64) = (row.get(0).map_err(said)?, row.get(1).map_err(said)?);
            let sources: Option<Vec<u8>> = row.get(2).map_err(said)?;
            // One of the former format may hold anything.
            let holds = sources.is_none_or(|stored| Sources::from_bytes(&stored).may_hold(purge));
            if holds {
                let found = whole.query_row(params![life, first], block);
                holding.push(found.map_err(said)?);
            }
        }
        Ok(holding)
    }

    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        if !self.checkpoint()? {
            return Ok(false);
        }
        self.change(|change| {
            let session = text(purge.session.as_deref());
            let done = "DELETE FROM purge WHERE instance = ?1 AND session = ?2";
            change.execute(done, params![purge.instance.as_str(), session])?;
            Ok(true)
        })
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        let pages = self.pragma("page_count")? - self.pragma("freelist_count")?;
        Ok(natural(pages) * natural(self.pragma("page_size")?))
    }
}

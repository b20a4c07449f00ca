//! The only writing connection.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{block, failed, natural, number, text};
use crate::record::journal::sources::Sources;
use crate::record::journal::store::{
    Block, BlockPosition, Bounds, Epoch, EpochId, Purge, SessionKey, Store, StoreError,
};

/// Free pages returned to the file system at once; the rest is returned later or reused.
const GIVEN_BACK: u32 = 256;

/// Free pages retained for later writes.
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
            .map_err(failed)?;
        let changed = change(&changing).map_err(failed)?;
        changing.commit().map_err(failed)?;
        Ok(changed)
    }

    /// Runs a change that is durable once this returns.
    fn change_safely(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.connection
            .execute_batch("PRAGMA synchronous = FULL")
            .map_err(failed)?;
        let changed = self.change(change);
        self.connection
            .execute_batch("PRAGMA synchronous = NORMAL")
            .map_err(failed)?;
        changed
    }

    /// Checkpoints and truncates the write-ahead log. False if a reader blocks that.
    fn checkpoint(&self) -> Result<bool, StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(failed)?;
        Ok(busy == 0)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        let sql = format!("PRAGMA {name}");
        self.connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(failed)
    }
}

impl Store for Writing {
    fn epochs(&mut self) -> Result<Vec<Epoch>, StoreError> {
        // A closed epoch whose newest block is not its last has lost blocks.
        let sql = "SELECT id, name, last, closed,
                (SELECT min(first) FROM block WHERE block.epoch = epoch.id), (SELECT max(last) FROM block WHERE block.epoch = epoch.id
                    AND first = (SELECT max(first) FROM block WHERE block.epoch = epoch.id))
            FROM epoch ORDER BY id";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let epochs = statement.query_map([], |row| {
            let (end, newest): (i64, Option<i64>) = (row.get(2)?, row.get(5)?);
            let first: Option<i64> = row.get(4)?;
            let name: String = row.get(1)?;
            Ok(Epoch {
                id: row.get(0)?,
                name: name.into(),
                begin: natural(first.map_or(end, |first| first - 1)),
                end: natural(end),
                closed: row.get(3)? && newest.is_none_or(|newest| newest == end),
            })
        });
        epochs.and_then(Iterator::collect).map_err(failed)
    }

    fn begin(&mut self, name: &str, keep: usize) -> Result<EpochId, StoreError> {
        self.change(|change| {
            change.execute(
                "INSERT INTO epoch (name, last, closed) VALUES (?1, 0, 0)",
                [name],
            )?;
            let id = change.last_insert_rowid();
            let bare = "DELETE FROM epoch WHERE id <= (SELECT id FROM epoch ORDER BY id DESC LIMIT 1 OFFSET ?1)
                AND NOT EXISTS (SELECT 1 FROM block WHERE block.epoch = epoch.id)";
            change.execute(bare, [i64::try_from(keep).unwrap_or(i64::MAX)])?;
            Ok(id)
        })
    }

    fn resume(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        self.change_safely(|change| {
            change.execute("UPDATE epoch SET closed = 0 WHERE id = ?1", [epoch])?;
            Ok(())
        })
    }

    fn note_sessions(&mut self, sessions: &[SessionKey], keep: usize) -> Result<(), StoreError> {
        self.change(|change| {
            let sql = "INSERT OR REPLACE INTO session (instance, session) VALUES (?1, ?2)";
            let mut note = change.prepare(sql)?;
            for (instance, session) in sessions {
                note.execute(params![instance.as_str(), &**session])?;
            }
            let surplus = "DELETE FROM session WHERE id <= (SELECT id FROM session ORDER BY id DESC LIMIT 1 OFFSET ?1)";
            change.execute(surplus, [i64::try_from(keep).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }

    fn append(&mut self, group: &[Block]) -> Result<(), StoreError> {
        self.change(|change| {
            let mut keep = change.prepare(
                "INSERT INTO block (epoch, first, last, newest, raw, sources, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (epoch, first) DO UPDATE SET last = excluded.last, newest = excluded.newest,
                     raw = excluded.raw, sources = excluded.sources, data = excluded.data",
            )?;
            let mut epoch = change.prepare("UPDATE epoch SET last = max(last, ?2) WHERE id = ?1")?;
            for block in group {
                let last = number(block.last);
                keep.execute(params![
                    block.epoch,
                    number(block.first),
                    last,
                    block.newest.0,
                    number(block.raw),
                    block.sources.to_bytes(),
                    block.data
                ])?;
                epoch.execute(params![block.epoch, last])?;
            }
            Ok(())
        })
    }

    fn close(&mut self, epoch: EpochId, last: u64) -> Result<(), StoreError> {
        self.change_safely(|change| {
            let closed = "UPDATE epoch SET closed = 1, last = ?2 WHERE id = ?1";
            change.execute(closed, params![epoch, number(last)])?;
            Ok(())
        })?;
        // A blocked checkpoint is fine: the relevant data is durable.
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
            self.connection.execute_batch(&give_back).map_err(failed)?;
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
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let purges = statement.query_map([], |row| {
            let (instance, session): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(Purge {
                instance: model::ids::InstanceId::new(instance),
                session: (!session.is_empty()).then(|| session.into()),
            })
        });
        purges.and_then(Iterator::collect).map_err(failed)
    }

    fn holding(
        &mut self,
        purge: &Purge,
        after: BlockPosition,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        let sql = "SELECT epoch, first, sources FROM block WHERE (epoch, first) > (?1, ?2) ORDER BY epoch, first";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement
            .query(params![after.0, number(after.1)])
            .map_err(failed)?;
        let whole = "SELECT epoch, first, last, newest, raw, data FROM block WHERE epoch = ?1 AND first = ?2";
        let mut whole = self.connection.prepare(whole).map_err(failed)?;
        let mut holding = Vec::new();
        while holding.len() < most
            && let Some(row) = rows.next().map_err(failed)?
        {
            let (epoch, first): (i64, i64) =
                (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let sources: Option<Vec<u8>> = row.get(2).map_err(failed)?;
            // A block of the previous format may contain anything.
            let holds = sources.is_none_or(|stored| Sources::from_bytes(&stored).may_hold(purge));
            if holds {
                let found = whole.query_row(params![epoch, first], block);
                holding.push(found.map_err(failed)?);
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
            let noted = "DELETE FROM session WHERE instance = ?1 AND (session = ?2 OR ?2 = '')";
            change.execute(noted, params![purge.instance.as_str(), session])?;
            Ok(true)
        })
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        let pages = self.pragma("page_count")? - self.pragma("freelist_count")?;
        Ok(natural(pages) * natural(self.pragma("page_size")?))
    }
}

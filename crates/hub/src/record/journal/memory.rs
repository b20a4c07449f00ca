//! A journal in memory, for tests and simulations: a disk that outlives hubs and fails on request.

use std::sync::{Arc, Mutex, MutexGuard};

use model::ids::InstanceId;

use super::block::{Record, unpack};
use super::store::{
    Block, BlockPosition, Bounds, Chosen, Epoch, EpochId, Medium, Purge, Reader, SessionKey, Span,
    SpanChoice, Spans, Store, StoreError,
};

/// Maximum number of groups that [`MemoryDisk::tear`] can revert.
const TEARABLE: usize = 8;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<DiskContents>>);

#[derive(Debug, Default)]
struct DiskContents {
    kept: StoredBlock,
    /// The contents before each of the newest groups that are not durable yet.
    before: Vec<StoredBlock>,
    fault: Option<StoreError>,
    unreadable: Option<StoreError>,
    /// True until the next write, which panics.
    panics: bool,
    aside: usize,
}

#[derive(Clone, Debug)]
struct StoredEpoch {
    id: EpochId,
    name: Arc<str>,
    end: u64,
    closed: bool,
}

#[derive(Clone, Debug, Default)]
struct StoredBlock {
    epochs: Vec<StoredEpoch>,
    blocks: Vec<Arc<Block>>,
    purges: Vec<Purge>,
    sessions: Vec<SessionKey>,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes opening and writing fail with this error from now on; `None` ends that.
    pub fn fail(&self, fault: Option<StoreError>) {
        self.lock().fault = fault;
    }

    /// Makes the next write panic, as a bug in the program would.
    pub fn panic_once(&self) {
        self.lock().panics = true;
    }

    /// Makes reading fail with this error from now on.
    pub fn fail_reads(&self, fault: Option<StoreError>) {
        self.lock().unreadable = fault;
    }

    /// Reverts the newest `groups` that were written, as far as they are not durable, as a loss of power may. Returns
    /// the number of reverted groups. Nothing may have the disk open for writing.
    pub fn tear(&self, groups: usize) -> usize {
        let mut platters = self.lock();
        let torn = groups.min(platters.before.len());
        for _ in 0..torn {
            if let Some(before) = platters.before.pop() {
                platters.kept = before;
            }
        }
        torn
    }

    /// All stored bytes, for a search.
    pub fn bytes(&self) -> Vec<u8> {
        let platters = self.lock();
        let blocks = platters.kept.blocks.iter();
        blocks
            .flat_map(|block| zstd::bulk::decompress(&block.data, 64 << 20).unwrap_or_default())
            .collect()
    }

    /// All stored entries, for a search.
    pub fn records(&self) -> Vec<Record> {
        let blocks = self.lock().kept.blocks.clone();
        let records = blocks.iter().filter_map(|block| unpack(&block.data).ok());
        records.flatten().collect()
    }

    fn lock(&self) -> MutexGuard<'_, DiskContents> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn writable(&self) -> Result<MutexGuard<'_, DiskContents>, StoreError> {
        let mut platters = self.lock();
        assert!(!std::mem::take(&mut platters.panics), "a write panics");
        match &platters.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(platters),
        }
    }

    fn readable(&self) -> Result<MutexGuard<'_, DiskContents>, StoreError> {
        let platters = self.lock();
        match &platters.unreadable {
            Some(fault) => Err(fault.clone()),
            None => Ok(platters),
        }
    }
}

impl DiskContents {
    /// Saves the state before a change that a loss of power can revert.
    fn unsafe_change(&mut self) {
        if self.before.len() == TEARABLE {
            self.before.remove(0);
        }
        self.before.push(self.kept.clone());
    }

    fn epoch(&mut self, id: EpochId) -> Option<&mut StoredEpoch> {
        self.kept.epochs.iter_mut().find(|epoch| epoch.id == id)
    }
}

impl StoredBlock {
    fn put(&mut self, block: &Block) {
        let new = Arc::new(block.clone());
        let known = self.blocks.iter_mut().rev();
        let same =
            |known: &&mut Arc<Block>| known.epoch == block.epoch && known.first == block.first;
        match known.into_iter().find(same) {
            Some(known) => *known = new,
            None => self.blocks.push(new),
        }
        if let Some(epoch) = self.epochs.iter_mut().find(|epoch| epoch.id == block.epoch) {
            epoch.end = epoch.end.max(block.last);
        }
    }

    fn epochs(&self) -> Vec<Epoch> {
        let epochs = self.epochs.iter();
        epochs
            .map(|epoch| {
                let mut blocks = self.blocks.iter().filter(|block| block.epoch == epoch.id);
                let first = blocks.next();
                let newest = blocks.next_back().or(first).map_or(0, |block| block.last);
                Epoch {
                    id: epoch.id,
                    name: epoch.name.clone(),
                    begin: first.map_or(epoch.end, |block| block.first - 1),
                    end: epoch.end,
                    closed: epoch.closed && (first.is_none() || newest == epoch.end),
                }
            })
            .collect()
    }
}

impl Medium for MemoryDisk {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        drop(self.writable()?);
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        drop(self.readable()?);
        Ok(Box::new(self.clone()))
    }

    fn put_aside(&self) -> Result<String, StoreError> {
        let mut platters = self.lock();
        platters.fault = None;
        platters.kept = StoredBlock::default();
        platters.before.clear();
        platters.aside += 1;
        Ok(format!("aside-{}", platters.aside))
    }

    fn may_wait(&self) -> bool {
        false
    }
}

impl Store for MemoryDisk {
    fn epochs(&mut self) -> Result<Vec<Epoch>, StoreError> {
        Ok(self.writable()?.kept.epochs())
    }

    fn begin(&mut self, name: &str, keep: usize) -> Result<EpochId, StoreError> {
        let mut platters = self.writable()?;
        platters.unsafe_change();
        let kept = &mut platters.kept;
        let id = kept.epochs.last().map_or(1, |epoch| epoch.id + 1);
        kept.epochs.push(StoredEpoch {
            id,
            name: name.into(),
            end: 0,
            closed: false,
        });
        while kept.epochs.len() > keep.max(1)
            && !kept
                .blocks
                .iter()
                .any(|block| block.epoch == kept.epochs[0].id)
        {
            kept.epochs.remove(0);
        }
        Ok(id)
    }

    fn resume(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        if let Some(epoch) = platters.epoch(epoch) {
            epoch.closed = false;
        }
        platters.before.clear();
        Ok(())
    }

    fn note_sessions(&mut self, sessions: &[SessionKey], keep: usize) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        platters.unsafe_change();
        let noted = &mut platters.kept.sessions;
        noted.retain(|known| !sessions.contains(known));
        noted.extend_from_slice(sessions);
        let surplus = noted.len().saturating_sub(keep);
        noted.drain(..surplus);
        Ok(())
    }

    fn append(&mut self, group: &[Block]) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        platters.unsafe_change();
        for block in group {
            platters.kept.put(block);
        }
        Ok(())
    }

    fn close(&mut self, epoch: EpochId, last: u64) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        if let Some(epoch) = platters.epoch(epoch) {
            (epoch.end, epoch.closed) = (last, true);
        }
        platters.before.clear();
        Ok(())
    }

    fn prune(&mut self, bounds: Bounds, most: usize) -> Result<usize, StoreError> {
        let mut platters = self.writable()?;
        platters.unsafe_change();
        let mut bytes = size(&platters.kept.blocks);
        let mut pruned = 0;
        while pruned < most
            && let Some(oldest) = platters.kept.blocks.first()
        {
            if bytes <= bounds.bytes && oldest.newest >= bounds.oldest {
                break;
            }
            bytes -= oldest.data.len() as u64;
            platters.kept.blocks.remove(0);
            pruned += 1;
        }
        Ok(pruned)
    }

    fn note_purge(&mut self, purge: &Purge) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        if !platters.kept.purges.contains(purge) {
            platters.kept.purges.push(purge.clone());
        }
        platters.before.clear();
        Ok(())
    }

    fn purges(&mut self) -> Result<Vec<Purge>, StoreError> {
        Ok(self.writable()?.kept.purges.clone())
    }

    fn holding(
        &mut self,
        purge: &Purge,
        after: BlockPosition,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        let platters = self.writable()?;
        let holds = |block: &&Arc<Block>| {
            (block.epoch, block.first) > after && block.sources.may_hold(purge)
        };
        let blocks = platters.kept.blocks.iter().filter(holds).take(most);
        Ok(blocks.map(|block| Block::clone(block)).collect())
    }

    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        let mut platters = self.writable()?;
        platters.kept.purges.retain(|noted| noted != purge);
        let covered = |(instance, session): &SessionKey| {
            *instance == purge.instance && purge.session.as_ref().is_none_or(|of| of == session)
        };
        platters.kept.sessions.retain(|noted| !covered(noted));
        platters.before.clear();
        Ok(true)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        Ok(size(&self.writable()?.kept.blocks))
    }
}

impl Reader for MemoryDisk {
    fn read(&mut self, name: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError> {
        let platters = self.readable()?;
        let Some(epoch) = platters
            .kept
            .epochs
            .iter()
            .find(|epoch| *epoch.name == *name)
        else {
            return Ok(Vec::new());
        };
        let blocks = platters.kept.blocks.iter();
        let wanted = blocks.filter(|block| block.epoch == epoch.id && block.last > after);
        let mut bytes = 0;
        let mut read: Vec<Block> = Vec::new();
        for block in wanted {
            bytes += block.raw;
            if bytes > raw && !read.is_empty() {
                break;
            }
            read.push(Block::clone(block));
        }
        Ok(read)
    }

    fn newest(&mut self, raw: u64) -> Result<Vec<(Arc<str>, Block)>, StoreError> {
        let platters = self.readable()?;
        let mut bytes = 0;
        let fits = |block: &&Arc<Block>| {
            bytes += block.raw;
            bytes <= raw
        };
        let newest: Vec<_> = platters.kept.blocks.iter().rev().take_while(fits).collect();
        let named = newest.into_iter().rev().filter_map(|block| {
            let epoch = platters
                .kept
                .epochs
                .iter()
                .find(|epoch| epoch.id == block.epoch)?;
            Some((epoch.name.clone(), Block::clone(block)))
        });
        Ok(named.collect())
    }

    fn spans(
        &mut self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        raw: u64,
    ) -> Result<Spans, StoreError> {
        let platters = self.readable()?;
        let mut choice = SpanChoice::new(instance, session, raw);
        for block in platters.kept.blocks.iter().rev() {
            let read = match choice.choose(Some(&block.sources), block.raw) {
                Chosen::Skipped => continue,
                Chosen::Beyond => break,
                Chosen::Named => None,
                Chosen::Whole => Some(Block::clone(block)),
            };
            let mut epochs = platters.kept.epochs.iter();
            let Some(epoch) = epochs.find(|epoch| epoch.id == block.epoch) else {
                continue;
            };
            choice.add(Span {
                epoch: epoch.name.clone(),
                first: block.first,
                last: block.last,
                block: read,
            });
        }
        Ok(choice.spans())
    }

    fn sessions(&mut self) -> Result<Vec<SessionKey>, StoreError> {
        let platters = self.readable()?;
        let held = |(instance, session): &&SessionKey| {
            let wanted = Purge {
                instance: instance.clone(),
                session: Some(session.clone()),
            };
            let mut blocks = platters.kept.blocks.iter();
            blocks.any(|block| block.sources.may_hold(&wanted))
        };
        let noted = platters.kept.sessions.iter().rev();
        Ok(noted.filter(held).cloned().collect())
    }
}

fn size(blocks: &[Arc<Block>]) -> u64 {
    blocks.iter().map(|block| block.data.len() as u64).sum()
}

//! A journal in memory, for tests and simulations: a disk that outlives hubs, and fails when it is told to.

use std::sync::{Arc, Mutex, MutexGuard};

use super::block::{Record, unpack};
use super::store::{Block, Bounds, Life, LifeId, Medium, Place, Purge, Reader, Store, StoreError};

/// Groups that [`Disk::tear`] can take back at most.
const TEARABLE: usize = 8;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    kept: Kept,
    /// What was kept before each of the newest groups that are not safe yet.
    before: Vec<Kept>,
    fault: Option<StoreError>,
    unreadable: Option<StoreError>,
    /// True until the next write, which panics.
    panics: bool,
    aside: usize,
}

#[derive(Clone, Debug)]
struct KeptLife {
    id: LifeId,
    epoch: Arc<str>,
    end: u64,
    closed: bool,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    lives: Vec<KeptLife>,
    blocks: Vec<Arc<Block>>,
    purges: Vec<Purge>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes opening and writing fail with this from now on; `None` makes the disk whole.
    pub fn fail(&self, fault: Option<StoreError>) {
        self.lock().fault = fault;
    }

    /// Makes the next write panic, as a fault of the program would.
    pub fn panic_once(&self) {
        self.lock().panics = true;
    }

    /// Makes reading fail with this from now on.
    pub fn fail_reads(&self, fault: Option<StoreError>) {
        self.lock().unreadable = fault;
    }

    /// Takes back the newest `groups` that were written, as far as they are not safe: what a loss of power can do.
    /// Gives back how many it took. Nothing may have the disk open for writing.
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

    /// Everything that is kept, for a search of it.
    pub fn bytes(&self) -> Vec<u8> {
        let platters = self.lock();
        let blocks = platters.kept.blocks.iter();
        blocks
            .flat_map(|block| zstd::bulk::decompress(&block.data, 64 << 20).unwrap_or_default())
            .collect()
    }

    /// Every entry that is kept, for a search of them.
    pub fn records(&self) -> Vec<Record> {
        let blocks = self.lock().kept.blocks.clone();
        let records = blocks.iter().filter_map(|block| unpack(&block.data).ok());
        records.flatten().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Platters> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn writable(&self) -> Result<MutexGuard<'_, Platters>, StoreError> {
        let mut platters = self.lock();
        assert!(!std::mem::take(&mut platters.panics), "a write panics");
        match &platters.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(platters),
        }
    }

    fn readable(&self) -> Result<MutexGuard<'_, Platters>, StoreError> {
        let platters = self.lock();
        match &platters.unreadable {
            Some(fault) => Err(fault.clone()),
            None => Ok(platters),
        }
    }
}

impl Platters {
    /// Notes the state before a change that a loss of power can take back.
    fn unsafe_change(&mut self) {
        if self.before.len() == TEARABLE {
            self.before.remove(0);
        }
        self.before.push(self.kept.clone());
    }

    fn life(&mut self, id: LifeId) -> Option<&mut KeptLife> {
        self.kept.lives.iter_mut().find(|life| life.id == id)
    }
}

impl Kept {
    fn put(&mut self, block: &Block) {
        let new = Arc::new(block.clone());
        let known = self.blocks.iter_mut().rev();
        let same = |known: &&mut Arc<Block>| known.life == block.life && known.first == block.first;
        match known.into_iter().find(same) {
            Some(known) => *known = new,
            None => self.blocks.push(new),
        }
        if let Some(life) = self.lives.iter_mut().find(|life| life.id == block.life) {
            life.end = life.end.max(block.last);
        }
    }

    fn lives(&self) -> Vec<Life> {
        let lives = self.lives.iter();
        lives
            .map(|life| {
                let mut blocks = self.blocks.iter().filter(|block| block.life == life.id);
                let first = blocks.next();
                let newest = blocks.next_back().or(first).map_or(0, |block| block.last);
                Life {
                    id: life.id,
                    epoch: life.epoch.clone(),
                    begin: first.map_or(life.end, |block| block.first - 1),
                    end: life.end,
                    closed: life.closed && (first.is_none() || newest == life.end),
                }
            })
            .collect()
    }
}

impl Medium for Disk {
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
        platters.kept = Kept::default();
        platters.before.clear();
        platters.aside += 1;
        Ok(format!("aside-{}", platters.aside))
    }

    fn may_wait(&self) -> bool {
        false
    }
}

impl Store for Disk {
    fn lives(&mut self) -> Result<Vec<Life>, StoreError> {
        Ok(self.writable()?.kept.lives())
    }

    fn begin(&mut self, epoch: &str, keep: usize) -> Result<LifeId, StoreError> {
        let mut platters = self.writable()?;
        platters.unsafe_change();
        let kept = &mut platters.kept;
        let id = kept.lives.last().map_or(1, |life| life.id + 1);
        kept.lives.push(KeptLife {
            id,
            epoch: epoch.into(),
            end: 0,
            closed: false,
        });
        while kept.lives.len() > keep.max(1)
            && !kept
                .blocks
                .iter()
                .any(|block| block.life == kept.lives[0].id)
        {
            kept.lives.remove(0);
        }
        Ok(id)
    }

    fn resume(&mut self, life: LifeId) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        if let Some(life) = platters.life(life) {
            life.closed = false;
        }
        platters.before.clear();
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

    fn close(&mut self, life: LifeId, last: u64) -> Result<(), StoreError> {
        let mut platters = self.writable()?;
        if let Some(life) = platters.life(life) {
            (life.end, life.closed) = (last, true);
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
        after: Place,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        let platters = self.writable()?;
        let holds = |block: &&Arc<Block>| {
            (block.life, block.first) > after && block.sources.may_hold(purge)
        };
        let blocks = platters.kept.blocks.iter().filter(holds).take(most);
        Ok(blocks.map(|block| Block::clone(block)).collect())
    }

    fn purged(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        let mut platters = self.writable()?;
        platters.kept.purges.retain(|noted| noted != purge);
        platters.before.clear();
        Ok(true)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        Ok(size(&self.writable()?.kept.blocks))
    }
}

impl Reader for Disk {
    fn read(&mut self, epoch: &str, after: u64, raw: u64) -> Result<Vec<Block>, StoreError> {
        let platters = self.readable()?;
        let Some(life) = platters
            .kept
            .lives
            .iter()
            .find(|life| *life.epoch == *epoch)
        else {
            return Ok(Vec::new());
        };
        let blocks = platters.kept.blocks.iter();
        let wanted = blocks.filter(|block| block.life == life.id && block.last > after);
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
            let life = platters
                .kept
                .lives
                .iter()
                .find(|life| life.id == block.life)?;
            Some((life.epoch.clone(), Block::clone(block)))
        });
        Ok(named.collect())
    }
}

fn size(blocks: &[Arc<Block>]) -> u64 {
    blocks.iter().map(|block| block.data.len() as u64).sum()
}

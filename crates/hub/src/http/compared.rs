//! Comparisons of files that were made lately: the next lines of a large file are drawn from them, as long as both sides are the same.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use changes::FileDiff;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::problem::Problem;
use crate::git::seen;
use crate::limits;

/// Both sides of a file, compared.
#[derive(Debug)]
pub(super) struct Comparison {
    diff: FileDiff,
    /// Identifies both sides, so that nothing else is staged than what was seen.
    pub(super) seen: String,
}

impl From<FileDiff> for Comparison {
    fn from(diff: FileDiff) -> Self {
        let seen = seen(&diff);
        Self { diff, seen }
    }
}

impl Deref for Comparison {
    type Target = FileDiff;

    fn deref(&self) -> &FileDiff {
        &self.diff
    }
}

/// A name of what was compared: that of both sides, and of how.
pub(super) type Identity = [u8; 32];

/// A comparison that is there, or is being made.
type Cell = Arc<OnceCell<Arc<Comparison>>>;

struct Entry {
    of: Identity,
    used: Instant,
    cell: Cell,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.cell.get().map_or(0, |compared| compared.size())
    }
}

/// Comparisons by what was compared. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Comparisons(Arc<Mutex<VecDeque<Entry>>>);

impl Comparisons {
    /// The comparison of this name, made by `make` unless it is known. Two that ask at once wait for one.
    pub(super) async fn get(
        &self,
        of: Identity,
        make: impl AsyncFnOnce() -> Result<FileDiff, Problem>,
    ) -> Result<Arc<Comparison>, Problem> {
        let cell = self.cell(of);
        let compared = cell.get_or_try_init(async || compared(make().await?).await);
        let compared = compared.await?.clone();
        self.forget();
        Ok(compared)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a comparison, which is the newest one from now on.
    fn cell(&self, of: Identity) -> Cell {
        let mut all = self.lock();
        let known = all.iter().position(|entry| entry.of == of);
        let known = known.and_then(|at| all.remove(at));
        let cell = known.map_or_else(Cell::default, |entry| entry.cell);
        let alone = all.is_empty();
        all.push_back(Entry {
            of,
            used: Instant::now(),
            cell: cell.clone(),
        });
        drop(all);
        if alone {
            tokio::spawn(self.clone().forget_in_time());
        }
        cell
    }

    /// Forgets what was used longest ago, as far as the bounds ask for it.
    fn forget(&self) {
        let mut all = self.lock();
        let mut bytes: usize = all.iter().map(Entry::bytes).sum();
        let too_much = |all: &VecDeque<Entry>, bytes| {
            all.len() > limits::REVIEW_DIFFS || bytes > limits::REVIEW_DIFF_BYTES
        };
        while all.len() > 1 && too_much(&all, bytes) {
            bytes -= all.pop_front().map_or(0, |oldest| oldest.bytes());
        }
    }

    /// Forgets what nobody looks at, until nothing is left.
    async fn forget_in_time(self) {
        loop {
            sleep(limits::REVIEW_DIFF_KNOWN / 4).await;
            let mut all = self.lock();
            all.retain(|entry| entry.used.elapsed() < limits::REVIEW_DIFF_KNOWN);
            if all.is_empty() {
                return;
            }
        }
    }
}

/// The comparison with its name, which takes a while for a large one.
pub(super) async fn compared(diff: FileDiff) -> Result<Arc<Comparison>, Problem> {
    let named = tokio::task::spawn_blocking(move || Arc::new(Comparison::from(diff)));
    named.await.map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use changes::Options;

    use super::*;

    async fn get(known: &Comparisons, of: u8, bytes: usize) -> bool {
        let mut made = false;
        let make = async || {
            made = true;
            let text = vec![b'x'; bytes];
            Ok(FileDiff::of_texts(Vec::new(), text, Options::default()))
        };
        let compared = known.get([of; 32], make).await.ok().unwrap();
        assert_eq!(compared.changes().count(), 1);
        made
    }

    #[tokio::test(start_paused = true)]
    async fn a_comparison_is_made_once_and_forgotten_in_time() {
        let known = Comparisons::default();
        assert!(get(&known, 1, 10).await);
        assert!(!get(&known, 1, 10).await);
        sleep(limits::REVIEW_DIFF_KNOWN * 2).await;
        assert!(known.lock().is_empty());
        assert!(get(&known, 1, 10).await);
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_leave_first_those_used_longest_ago() {
        let known = Comparisons::default();
        let half = limits::REVIEW_DIFF_BYTES / 2;
        assert!(get(&known, 1, half).await);
        assert!(get(&known, 2, 10).await);
        assert!(!get(&known, 1, half).await);
        assert!(get(&known, 3, half).await);
        assert!(!get(&known, 3, half).await);
        assert!(get(&known, 2, 10).await);
        assert!(get(&known, 1, half).await);
        let whole = limits::REVIEW_DIFF_BYTES + 1;
        assert!(get(&known, 4, whole).await);
        assert!(!get(&known, 4, whole).await);
    }
}

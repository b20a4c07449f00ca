//! What was drawn lately, shared by all viewers: the base of patches, and what need not be drawn again.
//!
//! A viewer at revision `n` was last shown the newest render that is not younger than `n`. What is forgotten is drawn
//! and sent whole; nothing here is ever the only copy of anything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::ids::PermissionId;
use model::state::{MessageStatus, Rev};

use super::fragment::Fragment;
use crate::limits;

/// What a render depends on, where that is cheaper to compare than to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) rev: Rev,
    pub(crate) cut_off: bool,
    pub(crate) waits_for: Option<PermissionId>,
    pub(crate) status: MessageStatus,
}

/// A render, and the viewer revision it was first made for.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) at: Rev,
    pub(crate) identity: Option<Identity>,
    pub(crate) fragment: Arc<Fragment>,
}

#[derive(Debug, Default)]
struct Ring {
    drawn: VecDeque<Drawn>,
    bytes: usize,
    used: u64,
}

/// The cache. Its size is bounded by [`limits::CACHE_BYTES`] and each ring by [`limits::RING`].
#[derive(Debug, Default)]
pub(crate) struct Cache {
    rings: HashMap<String, Ring>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    /// What a viewer at `rev` has of `key`, if it is still known.
    pub(crate) fn at(&mut self, key: &str, rev: Rev) -> Option<Drawn> {
        self.uses += 1;
        let ring = self.rings.get_mut(key)?;
        ring.used = self.uses;
        ring.drawn
            .iter()
            .rev()
            .find(|drawn| drawn.at <= rev)
            .cloned()
    }

    /// Keeps a render, unless it is what the viewers at its revision already have.
    pub(crate) fn keep(&mut self, key: &str, drawn: Drawn) {
        self.uses += 1;
        let ring = self.rings.entry(key.to_owned()).or_default();
        ring.used = self.uses;
        let place = ring
            .drawn
            .iter()
            .rposition(|known| known.at <= drawn.at)
            .map_or(0, |at| at + 1);
        let before = place.checked_sub(1).map(|at| &ring.drawn[at]);
        if before.is_some_and(|b| {
            b.at == drawn.at || (b.fragment == drawn.fragment && b.identity == drawn.identity)
        }) {
            return;
        }
        let added = drawn
            .fragment
            .bytes_beside(before.map(|before| &*before.fragment));
        ring.drawn.insert(place, drawn);
        let mut freed = 0;
        if ring.drawn.len() > limits::RING {
            // The next one may have shared texts with the one that goes: it now holds them alone.
            ring.drawn.pop_front();
            let left: usize = held(&ring.drawn);
            freed = (ring.bytes + added).saturating_sub(left);
        }
        ring.bytes = ring.bytes + added - freed;
        self.bytes = self.bytes + added - freed;
        if self.bytes > limits::CACHE_BYTES {
            self.forget();
        }
    }

    /// Forgets what was used longest ago, down to three quarters of the bound, so that this is rare.
    fn forget(&mut self) {
        let mut by_use: Vec<(u64, String)> = self
            .rings
            .iter()
            .map(|(key, ring)| (ring.used, key.clone()))
            .collect();
        by_use.sort_unstable();
        for (_, key) in by_use {
            if self.bytes <= limits::CACHE_BYTES / 4 * 3 {
                break;
            }
            if let Some(ring) = self.rings.remove(&key) {
                self.bytes -= ring.bytes;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn held(drawn: &VecDeque<Drawn>) -> usize {
    let before = std::iter::once(None).chain(drawn.iter().map(|drawn| Some(&*drawn.fragment)));
    drawn
        .iter()
        .zip(before)
        .map(|(drawn, before)| drawn.fragment.bytes_beside(before))
        .sum()
}

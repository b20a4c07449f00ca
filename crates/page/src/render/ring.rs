//! Cache of recent renders, shared by all viewers: the base of patches.
//!
//! A viewer at revision `n` was last shown the newest render that is not younger than `n`. What is forgotten is drawn
//! and sent whole; nothing here is ever the only copy of anything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::ids::PermissionId;
use model::state::{MessageStatus, Rev};
use model::view::StepsRow;

use crate::fragment::Fragment;
use crate::limits;

/// Inputs of a render that are cheaper to compare than to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) rev: Rev,
    pub(crate) cut_off: bool,
    pub(crate) waits_for: Option<PermissionId>,
    pub(crate) steps: Option<StepsRow>,
    pub(crate) status: MessageStatus,
}

/// A render, and the viewer revision it was first made for.
#[derive(Clone, Debug)]
pub(crate) struct CachedRender {
    pub(crate) at: Rev,
    /// The newest viewer revision that it was made for once more.
    pub(crate) until: Rev,
    pub(crate) identity: Option<Identity>,
    pub(crate) fragment: Arc<Fragment>,
}

impl CachedRender {
    /// What was drawn at `until` was the same as at first. If something else turns out to lie between, it became so again.
    fn again_after(&mut self, between: Rev) -> Option<Self> {
        let until = std::mem::replace(&mut self.until, self.at);
        (until > between).then(|| Self {
            at: until,
            until,
            ..self.clone()
        })
    }
}

#[derive(Debug, Default)]
struct Ring {
    drawn: VecDeque<CachedRender>,
    bytes: usize,
    used: u64,
}

/// The cache. Its size, with its keys and tables, is bounded by [`limits::CACHE_BYTES`] and each ring by [`limits::RING`].
#[derive(Debug, Default)]
pub(crate) struct Cache {
    rings: HashMap<String, Ring>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    /// Render of `key` that a viewer at `rev` has, if it is still cached. At zero a viewer has nothing.
    pub(crate) fn at(&mut self, key: &str, rev: Rev) -> Option<CachedRender> {
        if rev == Rev(0) {
            return None;
        }
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
    pub(crate) fn keep(&mut self, key: &str, drawn: CachedRender) {
        self.uses += 1;
        let ring = self.rings.entry(key.to_owned()).or_default();
        ring.used = self.uses;
        let place = ring
            .drawn
            .iter()
            .rposition(|known| known.at <= drawn.at)
            .map_or(0, |at| at + 1);
        let mut again = None;
        if let Some(before) = place.checked_sub(1).map(|at| &mut ring.drawn[at]) {
            if before.at == drawn.at {
                return;
            }
            if before.fragment == drawn.fragment && before.identity == drawn.identity {
                before.until = before.until.max(drawn.at);
                return;
            }
            again = before.again_after(drawn.at);
        }
        let both = std::iter::once(drawn).chain(again);
        for (at, drawn) in both.enumerate() {
            ring.drawn.insert(place + at, drawn);
        }
        while ring.drawn.len() > limits::RING {
            ring.drawn.pop_front();
        }
        // Renders share texts with their neighbours, which may have changed.
        let bytes = held(key, &ring.drawn);
        self.bytes = self.bytes - ring.bytes + bytes;
        ring.bytes = bytes;
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

    /// Forgets all that was drawn of `key`.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(ring) = self.rings.remove(key) {
            self.bytes -= ring.bytes;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Bytes of a ring with its key, and of what only it holds.
fn held(key: &str, drawn: &VecDeque<CachedRender>) -> usize {
    let before = std::iter::once(None).chain(drawn.iter().map(|drawn| Some(&*drawn.fragment)));
    let fragments = drawn
        .iter()
        .zip(before)
        .map(|(drawn, before)| drawn.fragment.bytes_beside(before));
    ENTRY_SIZE + key.len() + drawn.capacity() * size_of::<CachedRender>() + fragments.sum::<usize>()
}

/// Bytes of an entry in a table that is as full as it may be: such tables double.
const ENTRY_SIZE: usize = 2 * size_of::<(String, Ring)>();

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keep(cache: &mut Cache, at: u64, html: &str) {
        let drawn = CachedRender {
            at: Rev(at),
            until: Rev(at),
            identity: None,
            fragment: Arc::new(Fragment::whole("k", html.to_owned())),
        };
        cache.keep("k", drawn);
    }

    #[test]
    fn a_slow_viewer_does_not_change_what_faster_ones_have() {
        let mut cache = Cache::default();
        keep(&mut cache, 8, "x");
        keep(&mut cache, 12, "x");
        keep(&mut cache, 10, "y");
        let html = |cache: &mut Cache, rev| cache.at("k", Rev(rev)).unwrap().fragment.html();
        for (rev, had) in [(9, "x"), (10, "y"), (12, "x"), (13, "x")] {
            assert_eq!(html(&mut cache, rev), had, "at {rev}");
        }
    }

    #[test]
    fn at_zero_a_viewer_has_nothing() {
        let mut cache = Cache::default();
        keep(&mut cache, 0, "x");
        assert!(cache.at("k", Rev(0)).is_none());
        assert!(cache.at("k", Rev(1)).is_some());
    }

    #[test]
    fn keys_are_counted_as_what_they_name() {
        let mut cache = Cache::default();
        for nth in 0..1000 {
            let drawn = CachedRender {
                at: Rev(1),
                until: Rev(1),
                identity: None,
                fragment: Arc::new(Fragment::whole("k", String::new())),
            };
            cache.keep(&format!("{nth}{}", "k".repeat(64 << 10)), drawn);
            let keys: usize = cache.rings.keys().map(String::len).sum();
            assert!(keys < cache.bytes && cache.bytes <= limits::CACHE_BYTES);
        }
        assert!(cache.rings.len() < limits::CACHE_BYTES >> 16);
    }

    #[test]
    fn what_is_small_is_counted_with_what_holds_it() {
        let mut cache = Cache::default();
        keep(&mut cache, 1, "x");
        assert!(
            cache.bytes
                > size_of::<CachedRender>() + size_of::<Fragment>() + size_of::<(String, Ring)>()
        );
        let before = cache.bytes;
        cache.forget();
        assert_eq!(cache.bytes, before);
    }
}

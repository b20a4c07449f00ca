//! What the event inspector keeps between two requests: timelines of sessions, and bundles that were opened.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{InstanceId, SessionId};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::engine::Handle;
use crate::limits;
use crate::record::log::Cursor;
use crate::record::past::Selection;
use crate::replay::bundle::Bundle;
use crate::replay::timeline::Timeline;

/// The name of an opened bundle.
pub type BundleId = u64;

/// A timeline's name: the bundle, if it is not of the log, the instance, and the session.
type TimelineKey = (Option<BundleId>, InstanceId, SessionId);

/// Whether a timeline that was made before is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age<'a> {
    /// It is.
    Any,
    /// It is if it has this entry.
    Has(&'a Cursor),
    /// It is not: there may be more entries.
    New,
}

/// Timelines and bundles. The ones that were used last stay, for [`limits::INSPECTION_KEPT`].
#[derive(Debug)]
pub struct Inspections {
    kept: Mutex<Kept>,
    /// Turns to read and fold a history.
    turns: Semaphore,
}

#[derive(Debug, Default)]
struct Kept {
    timelines: Shelf<TimelineKey, Timeline>,
    bundles: Shelf<BundleId, Bundle>,
    named: BundleId,
}

#[derive(Debug)]
struct Shelf<K, T>(VecDeque<(K, Arc<T>, Instant)>);

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: PartialEq + Clone, T> Shelf<K, T> {
    fn get(&mut self, key: &K) -> Option<Arc<T>> {
        let at = self.0.iter().position(|(known, ..)| known == key)?;
        let (key, value, _) = self.0.remove(at)?;
        self.0.push_back((key, value.clone(), Instant::now()));
        Some(value)
    }

    fn put(&mut self, key: K, value: Arc<T>, most: usize) {
        self.forget(|known| *known == key);
        self.0.push_back((key, value, Instant::now()));
        while self.0.len() > most {
            self.0.pop_front();
        }
    }

    fn forget(&mut self, which: impl Fn(&K) -> bool) {
        self.0.retain(|(key, ..)| !which(key));
    }

    fn expire(&mut self) {
        let now = Instant::now();
        self.0
            .retain(|(.., used)| now.duration_since(*used) < limits::INSPECTION_KEPT);
    }
}

impl Default for Inspections {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            turns: Semaphore::new(limits::TIMELINES_AT_ONCE),
        }
    }
}

impl Inspections {
    /// The timeline of a session in the log; `None` if the log has nothing of it, or it was deleted.
    pub async fn of_log(
        &self,
        engine: &Handle,
        instance: &InstanceId,
        session: &SessionId,
        age: Age<'_>,
    ) -> Option<Arc<Timeline>> {
        let key = (None, instance.clone(), session.clone());
        let of_session: Arc<str> = session.as_str().into();
        let known = engine.read(|state| {
            let found = state.instances.get(instance)?;
            let below = found.below(session);
            let below = below.iter().map(|id| Arc::from(id.as_str()));
            let sessions: BTreeSet<Arc<str>> = below.chain([of_session.clone()]).collect();
            Some((found.name.clone(), sessions))
        });
        let deleted = engine.log().is_deleted(instance, &of_session);
        let Some((name, sessions)) = known.filter(|_| !deleted) else {
            self.lock()
                .timelines
                .forget(|(_, of, one)| of == instance && one == session);
            return None;
        };
        let kept = self.lock().timelines.get(&key);
        let fits = |kept: &Arc<Timeline>| match age {
            Age::Any => true,
            Age::Has(cursor) => kept.place(cursor).is_some(),
            Age::New => false,
        };
        if let Some(kept) = kept.filter(fits) {
            return Some(kept);
        }
        let selection = Selection {
            instance: instance.clone(),
            sessions,
        };
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let history = engine.journal().past(selection, of_session.clone()).await;
        if history.steps.is_empty() {
            return None;
        }
        let (of, one) = (instance.clone(), session.clone());
        let built = tokio::task::spawn_blocking(move || Timeline::new(of, name, one, history));
        let built = Arc::new(built.await.ok()?);
        if engine.log().is_deleted(instance, &of_session) {
            return None;
        }
        self.lock()
            .timelines
            .put(key, built.clone(), limits::TIMELINES);
        Some(built)
    }

    /// The timeline of a session in a bundle; `None` if the bundle is not open any more, or has nothing of it.
    pub async fn of_bundle(
        &self,
        id: BundleId,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Option<Arc<Timeline>> {
        let key = (Some(id), instance.clone(), session.clone());
        let bundle = self.bundle(id)?;
        if let Some(kept) = self.lock().timelines.get(&key) {
            return Some(kept);
        }
        let (of, one) = (instance.clone(), session.clone());
        let _turn = self.turns.acquire().await;
        let built = tokio::task::spawn_blocking(move || {
            let history = bundle.history(&of, &one);
            let name = Arc::from(of.as_str());
            (!history.steps.is_empty()).then(|| Timeline::new(of, name, one, history))
        });
        let built = Arc::new(built.await.ok()??);
        self.lock()
            .timelines
            .put(key, built.clone(), limits::TIMELINES);
        Some(built)
    }

    /// Keeps a bundle, and names it.
    pub fn open(&self, bundle: Bundle) -> BundleId {
        let mut kept = self.lock();
        kept.named += 1;
        let id = kept.named;
        kept.bundles.put(id, Arc::new(bundle), limits::BUNDLES);
        id
    }

    /// An opened bundle.
    pub fn bundle(&self, id: BundleId) -> Option<Arc<Bundle>> {
        self.lock().bundles.get(&id)
    }

    /// Forgets what was not used lately, and what was deleted.
    pub fn expire(&self, engine: &Handle) {
        let deleted = |instance: &InstanceId, session: &SessionId| {
            let removed = engine.read(|state| !state.instances.contains_key(instance));
            removed || engine.log().is_deleted(instance, &session.as_str().into())
        };
        let mut kept = self.lock();
        kept.timelines
            .forget(|(bundle, instance, session)| bundle.is_none() && deleted(instance, session));
        kept.end_unused();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn end_unused(&mut self) {
        self.timelines.expire();
        self.bundles.expire();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bundles_are_few_and_end_after_their_last_use() {
        let kept = Inspections::default();
        let first = kept.open(Bundle::default());
        let ids: Vec<_> = (0..limits::BUNDLES)
            .map(|_| kept.open(Bundle::default()))
            .collect();
        assert!(kept.bundle(first).is_none());
        tokio::time::advance(limits::INSPECTION_KEPT / 2).await;
        assert!(kept.bundle(ids[0]).is_some());
        tokio::time::advance(limits::INSPECTION_KEPT * 3 / 4).await;
        kept.lock().end_unused();
        assert!(kept.bundle(ids[0]).is_some());
        tokio::time::advance(limits::INSPECTION_KEPT).await;
        kept.lock().end_unused();
        assert!(ids.iter().all(|id| kept.bundle(*id).is_none()));
    }
}

//! The outbox in memory, for tests and simulations.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Claim, Key, Sending, Store, StoreError};
use crate::limits;

/// A [`Store`] in memory. Cheap to clone: clones share their entries, as hubs before and after a
/// restart do.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    by_key: BTreeMap<Key, Sending>,
    order: VecDeque<Key>,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn claim(&mut self, key: Key, new: Sending) -> Claim {
        if let Some(known) = self.by_key.get(&key) {
            return Claim::Known(known.clone());
        }
        self.by_key.insert(key.clone(), new);
        self.order.push_back(key);
        if self.order.len() > limits::PROMPT_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        Claim::New
    }
}

impl Store for Memory {
    fn claim(&self, key: Key, new: Sending) -> BoxFuture<'static, Result<Claim, StoreError>> {
        ready(Ok(self.kept().claim(key, new))).boxed()
    }

    fn taken(&self, key: Key, id: Arc<str>) -> BoxFuture<'static, Result<(), StoreError>> {
        if let Some(sending) = self.kept().by_key.get_mut(&key) {
            sending.taken = Some(id);
        }
        ready(Ok(())).boxed()
    }

    fn release(&self, key: Key) -> BoxFuture<'static, Result<(), StoreError>> {
        let mut kept = self.kept();
        kept.by_key.remove(&key);
        kept.order.retain(|other| *other != key);
        ready(Ok(())).boxed()
    }
}

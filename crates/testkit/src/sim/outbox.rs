//! What the hub's commands remember: outlives the hub, and can refuse. What a hub that has ended asks of it is lost, as
//! its process is gone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::command::outbox::{Claim, Key, Memory, Sending, Store, StoreError};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::core::{Core, lock};

/// What is remembered, over all lives of the hub.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    memory: Memory,
    full: Arc<AtomicBool>,
    random: Arc<Mutex<StdRng>>,
}

/// What one life of the hub has of it.
#[derive(Clone, Debug)]
pub(super) struct OfLife {
    outbox: Outbox,
    ended: Arc<AtomicBool>,
}

impl Outbox {
    /// Nothing is remembered yet.
    pub(super) fn new(core: &Core) -> Self {
        Self {
            memory: Memory::default(),
            full: Arc::default(),
            random: Arc::new(Mutex::new(core.random("outbox"))),
        }
    }

    /// Has it refuse, or not any more.
    pub(super) fn fail(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// As a hub has it until it ends.
    pub(super) fn of(&self, ended: &Arc<AtomicBool>) -> OfLife {
        OfLife {
            outbox: self.clone(),
            ended: ended.clone(),
        }
    }
}

impl OfLife {
    /// Does something with it, which takes a moment before it is done and one after.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> BoxFuture<'static, Result<T, StoreError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let Self { outbox, ended } = self.clone();
        async move {
            let moment = || Duration::from_millis(lock(&outbox.random).random_range(0..6));
            let (before, after) = (moment(), moment());
            let refused = |reason: &str| StoreError {
                path: PathBuf::from("outbox"),
                reason: reason.to_owned(),
            };
            sleep(before).await;
            if outbox.full.load(Ordering::SeqCst) {
                return Err(refused("the disk is full"));
            }
            if ended.load(Ordering::SeqCst) {
                return Err(refused("the hub has ended"));
            }
            let done = work(&outbox.memory).await;
            sleep(after).await;
            if ended.load(Ordering::SeqCst) {
                return Err(refused("the hub has ended"));
            }
            done
        }
        .boxed()
    }
}

impl Store for OfLife {
    fn claim(&self, key: Key, new: Sending) -> BoxFuture<'static, Result<Claim, StoreError>> {
        self.with(move |memory| memory.claim(key, new))
    }

    fn taken(&self, key: Key, id: Arc<str>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.with(move |memory| memory.taken(key, id))
    }

    fn release(&self, key: Key) -> BoxFuture<'static, Result<(), StoreError>> {
        self.with(move |memory| memory.release(key))
    }
}

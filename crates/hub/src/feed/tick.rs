//! One tick for all viewers, so that they share the rendered rows of a tick.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use model::state::Rev;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Notifies viewers of changes: the first change after a pause at once, further ones once per tick.
///
/// Viewers are woken in FIFO order, which a `watch` channel does not guarantee.
#[derive(Clone, Debug)]
pub struct Ticks {
    shared: Arc<Shared>,
    seen: u64,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU64,
    ended: AtomicBool,
    wake: Notify,
}

/// Signals the end of the clock, including a panic.
struct Clock(Arc<Shared>);

impl Ticks {
    /// Starts the clock for an engine's changes; it ends with the engine.
    pub fn start(mut changes: watch::Receiver<Rev>, tick: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let clock = Clock(shared.clone());
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                changes.borrow_and_update();
                clock.0.count.fetch_add(1, Ordering::SeqCst);
                clock.0.wake.notify_waiters();
                sleep(tick).await;
            }
        });
        Self { shared, seen: 0 }
    }

    /// Waits for the next tick with a change. False once the hub shuts down. Cancel safe.
    pub async fn next(&mut self) -> bool {
        loop {
            let mut woken = pin!(self.shared.wake.notified());
            woken.as_mut().enable();
            let count = self.shared.count.load(Ordering::SeqCst);
            if count != self.seen {
                self.seen = count;
                return true;
            }
            if self.shared.ended.load(Ordering::SeqCst) {
                return false;
            }
            woken.await;
        }
    }
}

impl Ticks {
    /// Waits until the clock has ended: after that no viewer is sent anything.
    pub async fn ended(&self) {
        loop {
            let mut woken = pin!(self.shared.wake.notified());
            woken.as_mut().enable();
            if self.shared.ended.load(Ordering::SeqCst) {
                return;
            }
            woken.await;
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }
}

//! Connections whose client has still to ask something: they are closed, the oldest first, where room is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All that wait, in the order in which they began to.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<Order>>);

#[derive(Debug, Default)]
struct Order {
    next: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

/// One connection among them.
#[derive(Debug)]
pub(super) struct Turn {
    all: Waiting,
    place: Mutex<Option<u64>>,
    close: CancellationToken,
}

impl Waiting {
    /// A connection that waits for its first request.
    pub(super) fn begin(&self) -> Arc<Turn> {
        let turn = Turn {
            all: self.clone(),
            place: Mutex::new(None),
            close: CancellationToken::new(),
        };
        turn.asks();
        Arc::new(turn)
    }

    /// Closes the one that waits for longest; none may.
    pub(super) fn close_oldest(&self) {
        if let Some((_, close)) = locked(&self.0).waiting.pop_first() {
            close.cancel();
        }
    }
}

impl Turn {
    /// It waits for its client from now on.
    pub(super) fn asks(&self) {
        let mut place = locked(&self.place);
        if place.is_none() {
            let mut order = locked(&self.all.0);
            order.next += 1;
            let at = order.next;
            order.waiting.insert(at, self.close.clone());
            *place = Some(at);
        }
    }

    /// Its client waits for us from now on.
    pub(super) fn is_asked(&self) {
        if let Some(at) = locked(&self.place).take() {
            locked(&self.all.0).waiting.remove(&at);
        }
    }

    /// Ends once it has to make room.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.is_asked();
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

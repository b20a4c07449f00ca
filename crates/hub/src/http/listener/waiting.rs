//! Idle connections: those that wait for a request. The oldest are closed where room is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All idle connections, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct IdleConnections(Arc<Mutex<Order>>);

#[derive(Debug, Default)]
struct Order {
    next: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

/// A connection in the list.
#[derive(Debug)]
pub(super) struct IdleConnection {
    all: IdleConnections,
    place: Mutex<Option<u64>>,
    close: CancellationToken,
}

impl IdleConnections {
    /// A connection that waits for its first request.
    pub(super) fn begin(&self) -> Arc<IdleConnection> {
        let turn = IdleConnection {
            all: self.clone(),
            place: Mutex::new(None),
            close: CancellationToken::new(),
        };
        turn.asks();
        Arc::new(turn)
    }

    /// Closes the connection that has been idle longest; there may be none.
    pub(super) fn close_oldest(&self) {
        if let Some((_, close)) = locked(&self.0).waiting.pop_first() {
            close.cancel();
        }
    }
}

impl IdleConnection {
    /// Marks the connection as idle: it waits for its client.
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

    /// Marks the connection as busy: its client waits for a response.
    pub(super) fn is_asked(&self) {
        if let Some(at) = locked(&self.place).take() {
            locked(&self.all.0).waiting.remove(&at);
        }
    }

    /// Resolves once the connection must be closed.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for IdleConnection {
    fn drop(&mut self) {
        self.is_asked();
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

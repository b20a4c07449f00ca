//! FIFO queues: commands to one session and answers to one request run one after the other, in the
//! order of arrival.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use model::ids::InstanceId;
use tokio::sync::OwnedMutexGuard;

type TurnQueue = tokio::sync::Mutex<()>;
type TurnKey = (InstanceId, Arc<str>);

/// The queues by key. A queue without waiters is not stored.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<TurnKey, Weak<TurnQueue>>>);

impl Turns {
    /// Takes a position behind all earlier ones at once; the position stays valid when another
    /// task, which outlives the caller, awaits it. The turn ends when the value it resolves to is
    /// dropped.
    pub(super) fn take(&self, instance: &InstanceId, of: &str) -> Turn {
        let turn = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, turn| turn.strong_count() > 0);
            let key = (instance.clone(), of.into());
            let known = all.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::<TurnQueue>::default();
                all.insert(key, Arc::downgrade(&new));
                new
            })
        };
        let mut waits: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(turn.lock_owned());
        // The position in the queue is that of the first poll.
        let here = waits.as_mut().now_or_never();
        Turn { waits, here }
    }
}

/// A position in a queue; a future that is ready when the turn begins.
pub(super) struct Turn {
    waits: Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>,
    /// The guard, if the turn has begun already.
    here: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Waits until all earlier turns have ended. The turn ends when the returned guard is dropped.
    pub(super) async fn comes(self) -> OwnedMutexGuard<()> {
        match self.here {
            Some(here) => here,
            None => self.waits.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn each_waits_for_those_before_it_and_for_no_other() {
        let turns = Turns::default();
        let (instance, mut context) = (InstanceId::from("i"), Context::from_waker(Waker::noop()));
        let first = turns.take(&instance, "a").comes().await;
        let mut second = pin!(turns.take(&instance, "a").comes());
        let mut third = pin!(turns.take(&instance, "a").comes());
        // The third is polled first, and stays third.
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(turns.take(&instance, "b").comes().await);
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(second.await);
        drop(third.await);
        drop(turns.take(&instance, "c").comes().await);
        assert_eq!(turns.0.lock().map_or(0, |all| all.len()), 1);
    }
}

//! One after the other, in the order in which they came: what goes to one session, or answers one request.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use model::ids::InstanceId;
use tokio::sync::OwnedMutexGuard;

type Waiting = tokio::sync::Mutex<()>;
type Of = (InstanceId, Arc<str>);

/// Whose turn it is. Nothing is kept of what nobody waits for.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<Of, Weak<Waiting>>>);

impl Turns {
    /// A place behind all that came before, taken at once: it is kept also where it is waited for elsewhere, by a task that
    /// outlives who asked. The turn ends when what it waits for is dropped.
    pub(super) fn take(&self, instance: &InstanceId, of: &str) -> Turn {
        let turn = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, turn| turn.strong_count() > 0);
            let key = (instance.clone(), of.into());
            let known = all.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::<Waiting>::default();
                all.insert(key, Arc::downgrade(&new));
                new
            })
        };
        let mut waits: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(turn.lock_owned());
        // Its place in the queue is that of its first poll.
        let here = waits.as_mut().now_or_never();
        Turn { waits, here }
    }
}

/// A place in a queue; ready when it is its turn.
pub(super) struct Turn {
    waits: Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>,
    /// It is its turn already.
    here: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Waits until all that came before has ended. The turn ends when the answer is dropped.
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
        // The third is asked first, and stays third.
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

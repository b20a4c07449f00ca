//! One after the other, in the order in which they came: what goes to one session, or answers one request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use model::ids::InstanceId;
use tokio::sync::OwnedMutexGuard;

type Waiting = tokio::sync::Mutex<()>;
type Of = (InstanceId, Arc<str>);

/// Whose turn it is. Nothing is kept of what nobody waits for.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<Of, Weak<Waiting>>>);

impl Turns {
    /// Waits until all that came before has ended. The turn ends when the answer is dropped.
    pub(super) async fn take(&self, instance: &InstanceId, of: &str) -> OwnedMutexGuard<()> {
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
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn each_waits_for_those_before_it_and_for_no_other() {
        let turns = Turns::default();
        let (instance, mut context) = (InstanceId::from("i"), Context::from_waker(Waker::noop()));
        let first = turns.take(&instance, "a").await;
        let mut second = pin!(turns.take(&instance, "a"));
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut third = pin!(turns.take(&instance, "a"));
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(turns.take(&instance, "b").await);
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(second.await);
        drop(third.await);
        drop(turns.take(&instance, "c").await);
        assert_eq!(turns.0.lock().map_or(0, |all| all.len()), 1);
    }
}

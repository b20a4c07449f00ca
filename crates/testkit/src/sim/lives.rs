//! The ends of a hub's lives, and their beginnings.

use std::time::Duration;

use model::ids::SessionId;
use model::state::{Instance, LinkStatus};
use rand::Rng;
use tokio::time::{sleep, timeout};

use super::core::{Invariant, lock};
use super::faults::Chaos;
use super::hub::{HubLife, instance};

/// How long it may take until the failure of an engine is reported.
const ENGINE_FAILURE: Duration = Duration::from_secs(60);

impl Chaos {
    /// The hub ends, in order or at once, and begins anew.
    pub(super) async fn restart_hub(&mut self) {
        let killed = self.random.random_bool(0.5);
        let kind = if killed { "hub kill" } else { "hub restart" };
        self.core.fault(kind, "");
        if killed {
            self.core.lose();
        }
        let hub = lock(&self.door).take();
        if let Some(hub) = hub {
            hub.end(killed).await;
        }
        let pause = Duration::from_millis(self.random.random_range(1..4000));
        sleep(pause).await;
        self.begin_hub().await;
    }

    /// The engine fails: its watchers are notified, no link is shown as one that stands, and its process ends. Another begins.
    pub(super) async fn fail_engine(&mut self) {
        let Some(hub) = lock(&self.door).clone() else {
            return;
        };
        self.core.fault("engine panic", "");
        self.core.lose();
        self.core.fail_engine();
        let (of, nothing) = (instance(0), SessionId::new("ses_none"));
        hub.engine.reviewed(of, nothing).await;
        let failure = timeout(ENGINE_FAILURE, hub.engine.failed()).await;
        let live =
            |one: &Instance| matches!(one.link.status, LinkStatus::Connected | LinkStatus::Stale);
        let shown = hub.engine.read(|state| state.instances.values().any(live));
        let wrong = match failure {
            Err(_) => Some("the engine failed, and nobody is notified"),
            Ok(_) if hub.engine.failure().is_none() => Some("the engine failed, without a reason"),
            Ok(_) if shown => Some("the engine failed, and a link is shown as one that stands"),
            Ok(_) => None,
        };
        self.core.check(Invariant::Status, wrong.map(str::to_owned));
        lock(&self.door).take();
        hub.end(true).await;
        self.begin_hub().await;
    }

    /// A new life of the hub.
    pub(super) async fn begin_hub(&mut self) {
        self.lives += 1;
        if self.lives > 1 {
            self.forget();
        }
        let hub = HubLife::start(
            &self.core,
            &self.servers,
            &self.disk,
            (&self.outbox, &self.notes),
            self.lives,
        )
        .await;
        *lock(&self.door) = Some(hub);
    }

    /// A server's next list lacks a session that a new hub cannot know, if one waits for a person, and its next answer is that
    /// there is no such session.
    fn forget(&mut self) {
        let at = self.random.random_range(0..self.servers.len());
        let inner = &mut *lock(&self.servers[at].inner);
        inner.forgets = !inner.permissions.is_empty() && self.random.random_bool(0.5);
    }
}

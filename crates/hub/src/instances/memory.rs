//! Servers that take more memory than a person allows them: each is restarted once nothing has run there for a while.

use std::collections::BTreeMap;

use model::ids::InstanceId;
use model::state::LinkStatus;
use tokio::time::{Instant, sleep};

use super::{Hub, ServerSource};
use crate::limits;
use crate::workspace::usage;

/// Memory of a server, and the limit of its folder, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// What its process uses, without its children.
    pub used: u64,
    /// What it may use.
    pub limit: u64,
}

impl MemoryUse {
    /// True if it uses more than it may.
    pub fn is_over(self) -> bool {
        self.used > self.limit
    }
}

/// Servers over their limits: since when each is idle, and when it was restarted last.
#[derive(Debug, Default)]
struct MemoryWatch {
    idle: BTreeMap<InstanceId, Instant>,
    restarted: BTreeMap<InstanceId, Instant>,
}

impl MemoryWatch {
    /// Notes a server that is over its limit, and says whether it is to be restarted now.
    fn look(&mut self, id: &InstanceId, is_idle: bool, now: Instant) -> bool {
        if !is_idle {
            self.idle.remove(id);
            return false;
        }
        let since = *self.idle.entry(id.clone()).or_insert(now);
        let before = self.restarted.get(id);
        let soon = before.is_some_and(|before| now < *before + limits::MEMORY_AGAIN);
        if soon || now < since + limits::MEMORY_IDLE {
            return false;
        }
        self.idle.remove(id);
        self.restarted.insert(id.clone(), now);
        true
    }

    /// Notes that a server is not over its limit.
    fn is_fine(&mut self, id: &InstanceId) {
        self.idle.remove(id);
    }

    /// Forgets instances that are gone.
    fn retain(&mut self, known: impl Fn(&InstanceId) -> bool) {
        self.idle.retain(|id, _| known(id));
        self.restarted.retain(|id, _| known(id));
    }
}

impl ServerSource {
    /// What its process uses, if the folder has a limit and the process runs.
    async fn memory(&self) -> Option<MemoryUse> {
        let limit = self.launch().memory?;
        let pid = self.pid()?;
        let used = tokio::task::spawn_blocking(move || usage(pid)).await;
        let used = used.ok().flatten()?.memory;
        Some(MemoryUse { used, limit })
    }
}

impl Hub {
    /// Restarts servers that are over their limits whenever they are idle.
    pub(super) async fn keep_memory(&self) {
        let mut watch = MemoryWatch::default();
        loop {
            sleep(limits::MEMORY_LOOK).await;
            let sources = self.0.instances.sources();
            watch.retain(|id| sources.iter().any(|(known, _)| known == id));
            for (id, source) in sources {
                match source.memory().await.filter(|memory| memory.is_over()) {
                    None => watch.is_fine(&id),
                    Some(memory) => self.restart_if_due(&mut watch, &id, memory).await,
                }
            }
        }
    }

    async fn restart_if_due(&self, watch: &mut MemoryWatch, id: &InstanceId, memory: MemoryUse) {
        // What runs is known of a connected server alone.
        let is_connected = self.engine().read(|state| {
            let instance = state.instances.get(id);
            instance.is_some_and(|instance| instance.link.status == LinkStatus::Connected)
        });
        let is_idle = is_connected && self.working_in(id) == 0;
        if !watch.look(id, is_idle, Instant::now()) {
            return;
        }
        tracing::info!(instance = %id, used = memory.used, limit = memory.limit, "a server over its memory limit is restarted");
        if let Err(error) = self.restart_whole(id, false, Some(memory)).await {
            tracing::warn!(instance = %id, %error, "a server over its memory limit is not restarted");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_over_its_limit_is_restarted_once_it_was_idle_for_a_while() {
        let id = InstanceId::from("i1");
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let idle = limits::MEMORY_IDLE.as_secs();
        let again = limits::MEMORY_AGAIN.as_secs();
        let mut watch = MemoryWatch::default();
        assert!(!watch.look(&id, true, at(0)));
        assert!(!watch.look(&id, true, at(idle - 1)));
        // A turn begins: the time starts anew after it.
        assert!(!watch.look(&id, false, at(idle)));
        assert!(!watch.look(&id, true, at(idle + 1)));
        assert!(watch.look(&id, true, at(2 * idle + 1)));
        // One that is over its limit right after its start is left alone for a while.
        assert!(!watch.look(&id, true, at(2 * idle + 2)));
        assert!(!watch.look(&id, true, at(4 * idle)));
        assert!(watch.look(&id, true, at(2 * idle + 1 + again)));
        watch.is_fine(&id);
        watch.retain(|_| false);
        assert!(watch.idle.is_empty() && watch.restarted.is_empty());
    }
}

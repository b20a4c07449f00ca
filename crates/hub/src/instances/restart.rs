//! Servers and the end of what they depend on: the hub that is replaced, and a server that is to be started anew.

use model::ids::InstanceId;
use model::state::{Instance, Run, Session};

use super::{Hub, MemoryUse};
use crate::engine::SupervisorCommand;
use crate::registry::Origin;
use crate::tasks::to_the_end;

/// The reason why a server was not restarted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerRestartError {
    /// The instance does not exist.
    #[error("there is no such instance")]
    Unknown,
    /// The hub does not run the server.
    #[error("Drovers did not start this server")]
    Elsewhere,
    /// Sessions run there.
    #[error("{0} sessions run on this server")]
    Working(usize),
    /// The hub shut down meanwhile.
    #[error("the hub shut down before the command completed")]
    Ended,
}

impl Hub {
    /// Ends the server of an instance and starts it anew. Turns that run there are interrupted; with `end_turns` false they keep it from
    /// being restarted. Completes even if the caller is cancelled.
    ///
    /// # Errors The hub does not run the server, or sessions run on it.
    pub async fn restart_server(
        &self,
        id: &InstanceId,
        end_turns: bool,
    ) -> Result<(), ServerRestartError> {
        let (hub, id) = (self.clone(), id.clone());
        to_the_end(async move { hub.restart_whole(&id, end_turns, None).await })
            .await
            .unwrap_or(Err(ServerRestartError::Ended))
    }

    /// The same; `memory` is the reason where no person asked.
    pub(super) async fn restart_whole(
        &self,
        id: &InstanceId,
        end_turns: bool,
        memory: Option<MemoryUse>,
    ) -> Result<(), ServerRestartError> {
        let (Some(source), Some(asks)) = (self.source(id), self.0.instances.asks(id)) else {
            return Err(ServerRestartError::Unknown);
        };
        let is_own = self
            .registry()
            .get(id)
            .is_some_and(|instance| matches!(instance.origin, Origin::Folder(_)));
        if !is_own {
            return Err(ServerRestartError::Elsewhere);
        }
        let working = self.working_in(id);
        if working > 0 && !end_turns {
            return Err(ServerRestartError::Working(working));
        }
        if memory.is_none() {
            source.forgive();
        }
        // The stream ends before its server does: the link does not report a server that failed.
        let let_go = async {
            let _ending = asks.send(SupervisorCommand::Reconnect).await;
        };
        source.end_process(memory, let_go).await;
        Ok(())
    }

    /// Number of sessions that run on the server of an instance.
    pub(super) fn working_in(&self, id: &InstanceId) -> usize {
        self.engine()
            .read(|state| state.instances.get(id).map_or(0, working))
    }

    /// Number of the servers that run, and that the next hub can adopt. Blocks on the disk.
    pub fn kept_servers(&self) -> usize {
        self.0.instances.launcher().kept_servers()
    }

    /// Lets the servers wait for the next hub, which replaces this one once it has shut down.
    pub fn leave_servers_to_the_next(&self) {
        self.0.instances.stay_all();
    }

    /// Number of sessions that run on servers which end with this hub even if it is replaced.
    pub fn working_where_servers_end(&self) -> usize {
        let ending = self.0.instances.ending_when_replaced();
        self.engine().read(|state| {
            let instances = ending.iter().filter_map(|id| state.instances.get(id));
            instances.map(working).sum()
        })
    }
}

/// Number of sessions that run, or that ran when their server was read last and were not read since.
fn working(instance: &Instance) -> usize {
    let works = |session: &Session| {
        session.run.is_running() || (session.run == Run::Unknown && session.reported_running)
    };
    let sessions = instance.sessions.values();
    sessions.filter(|session| works(session)).count()
}

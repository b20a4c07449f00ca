//! What a user asks of a server: the way from an id to the server that knows it, and the answer.
//!
//! Together with `ingest` it is the only place that talks to OpenCode. It never changes the state: what a command does
//! comes back as an event, and is shown then. It knows nothing of HTTP.

mod ids;
mod keys;
mod prompt;
mod read;
mod reply;
mod session;

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, PermissionId, QuestionId, SessionId};
use model::state::LinkStatus;
use opencode::{Client, ClientError};
use tokio::time::timeout;

pub use prompt::{ModelChoice, Prompt, Prompted};
pub use read::{Messages, Read};
pub use reply::Answer;
pub use session::{Change, ChangeTime, Create};

use crate::hub::Hub;
use crate::ingest::LinkedServer;
use crate::ingest::dialect::Dialect;
use crate::limits;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No instance has this id.
    #[error("there is no instance {0}")]
    UnknownInstance(InstanceId),
    /// The instance has no such session.
    #[error("instance {instance} has no session {session}")]
    UnknownSession {
        /// The instance.
        instance: InstanceId,
        /// What it does not have.
        session: SessionId,
    },
    /// Nothing waits under this id.
    #[error("no permission {0} waits here: it was answered already, or never asked")]
    UnknownPermission(PermissionId),
    /// Nothing waits under this id.
    #[error("no question {0} waits here: it was answered already, or never asked")]
    UnknownQuestion(QuestionId),
    /// The server cannot be asked now.
    #[error("instance {instance} is not connected: {reason}")]
    NotConnected {
        /// The instance.
        instance: InstanceId,
        /// Why, for a person.
        reason: Arc<str>,
    },
    /// The server only tells.
    #[error("the server of instance {0} has events only, and cannot be asked or told anything")]
    OnlyEvents(InstanceId),
    /// The same key came with another prompt before.
    #[error("this idempotency key was used for another prompt")]
    KeyReused,
    /// What is asked makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The server refused, or could not be reached.
    #[error(transparent)]
    Upstream(#[from] ClientError),
}

/// What users ask. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    hub: Hub,
    ids: Arc<ids::Ids>,
    keys: Arc<keys::Keys>,
}

impl Commands {
    /// Commands to the servers of a hub.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            ids: Arc::default(),
            keys: Arc::default(),
        }
    }

    /// A server that can be asked. While it is connecting this waits, for [`limits::CONNECT_WAIT`] at most.
    async fn server(&self, instance: &InstanceId) -> Result<LinkedServer, CommandError> {
        let link = self.link(instance).await?;
        let heard = matches!(link, LinkStatus::Connected | LinkStatus::Stale);
        match self.hub.server(instance).filter(|_| heard) {
            Some(server) if server.dialect == Dialect::Sketch => {
                Err(CommandError::OnlyEvents(instance.clone()))
            }
            Some(server) => Ok(server),
            None => Err(not_connected(instance, link)),
        }
    }

    /// The link of an instance, once it is settled or the time to wait is over.
    async fn link(&self, instance: &InstanceId) -> Result<LinkStatus, CommandError> {
        let status = |state: &State| {
            let known = state.instances.get(instance);
            known.map(|instance| instance.link.status.clone())
        };
        self.until(limits::CONNECT_WAIT, |state| {
            !matches!(status(state), Some(LinkStatus::Connecting { .. }))
        })
        .await;
        let status = self.hub.engine().read(status);
        status.ok_or_else(|| CommandError::UnknownInstance(instance.clone()))
    }

    /// The server of a session, asked about that session's own folder: what waits in one folder is not known in
    /// another.
    async fn at_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Client, CommandError> {
        let server = self.server(instance).await?;
        let directory = self.hub.engine().read(|state| {
            let session = state.session(instance, session)?;
            Some(session.info.directory.clone())
        });
        let directory = match directory {
            Some(directory) => directory,
            // Sessions of other folders, and very old ones, are not in the state.
            None => {
                let found = server.client.session(session.as_str()).await;
                found.map_err(unknown(instance, session))?.directory.into()
            }
        };
        Ok(if directory.is_empty() {
            server.here()
        } else {
            server.client.at(&directory)
        })
    }

    /// Waits until the state is so, or the time is over.
    async fn until(&self, patience: std::time::Duration, so: impl Fn(&State) -> bool) {
        let _too_late = timeout(patience, self.hub.engine().until(so)).await;
    }
}

fn not_connected(instance: &InstanceId, link: LinkStatus) -> CommandError {
    let reason = match link {
        LinkStatus::Connecting { .. } => "it is still connecting".into(),
        LinkStatus::Connected | LinkStatus::Stale => "it is being removed".into(),
        LinkStatus::Error { reason, .. } | LinkStatus::Disconnected { reason } => reason,
    };
    CommandError::NotConnected {
        instance: instance.clone(),
        reason,
    }
}

/// What a server's refusal of a session's id means.
fn unknown(instance: &InstanceId, session: &SessionId) -> impl FnOnce(ClientError) -> CommandError {
    let (instance, session) = (instance.clone(), session.clone());
    move |error| match error {
        // OpenCode answers 400 to what does not even look like an id.
        ClientError::NotFound { .. } | ClientError::Status { status: 400, .. } => {
            CommandError::UnknownSession { instance, session }
        }
        error => error.into(),
    }
}

/// The same, where 400 may be about something else.
fn gone(instance: &InstanceId, session: &SessionId) -> impl FnOnce(ClientError) -> CommandError {
    let (instance, session) = (instance.clone(), session.clone());
    move |error| match error {
        ClientError::NotFound { .. } => CommandError::UnknownSession { instance, session },
        error => error.into(),
    }
}

//! Commands of users to servers: finds the server of an instance or session, sends the command and
//! returns the reply.
//!
//! Only this module and `ingest` talk to OpenCode. Commands never change the state: the effect of a
//! command arrives as an event and is shown then. This module is independent of HTTP.

mod answers;
mod attachments;
pub mod audit;
mod changes;
mod complete;
mod conversation;
pub mod drafts;
mod export;
pub mod find;
mod fork;
mod grant;
mod history;
mod ids;
mod mention;
pub mod notes;
pub mod outbox;
mod outgoing;
pub mod parallel;
pub mod port;
mod prompt;
pub mod queue;
mod read;
mod reply;
mod resume;
mod server_error;
mod session;
mod since;
mod stop;
mod stop_all;
mod tree_keys;
mod triage;
mod turns;
pub mod usage;
mod verify;

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, MessageId, ParallelId, PermissionId, QuestionId, SessionId};
use model::state::LinkStatus;
use rand::rngs::StdRng;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use answers::{Answerer, FirstAnswer};
pub use complete::{AgentChoice, Choices, Completion, CompletionKind};
pub use conversation::Messages;
pub use export::{ExportFormat, Exported};
pub use fork::Fork;
pub use grant::GrantError;
pub use history::{Compact, Revert};
pub use mention::{Mention, MentionKind};
pub use parallel::{ParallelChoice, ParallelStart};
pub use port::{Change, ChangeTime, ModelChoice, ModelOffer};
pub use prompt::{Prompt, Prompted};
pub use reply::{Answer, PermissionAnswer};
pub use resume::{CONTINUE, Continued, Interrupted, RETRY, ResumeWith};
pub use session::Create;
pub use stop_all::StopOutcome;
pub use tree_keys::{KeyedTree, TreeClaim, TreeKey, TreeStage};
pub use verify::Verified;

use self::port::{Capability, Incapable, Server, ServerError, Servers, SessionFound};
use crate::engine::Handle;
use crate::limits;
use crate::registry::AddError;
use crate::tasks::to_the_end;

/// Prefix of every session id. OpenCode 1.18 answers other ids with status 500.
const SESSION: &str = "ses";

/// The reason why a command failed.
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
        /// The session that the instance does not have.
        session: SessionId,
    },
    /// The session has no such message.
    #[error("there is no message {0}: it may have been removed already")]
    UnknownMessage(MessageId),
    /// The instance has no such parallel run.
    #[error("there is no parallel run {0}: it may have been forgotten")]
    UnknownParallel(ParallelId),
    /// The session is running, and the command needs an idle session.
    #[error("session {0} is running")]
    Running(SessionId),
    /// No prompt with this id is in the queue.
    #[error("prompt {0} is not in this queue: it was already sent or removed")]
    NotQueued(Arc<str>),
    /// The session still runs although its server confirmed the stop.
    #[error("session {0} still runs, although its server confirmed the stop")]
    StillRunning(SessionId),
    /// The session has used no model yet.
    #[error("session {0} has used no model yet")]
    NoModel(SessionId),
    /// The outcome of an earlier fork under the same key is unknown.
    #[error(
        "session {0} may have been forked already: the connection broke before the server answered"
    )]
    ForkUnclear(SessionId),
    /// No permission request with this id is pending.
    #[error(
        "permission {0} is not pending: it was already answered, its turn ended, or it never existed"
    )]
    UnknownPermission(PermissionId),
    /// No question with this id is pending.
    #[error(
        "question {0} is not pending: it was already answered, its turn ended, or it never existed"
    )]
    UnknownQuestion(QuestionId),
    /// The server is not reachable.
    #[error("instance {instance} is not connected: {reason}")]
    NotConnected {
        /// The instance.
        instance: InstanceId,
        /// The reason, as a sentence for people.
        reason: Arc<str>,
    },
    /// The server only sends events and accepts no commands.
    #[error("the server of instance {0} only sends events and accepts no commands")]
    OnlyEvents(InstanceId),
    /// The server cannot do this.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// The outcome of an earlier command under the same key is unknown.
    #[error(
        "session {0} may have run this command already: the connection broke before the server answered"
    )]
    CommandUnclear(SessionId),
    /// Another client answered first.
    #[error("{0}")]
    Answered(FirstAnswer),
    /// A permission request is not allowed.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The session is not interrupted, or is running again.
    #[error("session {0} is not interrupted: it is running again, or it has ended")]
    NotInterrupted(SessionId),
    /// The same idempotency key was used before with different content.
    #[error("this idempotency key was already used for different content")]
    KeyReused,
    /// The idempotency key cannot be stored. Without it a retry could send the command twice.
    #[error(transparent)]
    NotRemembered(#[from] outbox::StoreError),
    /// The number of running commands is at its limit.
    #[error(
        "{} commands are running, which is the limit",
        limits::COMMANDS_AT_ONCE
    )]
    Busy,
    /// The hub shut down before the command completed.
    #[error("the hub shut down before the command completed")]
    Ended,
    /// The command would run in a folder that nobody trusts.
    #[error(transparent)]
    Folder(#[from] AddError),
    /// The state of a server, or a file of the hub, cannot be read.
    #[error("it could not be read: {0}")]
    NotRead(Arc<str>),
    /// The arguments of the command are invalid.
    #[error("{0}")]
    Invalid(&'static str),
    /// The server refused the command, or could not be reached.
    #[error(transparent)]
    Upstream(#[from] ServerError),
}

/// Sends commands of users to servers. Cheap to clone.
#[derive(Clone)]
pub struct Commands<S> {
    engine: Handle,
    servers: S,
    ids: Arc<ids::Ids>,
    outbox: Arc<dyn outbox::Store>,
    turns: Arc<turns::Turns>,
    answers: Arc<answers::Answers>,
    audit: Arc<dyn audit::Audit>,
    /// Permits for [`limits::COMMANDS_AT_ONCE`].
    room: Arc<Semaphore>,
    notes: notes::Notes,
    queues: queue::Queues,
    parallels: parallel::Parallels,
}

impl<S: Servers> Commands<S> {
    /// Creates the commands for these servers, whose state is in the engine. `outbox` stores what
    /// was sent, `audit` records each answer to a request, `notes` stores which sessions were
    /// stopped. `random` generates the ids and must be seeded differently for each instance of this
    /// type.
    pub fn over(
        engine: Handle,
        servers: S,
        outbox: Arc<dyn outbox::Store>,
        audit: Arc<dyn audit::Audit>,
        notes: notes::Notes,
        random: StdRng,
    ) -> Self {
        Self {
            engine,
            servers,
            ids: Arc::new(ids::Ids::new(random)),
            outbox,
            turns: Arc::default(),
            answers: Arc::default(),
            audit,
            room: Arc::new(Semaphore::new(limits::COMMANDS_AT_ONCE)),
            notes,
            queues: queue::Queues::in_memory(),
            parallels: parallel::Parallels::default(),
        }
    }

    /// Sets the queues; the default is an in-memory store.
    #[must_use]
    pub fn with_queues(self, queues: queue::Queues) -> Self {
        Self { queues, ..self }
    }

    /// Sets where parallel runs are stored; the default is in memory.
    #[must_use]
    pub fn with_parallels(self, parallels: parallel::Parallels) -> Self {
        Self { parallels, ..self }
    }

    /// Runs a command to completion, even if its caller is cancelled.
    async fn to_the_end<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, CommandError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        let room = self.room.clone().try_acquire_owned();
        let room = room.map_err(|_| CommandError::Busy)?;
        let work = work(self.clone());
        let done = to_the_end(async move {
            let _room = room;
            work.await
        });
        done.await.unwrap_or(Err(CommandError::Ended))
    }

    /// Returns a server that accepts commands. While the server connects, waits for up to
    /// [`limits::CONNECT_WAIT`].
    async fn server(&self, instance: &InstanceId) -> Result<S::Server, CommandError> {
        let link = self.link(instance).await?;
        let connected = matches!(link, LinkStatus::Connected | LinkStatus::Stale);
        match self.servers.server(instance).filter(|_| connected) {
            Some(server) if server.capabilities().is_empty() => {
                Err(CommandError::OnlyEvents(instance.clone()))
            }
            Some(server) => Ok(server),
            None => Err(not_connected(instance, link)),
        }
    }

    /// The link status of an instance, once it has settled or the timeout has passed.
    async fn link(&self, instance: &InstanceId) -> Result<LinkStatus, CommandError> {
        let status = |state: &State| {
            let known = state.instances.get(instance);
            known.map(|instance| instance.link.status.clone())
        };
        self.until(limits::CONNECT_WAIT, |state| {
            !matches!(status(state), Some(LinkStatus::Connecting { .. }))
        })
        .await;
        let status = self.engine.read(status);
        status.ok_or_else(|| CommandError::UnknownInstance(instance.clone()))
    }

    /// The server of a session, scoped to the folder of that session: a request of one folder is
    /// unknown in another folder.
    async fn at_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<S::Server, CommandError> {
        let server = self.server(instance).await?;
        let directory = self.engine.read(|state| {
            let session = state.session(instance, session)?;
            Some(session.info.directory.clone())
        });
        let directory = match directory {
            Some(directory) => directory,
            None => self.unlisted(&server, instance, session).await?.directory,
        };
        Ok(server.at(&directory))
    }

    /// Looks up a session that is not in the state: a session of a folder that was not read, or a
    /// very old one.
    async fn unlisted(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<SessionFound, CommandError> {
        let found = if session.as_str().starts_with(SESSION) {
            server.session(session).await
        } else {
            return Err(unknown(instance, session));
        };
        found.map_err(gone(instance, session))
    }

    /// Waits until the predicate holds for the state, or the timeout has passed.
    async fn until(&self, timeouts: std::time::Duration, so: impl Fn(&State) -> bool) {
        let _too_late = timeout(timeouts, self.engine.until(so)).await;
    }
}

fn not_connected(instance: &InstanceId, link: LinkStatus) -> CommandError {
    let reason = match link {
        LinkStatus::Connecting { .. } => "it is still connecting".into(),
        LinkStatus::Connected | LinkStatus::Stale => "it is being removed".into(),
        LinkStatus::Error { reason, .. } | LinkStatus::Disconnected { reason } => reason.text,
    };
    CommandError::NotConnected {
        instance: instance.clone(),
        reason,
    }
}

fn unknown(instance: &InstanceId, session: &SessionId) -> CommandError {
    CommandError::UnknownSession {
        instance: instance.clone(),
        session: session.clone(),
    }
}

/// Refuses what a server cannot do.
fn able(server: &impl Server, what: Capability) -> Result<(), CommandError> {
    match server.capabilities().has(what) {
        true => Ok(()),
        false => Err(Incapable {
            server: server.product(),
            what,
        }
        .into()),
    }
}

/// Maps the error of a server that does not know a session.
fn gone(instance: &InstanceId, session: &SessionId) -> impl FnOnce(ServerError) -> CommandError {
    let unknown = unknown(instance, session);
    move |error| match error {
        ServerError::NotFound(_) => unknown,
        error => error.into(),
    }
}

//! What a user asks of a server: the way from an id to the server that knows it, and the answer.
//!
//! Together with `ingest` it is the only place that talks to OpenCode. It never changes the state: what a command does
//! comes back as an event, and is shown then. It knows nothing of HTTP.

mod answers;
pub mod audit;
mod conversation;
mod grant;
mod ids;
pub mod notes;
pub mod outbox;
pub mod port;
mod prompt;
mod read;
mod reply;
mod resume;
mod session;
mod stop;
mod turns;

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, MessageId, PermissionId, QuestionId, SessionId};
use model::state::LinkStatus;
use opencode::ClientError;
use rand::rngs::StdRng;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use answers::{First, Who};
pub use conversation::Messages;
pub use grant::GrantError;
pub use prompt::{ModelChoice, Prompt, Prompted};
pub use reply::{Answer, PermissionAnswer};
pub use resume::{CONTINUE, Continued, Interrupted};
pub use session::{Change, ChangeTime, Create};

use self::port::{Found, Server, Servers};
use crate::engine::Handle;
use crate::ingest::dialect::Dialect;
use crate::limits;
use crate::registry::AddError;
use crate::tasks::to_the_end;

/// What every session's id begins with. OpenCode 1.18 answers others with 500, as if it had failed.
const SESSION: &str = "ses";

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
    /// The session has no such message.
    #[error("there is no message {0} here: it was dropped already")]
    UnknownMessage(MessageId),
    /// The session runs, and this cannot be done meanwhile.
    #[error("session {0} is running")]
    Running(SessionId),
    /// Nothing waits under this id.
    #[error(
        "no permission {0} waits here: it was answered already, its turn ended meanwhile, or it was never asked"
    )]
    UnknownPermission(PermissionId),
    /// Nothing waits under this id.
    #[error(
        "no question {0} waits here: it was answered already, its turn ended meanwhile, or it was never asked"
    )]
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
    /// Somebody was first.
    #[error("{0}")]
    Answered(First),
    /// A permission request is not allowed.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It was not interrupted, or goes on already.
    #[error("session {0} is not interrupted: it goes on already, or it came to its end")]
    NotInterrupted(SessionId),
    /// The same key came with other content before.
    #[error("this idempotency key was used for something else")]
    KeyReused,
    /// A key cannot be remembered, and without that what it names could be sent twice.
    #[error(transparent)]
    NotRemembered(#[from] outbox::StoreError),
    /// As many commands are at work as there may be.
    #[error(
        "{} commands are at work, and no more are taken",
        limits::COMMANDS_AT_ONCE
    )]
    Busy,
    /// The hub ended before the command did.
    #[error("the hub ended before this was done")]
    Ended,
    /// It would work in a folder that nobody trusts.
    #[error(transparent)]
    Folder(#[from] AddError),
    /// What is asked makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The server refused, or could not be reached.
    #[error(transparent)]
    Upstream(#[from] ClientError),
}

/// What users ask of servers. Cheap to clone.
#[derive(Clone)]
pub struct Commands<S> {
    engine: Handle,
    servers: S,
    ids: Arc<ids::Ids>,
    outbox: Arc<dyn outbox::Store>,
    turns: Arc<turns::Turns>,
    answers: Arc<answers::Answers>,
    audit: Arc<dyn audit::Audit>,
    /// For [`limits::COMMANDS_AT_ONCE`].
    room: Arc<Semaphore>,
    notes: notes::Notes,
}

impl<S: Servers> Commands<S> {
    /// Commands to these servers, whose state the engine keeps. `outbox` remembers what they sent, `audit` who allowed and
    /// refused what, `notes` whom a person stopped; ids are drawn from `random`, which has to be another for each.
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
        }
    }

    /// Does a command whole, also if nobody waits for it any more: none may depend on its caller staying.
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

    /// A server that can be asked. While it is connecting this waits, for [`limits::CONNECT_WAIT`] at most.
    async fn server(&self, instance: &InstanceId) -> Result<S::Server, CommandError> {
        let link = self.link(instance).await?;
        let heard = matches!(link, LinkStatus::Connected | LinkStatus::Stale);
        match self.servers.server(instance).filter(|_| heard) {
            Some(server) if server.dialect() == Dialect::Sketch => {
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
        let status = self.engine.read(status);
        status.ok_or_else(|| CommandError::UnknownInstance(instance.clone()))
    }

    /// The server of a session, asked about that session's own folder: what waits in one folder is not known in
    /// another.
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

    /// A session that is not in the state: of a folder that was not asked, or a very old one.
    async fn unlisted(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Found, CommandError> {
        let found = if session.as_str().starts_with(SESSION) {
            server.session(session).await
        } else {
            return Err(unknown(instance, session));
        };
        found.map_err(gone(instance, session))
    }

    /// Waits until the state is so, or the time is over.
    async fn until(&self, patience: std::time::Duration, so: impl Fn(&State) -> bool) {
        let _too_late = timeout(patience, self.engine.until(so)).await;
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

/// What it means if a server does not know a session.
fn gone(instance: &InstanceId, session: &SessionId) -> impl FnOnce(ClientError) -> CommandError {
    let unknown = unknown(instance, session);
    move |error| match error {
        ClientError::NotFound { .. } => unknown,
        error => error.into(),
    }
}

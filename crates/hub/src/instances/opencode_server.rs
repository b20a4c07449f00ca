//! Implements the port to a server: one that runs elsewhere, or one that the hub runs in a folder.

mod care;
mod service;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{try_join, try_join3, try_join4};
use model::event::{MessagesRead, ReadPage, Snapshot};
use model::ids::{InstanceId, SessionId};
use model::state::{Catalog, ReasonKind, SessionInfo};
use model::time::Timestamp;
use opencode::client::MessagePage;
use opencode::client2::{self, Tag};
use opencode::{Client, ClientError, Credentials, EventStream, Http, SpokenDialect, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::datadir::Servers;
use crate::ingest::assemble::{self, FolderAnswers};
use crate::ingest::dialect::{self, Dialect};
use crate::ingest::upstream::{
    Connection, EventBytes, OlderSessions, Rest, Upstream, UpstreamError,
};
use crate::ingest::{ClockSample, reason};
use crate::limits;
use crate::registry::{self, Login, Origin};
use crate::workspace::{LaunchOptions, Launcher, Running, StartError, USERNAME};

use super::linked::{LinkedRest, sampled};
use super::opencode2_server::LinkedService;
use care::Care;
pub use care::{ServerProcess, WantedRestart};

impl From<ClientError> for UpstreamError {
    fn from(error: ClientError) -> Self {
        let reason = reason::of(&error);
        match error {
            ClientError::NotFound { .. } => Self::NotFound(reason),
            _ => Self::Down(reason),
        }
    }
}

/// The address of a server, and how it is started.
pub struct ServerSource {
    instance: InstanceId,
    origin: Origin,
    /// Where the user's command line looks it up.
    servers: Servers,
    launcher: Launcher,
    /// How its next process is started.
    launch: RwLock<LaunchOptions>,
    http: Http,
    clock: Clock,
    running: Mutex<Option<Running>>,
    linked: RwLock<Option<LinkedRest>>,
    /// What became of its processes.
    care: std::sync::Mutex<Care>,
    /// True once the hub ends while its servers go on.
    leaves: AtomicBool,
    /// True until the background service was started once, and again when a person asks for a connection: a service that its user stopped
    /// stays stopped.
    may_start: AtomicBool,
    /// True once the hub is being replaced by the next one.
    replaced: AtomicBool,
}

/// A server that has connected.
#[derive(Clone, Debug)]
pub struct LinkedServer {
    /// Client of the server.
    pub client: Client,
    /// Dialect of the server.
    pub dialect: Dialect,
    /// Working folder of the server.
    pub directory: Option<Arc<str>>,
    clock: Clock,
}

/// An address with its credentials.
pub type Server = (Url, Option<Credentials>);

impl ServerSource {
    /// A server before its first connection.
    pub fn new(
        instance: registry::Instance,
        servers: Servers,
        launcher: Launcher,
        http: Http,
        clock: Clock,
    ) -> Self {
        Self {
            instance: instance.id,
            origin: instance.origin,
            servers,
            launcher,
            launch: RwLock::new(instance.launch),
            http,
            clock,
            running: Mutex::new(None),
            linked: RwLock::new(None),
            care: std::sync::Mutex::default(),
            leaves: AtomicBool::new(false),
            may_start: AtomicBool::new(true),
            replaced: AtomicBool::new(false),
        }
    }

    /// The server as of its last connection; `None` before the first, and for a service of version 2.
    pub fn linked(&self) -> Option<LinkedServer> {
        match self.last_linked()? {
            LinkedRest::Server(server) => Some(server),
            LinkedRest::Service(_) => None,
        }
    }

    /// The service of version 2 as of its last connection; `None` before the first, and for a server of version 1.
    pub fn linked_service(&self) -> Option<LinkedService> {
        match self.last_linked()? {
            LinkedRest::Service(service) => Some(service),
            LinkedRest::Server(_) => None,
        }
    }

    /// Either of both, as of its last connection.
    pub(super) fn last_linked(&self) -> Option<LinkedRest> {
        let linked = self.linked.read();
        let linked = linked.unwrap_or_else(|poisoned| poisoned.into_inner());
        linked.clone()
    }

    fn link(&self, rest: LinkedRest) {
        let linked = self.linked.write();
        *linked.unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(rest);
    }

    /// Its address, once known. A server started by the hub gets a new one with each start.
    pub async fn address(&self) -> Result<Server, UpstreamError> {
        let folder = match &self.origin {
            Origin::Url(server) => {
                let login = server.login.as_ref().map(credentials);
                return Ok((server.url.as_url().clone(), login));
            }
            Origin::Service(file) => return self.service_address(file).await,
            Origin::Folder(folder) => folder,
        };
        let mut running = self.running.lock().await;
        if let Some(server) = &*running {
            match server.exited().now_or_never() {
                None => return Ok(own(server)),
                Some(exit) => self.note_end(server, exit),
            }
            *running = None;
        }
        self.check_restarts()?;
        let options = self.launch();
        let launcher = self.launcher.for_options(&options);
        let started = launcher
            .adopt_or_start(folder, self.instance.as_str())
            .await;
        let server = started.map_err(|error| {
            let kind = match &error {
                StartError::OpenCode2 { .. } => ReasonKind::OpenCode2,
                _ => ReasonKind::NotStarted,
            };
            UpstreamError::down(kind, options.explain(&error))
        })?;
        let address = own(&server);
        self.note_start();
        *running = Some(server);
        Ok(address)
    }

    /// How its next process is started.
    pub(super) fn launch(&self) -> LaunchOptions {
        let launch = self.launch.read();
        launch.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts its next process so. The values of the variables until now stay hidden in what the process prints.
    pub(super) fn set_launch(&self, options: LaunchOptions) {
        let mut launch = self.launch.write().unwrap_or_else(PoisonError::into_inner);
        self.retain_hidden(&launch);
        *launch = options;
    }

    /// Lets the server go on when it is released, if the hub's servers outlive it.
    pub(super) fn leave(&self) {
        self.leaves.store(self.launcher.keeps(), Ordering::Relaxed);
    }

    /// Lets the server wait for the next hub when it is released.
    pub(super) fn stay(&self) {
        self.replaced.store(true, Ordering::Relaxed);
    }

    /// True if a server runs that ends when the hub is replaced, as its guard has no socket.
    pub(super) fn ends_when_replaced(&self) -> bool {
        let running = self.running.try_lock().ok();
        let running = running.as_ref().and_then(|running| running.as_ref());
        running.is_some_and(|server| !server.is_kept())
    }

    /// Process id of a server started by the hub, from when it listens until it ends.
    pub fn pid(&self) -> Option<u32> {
        let running = self.running.try_lock().ok()?;
        let alive = |server: &&Running| server.exited().now_or_never().is_none();
        running.as_ref().filter(alive).map(Running::pid)
    }

    async fn client(&self) -> Result<Client, UpstreamError> {
        let (url, credentials) = self.address().await?;
        Ok(Client::new(self.http.clone(), url, credentials)?)
    }

    /// Publishes the server for the user's command line, or removes it. A disk error affects only that.
    async fn tell(&self, server: Option<Server>) {
        let (servers, instance) = (self.servers.clone(), self.instance.clone());
        let stored = tokio::task::spawn_blocking(move || match server {
            Some((url, login)) => servers.tell(&instance, &url, login.as_ref()),
            None => servers.forget(&instance),
        });
        if let Ok(Err(error)) = stored.await {
            tracing::warn!(%error, instance = %self.instance, "`drovers open` will not find this server");
        }
    }

    /// Reads a little of everything that a connection reads.
    async fn answers(&self) -> Result<(), UpstreamError> {
        let client = self.client().await?;
        let health = client.health().await;
        if let Err(ClientError::V2NotSpoken { version, .. }) = health {
            let (service, _) = self.service(&self.address().await?, version).await?;
            return service.answers().await;
        }
        if matches!(health, Err(ClientError::NotOpenCode { .. })) {
            // A server with events only has no health or state. If its dialect is known, any response is sufficient;
            // otherwise its events must identify it.
            let events_only = self.speaks(Dialect::Sketch)
                || self.spoken(&client).await? == SpokenDialect::Sketch;
            if events_only {
                return Ok(());
            }
        }
        if !health?.healthy {
            let text = "it says that it is not healthy";
            return Err(UpstreamError::down(ReasonKind::ServerError, text));
        }
        let client = client.at(&client.path().await?.directory);
        try_join4(
            client.sessions(Some(1)),
            client.status(),
            client.permissions().map(may_fail),
            client.questions().map(may_fail),
        )
        .await?;
        Ok(())
    }

    /// The service of version 2 at an address, and its version. `version` is what the address reported: one that is too old reports
    /// nothing else.
    async fn service(
        &self,
        (url, login): &Server,
        version: Option<String>,
    ) -> Result<(LinkedService, String), UpstreamError> {
        let client = client2::Client::new(self.http.clone(), url.clone(), login.clone())?;
        let server = client.base().to_string();
        let info = match client.info().await {
            Ok(info) => info,
            Err(error) if error.tag() == Some(&Tag::Unauthorized) => {
                let given = login.is_some();
                return Err(ClientError::Unauthorized { server, given }.into());
            }
            Err(
                client2::Error::NoRoute { .. }
                | client2::Error::Client(
                    ClientError::BadJson { .. }
                    | ClientError::Empty { .. }
                    | ClientError::ContentType { .. },
                ),
            ) => return Err(ClientError::V2NotSpoken { server, version }.into()),
            Err(error) => return Err(error.into()),
        };
        let service = LinkedService {
            client,
            directory: None,
            clock: self.clock.clone(),
        };
        Ok((service, info.version))
    }

    /// Connects to a service of version 2: one stream for all of its folders.
    async fn connect_service(
        &self,
        server: &Server,
        version: Option<String>,
    ) -> Result<Connection<EventStream, LinkedRest>, UpstreamError> {
        let (service, version) = self.service(server, version).await?;
        let stream = service.client.events(limits::FIRST_ANSWER).await?;
        Ok(Connection {
            dialect: Dialect::V2,
            version: Some(dialect::version(&version)),
            stream,
            rest: LinkedRest::Service(service),
        })
    }

    /// Connects to a server of version 1, or one that only sends events.
    async fn connect_server(
        &self,
        client: Client,
        dialect: Dialect,
        version: Option<Arc<str>>,
    ) -> Result<Connection<EventStream, LinkedRest>, UpstreamError> {
        let (stream, directory) = match dialect {
            Dialect::Sketch => (client.sketch_events(limits::FIRST_ANSWER).await?, None),
            Dialect::V1 | Dialect::V2 => {
                // Requested first: a server that does not answer this must not be left with a stream that ended.
                let directory = client.path().await?.directory;
                if directory.len() > limits::PATH_BYTES {
                    let text = "the path of its folder is longer than any";
                    return Err(UpstreamError::down(ReasonKind::BadAnswer, text));
                }
                let stream = client.global_events(limits::FIRST_ANSWER).await?;
                (stream, Some(directory.into()))
            }
        };
        let rest = LinkedRest::Server(LinkedServer {
            client,
            dialect,
            directory,
            clock: self.clock.clone(),
        });
        Ok(Connection {
            dialect,
            version,
            stream,
            rest,
        })
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        self.linked()
            .is_some_and(|linked| linked.dialect == dialect)
    }

    /// Detects the dialect, with retries for a short while: a starting server does not answer every connection.
    async fn spoken(&self, client: &Client) -> Result<SpokenDialect, UpstreamError> {
        let deadline = Instant::now() + limits::FIRST_ANSWER;
        let mut timeouts = limits::FIRST_PROBE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match client.probe(timeouts.min(left)).await {
                Err(ClientError::Timeout { .. }) if timeouts < left => timeouts *= 2,
                Err(ClientError::Timeout { server, .. }) => {
                    let after = limits::FIRST_ANSWER;
                    return Err(ClientError::Timeout { server, after }.into());
                }
                answer => return Ok(answer?),
            }
        }
    }
}

/// A list that OpenCode may fail to return although it is healthy: 1.18 returns 400 as long as one request in it lacks
/// a field that its own schema requires, such as the timeout of a `webfetch`.
fn may_fail<T>(read: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match read {
        Err(ClientError::Status { status, path, .. }) => {
            tracing::warn!(status, path, "OpenCode cannot list what waits in a folder");
            Ok(None)
        }
        read => read.map(Some),
    }
}

fn credentials(login: &Login) -> Credentials {
    Credentials {
        username: login.username.clone(),
        password: login.password.reveal().to_owned(),
    }
}

fn own(server: &Running) -> Server {
    let credentials = Credentials {
        username: USERNAME.to_owned(),
        password: server.password().reveal().to_owned(),
    };
    (server.url().clone(), Some(credentials))
}

impl Upstream for ServerSource {
    type Stream = EventStream;
    type Rest = LinkedRest;

    async fn connect(&self) -> Result<Connection<EventStream, LinkedRest>, UpstreamError> {
        let server = self.address().await?;
        let client = Client::new(self.http.clone(), server.0.clone(), server.1.clone())?;
        let connection = match self.spoken(&client).await? {
            SpokenDialect::V1 { version } => {
                let version = Some(dialect::version(&version));
                self.connect_server(client, Dialect::V1, version).await?
            }
            SpokenDialect::Sketch => self.connect_server(client, Dialect::Sketch, None).await?,
            SpokenDialect::V2 { version } => self.connect_service(&server, version).await?,
        };
        self.link(connection.rest.clone());
        self.tell(Some(server)).await;
        Ok(connection)
    }

    async fn is_healthy(&self) -> bool {
        let answered = self.answers().await;
        if let Err(error) = &answered {
            tracing::debug!(%error, instance = %self.instance, "a server that was given up is not back");
        }
        answered.is_ok()
    }

    async fn release(&self) {
        let mut server = self.running.lock().await.take();
        let is_kept = server.as_ref().is_some_and(Running::is_kept);
        if self.leaves.load(Ordering::Relaxed) && is_kept {
            return;
        }
        if self.replaced.load(Ordering::Relaxed)
            && is_kept
            && let Some(staying) = server.take()
        {
            staying.stay().await;
            return;
        }
        self.tell(None).await;
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

impl EventBytes for EventStream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        Ok(EventStream::next_chunk(self).await?)
    }
}

impl Rest for LinkedServer {
    fn dated(&self) -> Option<ClockSample> {
        sampled(&self.client.dated()?, &self.clock)
    }

    async fn snapshot(&self, seen: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
        if self.dialect == Dialect::Sketch {
            return Ok(Snapshot::default());
        }
        let own = self.directory.clone().unwrap_or_default();
        assemble::server_state(own, seen, |directory| self.directory_state(directory)).await
    }

    async fn directory(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        self.readable()?;
        self.directory_state(directory).await
    }

    async fn branch(&self, directory: Arc<str>) -> Result<Option<Arc<str>>, UpstreamError> {
        self.readable()?;
        let branch = self.client.at(&directory).vcs().await?.branch;
        Ok(branch.map(|branch| dialect::line(&branch)))
    }

    async fn older_sessions(
        &self,
        directory: Arc<str>,
        before: Timestamp,
    ) -> Result<Option<OlderSessions>, UpstreamError> {
        self.readable()?;
        let client = self.client.at(&directory);
        let page = client.sessions_before(before.0, limits::SESSIONS).await?;
        Ok(Some(assemble::older(page, before)))
    }

    async fn catalog(&self) -> Result<Catalog, UpstreamError> {
        let client = self.here();
        let (agents, providers, config) =
            try_join3(client.agents(), client.providers(), client.config()).await?;
        Ok(dialect::catalog(agents.value, providers.value, config))
    }

    async fn messages(
        &self,
        session: SessionId,
        before: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        self.readable()?;
        let page = before.clone().map_or(ReadPage::Newest, ReadPage::Older);
        let read = self.page(&session, before.as_deref());
        let (messages, todos) = match &page {
            ReadPage::Newest => {
                let (messages, todos) = try_join(read, self.client.todo(session.as_str())).await?;
                (messages, Some(dialect::answer_todos(todos)))
            }
            ReadPage::Older(_) => (read.await?, None),
        };
        Ok(dialect::message_page(
            &session,
            messages,
            page,
            todos,
            self.clock.now(),
        ))
    }

    async fn session(&self, session: SessionId) -> Result<SessionInfo, UpstreamError> {
        self.readable()?;
        let read = self.client.session(session.as_str()).await?;
        let read = dialect::sessions(vec![read]).pop();
        read.filter(|info| info.id == session).ok_or_else(|| {
            let text = "its server answers with another one, or with one that cannot be taken";
            UpstreamError::down(ReasonKind::BadAnswer, text)
        })
    }
}

impl LinkedServer {
    /// An error for a server that only sends events.
    fn readable(&self) -> Result<(), UpstreamError> {
        match self.dialect {
            Dialect::V1 | Dialect::V2 => Ok(()),
            Dialect::Sketch => {
                let text =
                    "its server has no REST, and the events of this session are no longer stored";
                Err(UpstreamError::down(ReasonKind::StateUnreadable, text))
            }
        }
    }

    /// A client scoped to its own folder.
    pub fn here(&self) -> Client {
        match &self.directory {
            Some(directory) => self.client.at(directory),
            None => self.client.clone(),
        }
    }

    /// A page of messages; a shorter one where the messages are too large for one reply.
    async fn page(
        &self,
        session: &SessionId,
        before: Option<&str>,
    ) -> Result<MessagePage, ClientError> {
        let mut messages = limits::MESSAGE_PAGE;
        loop {
            let read = self
                .client
                .messages(session.as_str(), Some(messages), before);
            match read.await {
                Err(ClientError::TooLarge { .. }) if messages > 1 => messages /= 10,
                read => return read,
            }
        }
    }

    /// The state of a folder.
    ///
    /// What runs is read after what waits: a run that began between the two would have a request and not run, and the hub rejects what is
    /// left of a run that has ended.
    async fn directory_state(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        let client = self.client.at(&directory);
        let (sessions, permissions, questions) = try_join3(
            client.sessions(Some(limits::SESSIONS)),
            client.permissions().map(may_fail),
            client.questions().map(may_fail),
        )
        .await?;
        let statuses = client.status().await?;
        let cut = sessions.value.len() + sessions.malformed >= limits::SESSIONS;
        // Recently active children must not displace roots.
        let roots = match cut {
            true => client.roots(limits::SESSIONS).await.ok(),
            false => None,
        };
        let answers = FolderAnswers {
            sessions,
            roots,
            statuses: statuses.value,
            permissions: permissions.map(|read| read.value),
            questions: questions.map(|read| read.value),
        };
        Ok(answers.snapshot(directory, self.clock.now()))
    }
}

//! Running instances: each has a supervisor, and the source of its server.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use model::Event;
use model::event::Recalled;
use model::ids::{InstanceId, SessionId};
use model::state;
use opencode::Http;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Hub, HubOptions, LinkedRest, LinkedServer, ServerSource};
use crate::datadir::Servers;
use crate::engine::{Handle, Inbound, SupervisorCommand};
use crate::ingest::Supervisor;
use crate::ingest::backoff::Policy;
use crate::instances::recall::InstanceHistory;
use crate::limits;
use crate::registry::{self, AddError, ChangeError, InstanceChange, Origin, RegistryError};
use crate::tasks::to_the_end;
use crate::workspace::{Folder, LaunchOptions, Launcher, Untrusted, folders};

/// The history, once it is loaded.
pub(super) type HistoryLoad = watch::Receiver<Option<Arc<InstanceHistory>>>;

pub(super) struct Instances {
    engine: Handle,
    http: Http,
    options: HubOptions,
    servers: Servers,
    running: RwLock<BTreeMap<InstanceId, Running>>,
}

pub(super) struct Running {
    asks: mpsc::Sender<SupervisorCommand>,
    source: Arc<ServerSource>,
    /// Ends with the hub, even after a panic: the supervisor and the engine hold handles to each other.
    supervisor: AbortOnDropHandle<()>,
}

impl Instances {
    pub(super) fn new(engine: Handle, http: Http, options: HubOptions, servers: Servers) -> Self {
        Self {
            engine,
            http,
            options,
            servers,
            running: RwLock::default(),
        }
    }

    /// Starts the supervisor of an instance, after its history was sent to the engine: the notes of an earlier run, and
    /// what the journal has in addition.
    pub(super) async fn begin(
        &self,
        instance: registry::Instance,
        recalled: Option<HistoryLoad>,
        before: BTreeMap<SessionId, Recalled>,
    ) {
        let HubOptions {
            launcher,
            policy,
            timeouts,
            clock,
            ..
        } = self.options.clone();
        let origin = shown_origin(&instance.origin);
        let (asks, asked) = mpsc::channel(limits::ASKS);
        let id = instance.id.clone();
        let feeder = self
            .engine
            .add(
                id.clone(),
                instance.name.as_str().into(),
                origin,
                asks.clone(),
            )
            .await;
        let label = Event::Labelled(instance.label());
        feeder.tell(vec![Inbound::ours(label)]).await;
        if !before.is_empty() {
            let remembered = Event::Recalled(before);
            feeder.tell(vec![Inbound::ours(remembered)]).await;
        }
        let source = Arc::new(ServerSource::new(
            instance,
            self.servers.clone(),
            launcher,
            self.http.clone(),
            clock.clone(),
        ));
        let supervisor = Supervisor {
            instance: id.clone(),
            upstream: source.clone(),
            feeder,
            asks: asked,
            policy,
            timeouts,
            clock,
            random: StdRng::from_rng(&mut rand::rng()),
            directories: Default::default(),
        };
        let supervisor = tokio::spawn(async move {
            if let Some(recalled) = recalled {
                supervisor
                    .feeder
                    .tell(remembered(recalled, &supervisor.instance).await)
                    .await;
            }
            supervisor.run().await;
        });
        self.write().insert(
            id,
            Running {
                asks,
                source,
                supervisor: AbortOnDropHandle::new(supervisor),
            },
        );
    }

    /// Ends an instance: its stream first, then a server that was started for it, then its state.
    async fn end(&self, id: &InstanceId, running: Option<Running>) {
        if let Some(running) = running {
            stop(running).await;
        }
        self.engine.remove(id.clone()).await;
    }

    /// Instances whose supervisor has ended and that are not being removed.
    pub(super) fn unsupervised(&self) -> Vec<InstanceId> {
        let running = self.read();
        let ended = running
            .iter()
            .filter(|(_, one)| one.supervisor.is_finished());
        ended.map(|(id, _)| id.clone()).collect()
    }

    /// Takes an instance out of the running ones, for [`Self::end`].
    pub(super) fn take(&self, id: &InstanceId) -> Option<Running> {
        self.write().remove(id)
    }

    pub(super) async fn end_all(&self) {
        let all = std::mem::take(&mut *self.write());
        for running in all.values() {
            running.source.leave();
        }
        futures_util::future::join_all(all.into_values().map(stop)).await;
    }

    /// Lets every server wait for the next hub once this one ends.
    pub(super) fn stay_all(&self) {
        for running in self.read().values() {
            running.source.stay();
        }
    }

    /// Instances whose server ends when the hub is replaced.
    pub(super) fn ending_when_replaced(&self) -> Vec<InstanceId> {
        let running = self.read();
        let ending = running
            .iter()
            .filter(|(_, one)| one.source.ends_when_replaced());
        ending.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn server(&self, id: &InstanceId) -> Option<LinkedServer> {
        self.read().get(id)?.source.linked()
    }

    pub(super) fn linked(&self, id: &InstanceId) -> Option<LinkedRest> {
        self.read().get(id)?.source.last_linked()
    }

    pub(super) fn source(&self, id: &InstanceId) -> Option<Arc<ServerSource>> {
        Some(self.read().get(id)?.source.clone())
    }

    /// The sources of all servers.
    pub(super) fn sources(&self) -> Vec<(InstanceId, Arc<ServerSource>)> {
        let running = self.read();
        let all = running.iter();
        all.map(|(id, one)| (id.clone(), one.source.clone()))
            .collect()
    }

    /// What starts servers.
    pub(super) fn launcher(&self) -> &Launcher {
        &self.options.launcher
    }

    pub(super) fn asks(&self, id: &InstanceId) -> Option<mpsc::Sender<SupervisorCommand>> {
        Some(self.read().get(id)?.asks.clone())
    }

    /// Makes every connection prove that it is alive. A supervisor with a full queue notices by itself.
    pub(super) fn nudge_all(&self) {
        for running in self.read().values() {
            let _overrun = running.asks.try_send(SupervisorCommand::Nudge);
        }
    }

    /// Ids of the supervised instances.
    #[cfg(test)]
    pub(super) fn known(&self) -> std::collections::BTreeSet<InstanceId> {
        self.read().keys().cloned().collect()
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        self.read()
            .values()
            .filter_map(|running| running.source.pid())
            .collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<InstanceId, Running>> {
        self.running
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<InstanceId, Running>> {
        self.running
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The origin of an instance as the state has it, without credentials.
fn shown_origin(origin: &Origin) -> state::Origin {
    match origin {
        Origin::Folder(folder) => state::Origin::Folder(folder.as_str().into()),
        Origin::Url(server) => state::Origin::Url(server.url.as_url().as_str().into()),
        Origin::Service(file) => {
            state::Origin::Service(file.path().to_string_lossy().as_ref().into())
        }
    }
}

/// The history of an instance, once loaded; empty after a timeout.
async fn remembered(mut recalled: HistoryLoad, instance: &InstanceId) -> Vec<Inbound> {
    let read = async {
        let read = recalled.wait_for(Option::is_some).await.ok()?;
        read.as_ref()?.get(instance).cloned()
    };
    let sessions = match timeout(limits::JOURNAL_RECALL, read).await {
        Ok(sessions) => sessions,
        Err(_) => {
            tracing::warn!(%instance, "the journal is read too slowly: what ran before is not known");
            None
        }
    };
    let recalled = sessions.map(|sessions| Inbound::ours(Event::Recalled(sessions)));
    recalled.into_iter().collect()
}

pub(super) async fn stop(running: Running) {
    let _gone = running.asks.send(SupervisorCommand::Stop).await;
    if let Err(error) = running.supervisor.await {
        tracing::error!(%error, "a supervisor ended badly");
    }
}

impl Hub {
    /// Checks that a person trusts a folder. Blocks on the disk.
    pub(crate) fn check_trust(&self, folder: &Folder) -> Result<(), AddError> {
        match self.trusted().has(folder) {
            true => Ok(()),
            false => Err(Box::new(Untrusted::look(folder)).into()),
        }
    }

    /// Records that a person trusts a folder: servers may be started in it from now on. Blocks on the disk.
    ///
    /// # Errors The path is not a folder, or the trust cannot be saved.
    pub fn trust(&self, folder: &std::path::Path) -> Result<(), AddError> {
        let folder = Folder::resolve(folder)?;
        let trusted = self.trusted().add(&folder);
        trusted.map_err(|source| {
            let path = folder.as_path().to_owned();
            RegistryError::Disk { path, source }.into()
        })
    }

    /// Removes an instance. False if it does not exist. Completes even if the caller is cancelled; concurrent calls
    /// return when it is gone.
    ///
    /// # Errors The list cannot be saved; the instance continues then.
    pub async fn remove(&self, id: &InstanceId) -> Result<bool, RegistryError> {
        let (hub, id) = (self.clone(), id.clone());
        to_the_end(async move { hub.remove_whole(&id).await })
            .await
            .unwrap_or(Err(RegistryError::Ended))
    }

    async fn remove_whole(&self, id: &InstanceId) -> Result<bool, RegistryError> {
        let turn = self.0.changing.lock().await;
        if !self.forget(id)? {
            drop(turn);
            return Ok(self.is_being_removed(id).await);
        }
        let running = self.0.instances.take(id);
        drop(turn);
        self.0.instances.end(id, running).await;
        // Events that arrived during the removal are not stored; now that the stream has ended, they are removed from
        // memory as well.
        self.engine().log().redact(id, None);
        self.engine().log().set_private(id, false);
        Ok(true)
    }

    /// Removes an instance from the list, and its texts from the log and the journal. Nothing of it is stored from here
    /// on: if the hub is killed, the next run completes the purge.
    fn forget(&self, id: &InstanceId) -> Result<bool, RegistryError> {
        let mut registry = self.registry();
        if registry.remove(id)?.is_none() {
            return Ok(false);
        }
        let log = self.engine().log();
        log.set_private(id, true);
        log.redact(id, None);
        Ok(true)
    }

    /// Waits for a concurrent removal of an instance. False if there is none.
    async fn is_being_removed(&self, id: &InstanceId) -> bool {
        let gone = |state: &model::State| !state.instances.contains_key(id);
        if self.engine().read(gone) {
            return false;
        }
        let _slow = timeout(limits::REMOVAL_WAIT, self.engine().until(gone)).await;
        true
    }

    /// Changes an instance. False if it does not exist. How its server is started holds from its next start on. Completes even if the
    /// caller is cancelled.
    ///
    /// # Errors A server cannot be started so, or the list cannot be saved; nothing has changed then.
    pub async fn change(
        &self,
        id: &InstanceId,
        change: InstanceChange,
    ) -> Result<bool, ChangeError> {
        let (hub, id) = (self.clone(), id.clone());
        to_the_end(async move { hub.change_whole(&id, &change).await })
            .await
            .unwrap_or(Err(RegistryError::Ended.into()))
    }

    async fn change_whole(
        &self,
        id: &InstanceId,
        change: &InstanceChange,
    ) -> Result<bool, ChangeError> {
        let _turn = self.0.changing.lock().await;
        let Some(changed) = self.registry().change(id, change)? else {
            return Ok(false);
        };
        self.engine().log().set_private(id, !changed.journal);
        if let Some(source) = self.source(id) {
            source.set_launch(changed.launch.clone());
        }
        let label = Event::Labelled(changed.label());
        self.engine().own(id.clone(), label).await;
        Ok(true)
    }

    /// How the server of an instance is started; `None` if the hub does not start it.
    pub fn launch_options(&self, id: &InstanceId) -> Option<LaunchOptions> {
        let registry = self.registry();
        let instance = registry.get(id)?;
        matches!(instance.origin, Origin::Folder(_)).then(|| instance.launch.clone())
    }

    /// Reconnects at once, and starts a server that ended too often. False if the instance does not exist.
    pub async fn reconnect(&self, id: &InstanceId) -> bool {
        if let Some(source) = self.source(id) {
            source.forgive();
        }
        match self.0.instances.asks(id) {
            Some(asks) => asks.send(SupervisorCommand::Reconnect).await.is_ok(),
            None => false,
        }
    }

    /// Loads a session that no list named. False if the instance does not exist, is not connected, or does not answer in time.
    pub async fn read_session(&self, id: &InstanceId, session: &SessionId) -> bool {
        let Some(asks) = self.0.instances.asks(id) else {
            return false;
        };
        let ask = SupervisorCommand::Session(session.clone());
        if asks.send(ask).await.is_err() {
            return false;
        }
        let read = self
            .engine()
            .until(|state| state.session(id, session).is_some());
        timeout(limits::SESSION_WAIT, read).await.is_ok()
    }

    /// Loads a page of older sessions, for each folder whose list is truncated. False if the instance does not exist,
    /// is not connected, or does not answer in time.
    pub async fn read_older_sessions(&self, id: &InstanceId) -> bool {
        let older = self.engine().read(|state| {
            let instance = state.instances.get(id);
            let mut older = instance?.older.clone();
            older.retain(|_, before| before.0 > i64::MIN);
            Some(older)
        });
        let (Some(older), Some(asks)) = (older, self.0.instances.asks(id)) else {
            return false;
        };
        for (directory, before) in older.clone() {
            if asks
                .send(SupervisorCommand::OlderSessions(directory, before))
                .await
                .is_err()
            {
                return false;
            }
        }
        let read = self.engine().until(|state| {
            let instance = state.instances.get(id);
            instance.is_none_or(|instance| {
                let still = |(directory, before)| instance.older.get(directory) == Some(before);
                !older.iter().any(still)
            })
        });
        timeout(limits::OLDER_SESSIONS_WAIT, read).await.is_ok()
    }

    /// The backoff policy.
    pub fn policy(&self) -> Policy {
        self.0.instances.options.policy
    }

    /// Recently used folders, newest first.
    pub fn recent_folders(&self) -> Vec<Arc<str>> {
        self.registry()
            .recent_folders()
            .iter()
            .map(|folder| folder.as_str().into())
            .collect()
    }

    /// True if the page offers servers of this machine that are no instances.
    pub fn offers_servers(&self) -> bool {
        self.0.offers_servers
    }

    /// Recently used folders that still exist, newest first. Blocks on the disk.
    pub fn offered_folders(&self) -> Vec<Arc<str>> {
        let recent = self.registry().recent_folders().to_vec();
        let offered = folders::offer(&recent);
        offered
            .iter()
            .map(|folder| folder.as_str().into())
            .collect()
    }

    /// The HTTP client of all servers.
    pub(crate) fn http(&self) -> &Http {
        self.0.instances.http()
    }

    /// Process ids of the servers that this hub runs.
    pub fn server_pids(&self) -> Vec<u32> {
        self.0.instances.pids()
    }

    /// The source of an instance's server, for a client that attaches to it. Starts the server if the hub runs it.
    pub fn source(&self, id: &InstanceId) -> Option<Arc<ServerSource>> {
        self.0.instances.source(id)
    }
}

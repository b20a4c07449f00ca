//! Instances that run: each a supervisor, and the source of its server.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use model::Event;
use model::event::Remembered;
use model::ids::{InstanceId, SessionId};
use model::state;
use opencode::Http;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Hub, HubOptions, LinkedServer, ServerSource};
use crate::datadir::Servers;
use crate::engine::{Ask, Handle, Heard};
use crate::ingest::Supervisor;
use crate::ingest::backoff::Policy;
use crate::instances::recall::Recalled;
use crate::limits;
use crate::registry::{self, AddError, Login, Origin, RegistryError, Server, ServerUrl};
use crate::tasks::to_the_end;
use crate::workspace::{Folder, Untrusted, folders};

/// An instance to be added.
#[derive(Clone, Debug)]
pub enum NewInstance {
    /// A folder in which the hub runs a server.
    Folder(std::path::PathBuf),
    /// A server that runs already.
    Url {
        /// Its address, without credentials in it.
        url: String,
        /// What it takes to be let in.
        login: Option<Login>,
    },
}

/// What adding came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New(InstanceId),
    /// It was there.
    Known(InstanceId),
}

impl Added {
    /// The instance, new or not.
    pub fn id(&self) -> &InstanceId {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// What is remembered, once it is read.
pub(super) type Recalling = watch::Receiver<Option<Arc<Recalled>>>;

pub(super) struct Instances {
    engine: Handle,
    http: Http,
    options: HubOptions,
    servers: Servers,
    running: RwLock<BTreeMap<InstanceId, Running>>,
}

pub(super) struct Running {
    asks: mpsc::Sender<Ask>,
    source: Arc<ServerSource>,
    /// Ends with the hub, however that ends: it and the engine know each other.
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

    /// Begins to supervise an instance, once what is remembered of it is told: what an earlier hub noted of these
    /// sessions; the journal may know more.
    pub(super) async fn begin(
        &self,
        instance: registry::Instance,
        recalled: Option<Recalling>,
        before: BTreeMap<SessionId, Remembered>,
    ) {
        let HubOptions {
            launcher,
            policy,
            patience,
            clock,
            ..
        } = self.options.clone();
        let origin = match &instance.origin {
            Origin::Folder(folder) => state::Origin::Folder(folder.as_str().into()),
            Origin::Url(server) => state::Origin::Url(server.url.as_url().as_str().into()),
        };
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
        if !before.is_empty() {
            let remembered = Event::Remembered(before);
            feeder.tell(vec![Heard::ours(remembered)]).await;
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
            patience,
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

    /// Ends an instance: its stream first, then a server that was started for it, then what is known of it.
    async fn end(&self, id: &InstanceId, running: Option<Running>) {
        if let Some(running) = running {
            stop(running).await;
        }
        self.engine.remove(id.clone()).await;
    }

    /// Instances whose supervisor has ended and that nobody removes.
    pub(super) fn unsupervised(&self) -> Vec<InstanceId> {
        let running = self.read();
        let ended = running
            .iter()
            .filter(|(_, one)| one.supervisor.is_finished());
        ended.map(|(id, _)| id.clone()).collect()
    }

    /// Takes an instance out of those that run, for [`Self::end`].
    pub(super) fn take(&self, id: &InstanceId) -> Option<Running> {
        self.write().remove(id)
    }

    pub(super) async fn end_all(&self) {
        let all = std::mem::take(&mut *self.write());
        futures_util::future::join_all(all.into_values().map(stop)).await;
    }

    pub(super) fn server(&self, id: &InstanceId) -> Option<LinkedServer> {
        self.read().get(id)?.source.linked()
    }

    pub(super) fn source(&self, id: &InstanceId) -> Option<Arc<ServerSource>> {
        Some(self.read().get(id)?.source.clone())
    }

    pub(super) fn asks(&self, id: &InstanceId) -> Option<mpsc::Sender<Ask>> {
        Some(self.read().get(id)?.asks.clone())
    }

    /// Puts every connection in doubt. A supervisor that is overrun has work enough to notice by itself.
    pub(super) fn nudge_all(&self) {
        for running in self.read().values() {
            let _overrun = running.asks.try_send(Ask::Nudge);
        }
    }

    /// Those that are supervised.
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

/// What is remembered of an instance, as soon as it is read; nothing if that takes too long.
async fn remembered(mut recalled: Recalling, instance: &InstanceId) -> Vec<Heard> {
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
    let told = sessions.map(|sessions| Heard::ours(Event::Remembered(sessions)));
    told.into_iter().collect()
}

async fn stop(running: Running) {
    let _gone = running.asks.send(Ask::Stop).await;
    if let Err(error) = running.supervisor.await {
        tracing::error!(%error, "a supervisor ended badly");
    }
}

impl Hub {
    /// Adds an instance; the same folder or address twice is the same instance. It is done whole, also if who asked leaves.
    ///
    /// # Errors
    /// When the folder or address is not one, the folder is not trusted, or the list cannot be kept.
    pub async fn add(&self, new: NewInstance, name: Option<&str>) -> Result<Added, AddError> {
        let (hub, name) = (self.clone(), name.map(str::to_owned));
        to_the_end(async move { hub.add_whole(new, name.as_deref()).await })
            .await
            .unwrap_or(Err(RegistryError::Ended.into()))
    }

    async fn add_whole(&self, new: NewInstance, name: Option<&str>) -> Result<Added, AddError> {
        let _turn = self.0.changing.lock().await;
        let origin = match new {
            NewInstance::Folder(path) => {
                let folder = Folder::resolve(&path)?;
                self.check_trust(&folder)?;
                Origin::Folder(folder)
            }
            NewInstance::Url { url, login } => Origin::Url(Server {
                url: ServerUrl::parse(&url)?,
                login,
            }),
        };
        let added = {
            let mut registry = self.registry();
            if let Origin::Folder(folder) = &origin {
                registry.used(folder)?;
            }
            registry.add(origin, name)?
        };
        let added = match added {
            registry::Added::New(instance) => {
                let id = instance.id.clone();
                self.0
                    .instances
                    .begin(instance, None, BTreeMap::new())
                    .await;
                Added::New(id)
            }
            registry::Added::Known(instance) => Added::Known(instance.id),
            registry::Added::NewLogin(instance) => {
                let id = instance.id.clone();
                // What is known of it stays: only who asks for it changes.
                if let Some(running) = self.0.instances.take(&id) {
                    stop(running).await;
                }
                self.0
                    .instances
                    .begin(instance, None, BTreeMap::new())
                    .await;
                Added::Known(id)
            }
        };
        Ok(added)
    }

    /// Looks whether a person trusts a folder. Blocks on the disk if not.
    pub(crate) fn check_trust(&self, folder: &Folder) -> Result<(), AddError> {
        match self.trusted().has(folder) {
            true => Ok(()),
            false => Err(Box::new(Untrusted::look(folder)).into()),
        }
    }

    /// Notes that a person trusts a folder: servers may be started in it from now on. Blocks on the disk.
    ///
    /// # Errors
    /// When the folder is not one, or that it is trusted cannot be kept.
    pub fn trust(&self, folder: &std::path::Path) -> Result<(), AddError> {
        let folder = Folder::resolve(folder)?;
        let trusted = self.trusted().add(&folder);
        trusted.map_err(|source| {
            let path = folder.as_path().to_owned();
            RegistryError::Disk { path, source }.into()
        })
    }

    /// Removes an instance. False if it is not known. It is done whole, also if who asked leaves; asked twice, both are told
    /// when it is gone.
    ///
    /// # Errors
    /// When the list cannot be kept; the instance goes on then.
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
        // What was said while it ended is not stored; now that its stream has ended, it leaves the memory as well.
        self.engine().log().withhold(id, None);
        self.engine().log().set_private(id, false);
        Ok(true)
    }

    /// Takes an instance off the list, and its texts out of the log and the journal. From here on nothing of it is stored:
    /// a hub that is killed leaves the rest of the purge to the next one.
    fn forget(&self, id: &InstanceId) -> Result<bool, RegistryError> {
        let mut registry = self.registry();
        if registry.remove(id)?.is_none() {
            return Ok(false);
        }
        let log = self.engine().log();
        log.set_private(id, true);
        log.withhold(id, None);
        Ok(true)
    }

    /// Waits for another removal of an instance. False if there is none.
    async fn is_being_removed(&self, id: &InstanceId) -> bool {
        let gone = |state: &model::State| !state.instances.contains_key(id);
        if self.engine().read(gone) {
            return false;
        }
        let _slow = timeout(limits::REMOVAL_WAIT, self.engine().until(gone)).await;
        true
    }

    /// Sets whether what an instance says is stored from now on. False if the instance is not known.
    ///
    /// # Errors
    /// When the list cannot be kept; everything is as before then.
    pub async fn set_journal(&self, id: &InstanceId, kept: bool) -> Result<bool, RegistryError> {
        let _turn = self.0.changing.lock().await;
        let known = self.registry().set_journal(id, kept)?;
        if known {
            self.engine().log().set_private(id, !kept);
        }
        Ok(known)
    }

    /// Tries to connect at once. False if the instance is not known.
    pub async fn reconnect(&self, id: &InstanceId) -> bool {
        match self.0.instances.asks(id) {
            Some(asks) => asks.send(Ask::Reconnect).await.is_ok(),
            None => false,
        }
    }

    /// Has a page of older sessions read, of each folder whose list was cut. False if the instance is not known, cannot be asked, or
    /// does not answer in time.
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
                .send(Ask::OlderSessions(directory, before))
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

    /// When a server is tried again.
    pub fn policy(&self) -> Policy {
        self.0.instances.options.policy
    }

    /// Folders that were used lately, newest first.
    pub fn recent_folders(&self) -> Vec<Arc<str>> {
        self.registry()
            .recent_folders()
            .iter()
            .map(|folder| folder.as_str().into())
            .collect()
    }

    /// Of the folders that were used lately, those that are still there, newest first. Blocks on the disk.
    pub fn offered_folders(&self) -> Vec<Arc<str>> {
        let recent = self.registry().recent_folders().to_vec();
        let offered = folders::offer(&recent);
        offered
            .iter()
            .map(|folder| folder.as_str().into())
            .collect()
    }

    /// What all its requests go through.
    pub(crate) fn http(&self) -> &Http {
        self.0.instances.http()
    }

    /// Process ids of the servers that this hub runs.
    pub fn server_pids(&self) -> Vec<u32> {
        self.0.instances.pids()
    }

    /// Where an instance's server can be reached, starting it if it is ours: for a client that attaches to it.
    pub fn source(&self, id: &InstanceId) -> Option<Arc<ServerSource>> {
        self.0.instances.source(id)
    }
}

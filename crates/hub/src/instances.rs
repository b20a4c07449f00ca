//! The hub as its users see it: instances come and go, people command, viewers look.
//!
//! It ties the layers together and owns what outlives a request. It never folds, renders or speaks HTTP.

mod beside;
mod commanded;
mod opencode_server;
pub mod recall;
mod running;
mod unfinished;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use model::ids::InstanceId;
use page::Renderer;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use opencode_server::{LinkedServer, Server, ServerSource};
pub use running::{Added, NewInstance};

use crate::clock::Clock;
use crate::command::Commands;
use crate::command::audit::{self, Audit};
use crate::command::notes::{self, Notes};
use crate::command::outbox::{self, Disk, Store};
use crate::datadir::{DataDir, Servers};
use crate::engine::{self, Handle};
use crate::feed::live::{Drawing, Live};
use crate::ingest::backoff::Policy;
use crate::ingest::{Patience, wake};
use crate::record::journal::sqlite::{self, SqliteFile};
use crate::record::journal::store::Medium;
use crate::record::journal::{self, Journal, Retention};
use crate::registry::{Registry, RegistryError};
use crate::tasks::Tasks;
use crate::workspace::{Launcher, Trust};
use beside::Beside;
use recall::Recalled;
use running::Instances;

/// How a hub runs.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// How servers are started in folders.
    pub launcher: Launcher,
    /// When to try a server again.
    pub policy: Policy,
    /// How long a server may be silent.
    pub patience: Patience,
    /// The time of day.
    pub clock: Clock,
    /// Whether and where the log is kept.
    pub journal: Keep,
}

/// Whether and where the log outlives the hub.
#[derive(Clone, Debug)]
pub enum Keep {
    /// In memory alone. A journal that is there stays as it is.
    Nothing,
    /// In a file of the data directory.
    File(Retention),
    /// Elsewhere.
    In(Arc<dyn Medium>, Retention),
}

impl HubOptions {
    /// The usual.
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            policy: Policy::default(),
            patience: Patience::default(),
            clock: Clock::system(),
            journal: Keep::File(Retention::default()),
        }
    }
}

/// Why a hub cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The list of instances cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Http(#[from] opencode::ClientError),
}

/// A running hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    engine: Handle,
    renderer: Arc<Renderer>,
    live: Live,
    registry: Arc<Mutex<Registry>>,
    /// Folders in which a server may be started.
    trust: Mutex<Trust>,
    instances: Instances,
    outbox: Arc<dyn Store>,
    audit: Arc<dyn Audit>,
    notes: Notes,
    /// Held while instances are added or removed, so that what is listed is what runs.
    changing: tokio::sync::Mutex<()>,
    /// A list of instances that could not be read and was put aside.
    put_aside: Option<PathBuf>,
    /// How the tasks of the hub are.
    tasks: Tasks,
    /// They end with the hub.
    _running: JoinSet<()>,
}

impl Hub {
    /// Starts a hub on its data directory: every instance that it knows is connected to.
    ///
    /// # Errors
    /// When the list of instances cannot be read, or no HTTP client can be made.
    // Longer than 70 lines: what a hub consists of, in the order in which each needs the one before.
    pub async fn start(dir: &DataDir, options: HubOptions) -> Result<Self, HubError> {
        let (registry, put_aside) = Registry::load(dir)?;
        let disk = |source| RegistryError::Disk {
            path: dir.path().to_owned(),
            source,
        };
        let servers = Servers::open(dir).map_err(disk)?;
        let trust = Trust::load(dir, registry.folders()).map_err(disk)?;
        let clock = options.clock.clone();
        let journal = open_journal(dir, &options).await;
        for instance in registry.instances() {
            let private = !instance.journal;
            journal.log().set_private(&instance.id, private);
        }
        for removed in registry.purging() {
            journal.log().withhold(removed, None);
        }
        let engine = engine::start_with(options.clock.clone(), new_epoch(), journal.clone());
        let outbox = Disk::new(dir.file(outbox::FILE));
        let notes = Notes::new(Arc::new(notes::Disk::new(dir.file(notes::FILE))));
        let mut noted = notes.load().await;
        let (begun, begin) = watch::channel(false);
        let (done, recalled) = watch::channel(None);
        let mut before = unfinished::load(dir.path());
        let known = registry.instances().to_vec();
        for double in registry.doubles() {
            tracing::warn!(%double, "an instance was kept twice, under two names of one server; it is one now");
            // What it said, the other one said as well.
            engine.log().withhold(double, None);
        }
        let registry = Arc::new(Mutex::new(registry));
        let (tasks, mut running) = (Tasks::default(), JoinSet::new());
        let beside = Beside {
            tasks: tasks.clone(),
            engine: engine.clone(),
            outbox: outbox.notice(),
            dir: dir.path().to_owned(),
            before: before.clone(),
            registry: registry.clone(),
            notes: notes.clone(),
            begun: begin,
        };
        beside.begin(&mut running);
        let recalling = tasks.clone();
        running.spawn(async move {
            let recall = recall_all(journal, done);
            let _told = recalling
                .once("what reads the journal at the start", recall)
                .await;
        });
        let renderer = Arc::new(Renderer::new());
        let live = Live::new(engine.clone(), renderer.clone(), Drawing::on_threads());
        let instances = Instances::new(engine.clone(), opencode::Http::new()?, options, servers);
        let hub = Self(Arc::new(Inner {
            engine,
            renderer,
            live,
            registry,
            trust: Mutex::new(trust),
            instances,
            outbox: Arc::new(outbox),
            audit: Arc::new(audit::File::new(dir.file(audit::FILE))),
            notes,
            changing: tokio::sync::Mutex::default(),
            put_aside,
            tasks,
            _running: running,
        }));
        for instance in known {
            let ran = before.remove(&instance.id).unwrap_or_default();
            let noted = noted.remove(&instance.id).unwrap_or_default();
            let before = notes::remembered(noted, ran);
            hub.0
                .instances
                .begin(instance, Some(recalled.clone()), before)
                .await;
        }
        // From here on the state has what is noted, and so is what is to be noted.
        hub.engine().settled().await;
        begun.send_replace(true);
        hub.watch_for_wakes(clock);
        Ok(hub)
    }

    /// Puts connections in doubt when the machine woke or its network changed, for as long as the hub lives.
    fn watch_for_wakes(&self, clock: Clock) {
        let (nudged, tasks) = (Arc::downgrade(&self.0), self.0.tasks.clone());
        tokio::spawn(async move {
            let watch = || {
                let nudged = nudged.clone();
                wake::watch(clock.clone(), move |cause| match nudged.upgrade() {
                    Some(inner) => {
                        tracing::info!(?cause, "connections are in doubt");
                        inner.instances.nudge_all();
                        true
                    }
                    None => false,
                })
            };
            tasks
                .keep("what notices that the machine woke", watch)
                .await;
        });
    }

    /// How the tasks of the hub are.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Waits until the hub cannot go on, and gives the reason: its process has to end then.
    pub async fn failed(&self) -> Arc<str> {
        tokio::select! {
            biased;
            reason = self.engine().failed() => reason,
            () = self.live().ended() => "its live feed ended".into(),
        }
    }

    /// True while the hub can do its work without being started anew.
    pub async fn is_well(&self) -> bool {
        !self.has_ended() && self.engine().is_alive().await
    }

    /// True once the hub cannot go on: see [`Hub::failed`].
    pub fn has_ended(&self) -> bool {
        self.engine().has_ended() || self.live().ended().now_or_never().is_some()
    }

    /// True while all that the hub consists of runs, and its journal is not just being opened.
    pub async fn is_ready(&self) -> bool {
        let opening = *self.engine().journal().status().borrow() == journal::Status::Opening;
        !opening
            && self.0.tasks.all_run()
            && self.0.instances.unsupervised().is_empty()
            && self.is_well().await
    }

    /// Instances whose supervisor is gone, which is a fault of the hub.
    pub fn unsupervised(&self) -> Vec<InstanceId> {
        self.0.instances.unsupervised()
    }

    /// The way to the engine: state, changes, log.
    pub fn engine(&self) -> &Handle {
        &self.0.engine
    }

    /// Draws what viewers see.
    pub fn renderer(&self) -> &Arc<Renderer> {
        &self.0.renderer
    }

    /// The live feed.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// What was sent under which key, in the data directory.
    pub fn outbox(&self) -> &Arc<dyn Store> {
        &self.0.outbox
    }

    /// Who allowed and refused what, in the data directory.
    pub fn audit(&self) -> &Arc<dyn Audit> {
        &self.0.audit
    }

    /// What is noted of sessions for the next hub, in the data directory.
    pub fn notes(&self) -> &Notes {
        &self.0.notes
    }

    /// What people ask of its servers. What is sent is remembered in its data directory.
    pub fn commands(&self) -> Commands<Self> {
        let (engine, outbox) = (self.engine().clone(), self.outbox().clone());
        let (audit, random) = (self.audit().clone(), StdRng::from_rng(&mut rand::rng()));
        Commands::over(
            engine,
            self.clone(),
            outbox,
            audit,
            self.notes().clone(),
            random,
        )
    }

    /// A list of instances that could not be read and was put aside at the start.
    pub fn put_aside(&self) -> Option<&PathBuf> {
        self.0.put_aside.as_ref()
    }

    /// The server of an instance, once it has answered.
    pub fn server(&self, instance: &InstanceId) -> Option<LinkedServer> {
        self.0.instances.server(instance)
    }

    /// Ends every stream and every server that the hub started, and closes the journal behind them.
    pub async fn shutdown(&self) {
        self.0.notes.write_now(self.engine()).await;
        self.0.instances.end_all().await;
        self.engine().journal().close().await;
    }

    fn trusted(&self) -> MutexGuard<'_, Trust> {
        self.0
            .trust
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0
            .registry
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

async fn open_journal(dir: &DataDir, options: &HubOptions) -> Journal {
    let (medium, retention): (Arc<dyn Medium>, _) = match &options.journal {
        Keep::Nothing => return Journal::off(new_epoch()),
        Keep::File(retention) => {
            let file = SqliteFile::new(dir.file(sqlite::FILE));
            (Arc::new(file.for_bytes(retention.bytes)), *retention)
        }
        Keep::In(medium, retention) => (medium.clone(), *retention),
    };
    Journal::open(journal::Options {
        medium,
        retention,
        clock: options.clock.clone(),
        names: Arc::new(new_epoch),
    })
    .await
}

/// Reads what is remembered, beside everything else.
async fn recall_all(journal: Journal, done: watch::Sender<Option<Arc<Recalled>>>) {
    let recalled = recall::recall(&journal).await;
    // Nobody waits for it where no instance is known.
    let _unwanted = done.send(Some(Arc::new(recalled)));
}

/// Names one life of a hub: unguessable, so that no viewer takes one life for another.
fn new_epoch() -> Arc<str> {
    let letters = rand::rng().sample_iter(Alphanumeric).take(12);
    letters.map(char::from).collect::<String>().into()
}

#[cfg(test)]
mod tests;

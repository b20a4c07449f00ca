//! The hub as a whole: instances, commands and viewers.
//!
//! Connects the layers, and owns everything that outlives a request. Never folds, renders or speaks HTTP.

mod adding;
mod beside;
mod commanded;
mod commanded2;
mod commanded_linked;
mod deleted;
mod linked;
mod local;
mod making;
mod memory;
mod opencode2_server;
mod opencode_server;
mod radar;
pub mod recall;
mod restart;
mod running;
mod unfinished;
mod upkeep;

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

pub use adding::{Added, NewInstance};
pub use linked::LinkedRest;
pub use making::{MakeError, NewWorktree, Plan};
pub use memory::MemoryUse;
pub use opencode_server::{LinkedServer, Server, ServerProcess, ServerSource, WantedRestart};
pub use opencode2_server::LinkedService;
pub use restart::ServerRestartError;

use crate::clock::Clock;
use crate::command::Commands;
use crate::command::audit::{self, Audit};
use crate::command::drafts::{self, Drafts};
use crate::command::find::{self, Search};
use crate::command::notes::{self, Notes};
use crate::command::outbox::{self, Disk, Store};
use crate::command::parallel::{self, Parallels};
use crate::command::queue::{self, Queues};
use crate::command::usage::{self, Account};
use crate::datadir::{DataDir, Servers};
use crate::engine::{self, Handle};
use crate::feed::{Drawing, LiveShared};
use crate::ingest::backoff::Policy;
use crate::ingest::{Timeouts, wake};
use crate::push::{self, Book, Contact};
use crate::record::journal::sqlite::{self, SqliteFile};
use crate::record::journal::store::Medium;
use crate::record::journal::{self, Journal, Retention};
use crate::record::log::Log;
use crate::registry::{self, Registry, RegistryError};
use crate::review::{self, Reviews};
use crate::settings::{self, SettingsStore};
use crate::tasks::Tasks;
use crate::workspace::{Launcher, Trust};
use crate::worktrees::{self, Jobs, Setups};
use beside::TaskContext;
use running::{HistoryLoad, Instances};
use unfinished::Unfinished;

/// Configuration of a hub.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Starts servers in folders.
    pub launcher: Launcher,
    /// The backoff policy of connections.
    pub policy: Policy,
    /// The timeouts of silent servers.
    pub timeouts: Timeouts,
    /// The wall clock.
    pub clock: Clock,
    /// Whether and where the log is stored.
    pub journal: Keep,
    /// Whether the page offers servers of this machine that are no instances.
    pub offers_servers: bool,
    /// Whom push services may ask about the hub's requests.
    pub push_contact: Contact,
}

/// The storage of the log.
#[derive(Clone, Debug)]
pub enum Keep {
    /// In memory only. An existing journal is left unchanged.
    Nothing,
    /// In a file of the data directory.
    File(Retention),
    /// In another medium.
    In(Arc<dyn Medium>, Retention),
}

impl HubOptions {
    /// The default configuration.
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            policy: Policy::default(),
            timeouts: Timeouts::default(),
            clock: Clock::system(),
            journal: Keep::File(Retention::default()),
            offers_servers: true,
            push_contact: Contact::default(),
        }
    }
}

/// The reason why a hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The list of instances cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Http(#[from] opencode::ClientError),
}

/// A running hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    engine: Handle,
    renderer: Arc<Renderer>,
    live: LiveShared,
    registry: Arc<Mutex<Registry>>,
    /// Folders in which servers may be started.
    trust: Mutex<Trust>,
    instances: Instances,
    outbox: Arc<dyn Store>,
    audit: Arc<dyn Audit>,
    notes: Notes,
    queues: Queues,
    parallels: Parallels,
    drafts: Drafts,
    reviews: Reviews,
    /// Devices and targets that are notified.
    push: Book,
    /// Set-up commands of new work trees that a person allowed.
    setups: Setups,
    /// Work trees that are being made.
    making: Jobs,
    /// The data directory.
    dir: PathBuf,
    /// Instances whose servers run on this machine, and when that was found out.
    local: local::Known,
    settings: SettingsStore,
    account: Account,
    search: Search,
    /// Held while instances are added or removed, so that the list and the running instances agree.
    changing: tokio::sync::Mutex<()>,
    /// Path of an unreadable list of instances that was moved aside.
    put_aside: Option<PathBuf>,
    /// Whether the page offers servers of this machine that are no instances.
    offers_servers: bool,
    /// The conditions of the hub's tasks.
    tasks: Tasks,
    /// Tasks that end with the hub.
    _running: JoinSet<()>,
}

impl Hub {
    /// Starts a hub on its data directory, and connects to every instance.
    ///
    /// # Errors The list of instances cannot be read, or the HTTP client cannot be created.
    // Longer than 70 lines: each part of a hub, once.
    pub async fn start(dir: &DataDir, options: HubOptions) -> Result<Self, HubError> {
        let (registry, put_aside) = Registry::load(dir)?;
        let disk = |source| RegistryError::Disk {
            path: dir.path().to_owned(),
            source,
        };
        let servers = Servers::open(dir).map_err(disk)?;
        let trust = Trust::load(dir, registry.folders()).map_err(disk)?;
        let journal = open_journal(dir, &options).await;
        prepare_log(journal.log(), &registry);
        let engine = engine::start_with(options.clock.clone(), new_epoch(), journal);
        let known = registry.instances().to_vec();
        let registry = Arc::new(Mutex::new(registry));
        let outbox = Disk::new(dir.file(outbox::FILE));
        let notes = Notes::new(Arc::new(notes::Disk::new(dir.file(notes::FILE))));
        let noted = notes.load().await;
        let unfinished = unfinished::load(dir.path());
        let (begun, begin) = watch::channel(false);
        let tasks = Tasks::default();
        let (running, recalled) = TaskContext {
            tasks: tasks.clone(),
            engine: engine.clone(),
            outbox: outbox.notice(),
            dir: dir.path().to_owned(),
            before: unfinished.clone(),
            registry: registry.clone(),
            notes: notes.clone(),
            begun: begin,
        }
        .begin();
        let renderer = Arc::new(Renderer::new());
        let settings = SettingsStore::load(dir.file(settings::FILE));
        let reviews = Reviews::load(dir.file(review::FILE));
        let live = LiveShared::new(engine.clone(), renderer.clone(), Drawing::on_threads())
            .with_settings(settings.changes())
            .with_marks(reviews.marks());
        let (clock, offers_servers) = (options.clock.clone(), options.offers_servers);
        let http = opencode::Http::new()?;
        let push = Book::load(
            dir.file(push::FILE),
            http.clone().into_replies(),
            options.push_contact.clone(),
        );
        let instances = Instances::new(engine.clone(), http, options, servers);
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
            queues: Queues::load(Arc::new(queue::Disk::new(dir.file(queue::FILE)))).await,
            parallels: Parallels::load(dir.file(parallel::FILE)).await,
            drafts: Drafts::load(dir.file(drafts::FILE)),
            reviews,
            push,
            setups: Setups::load(dir.file(worktrees::FILE)),
            making: Jobs::default(),
            dir: dir.path().to_owned(),
            local: local::Known::default(),
            settings,
            account: Account::load(dir.file(usage::FILE)),
            search: Search::new(dir.file(find::FILE)),
            changing: tokio::sync::Mutex::default(),
            put_aside,
            tasks,
            _running: running,
            offers_servers,
        }));
        hub.connect(known, noted, unfinished, recalled).await;
        begun.send_replace(true);
        hub.watch_for_wakes(clock);
        Ok(hub)
    }

    /// Connects to every known instance. Once this resolves the state contains the loaded notes, so that they can be written back.
    async fn connect(
        &self,
        known: Vec<registry::Instance>,
        mut noted: notes::Noted,
        mut unfinished: Unfinished,
        recalled: HistoryLoad,
    ) {
        for instance in known {
            let ran = unfinished.remove(&instance.id).unwrap_or_default();
            let noted = noted.remove(&instance.id).unwrap_or_default();
            let before = notes::remembered(noted, ran);
            let recalled = Some(recalled.clone());
            self.0.instances.begin(instance, recalled, before).await;
        }
        self.engine().settled().await;
    }

    /// Makes connections prove that they are alive when the machine woke or its network changed.
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
            tasks.keep("detecting that the machine woke", watch).await;
        });
    }

    /// The conditions of the hub's tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Waits until the hub fails, and returns the reason: the process must end then.
    pub async fn failed(&self) -> Arc<str> {
        tokio::select! {
            biased;
            reason = self.engine().failed() => reason,
            () = self.live().ended() => "its live feed ended".into(),
        }
    }

    /// True while the hub works without a restart.
    pub async fn is_well(&self) -> bool {
        !self.has_ended() && self.engine().is_alive().await
    }

    /// True once the hub has failed: see [`Hub::failed`].
    pub fn has_ended(&self) -> bool {
        self.engine().has_ended() || self.live().ended().now_or_never().is_some()
    }

    /// True while every task runs, and the journal is not being opened.
    pub async fn is_ready(&self) -> bool {
        let opening = *self.engine().journal().status().borrow() == journal::Status::Opening;
        !opening
            && self.0.tasks.all_run()
            && self.0.instances.unsupervised().is_empty()
            && self.is_well().await
    }

    /// Instances whose supervisor has ended, which is a bug in the hub.
    pub fn unsupervised(&self) -> Vec<InstanceId> {
        self.0.instances.unsupervised()
    }

    /// The handle to the engine: state, changes, log.
    pub fn engine(&self) -> &Handle {
        &self.0.engine
    }

    /// The renderer of pages.
    pub fn renderer(&self) -> &Arc<Renderer> {
        &self.0.renderer
    }

    /// The live feed.
    pub fn live(&self) -> &LiveShared {
        &self.0.live
    }

    /// The outbox in the data directory.
    pub fn outbox(&self) -> &Arc<dyn Store> {
        &self.0.outbox
    }

    /// The audit log in the data directory.
    pub fn audit(&self) -> &Arc<dyn Audit> {
        &self.0.audit
    }

    /// The settings that all pages share.
    pub fn settings(&self) -> &SettingsStore {
        &self.0.settings
    }

    /// The notes on sessions in the data directory.
    pub fn notes(&self) -> &Notes {
        &self.0.notes
    }

    /// What sessions use, in the data directory.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// The search index in the data directory.
    pub fn search(&self) -> &Search {
        &self.0.search
    }

    /// What is being written, in the data directory.
    pub fn drafts(&self) -> &Drafts {
        &self.0.drafts
    }

    /// Marks and comments of reviews, in the data directory.
    pub fn reviews(&self) -> &Reviews {
        &self.0.reviews
    }

    /// Devices and targets that are notified, in the data directory.
    pub fn push(&self) -> &Book {
        &self.0.push
    }

    /// Set-up commands of new work trees that a person allowed, in the data directory.
    pub fn setups(&self) -> &Setups {
        &self.0.setups
    }

    /// Work trees that are being made.
    pub fn making(&self) -> &Jobs {
        &self.0.making
    }

    /// The commands to its servers, with the outbox in the data directory.
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
        .with_queues(self.0.queues.clone())
        .with_parallels(self.0.parallels.clone())
    }

    /// Path of an unreadable list of instances that was moved aside at the start.
    pub fn put_aside(&self) -> Option<&PathBuf> {
        self.0.put_aside.as_ref()
    }

    /// The server of an instance, once it has connected, if it is one of version 1.
    pub fn server(&self, instance: &InstanceId) -> Option<LinkedServer> {
        self.0.instances.server(instance)
    }

    /// The server of an instance, of either version, once it has connected.
    pub fn linked(&self, instance: &InstanceId) -> Option<LinkedRest> {
        self.0.instances.linked(instance)
    }

    /// Closes every stream, stops every server that the hub started, and closes the journal last.
    pub async fn shutdown(&self) {
        self.0.notes.write_now(self.engine()).await;
        let account = self.account().clone();
        let written = tokio::task::spawn_blocking(move || account.write()).await;
        if let Err(error) = written {
            tracing::warn!(%error, "writing what sessions used ended badly");
        }
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

/// Applies the list of instances to the log: what is not stored, and what is purged.
fn prepare_log(log: &Log, registry: &Registry) {
    for instance in registry.instances() {
        log.set_private(&instance.id, !instance.journal);
    }
    for removed in registry.purging() {
        log.redact(removed, None);
    }
    for double in registry.doubles() {
        tracing::warn!(%double, "the list had one server twice, under two addresses; it is one instance now");
        // The other instance received the same events.
        log.redact(double, None);
    }
}

/// An unguessable name for this run of the hub, so that viewers never confuse two runs.
fn new_epoch() -> Arc<str> {
    let letters = rand::rng().sample_iter(Alphanumeric).take(12);
    letters.map(char::from).collect::<String>().into()
}

#[cfg(test)]
mod tests;

//! A hub put together as the product does it, over simulated servers, and its ends: orderly, or in the middle of things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::command::notes::{self, Notes};
use hub::command::{Commands, audit};
use hub::engine::{self, Handle, Inbound, SupervisorCommand};
use hub::feed::live::ViewerLink;
use hub::feed::{Drawing, LiveShared};
use hub::ingest::backoff::Policy;
use hub::ingest::{Supervisor, Timeouts};
use hub::limits;
use hub::record::journal::memory::MemoryDisk;
use hub::record::journal::{self, Journal, Retention};
use hub::record::log::Cursor;
use model::Event;
use model::event::Recalled;
use model::ids::{InstanceId, SessionId};
use model::state::Origin;
use page::Renderer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::commanded::Commanded;
use super::core::{Core, lock};
use super::outbox::Outbox;
use super::ports::Port;
use super::server::Server;
use super::stop::NotesOfLife;

/// One life of a hub.
pub(super) struct HubLife {
    /// Its engine.
    pub engine: Handle,
    /// What people ask of it.
    pub commands: Commands<Commanded>,
    /// True once its process is gone.
    pub ended: Arc<AtomicBool>,
    /// Its live feed.
    pub live: LiveShared,
    /// Where its log was when it began.
    pub log_begin: Cursor,
    asks: Vec<mpsc::Sender<SupervisorCommand>>,
    supervisors: Vec<JoinHandle<()>>,
    notes: Notes,
    /// What runs beside the engine.
    beside: Vec<JoinHandle<()>>,
    viewers: Mutex<Vec<JoinHandle<()>>>,
}

/// The instance of a server.
pub(super) fn instance(server: usize) -> InstanceId {
    InstanceId::new(format!("i{server}"))
}

/// Starts the engine of a hub's life over the journal that a disk has.
pub(super) async fn engine_over(core: &Arc<Core>, disk: &MemoryDisk, life: u64) -> Handle {
    core.trace(format_args!("hub begins its life {life}"));
    let names = AtomicU64::new(0);
    let journal = Journal::open(journal::Options {
        medium: Arc::new(disk.clone()),
        retention: Retention::default(),
        clock: core.clock(),
        names: Arc::new(move || {
            let name = names.fetch_add(1, Ordering::SeqCst);
            format!("log{life}x{name}").into()
        }),
    })
    .await;
    engine::start_with(core.engine_clock(), format!("life{life}").into(), journal)
}

impl HubLife {
    /// Starts a hub that knows these servers.
    pub(super) async fn start(
        core: &Arc<Core>,
        servers: &[Arc<Server>],
        disk: &MemoryDisk,
        (outbox, noted): (&Outbox, &notes::Memory),
        life: u64,
    ) -> Arc<Self> {
        let engine = engine_over(core, disk, life).await;
        let ended = Arc::<AtomicBool>::default();
        let notes = Notes::new(Arc::new(NotesOfLife::new(noted, &ended)));
        let mut noted = notes.load().await;
        let commands = Commands::over(
            engine.clone(),
            Commanded::new(servers.to_vec(), ended.clone()),
            Arc::new(outbox.of(&ended)),
            Arc::new(audit::Memory::default()),
            notes.clone(),
            core.random(&format!("commands {life}")),
        );
        let live = LiveShared::new(engine.clone(), Arc::new(Renderer::new()), Drawing::Here);
        let log_begin = engine.log().end();
        let (mut all, mut supervisors) = (Vec::new(), Vec::new());
        for server in servers {
            let id = instance(server.index);
            let before = noted.remove(&id).unwrap_or_default();
            let before = notes::remembered(before, BTreeSet::new());
            let (asks, supervisor) = supervise(core, server, &engine, before, life).await;
            supervisors.push(supervisor);
            all.push(asks);
        }
        engine.settled().await;
        let refusing = commands.clone();
        let beside = vec![
            tokio::spawn(notes.clone().keep(engine.clone())),
            tokio::spawn(async move { refusing.keep_refusing().await }),
        ];
        Arc::new(Self {
            engine,
            notes,
            beside,
            commands,
            ended,
            live,
            log_begin,
            asks: all,
            supervisors,
            viewers: Mutex::default(),
        })
    }

    /// A person has a server tried again.
    pub(super) fn reconnect(&self, server: &Server) {
        // A queue that is full is a hub that is busy: the person presses again.
        if self.asks[server.index]
            .try_send(SupervisorCommand::Reconnect)
            .is_ok()
        {
            lock(&server.inner).pace.may_try();
        }
    }

    /// Serves a viewer.
    pub(super) fn serve(&self, link: impl ViewerLink + 'static) {
        let viewer = tokio::spawn(self.live.clone().serve(link));
        let mut viewers = lock(&self.viewers);
        viewers.retain(|viewer| !viewer.is_finished());
        viewers.push(viewer);
    }

    /// Ends: in order, or at once.
    pub(super) async fn end(&self, killed: bool) {
        if !killed {
            self.notes.write_now(&self.engine).await;
        }
        self.ended.store(true, Ordering::SeqCst);
        self.beside.iter().for_each(JoinHandle::abort);
        for viewer in lock(&self.viewers).drain(..) {
            viewer.abort();
        }
        if !killed {
            for asks in &self.asks {
                let _ended = asks.send(SupervisorCommand::Stop).await;
            }
        }
        for supervisor in &self.supervisors {
            if killed {
                supervisor.abort();
            }
            for turn in 0.. {
                if supervisor.is_finished() {
                    break;
                }
                // One that waits for the first event of a silent server ends once that is too late: time has to pass.
                if turn < super::SETTLE {
                    tokio::task::yield_now().await;
                } else {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
        if !killed {
            self.engine.journal().close().await;
        }
    }
}

/// Begins to follow a server, with what is noted of its sessions.
async fn supervise(
    core: &Arc<Core>,
    server: &Arc<Server>,
    engine: &Handle,
    before: BTreeMap<SessionId, Recalled>,
    life: u64,
) -> (mpsc::Sender<SupervisorCommand>, JoinHandle<()>) {
    server.begin_life();
    let (asks, asked) = mpsc::channel(limits::ASKS);
    let id = instance(server.index);
    let name = format!("server {}", server.index);
    let origin = Origin::Url(format!("http://s{}/", server.index).into());
    let feeder = engine
        .add(id.clone(), name.into(), origin, asks.clone())
        .await;
    let before = Event::Recalled(before);
    feeder.tell(vec![Inbound::ours(before)]).await;
    let supervisor = Supervisor {
        instance: id,
        upstream: Arc::new(Port(server.clone())),
        feeder,
        asks: asked,
        policy: Policy::default(),
        timeouts: Timeouts::default(),
        clock: core.clock(),
        random: core.random(&format!("supervisor {} {life}", server.index)),
        directories: BTreeSet::new(),
    };
    (asks, tokio::spawn(supervisor.run()))
}

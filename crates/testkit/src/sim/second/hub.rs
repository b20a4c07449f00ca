//! A hub over a simulated service of version 2, put together as the product does it: its own client, reads and commands.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::command::notes::{self, Notes};
use hub::command::{Commands, audit, port};
use hub::engine::{Handle, Inbound, SupervisorCommand};
use hub::ingest::backoff::Policy;
use hub::ingest::dialect::Dialect;
use hub::ingest::upstream::{Connection, Upstream, UpstreamError};
use hub::ingest::{Supervisor, Timeouts};
use hub::instances::LinkedService;
use hub::limits;
use hub::record::journal::memory::MemoryDisk;
use hub::registry::AddError;
use hub::workspace::Folder;
use model::Event;
use model::ids::InstanceId;
use model::state::Origin;
use opencode::EventStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::SETTLE;
use super::super::core::Core;
use super::super::hub::engine_over;
use super::super::outbox::Outbox;
use super::super::stop::NotesOfLife;
use super::line::Line;

/// One life of a hub.
pub(super) struct HubLife {
    pub(super) engine: Handle,
    pub(super) commands: Commands<Services>,
    /// True once its process is gone.
    pub(super) ended: Arc<AtomicBool>,
    asks: mpsc::Sender<SupervisorCommand>,
    supervisor: JoinHandle<()>,
    notes: Notes,
    beside: Vec<JoinHandle<()>>,
}

/// The hub, while there is one.
pub(super) type Door = Arc<Mutex<Option<Arc<HubLife>>>>;

/// What outlives a hub.
pub(super) struct Disk {
    pub(super) journal: MemoryDisk,
    pub(super) outbox: Outbox,
    pub(super) notes: notes::Memory,
}

/// The service as commands find it.
#[derive(Clone)]
pub(super) struct Services(LinkedService);

/// The service as a supervisor reaches it.
struct Port {
    service: LinkedService,
}

/// The instance of the service.
pub(super) fn instance() -> InstanceId {
    InstanceId::new("i0")
}

impl port::Servers for Services {
    type Server = LinkedService;

    fn server(&self, _of: &InstanceId) -> Option<LinkedService> {
        Some(self.0.clone())
    }
}

impl port::Folders for Services {
    fn check_trust(&self, _folder: &Folder) -> Result<(), AddError> {
        Ok(())
    }

    fn trust(&self, _folder: &Path) -> Result<(), AddError> {
        Ok(())
    }
}

impl Upstream for Port {
    type Stream = EventStream;
    type Rest = LinkedService;

    async fn connect(&self) -> Result<Connection<EventStream, LinkedService>, UpstreamError> {
        let client = &self.service.client;
        let info = client.info().await?;
        let stream = client.events(limits::FIRST_ANSWER).await?;
        Ok(Connection {
            dialect: Dialect::V2,
            version: Some(info.version.into()),
            stream,
            rest: self.service.clone(),
        })
    }

    async fn is_healthy(&self) -> bool {
        self.service.client.info().await.is_ok()
    }

    async fn release(&self) {}
}

impl HubLife {
    /// Starts a hub that knows the service.
    pub(super) async fn start(core: &Arc<Core>, line: &Line, disk: &Disk, life: u64) -> Arc<Self> {
        let engine = engine_over(core, &disk.journal, life).await;
        let ended = Arc::<AtomicBool>::default();
        let service = LinkedService {
            client: line.client(),
            directory: None,
            clock: core.clock(),
        };
        let notes = Notes::new(Arc::new(NotesOfLife::new(&disk.notes, &ended)));
        let mut noted = notes.load().await;
        let commands = Commands::over(
            engine.clone(),
            Services(service.clone()),
            Arc::new(disk.outbox.of(&ended)),
            Arc::new(audit::Memory::default()),
            notes.clone(),
            core.random(&format!("commands {life}")),
        );
        let id = instance();
        let before = notes::remembered(noted.remove(&id).unwrap_or_default(), BTreeSet::new());
        let (asks, asked) = mpsc::channel(limits::ASKS);
        let origin = Origin::Url("http://127.0.0.1:1/".into());
        let feeder = engine
            .add(id.clone(), "service".into(), origin, asks.clone())
            .await;
        feeder
            .tell(vec![Inbound::ours(Event::Recalled(before))])
            .await;
        let supervisor = Supervisor {
            instance: id,
            upstream: Arc::new(Port { service }),
            feeder,
            asks: asked,
            policy: Policy::default(),
            timeouts: Timeouts::default(),
            clock: core.clock(),
            random: core.random(&format!("supervisor {life}")),
            directories: BTreeSet::new(),
        };
        engine.settled().await;
        let refusing = commands.clone();
        let beside = vec![
            tokio::spawn(notes.clone().keep(engine.clone())),
            tokio::spawn(async move { refusing.keep_refusing().await }),
        ];
        Arc::new(Self {
            engine,
            commands,
            ended,
            asks,
            supervisor: tokio::spawn(supervisor.run()),
            notes,
            beside,
        })
    }

    /// Ends: in order, or at once.
    pub(super) async fn end(&self, killed: bool) {
        if !killed {
            self.notes.write_now(&self.engine).await;
        }
        self.ended.store(true, Ordering::SeqCst);
        self.beside.iter().for_each(JoinHandle::abort);
        match killed {
            true => self.supervisor.abort(),
            false => {
                let _ended = self.asks.send(SupervisorCommand::Stop).await;
            }
        }
        for turn in 0.. {
            if self.supervisor.is_finished() {
                break;
            }
            match turn < SETTLE {
                true => tokio::task::yield_now().await,
                false => sleep(Duration::from_millis(1)).await,
            }
        }
        if !killed {
            self.engine.journal().close().await;
        }
    }
}

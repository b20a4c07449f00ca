//! What goes wrong, when and where: drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use hub::command::notes::Memory;
use hub::record::journal::memory::MemoryDisk;
use hub::record::journal::store::StoreError;
use model::ids::SessionId;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::check;
use super::core::{Core, lock};
use super::hub::instance;
use super::outbox::Outbox;
use super::pipe::End;
use super::server::{Server, Up};
use super::stop;
use super::turn;
use super::viewer::Door;

/// Everything that faults can be done to.
pub(super) struct Chaos {
    /// Shared by all.
    pub core: Arc<Core>,
    /// The servers.
    pub servers: Vec<Arc<Server>>,
    /// The hub.
    pub door: Door,
    /// The disk of its journal, which outlives it.
    pub disk: MemoryDisk,
    /// What its commands remember, on the same disk.
    pub outbox: Outbox,
    /// What it notes of sessions, which outlives it as well.
    pub notes: Memory,
    /// Its lives so far.
    pub lives: u64,
    /// Chance.
    pub random: StdRng,
    /// Faults on average in a minute.
    pub rate: u32,
}

impl Chaos {
    /// Lets things go wrong for a while.
    pub(super) async fn reign(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.core.violation().is_none() {
            let mean = 120_000 / self.rate.max(1);
            let pause = Duration::from_millis(self.random.random_range(1..u64::from(mean)));
            sleep(pause).await;
            self.strike().await;
        }
    }

    // Longer than 70 lines: a table, an arm for each fault.
    async fn strike(&mut self) {
        let at = self.random.random_range(0..self.servers.len());
        let server = self.servers[at].clone();
        let core = self.core.clone();
        let name = format!("s{at}");
        let connection = server.current();
        match self.random.random_range(0..46) {
            0..4 => {
                if let Some(connection) = connection {
                    core.fault("cut", &name);
                    connection.pipe.end(End::Reset);
                }
            }
            4..7 => {
                if let Some(connection) = connection {
                    let time = Duration::from_millis(self.random.random_range(100..38_000));
                    core.fault("stall", format_args!("{name} for {time:?}"));
                    connection.pipe.stall(time);
                }
            }
            7..9 => {
                if let Some(connection) = connection {
                    core.fault("half-open", &name);
                    connection.pipe.set_dead(true);
                }
            }
            9..12 => {
                core.fault("truncation", &name);
                server.truncate_next();
            }
            12..15 => {
                let kind = self.random.random_range(0..5);
                core.fault("garbage", format_args!("{name} {kind}"));
                server.babble(kind);
            }
            15..18 => self.restart_server(server).await,
            18..20 => self.refuse(server),
            20..23 => {
                let percent = self.random.random_range(5..60);
                core.trace(format_args!("{name} fails {percent} % of REST"));
                lock(&server.inner).rest_faults = percent;
            }
            23..25 => lock(&server.inner).rest_faults = 0,
            25..27 => self.restart_hub().await,
            27..30 => {
                let by = self.random.random_range(-7_200_000..7_200_000);
                core.fault("clock jump", format_args!("{by} ms"));
                core.jump(by);
            }
            31..33 => {
                let full = self.random.random_bool(0.5);
                let fault = full.then(|| StoreError::Full("simulated".into()));
                if full {
                    core.fault("disk full", "");
                } else {
                    core.trace("the disk is whole");
                }
                core.lose();
                self.outbox.fail(full);
                self.disk.fail(fault);
            }
            33..36 => {
                core.trace(format_args!("{name} is to lose an event"));
                lock(&server.inner).lose += 1;
            }
            36..38 => {
                let reads = self.random.random_bool(0.5);
                core.trace(format_args!(
                    "{name} is to have a task fail; a read: {reads}"
                ));
                let mut inner = lock(&server.inner);
                match reads {
                    true => inner.read_panics = true,
                    false => inner.panics = true,
                }
            }
            38 => {
                core.fault("journal panic", "");
                core.lose();
                self.disk.panic_once();
            }
            39 => self.fail_engine().await,
            40..45 => stop::stop(self, at),
            30 => {
                if let Some(hub) = lock(&self.door).clone() {
                    core.trace(format_args!("a person has {name} tried again"));
                    hub.reconnect(&server);
                }
            }
            _ => {}
        }
    }

    fn refuse(&mut self, server: Arc<Server>) {
        let time = Duration::from_millis(self.random.random_range(500..80_000));
        let up = if self.random.random_bool(0.5) {
            Up::No
        } else {
            Up::Deaf
        };
        self.core.fault(
            "refusal",
            format_args!("s{} {up:?} for {time:?}", server.index),
        );
        server.set_up(up);
        if let Some(connection) = server.current() {
            connection.pipe.end(End::Reset);
        }
        tokio::spawn(async move {
            sleep(time).await;
            server.set_up(Up::Yes);
        });
    }

    /// A server dies in the middle of its turns, and comes back without them.
    async fn restart_server(&mut self, server: Arc<Server>) {
        self.core
            .fault("server restart", format_args!("s{}", server.index));
        self.note_cut_off(&server);
        server.kill();
        let down = Duration::from_millis(self.random.random_range(50..9000));
        let deaf = Duration::from_millis(self.random.random_range(1..900));
        tokio::spawn(async move {
            sleep(down).await;
            server.set_up(Up::Deaf);
            sleep(deaf).await;
            server.set_up(Up::Yes);
        });
    }

    /// Runs that the hub saw, and that end without their messages' end: these it has to call interrupted. While something
    /// is still on its way, what it saw may be an earlier run.
    fn note_cut_off(&self, server: &Server) {
        if check::caught_up(server).is_none() {
            return;
        }
        let Some(hub) = lock(&self.door).clone() else {
            return;
        };
        let running: Vec<String> = lock(&server.inner).running.keys().cloned().collect();
        let store = lock(&server.store);
        for session in running {
            let last = store
                .sessions
                .get(&session)
                .and_then(|kept| kept.last_answer());
            let unfinished =
                last.is_some_and(|last| last.info.completed.is_none() && last.info.error.is_none());
            let left_behind = last.is_some_and(|last| store.went_on_after(&session, &last.info));
            let seen = hub.engine.read(|state| {
                let id = SessionId::new(session.as_str());
                let known = state.session(&instance(server.index), &id);
                known.is_some_and(|known| known.run.is_running())
            });
            if unfinished && seen && !left_behind {
                lock(&server.inner).cut_off.insert(session);
            }
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&self) {
        self.core.trace("faults stop");
        self.disk.fail(None);
        self.outbox.fail(false);
        for server in &self.servers {
            let mut inner = lock(&server.inner);
            inner.rest_faults = 0;
            inner.panics = false;
            inner.read_panics = false;
            inner.forgets = false;
            inner.denied.clear();
            inner.lose = 0;
            let lost = std::mem::take(&mut inner.lost);
            drop(inner);
            for session in lost {
                turn::touch(server, &session, None);
            }
        }
    }

    /// True once every server answers again. Lines that are dead stay so: the hub has to find that out.
    pub(super) fn is_healed(&self) -> bool {
        self.servers
            .iter()
            .all(|server| lock(&server.inner).up == Up::Yes)
    }
}

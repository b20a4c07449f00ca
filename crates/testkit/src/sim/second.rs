//! A story of a service of version 2: the product's own client, reads and commands on a scripted service in the same process, whose
//! requests travel over a simulated line.
//!
//! The service is the one of `scripted`, a pure state machine whose time is given to it. So what is checked here is that the hub knows what
//! that service has, not how a real one behaves.

mod check;
mod hub;
mod line;
mod people;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ::hub::command::notes;
use ::hub::record::journal::memory::MemoryDisk;
use rand::Rng;
use rand::rngs::StdRng;
use scripted::opencode2::{Options, Rehearsal};
use tokio::time::{Instant, sleep};

use self::hub::{Disk, Door, HubLife};
use self::line::Line;
use self::people::{Ledger, People};
use super::core::{Core, lock};
use super::outbox::Outbox;
use super::{LOOK, settle};

/// One of so many seeds is a story of version 2.
const SHARE: u32 = 4;

/// True if a seed is a story of version 2. Others stay what they were.
pub(super) fn is_second(core: &Core) -> bool {
    core.random("version").random_ratio(1, SHARE)
}

/// What goes wrong, and everything that it can be done to.
struct Chaos {
    core: Arc<Core>,
    line: Line,
    door: Door,
    disk: Disk,
    lives: u64,
    random: StdRng,
    /// Faults on average in a minute.
    rate: u32,
    /// Sessions whose titles another process changed, which no stream tells.
    beside: BTreeSet<String>,
}

/// Runs the story.
pub(super) async fn story(core: &Arc<Core>) {
    let mut random = core.random("story 2");
    let time = core.clone();
    let options = Options {
        directory: "/w/a".into(),
        rate: 20.0,
        seed: random.random(),
        persist: random.random_bool(0.5),
        legacy: (0..random.random_range(0..4))
            .map(|n| format!("Old {n}"))
            .collect(),
        migration: Duration::from_secs(2),
        page: random.random_bool(0.5),
        ..Options::default()
    };
    let clock = Arc::new(move || u64::try_from(time.server_time()).unwrap_or_default());
    let service = Rehearsal::new(options, clock);
    play(&service);
    let line = Line::new(core.clone(), service);
    let mut chaos = Chaos {
        core: core.clone(),
        line: line.clone(),
        door: Door::default(),
        disk: Disk {
            journal: MemoryDisk::new(),
            outbox: Outbox::new(core),
            notes: notes::Memory::default(),
        },
        lives: 0,
        random: core.random("faults 2"),
        rate: random.random_range(0..50),
        beside: BTreeSet::new(),
    };
    chaos.begin_hub().await;
    let ledger = Ledger::default();
    tokio::spawn(People::new(core, &chaos.door, &line, &ledger).live());
    tokio::spawn(watch(
        core.clone(),
        line,
        chaos.door.clone(),
        ledger.clone(),
    ));
    for _ in 0..random.random_range(1..4) {
        core.calm(false);
        let time = Duration::from_secs(random.random_range(5..60));
        chaos.reign(time).await;
        core.calm(true);
        chaos.heal();
        if random.random_bool(0.5) {
            people::finish(&chaos.line).await;
        }
        converge(&chaos, &ledger).await;
        if core.violation().is_some() {
            break;
        }
    }
}

/// Plays what is due in a process, until it ends.
fn play(service: &Rehearsal) {
    let service = service.clone();
    tokio::spawn(async move { service.play().await });
}

impl Chaos {
    async fn begin_hub(&mut self) {
        self.lives += 1;
        let hub = HubLife::start(&self.core, &self.line, &self.disk, self.lives).await;
        *lock(&self.door) = Some(hub);
    }

    /// Lets things go wrong for a while.
    async fn reign(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.core.violation().is_none() {
            let mean = 120_000 / self.rate.max(1);
            let pause = self.random.random_range(1..u64::from(mean));
            sleep(Duration::from_millis(pause).min(until - Instant::now())).await;
            if self.rate > 0 && Instant::now() < until {
                self.strike().await;
            }
        }
    }

    async fn strike(&mut self) {
        let core = self.core.clone();
        match self.random.random_range(0..16) {
            0..4 => {
                if let Some(service) = self.line.service() {
                    core.fault("cut", "service");
                    service.cut_streams();
                }
            }
            4..6 => self.restart_service(true).await,
            6..8 => self.restart_service(false).await,
            8..10 => {
                let percent = self.random.random_range(5..60);
                core.trace(format_args!("{percent} % of REST fails"));
                self.line.set_faults(percent);
            }
            10..12 => self.line.set_faults(0),
            12 => self.restart_hub().await,
            13 => {
                let by = self.random.random_range(-7_200_000..7_200_000);
                core.fault("clock jump", format_args!("{by} ms"));
                core.jump(by);
            }
            _ => self.write_beside().await,
        }
    }

    /// The service ends, dead or in order, and comes back after a while.
    async fn restart_service(&mut self, killed: bool) {
        let Some(service) = self.line.service() else {
            return;
        };
        let kind = if killed {
            "service killed"
        } else {
            "service stopped"
        };
        self.core.fault(kind, "");
        match killed {
            true => service.kill(),
            false => service.stop(),
        }
        self.line.replace(None);
        let away = self.random.random_range(0..20_000);
        sleep(Duration::from_millis(away)).await;
        let next = service.beside();
        play(&next);
        self.line.replace(Some(next));
    }

    async fn restart_hub(&mut self) {
        let Some(hub) = lock(&self.door).take() else {
            return;
        };
        let killed = self.random.random_bool(0.5);
        self.core
            .fault("hub restart", if killed { "killed" } else { "in order" });
        hub.end(killed).await;
        drop(hub);
        let away = self.random.random_range(0..3_000);
        sleep(Duration::from_millis(away)).await;
        self.begin_hub().await;
    }

    /// Another process on the same database writes in a session, which the stream of the service does not tell.
    async fn write_beside(&mut self) {
        let Some(service) = self.line.service() else {
            return;
        };
        let truth = service.truth();
        let idle = truth.sessions.keys().find(|id| !truth.running.contains(id));
        let Some(session) = idle.cloned() else {
            return;
        };
        self.core.fault("another process writes", &session);
        let other = service.beside();
        play(&other);
        let beside = Line::new(self.core.clone(), other.clone()).smooth();
        let Ok(id) = opencode::wire2::SessionId::parse(&session) else {
            return;
        };
        let title = format!("beside {}", self.lives);
        if beside.client().rename(&id, &title).await.is_ok() {
            self.beside.insert(session);
        }
        other.stop();
    }

    /// Nothing goes wrong any more.
    fn heal(&self) {
        self.line.set_faults(0);
    }
}

/// Looks at what must always hold.
async fn watch(core: Arc<Core>, line: Line, door: Door, ledger: Ledger) {
    loop {
        sleep(LOOK).await;
        settle().await;
        let (Some(hub), Some(service)) = (lock(&door).clone(), line.service()) else {
            continue;
        };
        let truth = service.truth();
        let found = hub
            .engine
            .read(|state| check::always(&truth, state, &ledger));
        core.count(|stats| stats.checks += 1);
        if let Err((invariant, what)) = found {
            core.check(invariant, Some(what));
        }
    }
}

/// Waits until all is known, or the deadline.
async fn converge(chaos: &Chaos, ledger: &Ledger) {
    let core = &chaos.core;
    let began = Instant::now();
    loop {
        sleep(Duration::from_millis(750)).await;
        settle().await;
        if core.violation().is_some() {
            return;
        }
        let (Some(hub), Some(service)) = (lock(&chaos.door).clone(), chaos.line.service()) else {
            continue;
        };
        let truth = service.truth();
        let found = hub
            .engine
            .read(|state| check::quiet(&truth, state, ledger, &chaos.beside));
        if core.has_converged(found, began.elapsed()) {
            return;
        }
    }
}

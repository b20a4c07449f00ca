//! The whole hub, simulated: every seed is another story of servers, viewers, people and faults, and always the same one. Some seeds are
//! stories of a service of version 2 (`second`).
//!
//! One runtime on one thread with paused time runs one seed. Nothing in it opens a file or a socket, reads a clock, or
//! draws chance that does not come from the seed.

mod check;
mod commanded;
mod core;
mod exchange;
mod faults;
mod hub;
mod leave;
mod lives;
mod logs;
mod outbox;
mod pace;
mod page;
mod people;
mod pipe;
mod ports;
mod refusable;
mod report;
mod second;
mod server;
mod stop;
mod store;
mod turn;
mod viewer;
mod writer;

use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use model::ids::SessionId;
use model::view::Viewport;
use rand::Rng;
use tokio::runtime;
use tokio::time::{Instant, sleep};

pub use self::core::{Invariant, Stats, Violation};
pub use self::report::{Options, Summary, failure, run};

use self::core::{Core, lock};
use self::faults::Chaos;
use self::hub::instance;
use self::outbox::Outbox;
use self::ports::SIMULATED;
use self::server::Server;
use self::store::Store;
use self::viewer::{Door, Places, Shown, Viewer};
use self::writer::{Ledger, Writer};

/// How long everything may take to be shown once faults have stopped: a server that was given up is asked for its health
/// once a minute, and a line that is dead is given up after 45 s.
const CONVERGENCE: Duration = Duration::from_secs(180);

/// How often what must always hold is looked at.
const LOOK: Duration = Duration::from_millis(400);

/// How far a server's clock may be from the true time, in milliseconds.
const SKEW: i64 = 2 * 60 * 60 * 1000;

/// Turns of the runtime in which everything that can happen at one moment has happened.
const SETTLE: usize = 100;

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Names its trace.
    pub hash: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// Viewers.
    pub viewers: usize,
    /// What happened.
    pub stats: Stats,
    /// What did not hold.
    pub violation: Option<Violation>,
    /// The end of its trace.
    pub last: Vec<String>,
}

/// Runs one seed. `print` shows its trace.
///
/// # Panics
/// When no runtime can be made, which needs no more than memory.
#[must_use]
pub fn simulate(seed: u64, print: bool) -> Outcome {
    hush();
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without IO needs nothing of the machine");
    runtime.block_on(story(seed, print))
}

/// Panics that are part of a story are not printed on the standard error, where those of a fault would be overlooked.
fn hush() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.payload_as_str().unwrap_or_default();
            if !text.starts_with(SIMULATED) && text != "a write panics" {
                hook(panic);
            }
        }));
    });
}

// Longer than 70 lines: one story, from its beginning to its end.
async fn story(seed: u64, print: bool) -> Outcome {
    let core = Core::new(seed, print);
    if second::is_second(&core) {
        second::story(&core).await;
        return outcome(&core, seed, 0);
    }
    let mut random = core.random("story");
    let servers = servers(&core, random.random_range(1..5));
    let viewers = random.random_range(0..7);
    let mut chaos = Chaos {
        core: core.clone(),
        servers: servers.clone(),
        door: Door::default(),
        disk: ::hub::record::journal::memory::MemoryDisk::new(),
        outbox: Outbox::new(&core),
        notes: ::hub::command::notes::Memory::default(),
        lives: 0,
        random: core.random("faults"),
        rate: random.random_range(0..60),
    };
    chaos.begin_hub().await;
    for server in &servers {
        tokio::spawn(people::live(server.clone()));
    }
    let places = Places::default();
    let (mut shown, mut written) = (Vec::new(), Vec::new());
    for at in 0..viewers {
        let viewer = Viewer::new(core.clone(), at, chaos.door.clone(), places.clone());
        shown.push(viewer.shown.clone());
        tokio::spawn(viewer.run());
        let writer = Writer::new(core.clone(), at, chaos.door.clone(), servers.clone());
        written.push(writer.ledger.clone());
        tokio::spawn(writer.run());
    }
    let visits = Ledger::default();
    let given = logs::Given::default();
    for at in 0..random.random_range(0..3) {
        tokio::spawn(logs::follow(
            core.clone(),
            at,
            chaos.door.clone(),
            given.clone(),
        ));
    }
    tokio::spawn(watch(
        core.clone(),
        servers.clone(),
        chaos.door.clone(),
        places,
        written.clone(),
    ));
    for _ in 0..random.random_range(1..4) {
        core.calm(false);
        let time = Duration::from_secs(random.random_range(5..45));
        chaos.reign(time).await;
        core.calm(true);
        chaos.heal();
        if random.random_bool(0.5) {
            servers.iter().for_each(|server| people::finish(server));
        }
        converge(&chaos, &shown, &written, &visits).await;
        if core.violation().is_none() {
            leave::visit(&chaos, &visits);
            converge(&chaos, &shown, &written, &visits).await;
        }
        if core.violation().is_some() {
            break;
        }
    }
    outcome(&core, seed, viewers)
}

/// What a story came to.
fn outcome(core: &Core, seed: u64, viewers: usize) -> Outcome {
    Outcome {
        seed,
        hash: core.trace_hash(),
        elapsed: core.elapsed(),
        viewers,
        stats: core.stats(),
        violation: core.violation(),
        last: core.last_lines(),
    }
}

/// Servers, of which the last two may share one store, and with it perhaps a folder.
fn servers(core: &Arc<Core>, count: usize) -> Vec<Arc<Server>> {
    let mut random = core.random("servers");
    let shared = count > 1 && random.random_ratio(1, 3);
    let mut servers: Vec<Arc<Server>> = Vec::new();
    let recorded = recorded(&mut random);
    for index in 0..count {
        let (mut store, mut directory) = (
            Arc::new(Mutex::new(Store::default())),
            format!("/w/s{index}"),
        );
        let mut skew = match random.random_range(0..3) {
            0 => random.random_range(-SKEW..SKEW),
            _ => 0,
        };
        if let Some(before) = servers.last().filter(|_| shared && index + 1 == count) {
            store = before.store.clone();
            // They are on one machine.
            skew = before.skew();
            if random.random_bool(0.5) {
                directory.clone_from(&before.directory);
            }
        }
        let mut played = None;
        if index == 0
            && let Some(frames) = &recorded
        {
            directory = "/lab/proj".to_owned();
            played = Some(frames.clone());
        }
        if skew != 0 {
            core.fault("clock apart", format_args!("s{index} by {skew} ms"));
        }
        let server = Server::new(core.clone(), index, directory, store, skew);
        if let Some(frames) = played {
            begun_before(&frames).for_each(|frame| server.keep_recorded(frame));
            lock(&server.inner).recorded = frames.into();
        }
        if random.random_ratio(1, 5) {
            long_session(&server, random.random_range(90..260));
        }
        servers.push(server);
    }
    servers
}

/// A recorded stream, in some stories.
fn recorded(random: &mut rand::rngs::StdRng) -> Option<Vec<String>> {
    let all = crate::captures::all().ok()?;
    if !random.random_ratio(1, 3) {
        return None;
    }
    let bytes = all[random.random_range(0..all.len())].global().ok()?;
    let mut frames = Vec::new();
    opencode::sse::Parser::default().feed(&bytes, |frame| {
        if !frame.data.contains(r#""type":"server."#) {
            frames.push(frame.data.to_owned());
        }
    });
    Some(frames)
}

/// The first word on each session that was there before the recording began.
fn begun_before(frames: &[String]) -> impl Iterator<Item = &String> {
    let mut known = std::collections::BTreeSet::new();
    frames.iter().filter(move |frame| {
        use opencode::wire::Event;
        match opencode::wire::decode(frame).map(|incoming| incoming.event) {
            Ok(Event::SessionCreated(info)) => {
                known.insert(info.id);
                false
            }
            Ok(Event::SessionUpdated(info)) => known.insert(info.id),
            _ => false,
        }
    })
}

/// A session with more messages than one page has.
fn long_session(server: &Server, messages: u32) {
    let session = turn::create(server, &server.directory, None);
    for at in 0..messages {
        let (message, part) = (server.id("msg"), server.id("prt"));
        let info = serde_json::json!({
            "id": message, "role": "user", "sessionID": session, "agent": "build",
            "time": {"created": server.time() - 1_000_000 + i64::from(at)},
        });
        let about = serde_json::json!({"sessionID": session, "info": info});
        server.emit(&server.directory, "message.updated", &about);
        let part = serde_json::json!({
            "id": part, "messageID": message, "sessionID": session, "type": "text", "text": format!("line {at}"),
        });
        let about = serde_json::json!({"sessionID": session, "part": part});
        server.emit(&server.directory, "message.part.updated", &about);
    }
}

/// Looks at what must always hold, and tells viewers where they could go.
async fn watch(
    core: Arc<Core>,
    servers: Vec<Arc<Server>>,
    door: Door,
    places: Places,
    written: Vec<Ledger>,
) {
    loop {
        sleep(LOOK).await;
        settle().await;
        if let Some(hub) = lock(&door).clone() {
            check::always(&core, &servers, &hub, &written);
        }
        let mut looks = vec![Viewport::default()];
        for server in &servers {
            let front = |session: Option<&str>| Viewport {
                instance: Some(instance(server.index)),
                session: session.map(SessionId::new),
                ..Viewport::default()
            };
            looks.push(front(None));
            let store = lock(&server.store);
            looks.extend(store.sessions.keys().map(|id| front(Some(id))));
        }
        *lock(&places.0) = looks;
    }
}

/// Lets everything happen that can happen now.
async fn settle() {
    for _ in 0..SETTLE {
        tokio::task::yield_now().await;
    }
}

/// Waits until everything is shown, or the deadline.
async fn converge(
    chaos: &Chaos,
    viewers: &[Arc<Mutex<Shown>>],
    written: &[Ledger],
    visits: &Ledger,
) {
    let core = &chaos.core;
    let mut began = Instant::now();
    loop {
        sleep(Duration::from_millis(750)).await;
        settle().await;
        if core.violation().is_some() {
            return;
        }
        if !chaos.is_healed() {
            began = Instant::now();
            continue;
        }
        let Some(hub) = lock(&chaos.door).clone() else {
            continue;
        };
        let shown: Vec<Shown> = viewers.iter().map(|shown| lock(shown).clone()).collect();
        let mut found = check::quiet(&chaos.servers, &hub, &shown, written);
        found = found.and_then(|()| check::visited(visits, &chaos.servers));
        found = found.and_then(|()| check::purged(&chaos.servers, &chaos.disk));
        found = found.and_then(|()| {
            let stopped = |state: &_| check::stopped(&chaos.servers, state);
            hub.engine.read(stopped)
        });
        for server in &chaos.servers {
            if found.is_ok() {
                found = check::same_log(server, &hub).await;
            }
        }
        if core.has_converged(found, began.elapsed()) {
            return;
        }
    }
}

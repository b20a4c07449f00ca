//! What a measurement stands on: a load, a hub that is attached to it, viewers, and a window of time over all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::hub::Hub;
use crate::load::{Load, Options, Pace};
use crate::measure::{Machine, Shares};
use crate::setup::Setup;
use crate::view::{Live, Look, Manner, Seen, Tally, Viewers, follow};

/// How long words on their way may take to arrive after a window.
const LATE: Duration = Duration::from_secs(5);

/// How often it is looked whether they have.
const AGAIN: Duration = Duration::from_millis(20);

/// A load, and a hub on it.
pub(crate) struct Stage {
    pub(crate) load: Load,
    pub(crate) hub: Hub,
}

/// What viewers of one kind have to see.
#[derive(Clone, Debug)]
pub(crate) enum Sees {
    /// Everything, each of so many viewers.
    All(usize),
    /// Each viewer the session of a slot.
    Slots(Vec<usize>),
}

/// How long viewers may take until all of them look.
const BEGIN: Duration = Duration::from_secs(120);

/// Viewers of one kind.
pub(crate) struct Watching {
    pub(crate) tally: Arc<Tally>,
    pub(crate) sees: Sees,
    viewers: Viewers,
}

/// What happened in a window of time.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) seconds: f64,
    /// Frames of the servers, and their bytes.
    pub(crate) frames: u64,
    pub(crate) frame_bytes: u64,
    /// Sent words.
    pub(crate) words: u64,
    /// CPU time of the hub.
    pub(crate) cpu: Duration,
    pub(crate) machine: Shares,
    /// By kind of viewer, in the order in which they were given.
    pub(crate) seen: Vec<Caught>,
}

/// What viewers of one kind saw.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) seen: Seen,
    /// Words that they should have seen.
    pub(crate) expected: u64,
    /// Bytes that went to them.
    pub(crate) down: u64,
}

impl Stage {
    /// Starts servers, and a hub that is connected to all of them.
    pub(crate) async fn start(setup: &Setup, options: Options) -> Result<Self> {
        let load = Load::start(options).await?;
        let hub = Self::hub(setup, &load).await?;
        Ok(Self { load, hub })
    }

    /// A hub that is connected to all servers of a load.
    pub(crate) async fn hub(setup: &Setup, load: &Load) -> Result<Hub> {
        let mut hub = Hub::start(&setup.hub, &load.urls).await?;
        hub.connected(load.urls.len()).await?;
        Ok(hub)
    }

    /// A look at the session of a slot.
    pub(crate) async fn look(&self, slot: usize) -> Result<Look> {
        look(&self.load, &self.hub, slot).await
    }

    /// Viewers of the live feed, each of the session of a slot.
    pub(crate) async fn live(&self, slots: Vec<usize>) -> Result<Watching> {
        live(&self.load, &self.hub, slots).await
    }

    /// Readers of the log feed.
    pub(crate) async fn log(&self, count: usize) -> Result<Watching> {
        let mut watching = Watching::of(&self.load, Sees::All(count));
        for _ in 0..count {
            let tally = watching.tally.clone();
            watching.viewers.begin(follow(self.hub.log()?, tally));
        }
        watching.all(count).await?;
        Ok(watching)
    }

    /// Measures for a while.
    pub(crate) async fn window(
        &self,
        length: Duration,
        watching: &mut [&mut Watching],
    ) -> Result<Window> {
        window(&self.load, Some(&self.hub), length, watching).await
    }
}

async fn look(load: &Load, hub: &Hub, slot: usize) -> Result<Look> {
    let (server, session, _) = load.with(move |world| world.session(slot)).await?;
    hub.look(&load.urls[server], session)
}

/// Viewers of a hub's live feed.
pub(crate) async fn live(load: &Load, hub: &Hub, slots: Vec<usize>) -> Result<Watching> {
    let count = slots.len();
    let mut watching = Watching::of(load, Sees::Slots(slots.clone()));
    for slot in slots {
        let look = look(load, hub, slot).await?;
        let live = Live::connect(&hub.site, watching.tally.clone(), Manner::default()).await?;
        watching.viewers.begin(live.watch(look));
    }
    watching.all(count).await?;
    Ok(watching)
}

/// Readers of the servers' own streams, one for each server: the floor.
pub(crate) async fn direct(load: &Load) -> Result<Watching> {
    let mut watching = Watching::of(load, Sees::All(1));
    for url in &load.urls {
        let url = format!("{url}/global/event").parse()?;
        let tally = watching.tally.clone();
        watching.viewers.begin(follow(url, tally));
    }
    watching.all(load.urls.len()).await?;
    Ok(watching)
}

impl Watching {
    /// Nobody yet.
    pub(crate) fn of(load: &Load, sees: Sees) -> Self {
        Self {
            tally: Tally::new(load.sent.clone()),
            sees,
            viewers: Viewers::default(),
        }
    }

    /// Waits until so many viewers look.
    pub(crate) async fn all(&mut self, count: usize) -> Result<()> {
        let deadline = Instant::now() + BEGIN;
        while self.tally.looking.load(Ordering::Relaxed) < count as u64 {
            self.viewers.check()?;
            ensure!(Instant::now() < deadline, "not all viewers come to look");
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Words that each viewer should have seen, of those sent between two marks.
    fn expected(&self, before: &Mark, after: &Mark) -> u64 {
        match &self.sees {
            Sees::All(viewers) => (after.words - before.words) * *viewers as u64,
            Sees::Slots(slots) => slots
                .iter()
                .map(|slot| u64::from(after.numbers[*slot] - before.numbers[*slot]))
                .sum(),
        }
    }
}

/// How far a load had come at a moment.
struct Mark {
    at: u64,
    words: u64,
    numbers: Vec<u32>,
}

async fn mark(load: &Load) -> Result<Mark> {
    load.with(|world| {
        let (at, words, numbers) = world.mark();
        Mark { at, words, numbers }
    })
    .await
}

/// Measures a load, with or without a hub, for a while.
pub(crate) async fn window(
    load: &Load,
    hub: Option<&Hub>,
    length: Duration,
    watching: &mut [&mut Watching],
) -> Result<Window> {
    let cpu = || hub.map_or(Ok(Duration::ZERO), Hub::cpu);
    let counts = || {
        let counts = &load.counts;
        [&counts.frames, &counts.frame_bytes].map(|count| count.load(Ordering::Relaxed))
    };
    let machine = Machine::now()?;
    let before = mark(load).await?;
    let begin = Instant::now();
    let ([frames, frame_bytes], cpu_before) = (counts(), cpu()?);
    let downs: Vec<u64> = watching.iter().map(|kind| kind.down()).collect();
    for kind in watching.iter() {
        kind.tally.open(before.at);
    }
    sleep(length).await;
    let after = mark(load).await?;
    for kind in watching.iter() {
        kind.tally.close(after.at);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let ([frames_after, bytes_after], cpu_after) = (counts(), cpu()?);
    let downs_after: Vec<u64> = watching.iter().map(|kind| kind.down()).collect();
    let machine = machine.since()?;
    let late = Instant::now() + LATE;
    let missing = |kind: &Watching| kind.tally.count() < kind.expected(&before, &after);
    while watching.iter().any(|kind| missing(kind)) && Instant::now() < late {
        sleep(AGAIN).await;
    }
    let mut seen = Vec::new();
    for (at, kind) in watching.iter_mut().enumerate() {
        kind.viewers.check()?;
        seen.push(Caught {
            expected: kind.expected(&before, &after),
            seen: kind.tally.take(),
            down: downs_after[at] - downs[at],
        });
    }
    Ok(Window {
        seconds,
        frames: frames_after - frames,
        frame_bytes: bytes_after - frame_bytes,
        words: after.words - before.words,
        cpu: cpu_after - cpu_before,
        machine,
        seen,
    })
}

impl Watching {
    fn down(&self) -> u64 {
        self.tally.bytes.down.load(Ordering::Relaxed)
    }
}

impl Window {
    /// CPU time of the hub for each frame, in microseconds.
    pub(crate) fn cpu_per_frame(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.frames.max(1) as f64)
    }

    /// Cores that the hub kept busy.
    pub(crate) fn cores(&self) -> f64 {
        self.cpu.as_secs_f64() / self.seconds
    }

    /// Frames per second.
    pub(crate) fn frames_per_second(&self) -> f64 {
        self.frames as f64 / self.seconds
    }
}

impl Caught {
    /// Of the words that should have been seen, how many were, in percent.
    pub(crate) fn complete(&self) -> f64 {
        let late = self.seen.all.len() + self.seen.unknown;
        let whole = late.saturating_sub(self.seen.out_of_order) as f64;
        match self.expected {
            0 => 100.0,
            expected => whole / expected as f64 * 100.0,
        }
    }
}

/// Sets a pace, and gives everything time to settle in it.
pub(crate) async fn speak(load: &Load, speaking: usize, rate: f64) -> Result<()> {
    ensure!(rate > 0.0, "a pace needs a rate");
    let pace = Pace {
        speaking,
        rate,
        batch: None,
    };
    load.pace(pace).await
}

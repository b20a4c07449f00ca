//! The most events per second that still arrive in time, beside a drain that parses them and does nothing else.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::load::{Load, Options, Pace};
use crate::measure::Latency;
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{self, Stage, Watching, Window};
use crate::view::{Viewers, drain};

/// Frames are written at once that fall into so long.
const BATCH: Duration = Duration::from_millis(10);

/// The latency that must be kept, in milliseconds.
const IN_TIME: f64 = 100.0;

/// Share of the due words that must be sent: otherwise the generator was measured.
const KEPT_UP: f64 = 0.97;

/// Words per second beyond which nothing is tried.
const TOP: f64 = 4_000_000.0;

/// Words per second of a short run, which does not search.
const SHORT: f64 = 4_000.0;

const VIEWERS: usize = 10;

/// What takes the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// The hub, with live viewers.
    Hub,
    /// Decoding alone, in this process.
    Drain,
}

/// How one try went.
struct Try {
    events: f64,
    latency: Latency,
    cores: f64,
    outcome: Outcome,
}

/// Whether a rate can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    InTime,
    Late,
    /// It was the generator that could not keep it.
    NotSent,
    /// The hub gave up storing events.
    NotStored,
}

struct Search<'a> {
    setup: &'a Setup,
    load: Load,
    sessions: usize,
    table: Table,
}

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (servers, sessions) = (setup.size(100, 10), setup.size(5, 2));
    let options = Options {
        servers,
        sessions,
        ..Options::default()
    };
    let mut search = Search {
        setup,
        load: Load::start(options).await?,
        sessions: servers * sessions,
        table: Table::new(["taker", "events/s", "p50 ms", "p99 ms", "hub cores", ""]),
    };
    let setting = format!(
        "{servers} servers, {} sessions, frames written together every {} ms; the hub with {VIEWERS} live viewers (p99 with its tick), the drain with every stream decoded in this process. Rates are doubled until p99 is over {IN_TIME} ms, then halved in between, then held for {} s; the two in turn.",
        servers * sessions,
        BATCH.as_millis(),
        setup.seconds(60.0, 2.0).as_secs_f64()
    );
    let mut section = Section::new("Throughput", setting);
    let hub = search.most(Taker::Hub).await?;
    let drained = search.most(Taker::Drain).await?;
    let long = setup.seconds(60.0, 2.0);
    let hub = search.hold(Taker::Hub, hub, long).await?;
    let drained = search.hold(Taker::Drain, drained, long).await?;
    section.tables.push(search.table);
    section.figures = vec![
        setup.figure("throughput", hub)?,
        setup.figure("throughput_of_drain", hub / drained.max(1.0) * 100.0)?,
    ];
    Ok(section)
}

impl Search<'_> {
    /// Words per second that were in time for a moment.
    async fn most(&mut self, taker: Taker) -> Result<f64> {
        if self.setup.short {
            return Ok(SHORT);
        }
        let length = self.setup.seconds(3.0, 1.0);
        let (mut good, mut rate) = (0.0, 4_000.0);
        let mut bad = None;
        while rate <= TOP && bad.is_none() {
            match self.one(taker, rate, length).await?.good() {
                true => good = rate,
                false => bad = Some(rate),
            }
            rate *= 2.0;
        }
        if let Some(mut bad) = bad {
            for _ in 0..3 {
                let middle = f64::midpoint(good, bad);
                match self.one(taker, middle, length).await?.good() {
                    true => good = middle,
                    false => bad = middle,
                }
            }
        }
        Ok(good)
    }

    /// Events per second that are in time for long, at this rate of words or the next below at which they are.
    async fn hold(&mut self, taker: Taker, mut rate: f64, length: Duration) -> Result<f64> {
        while rate >= 1000.0 {
            let tried = self.one(taker, rate, length).await?;
            if tried.good() {
                return Ok(tried.events);
            }
            rate *= 0.9;
        }
        Ok(0.0)
    }

    async fn one(&mut self, taker: Taker, rate: f64, length: Duration) -> Result<Try> {
        let pace = Pace {
            speaking: self.sessions,
            rate: rate / self.sessions as f64,
            batch: Some(BATCH),
        };
        let mut stored = true;
        let window = match taker {
            Taker::Hub => {
                let hub = Stage::hub(self.setup, &self.load).await?;
                let slots = (0..VIEWERS).collect();
                let mut watching = stage::live(&self.load, &hub, slots).await?;
                self.load.pace(pace).await?;
                sleep(self.setup.settle()).await;
                let window =
                    stage::window(&self.load, Some(&hub), length, &mut [&mut watching]).await?;
                stored = hub.stores().await?;
                window
            }
            Taker::Drain => {
                let mut watching = Watching::of(&self.load, stage::Sees::All(1));
                let _drain = Drain::start(&self.load, &watching)?;
                watching.all(self.load.urls.len()).await?;
                self.load.pace(pace).await?;
                sleep(self.setup.settle()).await;
                stage::window(&self.load, None, length, &mut [&mut watching]).await?
            }
        };
        self.load.pace(Pace::default()).await?;
        let tried = Try::of(&window, rate, stored);
        self.table.row([
            format!("{taker:?}").to_lowercase(),
            number(tried.events),
            number(tried.latency.p50),
            number(tried.latency.p99),
            number(tried.cores),
            tried.outcome.words().to_owned(),
        ]);
        Ok(tried)
    }
}

impl Try {
    fn of(window: &Window, rate: f64, stored: bool) -> Self {
        let caught = &window.seen[0];
        let latency = Latency::of(&caught.seen.all);
        let sent = window.words as f64 / window.seconds;
        let in_time = latency.count > 0 && latency.p99 <= IN_TIME && caught.complete() > 99.9;
        let outcome = match in_time {
            _ if sent < rate * KEPT_UP => Outcome::NotSent,
            _ if !stored => Outcome::NotStored,
            true => Outcome::InTime,
            false => Outcome::Late,
        };
        Self {
            events: window.frames_per_second(),
            latency,
            cores: window.cores(),
            outcome,
        }
    }

    fn good(&self) -> bool {
        self.outcome == Outcome::InTime
    }
}

impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Self::InTime => "in time",
            Self::Late => "late",
            Self::NotSent => "the generator was late",
            Self::NotStored => "the journal failed",
        }
    }
}

/// The drain, with threads of its own, as many as the hub has. It ends with this.
struct Drain(Option<tokio::runtime::Runtime>);

impl Drain {
    fn start(load: &Load, watching: &Watching) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let mut viewers = Viewers::default();
        {
            let _inside = runtime.enter();
            for url in &load.urls {
                let url = format!("{url}/global/event").parse()?;
                viewers.begin(drain(url, watching.tally.clone()));
            }
        }
        runtime.spawn(async move {
            let _viewers = viewers;
            std::future::pending::<()>().await;
        });
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

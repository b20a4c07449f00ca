//! Added latency: the same words seen by readers of the servers' own streams and by viewers of the hub, in one window.

use anyhow::Result;
use tokio::time::sleep;

use crate::load::Options;
use crate::measure::{Latency, median};
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, Window, direct, speak};

/// The live feed's tick, in milliseconds (`hub::limits::TICK`).
pub(crate) const TICK: f64 = 50.0;

/// Words per second of each session.
const RATE: f64 = 10.0;

/// Viewers of one kind.
const VIEWERS: usize = 10;

#[derive(Default)]
struct Rounds {
    floor: Vec<Latency>,
    all: Vec<Latency>,
    newest: Vec<Latency>,
    complete: Vec<f64>,
    cores: Vec<f64>,
    busy: Vec<f64>,
    stolen: Vec<f64>,
}

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (servers, sessions) = (setup.size(20, 4), setup.size(5, 2));
    let speaking = servers * sessions;
    let length = setup.seconds(15.0, 2.0);
    let options = Options {
        servers,
        sessions,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let mut floor = direct(&stage.load).await?;
    speak(&stage.load, speaking, RATE).await?;
    let (mut log, mut live) = (Rounds::default(), Rounds::default());
    for _ in 0..setup.rounds {
        let mut readers = stage.log(VIEWERS).await?;
        sleep(setup.settle()).await;
        log.add(
            stage
                .window(length, &mut [&mut floor, &mut readers])
                .await?,
        );
        drop(readers);
        let slots = (0..VIEWERS).map(|at| at % speaking).collect();
        let mut viewers = stage.live(slots).await?;
        sleep(setup.settle()).await;
        live.add(
            stage
                .window(length, &mut [&mut floor, &mut viewers])
                .await?,
        );
    }
    report(setup, &log, &live, speaking, servers)
}

impl Rounds {
    fn add(&mut self, window: Window) {
        let [floor, viewers] = &window.seen[..] else {
            return;
        };
        self.floor.push(Latency::of(&floor.seen.all));
        self.all.push(Latency::of(&viewers.seen.all));
        self.newest.push(Latency::of(&viewers.seen.newest));
        self.complete.push(floor.complete().min(viewers.complete()));
        self.cores.push(window.cores());
        self.busy.push(window.machine.busy);
        self.stolen.push(window.machine.stolen);
    }

    /// The median over rounds of what a figure is above its floor.
    fn added(&self, figure: fn(&Latency) -> f64) -> f64 {
        let pairs = self.all.iter().zip(&self.floor);
        median(pairs.map(|(seen, floor)| figure(seen) - figure(floor)))
    }
}

fn report(
    setup: &Setup,
    log: &Rounds,
    live: &Rounds,
    speaking: usize,
    servers: usize,
) -> Result<Section> {
    let setting = format!(
        "{servers} servers, {speaking} sessions of {RATE} words/s, each word written by itself; {VIEWERS} viewers; {} rounds, the log feed and the live feed in turn, beside a reader of every server's own stream. Milliseconds from before the write in the server to after the decoding in the viewer; medians over rounds, the largest of all as max.",
        setup.rounds
    );
    let mut section = Section::new("Added latency", setting);
    let mut table = Table::new(["viewer", "words", "p50", "p90", "p99", "max", "mean"]);
    let mut row = |name: &str, latency: Latency| {
        let Latency {
            count,
            p50,
            p90,
            p99,
            max,
            mean,
        } = latency;
        let [p50, p90, p99, max, mean] = [p50, p90, p99, max, mean].map(number);
        table.row([name.to_owned(), count.to_string(), p50, p90, p99, max, mean]);
    };
    row("direct, beside the log feed", Latency::median(&log.floor));
    row("log feed", Latency::median(&log.all));
    row("direct, beside the live feed", Latency::median(&live.floor));
    row("live feed", Latency::median(&live.all));
    row(
        "live feed, newest word of a batch",
        Latency::median(&live.newest),
    );
    section.tables.push(table);
    let complete = log.complete.iter().chain(&live.complete).copied();
    let busy = log.busy.iter().chain(&live.busy).copied();
    section.figures = vec![
        setup.figure("log_added_p50", log.added(|latency| latency.p50))?,
        setup.figure("log_added_p99", log.added(|latency| latency.p99))?,
        setup.figure("live_hop_p99", live.added(|latency| latency.p99) - TICK)?,
        setup.figure("machine_busy", median(busy))?,
        setup.figure("seen_all", complete.fold(100.0, f64::min))?,
    ];
    let ratio = |rounds: &Rounds| {
        median(
            rounds
                .all
                .iter()
                .zip(&rounds.floor)
                .map(|(seen, floor)| seen.p50 / floor.p50),
        )
    };
    section.notes.push(format!(
        "Of the floor's p50, the log feed's is {} ×, the live feed's {} × (its tick is {TICK} ms). The hub used {} of a core with log readers, {} with live viewers; the host took {} % of the machine's time.",
        number(ratio(log)),
        number(ratio(live)),
        number(median(log.cores.iter().copied())),
        number(median(live.cores.iter().copied())),
        number(median(log.stolen.iter().chain(&live.stolen).copied())),
    ));
    Ok(section)
}

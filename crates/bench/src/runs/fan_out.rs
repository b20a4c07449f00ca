//! Many viewers of one stream.

use anyhow::Result;
use tokio::time::sleep;

use super::latency::TICK;
use crate::load::Options;
use crate::measure::{Latency, median};
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, direct, speak};

/// Words per second.
const RATE: f64 = 100.0;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let viewers = setup.size(1000, 50);
    let length = setup.seconds(15.0, 2.0);
    let setting = format!(
        "{viewers} live viewers of one session of {RATE} words/s; {} windows of {} s.",
        setup.rounds,
        length.as_secs_f64()
    );
    let mut section = Section::new("Fan-out", setting);
    let options = Options {
        words: 600,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let mut floor = direct(&stage.load).await?;
    speak(&stage.load, 1, RATE).await?;
    let mut watching = stage.live(vec![0; viewers]).await?;
    sleep(setup.settle()).await;
    let mut windows = Vec::new();
    for _ in 0..setup.rounds {
        windows.push(
            stage
                .window(length, &mut [&mut floor, &mut watching])
                .await?,
        );
    }
    let of = |kind: usize| {
        let rounds: Vec<_> = windows
            .iter()
            .map(|window| Latency::of(&window.seen[kind].seen.all))
            .collect();
        Latency::median(&rounds)
    };
    let mut table = Table::new(["viewer", "words", "p50", "p90", "p99", "max"]);
    for (name, latency) in [("direct", of(0)), ("live feed", of(1))] {
        let [p50, p90, p99, max] = [latency.p50, latency.p90, latency.p99, latency.max].map(number);
        table.row([
            name.to_owned(),
            latency.count.to_string(),
            p50,
            p90,
            p99,
            max,
        ]);
    }
    section.tables.push(table);
    let complete = windows.iter().map(|window| window.seen[1].complete());
    section.figures = vec![
        setup.figure("fan_out_hop_p99", of(1).p99 - TICK)?,
        setup.figure(
            "fan_out_cores",
            median(windows.iter().map(|window| window.cores())),
        )?,
        setup.figure("seen_all", complete.fold(100.0, f64::min))?,
    ];
    let down = windows
        .iter()
        .map(|window| window.seen[1].down as f64 / window.seconds / viewers as f64);
    section
        .notes
        .push(format!("Each viewer got {} B/s.", number(median(down))));
    Ok(section)
}

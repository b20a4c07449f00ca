//! Memory of the hub: at start, with many idle servers, and under a long load.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::megabytes;
use crate::load::{Load, Options, Pace};
use crate::measure::{Memory, slope};
use crate::report::{Chart, Line, Section, Table, number};
use crate::setup::Setup;
use crate::stage::Stage;

/// Sessions that speak, of all.
const SPEAKING: usize = 100;

/// Words per second of all together.
const DELTAS: f64 = 5_000.0;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (servers, sessions) = (setup.size(100, 20), setup.size(50, 20));
    let length = setup.seconds(600.0, 4.0);
    let setting = format!(
        "At start: one server, without sessions, once the allocator returned what the start freed. Idle: {servers} servers of {sessions} sessions each, 10 s after their state was read. Load: these, {} sessions with {DELTAS} deltas/s together and ten live viewers, for {} s.",
        SPEAKING.min(servers * sessions),
        length.as_secs_f64()
    );
    let mut section = Section::new("Memory", setting);
    let start = at_start(setup).await?;
    let options = Options {
        servers,
        sessions,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    sleep(setup.seconds(10.0, 0.5)).await;
    let idle = stage.hub.memory()?;
    let samples = under_load(setup, &stage, servers * sessions, length).await?;
    stage.load.pace(Pace::default()).await?;
    sleep(setup.seconds(20.0, 0.5)).await;
    let after = stage.hub.memory()?;
    let last = samples.last().map_or(idle, |(_, memory)| *memory);

    let mut table = Table::new(["when", "RSS, MB", "anonymous, MB"]);
    let rows = [
        ("start", start),
        ("idle", idle),
        ("load, at its end", last),
        ("after it", after),
    ];
    for (name, Memory { rss, anonymous }) in rows {
        let [rss, anonymous] = [rss, anonymous].map(|bytes| number(megabytes(bytes)));
        table.row([name.to_owned(), rss, anonymous]);
    }
    section.tables.push(table);
    let half: Vec<(f64, f64)> = samples[samples.len() / 2..]
        .iter()
        .map(|(at, memory)| (*at / 60.0, megabytes(memory.rss)))
        .collect();
    section.figures = vec![
        setup.figure("start_rss", megabytes(start.rss))?,
        setup.figure("start_anonymous", megabytes(start.anonymous))?,
        setup.figure("idle_rss", megabytes(idle.rss))?,
        setup.figure("load_rss", megabytes(last.rss))?,
        setup.figure("load_growth", slope(&half))?,
    ];
    let line = |name: &str, of: fn(&Memory) -> u64| Line {
        name: name.to_owned(),
        points: samples
            .iter()
            .map(|(at, memory)| (*at, megabytes(of(memory))))
            .collect(),
    };
    section.charts.push(Chart {
        name: "memory-under-load",
        title: format!("Memory of the hub under {DELTAS} deltas/s"),
        x: "seconds",
        y: "MB",
        lines: vec![
            line("RSS", |memory| memory.rss),
            line("anonymous", |memory| memory.anonymous),
        ],
    });
    Ok(section)
}

async fn at_start(setup: &Setup) -> Result<Memory> {
    let options = Options {
        sessions: 0,
        ..Options::default()
    };
    let load = Load::start(options).await?;
    let hub = Stage::hub(setup, &load).await?;
    // The allocator returns what the start freed after a second.
    sleep(setup.seconds(3.0, 2.0)).await;
    hub.memory()
}

/// Memory every now and then, with seconds since the begin.
async fn under_load(
    setup: &Setup,
    stage: &Stage,
    sessions: usize,
    length: Duration,
) -> Result<Vec<(f64, Memory)>> {
    let speaking = SPEAKING.min(sessions);
    let pace = Pace {
        speaking,
        rate: DELTAS / speaking as f64,
        batch: Some(Duration::from_millis(10)),
    };
    let _viewers = stage.live((0..10).collect()).await?;
    stage.load.pace(pace).await?;
    let every = setup.seconds(5.0, 0.5);
    let begin = Instant::now();
    let mut samples = Vec::new();
    while begin.elapsed() < length {
        sleep(every).await;
        samples.push((begin.elapsed().as_secs_f64(), stage.hub.memory()?));
    }
    Ok(samples)
}

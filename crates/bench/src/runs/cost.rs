//! CPU time of the hub for each upstream event, by viewers and by the rate of events.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::load::Options;
use crate::measure::median;
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, speak};
use crate::view::Bare;

const VIEWERS: usize = 10;

/// Who looks on.
const KINDS: [&str; 3] = ["nobody", "10 readers of the log", "10 live viewers"];

/// What stands beside them.
const FLOOR: &str = "the floor: threads that only read";

// Longer than 70 lines: one measurement, step after step.
pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (servers, sessions) = (setup.size(20, 4), setup.size(5, 3));
    let speaking = servers * sessions;
    let length = setup.seconds(10.0, 1.5);
    let rates: &[f64] = if setup.short { &[20.0] } else { &[10.0, 50.0] };
    let setting = format!(
        "{servers} servers, {speaking} sessions, each word written by itself; {} rounds, kinds of viewers in turn; CPU time of the hub's process by the kernel's count, over windows of {} s; medians.",
        setup.rounds,
        length.as_secs_f64()
    );
    let mut section = Section::new("CPU per event", setting);
    let mut table = Table::new([
        "viewers",
        "events/s",
        "µs per event",
        "cores",
        "bytes/event",
    ]);
    let mut goal = None;
    for rate in rates {
        let options = Options {
            servers,
            sessions,
            ..Options::default()
        };
        let stage = Stage::start(setup, options).await?;
        speak(&stage.load, speaking, *rate).await?;
        let mut windows = [const { Vec::new() }; KINDS.len()];
        let mut floors = Vec::new();
        for _ in 0..setup.rounds {
            floors.push(floor(setup, &stage, length).await?);
            for (kind, windows) in windows.iter_mut().enumerate() {
                let mut viewers = match kind {
                    0 => None,
                    1 => Some(stage.log(VIEWERS).await?),
                    _ => Some(stage.live((0..VIEWERS).collect()).await?),
                };
                sleep(setup.settle()).await;
                let mut watching: Vec<_> = viewers.iter_mut().collect();
                windows.push(stage.window(length, &mut watching).await?);
            }
        }
        let least = median(floors.iter().map(|floor| floor.per_event()));
        table.row([
            FLOOR.to_owned(),
            number(median(
                floors.iter().map(|floor| floor.events / floor.seconds),
            )),
            number(least),
            number(median(floors.iter().map(|floor| floor.cpu / floor.seconds))),
            String::new(),
        ]);
        for (name, windows) in KINDS.iter().zip(&windows) {
            let per_event = median(windows.iter().map(|window| window.cpu_per_frame()));
            if *name == KINDS[2] && goal.is_none() {
                goal = Some(per_event);
                section.notes.push(format!(
                    "At the lower rate the hub takes {} times as much as it takes to read the bytes at all.",
                    number(per_event / least)
                ));
            }
            let bytes = windows
                .iter()
                .map(|window| window.frame_bytes as f64 / window.frames as f64);
            table.row([
                (*name).to_owned(),
                number(median(
                    windows.iter().map(|window| window.frames_per_second()),
                )),
                number(per_event),
                number(median(windows.iter().map(|window| window.cores()))),
                number(median(bytes)),
            ]);
        }
    }
    section.tables.push(table);
    section.figures = vec![setup.figure("cpu_per_event", goal.unwrap_or_default())?];
    Ok(section)
}

/// What reading alone took in a window.
struct Floor {
    seconds: f64,
    events: f64,
    /// Seconds of CPU time.
    cpu: f64,
}

impl Floor {
    fn per_event(&self) -> f64 {
        self.cpu * 1e6 / self.events.max(1.0)
    }
}

/// Measures threads that read the same streams beside the hub, and do nothing with what they get.
async fn floor(setup: &Setup, stage: &Stage, length: Duration) -> Result<Floor> {
    let bare = Bare::read(&stage.load.urls)?;
    sleep(setup.settle()).await;
    let before = bare.cpu();
    let window = stage.window(length, &mut []).await?;
    Ok(Floor {
        seconds: window.seconds,
        events: window.frames as f64,
        cpu: (bare.cpu() - before).as_secs_f64(),
    })
}

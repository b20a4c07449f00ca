//! Memory that each viewer costs: one that looks at something where nothing happens, and one that stopped reading.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::hub::Hub;
use crate::load::Options;
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, speak};
use crate::view::{Live, Look, Manner, Tally};

/// Bytes that the kernel holds for a viewer that does not read: little, so that the hub is what waits.
const BUFFER: u32 = 4096;

/// How long a viewer that does not read is kept (`hub::limits::VIEWER_WRITE`), less a moment.
const DEADLINE: f64 = 14.0;

/// Messages of the session that is looked at.
const HISTORY: usize = 100;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (idle, stalled) = (setup.size(500, 50), setup.size(200, 40));
    let deadline = setup
        .seconds(DEADLINE, 4.0)
        .min(Duration::from_secs_f64(DEADLINE));
    let setting = format!(
        "Growth of the hub's RSS with more viewers, by viewer. Idle: {idle} viewers, beside as many others, of a session of {HISTORY} messages where nothing happens. Stalled: {stalled} viewers, after ten others, of a session of 100 words/s that never read, with a receive buffer of {BUFFER} bytes; the most within {} s.",
        deadline.as_secs_f64()
    );
    let mut section = Section::new("Memory of viewers", setting);
    let options = Options {
        servers: 2,
        sessions: 1,
        history: HISTORY,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let (quiet, busy) = (stage.look(0).await?, stage.look(1).await?);

    // As many again: what it takes to serve so many pages at once stays with the allocator, and is no viewer's.
    let first = stage.live(vec![0; idle]).await?;
    sleep(setup.settle()).await;
    let before = stage.hub.memory()?.rss;
    let more = stage.live(vec![0; idle]).await?;
    sleep(setup.settle()).await;
    let per_idle = per_viewer(before, stage.hub.memory()?.rss, idle);
    drop((first, more));
    drop(quiet);

    // The second slot is the other server's session.
    let _first = stage.live(vec![1; 10]).await?;
    speak(&stage.load, 2, 100.0).await?;
    sleep(setup.seconds(15.0, 2.0)).await;
    let before = stage.hub.memory()?.rss;
    let tally = Tally::new(stage.load.sent.clone());
    let mut links = Vec::new();
    for _ in 0..stalled {
        links.push(silent(&stage.hub, &busy, tally.clone()).await?);
    }
    let begin = Instant::now();
    let mut most = 0;
    while begin.elapsed() < deadline {
        sleep(Duration::from_millis(250)).await;
        most = most.max(stage.hub.memory()?.rss);
    }
    let per_stalled = per_viewer(before, most, stalled);

    let mut table = Table::new(["viewer", "KB each"]);
    table.row(["idle".to_owned(), number(per_idle)]);
    table.row(["stalled".to_owned(), number(per_stalled)]);
    section.tables.push(table);
    section.figures = vec![
        setup.figure("viewer_idle", per_idle)?,
        setup.figure("viewer_stalled", per_stalled)?,
    ];
    Ok(section)
}

/// A viewer that looks and then never reads.
async fn silent(hub: &Hub, look: &Look, tally: std::sync::Arc<Tally>) -> Result<Live> {
    let manner = Manner {
        buffer: Some(BUFFER),
    };
    let mut live = Live::connect(&hub.site, tally, manner).await?;
    live.look(look).await?;
    Ok(live)
}

fn per_viewer(before: u64, after: u64, viewers: usize) -> f64 {
    after.saturating_sub(before) as f64 / 1e3 / viewers as f64
}

//! Reading the state of a server again after its stream was cut, with something changed meanwhile.

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use crate::load::Options;
use crate::measure::median;
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::Stage;
use crate::view::{Live, Manner, Tally};

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let sessions = setup.size(500, 100);
    let times = setup.size(2 * setup.rounds, 1);
    let setting = format!(
        "One server of {sessions} sessions whose stream is cut {times} times, and a session renamed meanwhile; until a live viewer has the new name. The server's own time is from the first request for state to the end of its last answer. Milliseconds, medians."
    );
    let mut section = Section::new("Resync", setting);
    let options = Options {
        sessions,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let tally = Tally::new(stage.load.sent.clone());
    let mut viewer = Live::connect(&stage.hub.site, tally, Manner::default()).await?;
    viewer.look(&stage.look(0).await?).await?;
    let [mut away, mut beyond, mut own, mut settle] = [const { Vec::new() }; 4];
    for time in 0..times {
        // A link that lived long enough is tried again after the first wait, not after a longer one.
        sleep(setup.seconds(11.0, 1.0).max(setup.settle())).await;
        let name = format!("renamed {time} meanwhile");
        let wanted = name.clone();
        let cut = Instant::now();
        stage
            .load
            .with(move |world| {
                world.cut(0);
                world.rename(0, 0, name);
            })
            .await?;
        viewer.wait_for(&wanted).await?;
        let seen = Instant::now();
        let reading = stage.load.with(|world| world.reading(0)).await?;
        let back = reading.back.context("the hub did not come back")?;
        let (first, last) = reading
            .first
            .zip(reading.last)
            .context("the hub read nothing")?;
        let millis =
            |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
        away.push(millis(cut, back));
        settle.push(millis(back, first));
        own.push(millis(first, last.min(seen)));
        beyond.push(millis(back, seen) - millis(first, last.min(seen)));
    }
    let mut table = Table::new(["part", "ms"]);
    let rows = [
        ("wait by the policy, until the hub is back", &away),
        ("connecting and settling, until it asks for state", &settle),
        ("the server's own time for its answers", &own),
        (
            "from being back to the viewer, without the server's time",
            &beyond,
        ),
    ];
    for (name, times) in rows {
        table.row([name.to_owned(), number(median(times.iter().copied()))]);
    }
    section.tables.push(table);
    section.figures = vec![setup.figure("resync", median(beyond))?];
    Ok(section)
}

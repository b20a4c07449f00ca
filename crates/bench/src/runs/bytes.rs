//! Bytes that go to a viewer, of the bytes that come from the servers.

use anyhow::Result;
use tokio::time::sleep;

use crate::load::{Load, Options};
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, speak};

/// Words per second of each session.
const RATE: f64 = 10.0;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let (servers, sessions) = (setup.size(20, 10), 5);
    let length = setup.seconds(60.0, 6.0);
    let setting = format!(
        "One live viewer of one session of {} over {servers} servers, {RATE} words/s each; bytes of its socket and of what it fetches, beside the frames of all servers, over {} s.",
        servers * sessions,
        length.as_secs_f64()
    );
    let mut section = Section::new("Bytes to viewers", setting);
    let options = Options {
        servers,
        sessions,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let mut viewer = stage.live(vec![0]).await?;
    let mut table = Table::new([
        "busy sessions",
        "upstream, B/s",
        "to the viewer, B/s",
        "share",
    ]);
    let mut shares = Vec::new();
    for busy in [servers * sessions, 1, 0] {
        quiet(&stage.load).await?;
        if busy > 0 {
            speak(&stage.load, busy, RATE).await?;
        }
        sleep(setup.settle()).await;
        let window = stage.window(length, &mut [&mut viewer]).await?;
        let (up, down) = (window.frame_bytes as f64, window.seen[0].down as f64);
        let share = if up == 0.0 { 0.0 } else { down / up };
        table.row([
            busy.to_string(),
            number(up / window.seconds),
            number(down / window.seconds),
            number(share),
        ]);
        shares.push((share, down / window.seconds));
    }
    section.tables.push(table);
    section.figures = vec![
        setup.figure("bytes_one_of_100", shares[0].0)?,
        setup.figure("bytes_only_one", shares[1].0)?,
        setup.figure("bytes_idle", shares[2].1)?,
    ];
    Ok(section)
}

async fn quiet(load: &Load) -> Result<()> {
    load.with(|world| world.finish()).await
}

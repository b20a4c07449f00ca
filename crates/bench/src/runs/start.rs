//! From the start of the program to its first answer and its first page.

use anyhow::Result;

use crate::hub::Hub;
use crate::load::{Load, Options};
use crate::measure::median;
use crate::report::{Section, Table, number};
use crate::setup::Setup;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let times = setup.size(7 * setup.rounds, 3);
    let setting = format!(
        "{times} starts on an empty data directory with one attached server of 50 sessions, one after the other; milliseconds from before the process is made, medians."
    );
    let mut section = Section::new("Start", setting);
    let options = Options {
        sessions: 50,
        ..Options::default()
    };
    let load = Load::start(options).await?;
    let [mut listening, mut answer, mut paint, mut connected] = [const { Vec::new() }; 4];
    for _ in 0..times {
        let mut hub = Hub::start(&setup.hub, &load.urls).await?;
        let since = hub.started.began;
        let millis = || since.elapsed().as_secs_f64() * 1e3;
        listening.push(hub.started.listening.as_secs_f64() * 1e3);
        hub.body("/api/health").await?;
        answer.push(millis());
        hub.body("/").await?;
        paint.push(millis());
        hub.connected(1).await?;
        connected.push(millis());
    }
    let mut table = Table::new(["until", "median, ms", "most, ms"]);
    let rows = [
        ("it tells its address", &listening),
        ("the first answer of the API", &answer),
        ("the first page is whole", &paint),
        ("the server is connected and read", &connected),
    ];
    for (name, times) in rows {
        let most = times.iter().copied().fold(0.0, f64::max);
        table.row([
            name.to_owned(),
            number(median(times.iter().copied())),
            number(most),
        ]);
    }
    section.tables.push(table);
    section.figures = vec![
        setup.figure("start_answer", median(answer))?,
        setup.figure("start_paint", median(paint))?,
    ];
    Ok(section)
}

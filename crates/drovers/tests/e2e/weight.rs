//! What the page weighs: bytes, requests, nodes and memory have bounds. Times are only told: they are the machine's.

use std::path::Path;

use anyhow::{Result, ensure};
use bench::report::Goals;
use testkit::chromium::Chromium;
use testkit::perf::runs::{self, Target};
use testkit::perf::stage::{Hub, Source};
use testkit::perf::{Figure, Screen, report, wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_session_weighs_little() -> Result<()> {
    let source = Source::start(0).await?;
    let hundred = source.session("A hundred messages", 100)?;
    let long = source.session("A long session", 2000)?;
    let hub = Hub::start(Path::new(env!("CARGO_BIN_EXE_drovers")), source.url()).await?;
    let mut figures = wire::figures(&hub, &hundred).await?;
    let target = Target {
        url: hub.sessions(),
        message: "#log article".to_owned(),
        traces: None,
    };
    let browser = Chromium::start().await?;
    for screen in [Screen::Phone, Screen::Desktop] {
        figures.extend(runs::open(&browser, &target, &long, screen, 1).await?);
    }
    let goals = Goals::read()?;
    #[allow(clippy::print_stdout)]
    {
        println!("{}", report::table(&figures, &goals));
    }
    for name in ["open.bytes", "open.requests", "open.nodes", "open.heap"] {
        ensure!(
            figures.iter().any(|figure| figure.name == name),
            "{name} was not measured"
        );
    }
    for figure in figures.iter().filter(|figure| !is_time(figure)) {
        if let Some(goal) = goals.of_page(&figure.name, figure.screen.name()) {
            ensure!(
                goal.holds(figure.value),
                "{figure:?} does not keep to {goal:?}"
            );
        }
    }
    Ok(())
}

fn is_time(figure: &Figure) -> bool {
    figure.unit == "ms"
}

//! The overview of many sessions, some of which work: what its page costs while rows change and nobody touches it.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::meter::Metered;
use super::runs::Target;
use super::stage::Source;
use super::trace::Trace;
use super::turns::Turns;
use super::{Figure, Screen};
use crate::chromium::Chromium;

/// Root sessions in the overview.
pub const SESSIONS: usize = 200;
/// Those that stream.
pub const STREAMING: usize = 20;

/// How long the page is followed.
const FOLLOWED: Duration = Duration::from_secs(30);
/// How long it is left alone before that.
const QUIET: Duration = Duration::from_secs(3);
/// Nothing else takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Kinds of work that are listed of a trace.
const TRACED: usize = 16;

/// A round of an agent's work: it thinks, writes at 30 tokens a second, and calls a tool.
const ROUND: &str = "reason 60 rate=30 ;; echo 150 rate=30 ;; bash seq 1 40";
/// Rounds of each session: more than are followed.
const ROUNDS: usize = 12;

/// A crowd of sessions at a source.
pub struct Crowd {
    streaming: Vec<String>,
}

impl Crowd {
    /// Makes the sessions, which are at rest.
    ///
    /// # Errors
    /// When there is no room.
    pub fn make(source: &Source) -> Result<Self> {
        let mut streaming = Vec::new();
        for nth in 0..SESSIONS {
            let session = source.session(&format!("Session {nth} of a long day"), 4)?;
            if nth % (SESSIONS / STREAMING) == 0 {
                streaming.push(session);
            }
        }
        Ok(Self { streaming })
    }

    /// Has some of them work.
    async fn work(&self, source: &Source) -> Result<()> {
        let script = [ROUND; ROUNDS].join(" ;; ");
        for session in &self.streaming {
            // Nobody reads the reply itself.
            drop(source.prompt(session, &script).await?);
        }
        Ok(())
    }

    /// Ends their work.
    async fn rest(&self, source: &Source) -> Result<()> {
        for session in &self.streaming {
            source.stop(session).await?;
        }
        Ok(())
    }
}

/// Follows the overview while some sessions stream. The address of `target` is that of the overview.
///
/// # Errors
/// When the rows are not shown in a minute, or the browser is gone.
pub async fn overview(
    browser: &Chromium,
    target: &Target,
    source: &Source,
    crowd: &Crowd,
    screen: Screen,
) -> Result<Vec<Figure>> {
    let metered = Metered::open(browser, screen, &target.message).await?;
    metered.page.goto(&target.url).await?;
    crowd.work(source).await?;
    let working = format!(
        "document.querySelectorAll('li.session .mark.work').length >= {}",
        crowd.streaming.len()
    );
    metered.page.wait_for(&working, PATIENCE).await?;
    sleep(QUIET).await;
    let from = metered.counters().await?;
    metered.clear().await?;
    let trace = match &target.traces {
        Some(folder) => Some((Trace::start(metered.page.inner()).await?, folder)),
        None => None,
    };
    let turns = Turns::until(&metered, async {
        sleep(FOLLOWED).await;
        Ok(())
    })
    .await?;
    let to = metered.counters().await?.since(from);
    let noted = metered.noted().await?;
    let figure =
        |name: &str, value, unit| Figure::new(format!("overview.{name}"), screen, value, unit);
    let mut figures = vec![
        figure("longest_block", noted.longest_block, "ms"),
        figure("busy", turns.alone(|spent| spent.busy), "ms/s"),
        figure("busy_cpu", turns.alone(|spent| spent.cpu), "ms/s"),
        figure(
            "busy_with_probe",
            turns.with_frames(|spent| spent.busy),
            "ms/s",
        ),
        figure("script", turns.alone(|spent| spent.script), "ms/s"),
        figure("layout", turns.alone(|spent| spent.layout), "ms/s"),
        figure("frames", turns.frames(noted.frames), "/s"),
        figure("longest_gap", noted.gap, "ms"),
        figure("bytes_per_second", to.bytes / to.at, "B/s"),
        figure("nodes", to.nodes, ""),
        figure("heap", metered.swept().await?.heap / 1e6, "MB"),
    ];
    if let Some((trace, folder)) = trace {
        let file = folder.join(format!("overview-{}.json", screen.name()));
        let shares = trace.stop(&file).await?;
        let most = shares.iter().take(TRACED);
        figures.extend(
            most.map(|(name, took)| figure(&format!("cpu.{name}"), took / turns.seconds(), "ms/s")),
        );
    }
    crowd.rest(source).await?;
    metered.page.inner().clone().close().await?;
    Ok(figures)
}

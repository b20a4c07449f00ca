//! The runs: opening a long session, following a reply, and following replies for a long time.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use bench::measure::median;
use tokio::time::{Instant, sleep};

use super::meter::Metered;
use super::stage::Source;
use super::trace::Trace;
use super::turns::Turns;
use super::{Figure, Screen};
use crate::chromium::Chromium;

/// Nothing but a reply itself takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a page is left alone before and after what is measured, so that what it still does is not missed.
const QUIET: Duration = Duration::from_secs(2);

/// Kinds of work that are listed of a trace.
const TRACED: usize = 16;

/// The last word of every reply, and the one a second before it.
const LAST: &str = "ENDOFREPLY";
const SOON: &str = "NEARLYTHERE";

/// Where the page is, and how it is read.
#[derive(Debug, Clone)]
pub struct Target {
    /// The address of a session's page; `{session}` stands for its id.
    pub url: String,
    /// What matches a message.
    pub message: String,
    /// Where traces of replies are written, if they are to be; what is measured beside them is slower.
    pub traces: Option<PathBuf>,
}

/// A reply that is followed.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name in figures.
    pub name: &'static str,
    /// What says it.
    say: &'static str,
    times: usize,
    /// Tokens a second.
    rate: usize,
}

/// The replies that are followed.
pub const KINDS: [Kind; 3] = [
    // 6,000 tokens of prose at 80 a second.
    Kind {
        name: "plain",
        say: "echo 6000",
        times: 1,
        rate: 80,
    },
    // 3,000 tokens of markdown with code at 150 a second.
    Kind {
        name: "markdown",
        say: "markdown",
        times: 13,
        rate: 150,
    },
    // The same in one block of code.
    Kind {
        name: "code",
        say: "echo 3000 code",
        times: 1,
        rate: 150,
    },
];

impl Target {
    fn of(&self, session: &str) -> String {
        self.url.replace("{session}", session)
    }
}

impl Kind {
    /// The prompt whose reply this is.
    fn script(self) -> String {
        let reply = format!("{} rate={} ;; ", self.say, self.rate).repeat(self.times);
        // A second's worth of words in between, at the same pace.
        format!(
            "{reply}say {SOON} ;; echo {0} rate={0} ;; say {LAST}",
            self.rate
        )
    }
}

/// Opens a session `rounds` times on an empty browser cache.
///
/// # Errors
/// When it is not shown in a minute.
pub async fn open(
    browser: &Chromium,
    target: &Target,
    session: &str,
    screen: Screen,
    rounds: usize,
) -> Result<Vec<Figure>> {
    let mut content = Vec::new();
    let mut shown = Vec::new();
    let mut block: f64 = 0.0;
    let mut last = None;
    for _ in 0..rounds {
        let metered = opened(browser, target, session, screen).await?;
        let noted = metered.noted().await?;
        content.extend(noted.first_content);
        shown.extend(noted.shown);
        block = block.max(noted.longest_block);
        last = Some(metered.swept().await?);
        metered.page.inner().clone().close().await?;
    }
    let figure = |name: &str, value, unit| Figure::new(format!("open.{name}"), screen, value, unit);
    let mut figures = vec![
        figure("first_content", median(content.iter().copied()), "ms"),
        figure("first_content_worst", worst(&content), "ms"),
        figure("last_message", median(shown.iter().copied()), "ms"),
        figure("last_message_worst", worst(&shown), "ms"),
        figure("longest_block", block, "ms"),
    ];
    if let Some(counters) = last {
        figures.extend([
            figure("bytes", counters.bytes, "B"),
            figure("requests", counters.requests, ""),
            figure("nodes", counters.nodes, ""),
            figure("heap", counters.heap / 1e6, "MB"),
        ]);
    }
    Ok(figures)
}

/// Follows one reply from its prompt until the page has been quiet after it.
///
/// # Errors
/// When the page does not show all of it in a minute.
pub async fn follow(
    browser: &Chromium,
    target: &Target,
    source: &Source,
    session: &str,
    screen: Screen,
    kind: Kind,
) -> Result<Vec<Figure>> {
    let metered = opened(browser, target, session, screen).await?;
    let from = metered.counters().await?;
    metered.clear().await?;
    let trace = match &target.traces {
        Some(folder) => Some((Trace::start(metered.page.inner()).await?, folder)),
        None => None,
    };
    let mut reply = source.prompt(session, &kind.script()).await?;
    let timeouts = Duration::from_secs(600);
    let turns = Turns::until(&metered, reply.sent(SOON, timeouts)).await?;
    metered.await_text(LAST).await?;
    let sent = reply.sent(LAST, timeouts).await?;
    let caught_up = metered.caught_up(PATIENCE).await?;
    let to = metered.counters().await?.since(from);
    sleep(QUIET).await;
    let noted = metered.noted().await?;
    let figure =
        |name: &str, value, unit| Figure::new(format!("{}.{name}", kind.name), screen, value, unit);
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
        figure("caught_up", caught_up - sent, "ms"),
        figure("bytes", to.bytes, "B"),
        figure("heap", metered.swept().await?.heap / 1e6, "MB"),
    ];
    if let Some((trace, folder)) = trace {
        let file = folder.join(format!("{}-{}.json", kind.name, screen.name()));
        let shares = trace.stop(&file).await?;
        let most = shares.iter().take(TRACED);
        figures.extend(
            most.map(|(name, took)| figure(&format!("cpu.{name}"), took / turns.seconds(), "ms/s")),
        );
    }
    metered.page.inner().clone().close().await?;
    Ok(figures)
}

/// Follows replies without end, and reads the heap at these minutes.
///
/// # Errors
/// When the page falls behind by a minute.
pub async fn heap(
    browser: &Chromium,
    target: &Target,
    source: &Source,
    session: &str,
    screen: Screen,
    minutes: &[f64],
) -> Result<Vec<Figure>> {
    let metered = opened(browser, target, session, screen).await?;
    let began = Instant::now();
    let mut read = Vec::new();
    for minute in minutes {
        while began.elapsed().as_secs_f64() < minute * 60.0 {
            let script = format!(
                "reason 200 rate=150 ;; markdown rate=150 ;; bash seq 1 200 ;; markdown rate=150 ;; say {LAST}"
            );
            metered.await_text(LAST).await?;
            let mut reply = source.prompt(session, &script).await?;
            reply.sent(LAST, PATIENCE).await?;
            metered.caught_up(PATIENCE).await?;
        }
        let counters = metered.swept().await?;
        read.push(counters.heap);
    }
    let mut figures: Vec<Figure> = minutes
        .iter()
        .zip(&read)
        .map(|(minute, heap)| {
            Figure::new(format!("heap.after_{minute}_min"), screen, heap / 1e6, "MB")
        })
        .collect();
    if let [first, .., last] = read[..] {
        figures.push(Figure::new("heap.growth", screen, last / first, "×"));
    }
    Ok(figures)
}

async fn opened(
    browser: &Chromium,
    target: &Target,
    session: &str,
    screen: Screen,
) -> Result<Metered> {
    let metered = Metered::open(browser, screen, &target.message).await?;
    metered.page.goto(&target.of(session)).await?;
    metered
        .page
        .wait_for("measured.shown > 0", PATIENCE)
        .await?;
    sleep(QUIET).await;
    Ok(metered)
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

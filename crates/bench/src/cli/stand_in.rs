//! The load for any hub: as a program that stands in for `opencode`, or as many servers that it can be attached to; and a
//! viewer of any hub's stream.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use tokio::time::sleep;
use url::Url;

use crate::load::{Load, Options, Pace, Recording, Sent};
use crate::measure::Latency;
use crate::report::{Table, number};
use crate::view::{Tally, Viewers, follow};

/// The load, and its pace.
#[derive(Debug, Args)]
struct Traffic {
    /// Sessions of each server
    #[arg(long, env = "BENCH_SESSIONS", default_value_t = 5)]
    sessions: usize,
    /// Messages that each session has before
    #[arg(long, env = "BENCH_HISTORY", default_value_t = 0)]
    history: usize,
    /// Words per second of each session; frames per second of each server if a recording is played
    #[arg(long, env = "BENCH_RATE", default_value_t = 10.0)]
    rate: f64,
    /// Sessions of each server that speak [default: all]
    #[arg(long, env = "BENCH_SPEAKING")]
    speaking: Option<usize>,
    /// Write frames together that fall into so many milliseconds, instead of each by itself
    #[arg(long, env = "BENCH_BATCH_MS")]
    batch_ms: Option<u64>,
    /// Play a recording of `/global/event` again and again
    #[arg(long, env = "BENCH_RECORDING", value_name = "FILE.sse")]
    recording: Option<PathBuf>,
}

/// As a hub starts OpenCode.
#[derive(Debug, Args)]
pub(super) struct OpenCode {
    #[command(subcommand)]
    what: OpenCodeCommand,
}

#[derive(Debug, Subcommand)]
enum OpenCodeCommand {
    /// Serve one folder, the current one; the rate comes from BENCH_… variables
    Serve {
        /// Where to listen; 0 takes any port
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Only this machine
        #[arg(long, default_value = "127.0.0.1")]
        hostname: String,
        #[command(flatten)]
        traffic: Traffic,
    },
}

/// Many servers.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// How many
    #[arg(long, default_value_t = 20)]
    servers: usize,
    #[command(flatten)]
    traffic: Traffic,
}

/// A viewer of any hub.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// An event stream
    url: Url,
    /// For how many seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How many viewers
    #[arg(long, default_value_t = 1)]
    viewers: usize,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Traffic {
    async fn begin(self, servers: usize, options: Options) -> Result<Load> {
        let recording = self.recording.map(|path| {
            let bytes = std::fs::read(&path);
            Recording::new(&bytes.with_context(|| format!("{} cannot be read", path.display()))?)
        });
        let options = Options {
            servers,
            sessions: self.sessions.max(1),
            history: self.history,
            stamped: true,
            recording: recording.transpose()?,
            ..options
        };
        let speaking = match options.recording {
            Some(_) => 1,
            None => self
                .speaking
                .unwrap_or(options.sessions)
                .min(options.sessions),
        };
        let load = Load::start(options).await?;
        let pace = Pace {
            speaking: speaking * servers,
            rate: self.rate,
            batch: self.batch_ms.map(Duration::from_millis),
        };
        load.pace(pace).await?;
        Ok(load)
    }
}

/// Serves until it is ended.
pub(super) async fn opencode(args: OpenCode) -> Result<()> {
    let OpenCodeCommand::Serve {
        port,
        hostname,
        traffic,
    } = args.what;
    ensure!(
        ["127.0.0.1", "localhost"].contains(&hostname.as_str()),
        "only this machine is served"
    );
    let folder = std::env::current_dir()?;
    let options = Options {
        port,
        password: std::env::var("OPENCODE_SERVER_PASSWORD").ok(),
        directory: Some(folder.to_string_lossy().into_owned()),
        ..Options::default()
    };
    let load = traffic.begin(1, options).await?;
    writeln!(
        std::io::stdout(),
        "opencode server listening on {}",
        load.urls[0]
    )?;
    std::future::pending().await
}

/// Serves until it is ended.
pub(super) async fn serve(args: Serve) -> Result<()> {
    let load = args.traffic.begin(args.servers, Options::default()).await?;
    let mut out = std::io::stdout();
    for url in &load.urls {
        writeln!(out, "{url}")?;
    }
    out.flush()?;
    std::future::pending().await
}

/// Follows for a while, and tells how old words were.
pub(super) async fn watch(args: Watch) -> Result<()> {
    let tally = Tally::new(Sent::new(0).into());
    let mut viewers = Viewers::default();
    for _ in 0..args.viewers {
        viewers.begin(follow(args.url.clone(), tally.clone()));
    }
    sleep(Duration::from_secs(1)).await;
    tally.open(0);
    sleep(Duration::from_secs_f64(args.seconds)).await;
    viewers.check()?;
    let seen = tally.take();
    let latency = Latency::of(&seen.all);
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&latency)?)?;
        return Ok(());
    }
    let mut table = Table::new([
        "words",
        "lost or doubled",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
    ]);
    let [p50, p90, p99, max] = [latency.p50, latency.p90, latency.p99, latency.max].map(number);
    table.row([
        latency.count.to_string(),
        seen.out_of_order.to_string(),
        p50,
        p90,
        p99,
        max,
    ]);
    writeln!(out, "{}", table.markdown())?;
    Ok(())
}

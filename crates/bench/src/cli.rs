//! The command line.

mod stand_in;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::measure::{Machine, machine_line};
use crate::report::{self, Goals, Origin, Section};
use crate::runs::Run;
use crate::setup::Setup;

/// Rounds of comparisons in a whole run.
const ROUNDS: usize = 3;

/// Short measurements at once. They mostly wait for their windows.
const SHORT_AT_ONCE: usize = 3;

/// Files and sockets that a run may have open.
const OPEN_FILES: u64 = 16_384;

/// The figures of Drovers: a load generator, viewers of several kinds, and what they measure of a hub
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything
    All(Measure),
    /// Measure some subjects
    Run {
        /// What to measure
        #[arg(required = true)]
        runs: Vec<Run>,
        #[command(flatten)]
        measure: Measure,
    },
    /// Serve as OpenCode does, for a hub that starts it: `opencode serve --port 0 --hostname 127.0.0.1`
    Opencode(stand_in::OpenCode),
    /// Serve many servers for any hub, and tell their addresses
    Serve(stand_in::Serve),
    /// Follow an event stream of any hub that carries stamped words of `serve` or `opencode`
    Watch(stand_in::Watch),
}

#[derive(Debug, Args)]
struct Measure {
    /// The program to measure [default: `drovers` beside this one]
    #[arg(long, value_name = "PATH")]
    hub: Option<PathBuf>,
    /// Seconds and small loads; fails on bytes, counts, memory and ratios, and only prints times
    #[arg(long)]
    short: bool,
    /// Rounds of comparisons [default: 3, of a short run 1]
    #[arg(long)]
    rounds: Option<usize>,
    /// What the length of windows is multiplied with
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Write each subject into a file of this folder, with its charts
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    // Started under the name of OpenCode it is OpenCode.
    let name = std::env::args_os().next().map(PathBuf::from);
    let is_opencode = name.is_some_and(|name| name.file_name() == Some("opencode".as_ref()));
    let mut args: Vec<_> = std::env::args_os().collect();
    if is_opencode {
        args.insert(1, "opencode".into());
    }
    let cli = Cli::parse_from(args);
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads can be started")
        .and_then(|runtime| runtime.block_on(answer(cli)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to be done where even this cannot be written.
            let _unwritten = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn answer(cli: Cli) -> Result<bool> {
    match cli.command {
        Command::All(measure) => measured(&Run::ALL, measure).await,
        Command::Run { runs, measure } => measured(&runs, measure).await,
        Command::Opencode(args) => stand_in::opencode(args).await.map(|()| true),
        Command::Serve(args) => stand_in::serve(args).await.map(|()| true),
        Command::Watch(args) => stand_in::watch(args).await.map(|()| true),
    }
}

async fn measured(runs: &[Run], measure: Measure) -> Result<bool> {
    more_open_files();
    let setup = Setup {
        hub: program(measure.hub)?,
        short: measure.short,
        rounds: measure
            .rounds
            .unwrap_or(if measure.short { 1 } else { ROUNDS }),
        scale: measure.scale,
        goals: Goals::read()?,
    };
    ensure!(setup.rounds > 0, "there must be a round");
    let mut out = std::io::stdout();
    let machine = machine_line();
    if !measure.json {
        writeln!(out, "{machine}\n")?;
    }
    let mut sections = Vec::new();
    for run in runs {
        let before = Machine::now()?;
        let mut section = run.section(&setup).await?;
        let shares = before.since()?;
        section.notes.push(format!(
            "While this was measured the machine was busy for {:.0} % of its time, and its host took {:.1} %.",
            shares.busy, shares.stolen
        ));
        if !measure.json {
            writeln!(out, "{}", section.markdown())?;
        }
        if let Some(folder) = &measure.write {
            let origin = Origin::now(&command(*run, &setup), &setup.hub)?;
            report::write(&section, &origin, folder)?;
        }
        sections.push(section);
    }
    if measure.json {
        let report = serde_json::json!({ "machine": machine, "sections": sections });
        writeln!(out, "{report:#}")?;
    }
    let mut figures = sections.iter().flat_map(|section| &section.figures);
    Ok(!figures.any(|figure| figure.fails))
}

/// The command that measures a subject in this way.
fn command(run: Run, setup: &Setup) -> String {
    let mut command = format!("bench run {}", run.name());
    if setup.short {
        command.push_str(" --short");
    } else if setup.rounds != ROUNDS {
        command.push_str(&format!(" --rounds {}", setup.rounds));
    }
    if setup.scale != 1.0 {
        command.push_str(&format!(" --scale {}", setup.scale));
    }
    command
}

/// Runs every measurement with short windows, some at a time: times are not asserted, and each has a hub of its own.
///
/// # Errors
/// A measurement fails, or a figure is beyond its short bound.
pub(crate) async fn short(hub: PathBuf) -> Result<String> {
    more_open_files();
    let setup = Setup {
        hub,
        short: true,
        rounds: 1,
        scale: 1.0,
        goals: Goals::read()?,
    };
    let setup = &setup;
    let sections = Run::ALL.map(|run| async move {
        let section = run.section(setup).await;
        section.with_context(|| format!("{run:?}"))
    });
    let sections = futures_util::stream::iter(sections).buffered(SHORT_AT_ONCE);
    let sections: Vec<Section> = sections.try_collect().await?;
    let figures = sections.iter().flat_map(|section| &section.figures);
    let failing = figures.filter(|figure| figure.fails);
    let fails: Vec<String> = failing
        .map(|figure| format!("{} is {} {}", figure.figure, figure.value, figure.unit))
        .collect();
    let out: String = sections.iter().map(Section::markdown).collect();
    ensure!(fails.is_empty(), "{}\n\n{out}", fails.join("\n"));
    Ok(out)
}

/// The program to measure, wherever it is started from.
fn program(named: Option<PathBuf>) -> Result<PathBuf> {
    let hub = match named {
        Some(hub) => hub,
        None => std::env::current_exe()?.with_file_name("drovers"),
    };
    hub.canonicalize().with_context(|| {
        format!(
            "there is no {}: build it with `cargo build --release -p drovers`, or name one with --hub",
            hub.display()
        )
    })
}

/// A thousand viewers need as many sockets. What the system does not grant is missing later, with an error that says so.
fn more_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_some_and(|current| current < wanted) {
        let limit = Rlimit {
            current: Some(wanted),
            maximum,
        };
        let _refused = setrlimit(Resource::Nofile, limit);
    }
}

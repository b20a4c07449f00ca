//! `drovers logs`: what a server printed that the hub runs.

use clap::Args;
use tokio::time::sleep;

use super::Setting;
use super::bytes::mebibytes;
use crate::api::{Api, Process};
use crate::fault::Fault;
use crate::{census, limits, out};

/// Print what the OpenCode server of a folder printed
///
/// The hub stores the last 1,000 lines of each server that it runs. A line with the process, its age, memory and CPU time goes to standard
/// error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers logs shop\n  drovers logs shop --follow")]
pub(crate) struct LogsArgs {
    /// The instance: its id, a prefix of it, or its name
    instance: String,
    /// Go on with what it prints, also after it was started again
    #[arg(short, long)]
    follow: bool,
    /// Print {"own", "pid", "version", "kept", "started", "memory", "cpu", "ends", "end", "paused", "memory_limit", "restarted", "run", "first", "lines"} as JSON
    #[arg(long, conflicts_with = "follow")]
    json: bool,
}

/// Prints the output.
pub(crate) async fn run(args: LogsArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let instance = census::instance(&api, &args.instance).await?.id.clone();
    let mut process = api.process(&instance, 0, 0).await?;
    if args.json {
        return out::json(&process);
    }
    if !process.own {
        return Err(Fault::failed(
            "Drovers did not start this server: its output is where it was started",
        ));
    }
    out::note(&about(&process));
    loop {
        for line in &process.lines {
            out::line(&out::one_line(line))?;
        }
        if !args.follow {
            return Ok(());
        }
        let (run, next) = (process.run, process.first + process.lines.len() as u64);
        sleep(limits::OUTPUT_AGAIN).await;
        process = api.process(&instance, run, next).await?;
        if process.run != run {
            out::note(&about(&process));
        }
    }
}

/// The process in one line.
fn about(process: &Process) -> String {
    let mut facts = Vec::new();
    facts.extend(
        process
            .version
            .iter()
            .map(|version| format!("OpenCode {}", out::one_line(version))),
    );
    facts.push(match (process.pid, &process.end) {
        (Some(pid), _) => format!("process {pid}"),
        (None, Some(end)) => out::one_line(end),
        (None, None) => "not started".to_owned(),
    });
    facts.extend(
        process
            .memory
            .map(|bytes| format!("{} of memory", mebibytes(bytes))),
    );
    facts.extend(
        process
            .memory_limit
            .map(|bytes| format!("limit {}", mebibytes(bytes))),
    );
    facts.extend(
        process
            .cpu
            .map(|cpu| format!("{:.1} s of CPU", cpu as f64 / 1000.0)),
    );
    if process.ends > 0 {
        facts.push(format!("ended by itself {}×", process.ends));
    }
    if process.paused {
        facts.push("not started any more by itself".to_owned());
    }
    facts.join(" · ")
}

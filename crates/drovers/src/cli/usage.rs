//! `drovers usage`: tokens, cost and time of sessions.

use clap::Args;

use super::Setting;
use crate::api::{Api, Used};
use crate::fault::Fault;
use crate::{limits, out};

/// Show tokens and cost of today, by instance and session, and of earlier days
///
/// A day is one of the hub's time zone. Time is that of turns that ran.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers usage --json")]
pub(crate) struct UsageArgs {
    /// Print {"day", "today", "instances", "sessions", "days"} as JSON
    #[arg(long)]
    json: bool,
}

/// Asks, and prints.
pub(crate) async fn run(args: UsageArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let report = api.usage().await?;
    if args.json {
        return out::json(&report);
    }
    let mut rows = vec![row(&format!("today, {}", report.day), report.today)];
    let used = report.instances.iter().filter(|one| one.today.tokens > 0);
    rows.extend(used.map(|one| row(&format!("  {}", one.name), one.today)));
    rows.extend(report.days.iter().map(|one| row(&one.day, one.used)));
    let sessions = report.sessions.iter().take(limits::USAGE_SESSIONS);
    let sessions: Vec<_> = sessions
        .map(|one| row(&super::since::named(&one.title), one.today))
        .collect();
    for line in out::columns(&rows) {
        out::line(&line)?;
    }
    if !sessions.is_empty() {
        out::line("")?;
        out::line("sessions of today:")?;
    }
    for line in out::columns(&sessions) {
        out::line(&line)?;
    }
    Ok(())
}

fn row(name: &str, used: Used) -> Vec<String> {
    let minutes = used.running_ms / 60_000;
    vec![
        out::one_line(name),
        format!("${:.2}", used.cost),
        format!("{} tokens", used.tokens),
        format!("{} h {} min", minutes / 60, minutes % 60),
    ]
}

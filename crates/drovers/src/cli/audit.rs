//! `drovers audit`: who allowed and refused what.

use clap::Args;
use hub::command::audit::{self, Entry, Step};
use jiff::Timestamp;
use model::plain;

use super::Setting;
use crate::fault::Fault;
use crate::{limits, out};

/// Show who allowed and rejected what
///
/// Reads the audit log in the data directory, oldest entry first. The hub need not be running.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers audit")]
pub(crate) struct AuditArgs {
    /// Show only the newest N entries
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = limits::AUDIT_ENTRIES)]
    count: usize,
    /// Print each entry as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Reads, and prints.
pub(crate) fn run(args: &AuditArgs, setting: &Setting) -> Result<(), Fault> {
    let path = setting.data_dir()?.join(audit::FILE);
    let entries = audit::read(&path, args.count)
        .map_err(|error| Fault::failed(format!("{} cannot be read: {error}", path.display())))?;
    if entries.is_empty() && !args.json {
        return out::line("nothing was allowed or rejected yet");
    }
    for entry in &entries {
        if args.json {
            out::json(entry)?;
        } else {
            out::line(&in_words(entry))?;
        }
    }
    Ok(())
}

fn in_words(entry: &Entry) -> String {
    let step = match entry.step {
        Step::Sending => "sending",
        Step::Taken => "taken",
        Step::Failed => "failed",
        Step::Denied => "denied",
    };
    let fingerprint = entry
        .fingerprint
        .as_deref()
        .map_or("", |hex| hex.get(..8).unwrap_or(hex));
    let at = Timestamp::from_millisecond(entry.at).unwrap_or_default();
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let reason = entry.reason.as_deref().map(|why| format!(" ({why})"));
    plain::line(
        &format!(
            "{} {:<8} {step:<7} {} {fingerprint} by {}: {}{}",
            at,
            entry.answer,
            entry.request,
            entry.by,
            entry.about,
            reason.unwrap_or_default()
        ),
        limits::AUDIT_LINE_CHARS,
    )
}

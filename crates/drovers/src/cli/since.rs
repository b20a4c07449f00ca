//! `drovers since`: what happened since a time.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::Setting;
use crate::api::{Api, SinceSession};
use crate::fault::Fault;
use crate::out;

/// Show what happened in the sessions since a time
///
/// One line for each session in which a turn ended, something was asked or answered, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers since 2h\n  drovers since 30m --json")]
pub(crate) struct SinceArgs {
    /// How far to look back: a number with s, m, h or d, such as 2h
    #[arg(value_name = "TIME", default_value = "8h")]
    back: Back,
    /// Print {"at", "now", "sessions": [...], "left_out"} as JSON
    #[arg(long)]
    json: bool,
}

/// A time to look back, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Back(i64);

impl FromStr for Back {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "use a number with s, m, h or d, such as 2h or 30m".to_owned();
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        Ok(Self(i64::from(number) * seconds * 1000))
    }
}

/// Asks, and prints.
pub(crate) async fn run(args: SinceArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    let report = api.since(now - args.back.0).await?;
    if args.json {
        return out::json(&report);
    }
    if report.sessions.is_empty() {
        return out::line("nothing happened since then");
    }
    let rows = report.sessions.iter().map(|one| row(one, report.now));
    let rows: Vec<_> = rows.collect();
    for line in out::columns(&rows) {
        out::line(&line)?;
    }
    match report.left_out {
        0 => Ok(()),
        many => out::line(&format!("… and {many} more")),
    }
}

fn row(session: &SinceSession, now: i64) -> Vec<String> {
    let mut facts: Vec<String> = session
        .asks
        .iter()
        .map(|asks| format!("asks: {asks}"))
        .collect();
    facts.extend(session.ended.as_ref().map(|ended| match &session.reason {
        Some(reason) => format!("{ended}: {reason}"),
        None => ended.clone(),
    }));
    facts.extend(session.answers.iter().map(|answer| {
        let by = answer.by.as_deref().unwrap_or("another client");
        let about = answer.about.as_deref().map(|about| format!(": {about}"));
        format!("{} by {by}{}", answer.outcome, about.unwrap_or_default())
    }));
    let lines = session.changes.as_ref().map_or_else(String::new, |lines| {
        format!("+{} −{}", lines.additions, lines.deletions)
    });
    vec![
        super::ls::age((now - session.at) as f64),
        out::one_line(&session.instance_name),
        named(&session.title),
        lines,
        out::one_line(&facts.join(" · ")),
    ]
}

/// A title for people.
pub(super) fn named(title: &str) -> String {
    match title.trim() {
        "" => "Untitled".to_owned(),
        title => out::one_line(title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!("2h".parse(), Ok(Back(7_200_000)));
        assert_eq!("30m".parse(), Ok(Back(1_800_000)));
        for wrong in ["", "h", "2", "2w", "-1h", "2 h", "4294967296s"] {
            assert!(wrong.parse::<Back>().is_err(), "{wrong}");
        }
    }
}

//! `drovers doctor`: checks what Drovers needs on this machine, and names the next step for each problem.
//!
//! Changes nothing: it reads files, asks a running hub for its health, and runs programs for their version only.

mod data;
mod machine;
mod opencode;
mod projects;
mod running;

use clap::Args;
use serde::Serialize;

use super::Setting;
use super::configuration::Configuration;
use crate::fault::Fault;
use crate::out::{self, Colour};

/// Check this machine: data directory, hub, OpenCode, port, folders, git, disk, clock, and what opens the page
///
/// Prints a line for each check, and below it the next step if there is something to do. The exit code is 0 without problems, also
/// with warnings, and 1 with problems. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers doctor")]
pub(crate) struct DoctorArgs {
    /// Print {"ok", "findings": [{"check", "level", "text", "next"}]} as JSON
    #[arg(long)]
    json: bool,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// The check passed.
    Ok,
    /// A fact without consequence for most people.
    Note,
    /// Something works less well than it could.
    Warning,
    /// Something does not work.
    Problem,
}

/// The result of a check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Finding {
    fn new(check: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self {
            check,
            level,
            text: text.into(),
            next: None,
        }
    }

    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, text)
    }

    fn note(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Note, text)
    }

    fn warning(check: &'static str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, text).with_next(next)
    }

    fn problem(check: &'static str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(check, Level::Problem, text).with_next(next)
    }

    /// A problem whose message is a fact, and after the first full stop the next step.
    fn of_message(check: &'static str, message: &str) -> Self {
        match message.split_once(". ") {
            Some((fact, next)) => Self::problem(check, fact, next),
            None => Self::new(check, Level::Problem, message),
        }
    }

    fn with_next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }

    fn show(&self) -> Vec<String> {
        let (word, colour) = match self.level {
            Level::Ok => ("ok", Colour::Green),
            Level::Note => ("note", Colour::Dim),
            Level::Warning => ("warning", Colour::Yellow),
            Level::Problem => ("problem", Colour::Red),
        };
        let word = out::paint(colour, word);
        vec![word, self.check.to_owned(), out::one_line(&self.text)]
    }
}

/// Runs every check.
pub(crate) async fn run(args: &DoctorArgs, setting: &Setting) -> Result<(), Fault> {
    let findings = findings(setting).await;
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    if args.json {
        out::json(&serde_json::json!({"ok": problems == 0, "findings": findings}))?;
    } else {
        print(&findings)?;
    }
    match problems {
        0 if args.json => Ok(()),
        0 => out::line(&format!("no problems, {}", counted(warnings, "warning"))),
        _ => Err(Fault::failed(format!(
            "{} and {}. The next steps are above",
            counted(problems, "problem"),
            counted(warnings, "warning")
        ))),
    }
}

async fn findings(setting: &Setting) -> Vec<Finding> {
    let configuration = setting.configuration();
    let mut findings = vec![file(configuration)];
    let data_dir = match setting.data_dir() {
        Ok(path) => path,
        Err(fault) => {
            findings.push(Finding::of_message("data directory", &fault.to_string()));
            return findings;
        }
    };
    findings.extend(data::check(&data_dir));
    findings.extend(running::hub(&data_dir).await);
    findings.push(running::port(&data_dir, configuration.listen()).await);
    findings.push(opencode::check(configuration.opencode().as_deref()).await);
    findings.extend(projects::check(&data_dir));
    findings.push(machine::git().await);
    findings.extend(machine::check());
    findings
}

fn file(configuration: &Configuration) -> Finding {
    const CHECK: &str = "configuration";
    let path = configuration.path().map(|path| path.display().to_string());
    let path = path.unwrap_or_default();
    match configuration.problems() {
        [] if configuration.exists() => Finding::ok(CHECK, path),
        [] => Finding::ok(CHECK, format!("defaults: there is no {path}")),
        [first, ..] => Finding::problem(CHECK, first.to_string(), "see `drovers config check`"),
    }
}

fn print(findings: &[Finding]) -> Result<(), Fault> {
    let rows: Vec<_> = findings.iter().map(Finding::show).collect();
    for (line, finding) in out::columns(&rows).iter().zip(findings) {
        out::line(line)?;
        if let Some(next) = &finding.next {
            out::line(&format!("         → {}", out::one_line(next)))?;
        }
    }
    Ok(())
}

fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

//! The dialog of a server that the hub runs: its process, and what it printed.
//!
//! Output is anybody's: it is escaped, and what hides or turns text around in it is shown.

use maud::{Markup, PreEscaped, html};

use crate::language::{sentence, t};
use crate::words::{self, encode};

/// The process of a server.
#[derive(Clone, Debug, Default)]
pub struct Process<'a> {
    /// Its process id; `None` if it does not run.
    pub pid: Option<u32>,
    /// Version of OpenCode.
    pub version: Option<&'a str>,
    /// Milliseconds since its start.
    pub up: Option<u64>,
    /// Bytes of its memory.
    pub memory: Option<u64>,
    /// Milliseconds of its CPU time.
    pub cpu: Option<u64>,
    /// Events that it sends in a second.
    pub events: f64,
    /// True if it outlives the hub.
    pub kept: bool,
    /// How often it ended by itself since the hub started.
    pub ends: u64,
    /// How it ended.
    pub end: Option<&'a str>,
    /// True if only a person starts it again.
    pub paused: bool,
    /// Bytes of memory beyond which it is restarted when it is idle.
    pub memory_limit: Option<u64>,
    /// The last restart that was wanted.
    pub restarted: Option<Restarted>,
    /// Number of the process, and of the line after the last one.
    pub next: (u64, u64),
    /// True if lines before the first were dropped.
    pub cut: bool,
    /// Lines of its output.
    pub lines: &'a [String],
}

/// A restart of a server that a person or its memory caused.
#[derive(Clone, Copy, Debug)]
pub struct Restarted {
    /// Milliseconds since then.
    pub ago: u64,
    /// Bytes of memory that it used, and the limit, if that was the reason.
    pub memory: Option<(u64, u64)>,
}

/// The dialog of the server of an instance. `None`: the hub does not run it.
pub fn process_dialog(instance: &str, name: &str, process: Option<&Process<'_>>) -> String {
    html! {
        dialog #process aria-labelledby="process-title" data-url={ "/fragment/process/" (encode(instance)) } {
            h2 #process-title { (PreEscaped(t!("Server of {name}", name = words::visible(name)))) }
            @match process {
                None => p { (t("Drovers did not start this server. Its output is where it was started.")) },
                Some(process) => (part(process)),
            }
            div.row {
                @if process.is_some() {
                    button.copies type="button" { (t("Copy the output")) }
                    button.restarts type="button" { (t("Restart the server")) }
                }
                button type="button" data-do="close" { (t("Close")) }
            }
        }
    }
    .into_string()
}

/// The process, and lines that are appended to those before.
pub fn process_part(process: &Process<'_>) -> String {
    part(process).into_string()
}

fn part(process: &Process<'_>) -> Markup {
    let (run, line) = process.next;
    html! {
        div.process data-run=(run) data-line=(line) {
            p.state { (state(process)) }
            @if process.paused {
                p.problem { (t("It ended too often, and is not started by itself for some minutes. Retry now starts it.")) }
            }
            @if let Some(limit) = process.memory_limit.filter(|limit| process.memory.is_some_and(|used| used > *limit)) {
                p.quiet { (t!("It uses more than its limit of {limit}, and is restarted once nothing works there.", limit = words::bytes(limit))) }
            }
            @if let Some(restarted) = process.restarted { p.quiet { (why(&restarted)) } }
            @if process.cut { p.cut { (t("Older lines are not stored.")) } }
            pre tabindex="0" aria-label=(t("Output")) { @for line in process.lines { (PreEscaped(words::visible(line))) "\n" } }
            p.empty hidden[!process.lines.is_empty()] { (t("It printed nothing yet.")) }
        }
    }
}

/// Why it was restarted, and when.
fn why(restarted: &Restarted) -> String {
    let time = words::duration(restarted.ago);
    match restarted.memory {
        Some((used, limit)) => t!(
            "Restarted {time} ago, as it used {used} of memory and its limit is {limit}.",
            time = time,
            used = words::bytes(used),
            limit = words::bytes(limit)
        ),
        None => t!("Restarted {time} ago, as a person asked.", time = time),
    }
}

/// What is known of the process, in one line.
fn state(process: &Process<'_>) -> String {
    let mut facts = Vec::new();
    facts.extend(process.version.map(|version| format!("OpenCode {version}")));
    if process.version.is_some_and(words::is_second) {
        facts.push(t("spoken from its contract (2.1.2)").to_owned());
    }
    match (process.pid, process.end) {
        (Some(pid), _) => facts.push(t!("process {pid}", pid = pid)),
        (None, Some(end)) => facts.push(t!("OpenCode {exit}", exit = sentence(end))),
        (None, None) => facts.push(t("not started").to_owned()),
    }
    facts.extend(
        process
            .up
            .map(|up| t!("up for {time}", time = words::duration(up))),
    );
    facts.extend(
        process
            .memory
            .map(|memory| t!("{size} of memory", size = words::bytes(memory))),
    );
    facts.extend(
        process
            .cpu
            .map(|cpu| t!("{time} of CPU", time = words::duration(cpu))),
    );
    if process.pid.is_some() {
        facts.push(t!("{n} events per second", n = rate(process.events)));
    }
    if process.ends > 0 {
        facts.push(t!(
            "ended by itself {n} time",
            "ended by itself {n} times",
            n = process.ends
        ));
    }
    if process.kept {
        facts.push(t("goes on when the hub ends").to_owned());
    }
    facts.join(" · ")
}

/// A number per second: small ones with a digit behind the point.
fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate < 10.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialog_shows_the_process_and_its_output_as_text() {
        let lines = ["<b>listening</b>".to_owned(), "\u{202e}evil".to_owned()];
        let process = Process {
            pid: Some(4711),
            version: Some("1.18.33"),
            up: Some(312_000),
            memory: Some(210_000_000),
            cpu: Some(3_200),
            events: 12.4,
            ends: 2,
            memory_limit: Some(200_000_000),
            restarted: Some(Restarted {
                ago: 3_600_000,
                memory: Some((450_000_000, 200_000_000)),
            }),
            next: (3, 12),
            cut: true,
            lines: &lines,
            ..Process::default()
        };
        insta::assert_snapshot!(process_dialog("i 1", "shop", Some(&process)));
    }

    #[test]
    fn what_was_not_seen_on_a_real_server_is_said() {
        let said = |version| {
            state(&Process {
                version: Some(version),
                pid: Some(4711),
                events: 0.25,
                ..Process::default()
            })
        };
        assert!(said("2.1.2").contains("OpenCode 2.1.2 · spoken from its contract (2.1.2)"));
        assert!(!said("1.18.33").contains("contract"));
        assert!(said("1.18.33").contains("0.2 events per second"));
    }

    #[test]
    fn a_server_that_ended_or_runs_elsewhere_says_so() {
        let process = Process {
            end: Some("was ended by signal 9"),
            paused: true,
            ends: 5,
            restarted: Some(Restarted {
                ago: 90_000,
                memory: None,
            }),
            ..Process::default()
        };
        insta::assert_snapshot!(process_dialog("i1", "shop", Some(&process)));
        insta::assert_snapshot!(process_dialog("i1", "shop", None));
    }
}

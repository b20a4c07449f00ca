//! Script text to statements. Lenient, as prompts are typed by people: a missing number takes its default.

use std::time::Duration;

use super::{Failure, Fill, FillKind, Statement, tools};
use crate::limits;

const SAYING: [&str; 11] = [
    "echo",
    "reason",
    "say",
    "markdown",
    "surrogate",
    "stall",
    "usage",
    "finish",
    "midfail",
    "error",
    "bash",
];

/// Whether `line` begins with a verb of the language.
pub(super) fn is_statement(line: &str) -> bool {
    let verb = line.split(' ').next().unwrap_or_default();
    SAYING.contains(&verb) || tools::is_tool(verb)
}

/// The steps of a script: a tool call ends one.
pub(super) fn steps(line: &str) -> Vec<Vec<Statement>> {
    let mut steps = Vec::new();
    let mut step = Vec::new();
    for source in split(line) {
        let statement = statement(source);
        let ends = matches!(statement, Statement::Call(_));
        step.push(statement);
        if ends {
            steps.push(std::mem::take(&mut step));
        }
    }
    if !step.is_empty() {
        steps.push(step);
    }
    steps
}

/// Splits at `;;` outside braces.
fn split(source: &str) -> Vec<&str> {
    let bytes = source.as_bytes();
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0_usize, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b';' if depth == 0 && bytes.get(at + 1) == Some(&b';') => {
                parts.push(source[start..at].trim());
                at += 2;
                start = at;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(source[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The contents of the outermost `{…}` groups.
pub(super) fn braces(source: &str) -> Vec<&str> {
    let (mut groups, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'{' => {
                if depth == 0 {
                    start = at + 1;
                }
                depth += 1;
            }
            b'}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    groups.push(source[start..at].trim());
                }
            }
            _ => {}
        }
    }
    groups
}

/// Verb and the trimmed rest.
pub(super) fn verb(source: &str) -> (&str, &str) {
    let (verb, rest) = source.split_once(' ').unwrap_or((source, ""));
    (verb, rest.trim())
}

fn statement(source: &str) -> Statement {
    let (verb, rest) = verb(source);
    match verb {
        "echo" => Statement::Echo(fill(rest)),
        "reason" => Statement::Reason(fill(rest)),
        "say" => Statement::Say(rest.to_owned()),
        "markdown" => Statement::Markdown(rate(rest)),
        "surrogate" => Statement::Surrogate,
        "stall" => Statement::Stall(seconds(rest, 5.0)),
        "usage" => Statement::Usage(rest.parse().unwrap_or(0)),
        "finish" => Statement::Finish(if rest.is_empty() { "stop" } else { rest }.to_owned()),
        "midfail" => Statement::Midfail,
        "error" => Statement::Error(failure(rest)),
        _ if tools::is_tool(verb) => Statement::Call(tools::calls(source)),
        _ => Statement::Say(source.to_owned()),
    }
}

fn fill(rest: &str) -> Fill {
    let first = rest.split(' ').next().unwrap_or_default();
    let kind = if rest.split(' ').any(|word| word == "uni") {
        FillKind::Unicode
    } else if rest.split(' ').any(|word| word == "code") {
        FillKind::Code
    } else if let Some(paragraph) = option(rest, "prose") {
        FillKind::Prose(paragraph.parse().unwrap_or(0))
    } else {
        match option(rest, "big").and_then(|size| size.parse::<usize>().ok()) {
            Some(size) if size > 0 => FillKind::Big(size.min(limits::TOKEN_BYTES)),
            _ => FillKind::Words,
        }
    };
    Fill {
        count: first.parse().unwrap_or(20).min(limits::TOKENS),
        rate: rate(rest),
        chunk: option(rest, "chunk")
            .and_then(|chunk| chunk.parse().ok())
            .unwrap_or(1)
            .max(1),
        kind,
    }
}

fn failure(rest: &str) -> Failure {
    let status = rest
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|status| (400..600).contains(status))
        .unwrap_or(500);
    Failure {
        status,
        times: option(rest, "times").and_then(|times| times.parse().ok()),
        after: option(rest, "after").map(str::to_owned),
        message: option(rest, "msg").map_or_else(
            || format!("scripted error {status}"),
            |text| text.replace('_', " "),
        ),
    }
}

fn rate(rest: &str) -> Option<f64> {
    option(rest, "rate")
        .and_then(|rate| rate.parse().ok())
        .filter(|rate: &f64| rate.is_finite() && *rate >= 0.0)
}

/// A pause in seconds, within the bound.
pub(crate) fn seconds(text: &str, default: f64) -> Duration {
    let seconds = text.trim().parse().unwrap_or(default).max(0.0);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(limits::PAUSE)
        .min(limits::PAUSE)
}

fn option<'a>(rest: &'a str, key: &str) -> Option<&'a str> {
    rest.split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

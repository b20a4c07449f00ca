//! What the API gives about sessions as a whole: comparisons with their servers, what happened since a time, and what they used.

use serde::{Deserialize, Serialize};

/// The process of a server that the hub runs.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Process {
    pub(crate) own: bool,
    pub(crate) pid: Option<u32>,
    pub(crate) version: Option<String>,
    pub(crate) kept: bool,
    pub(crate) started: Option<u64>,
    pub(crate) memory: Option<u64>,
    pub(crate) cpu: Option<u64>,
    pub(crate) ends: u64,
    pub(crate) end: Option<String>,
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) memory_limit: Option<u64>,
    #[serde(default)]
    pub(crate) restarted: Option<serde_json::Value>,
    pub(crate) run: u64,
    pub(crate) first: u64,
    pub(crate) lines: Vec<String>,
}

/// A comparison of a session with its server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Comparison {
    pub(crate) same: bool,
    pub(crate) at: i64,
    pub(crate) messages: usize,
    /// The number of the newest event up to which both are the same, where the server proves that.
    #[serde(default)]
    pub(crate) proven: Option<u64>,
    pub(crate) differences: Vec<Difference>,
}

/// A difference.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Difference {
    pub(crate) words: String,
    pub(crate) message: Option<String>,
    pub(crate) part: Option<String>,
    pub(crate) field: String,
    pub(crate) here: Option<String>,
    pub(crate) server: Option<String>,
}

/// What happened since a time.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SinceReport {
    pub(crate) at: i64,
    pub(crate) now: i64,
    pub(crate) sessions: Vec<SinceSession>,
    pub(crate) left_out: usize,
}

/// What happened in a session.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SinceSession {
    pub(crate) instance: String,
    pub(crate) instance_name: String,
    pub(crate) session: String,
    pub(crate) title: String,
    pub(crate) path: String,
    pub(crate) at: i64,
    pub(crate) ended: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) working: bool,
    pub(crate) asks: Vec<String>,
    pub(crate) answers: Vec<SinceAnswer>,
    pub(crate) changes: Option<ChangedLines>,
}

/// An answer to a request.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SinceAnswer {
    pub(crate) at: i64,
    pub(crate) outcome: String,
    pub(crate) by: Option<String>,
    pub(crate) about: Option<String>,
}

/// Lines that a session changed since then.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ChangedLines {
    pub(crate) additions: u64,
    pub(crate) deletions: u64,
}

/// The usage of sessions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct UsageReport {
    pub(crate) day: String,
    pub(crate) today: Used,
    pub(crate) instances: Vec<InstanceUsage>,
    pub(crate) sessions: Vec<SessionUsage>,
    pub(crate) days: Vec<DayUsage>,
}

/// Cost, tokens and time.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
pub(crate) struct Used {
    pub(crate) cost: f64,
    pub(crate) tokens: u64,
    pub(crate) running_ms: u64,
}

/// What the sessions of an instance used.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct InstanceUsage {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) today: Used,
    pub(crate) total: Used,
}

/// The usage of a session.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SessionUsage {
    pub(crate) instance: String,
    pub(crate) session: String,
    pub(crate) title: String,
    pub(crate) today: Used,
    pub(crate) total: Used,
}

/// The usage of one day.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DayUsage {
    pub(crate) day: String,
    #[serde(flatten)]
    pub(crate) used: Used,
}

/// The answer to a search.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SearchAnswer {
    pub(crate) hits: Vec<SearchHit>,
    pub(crate) more: bool,
    pub(crate) progress: SearchProgress,
}

/// A hit of a search.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SearchHit {
    pub(crate) instance: String,
    pub(crate) instance_name: String,
    pub(crate) session: String,
    pub(crate) title: String,
    pub(crate) message: String,
    pub(crate) path: String,
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) tool: String,
    pub(crate) model: String,
    pub(crate) snippet: Vec<SearchStretch>,
}

/// A stretch of a hit's text.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SearchStretch {
    pub(crate) text: String,
    pub(crate) hit: bool,
}

/// How much is indexed.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SearchProgress {
    pub(crate) indexed: usize,
    pub(crate) waiting: usize,
    pub(crate) changed: usize,
    pub(crate) away: usize,
    pub(crate) left_out: usize,
    pub(crate) problem: Option<String>,
}

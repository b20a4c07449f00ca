//! The audit log: every answer to a permission or question, and who gave it. A grant must be in the
//! audit log before it is sent.
//!
//! An entry names the content of the request by its fingerprint and one short line, never in full.

mod file;
mod memory;

use crate::limits;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use model::ids::{InstanceId, SessionId};
use model::state::Outcome;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use file::{FILE, File, read};
pub use memory::Memory;

/// An entry of the audit log: one step of an answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Time of the entry in milliseconds since 1970, by the hub's clock.
    pub at: i64,
    /// Name of the device or token that answered; or of the hub itself, where the hub refuses a
    /// request of a stopped session.
    pub by: Arc<str>,
    /// The instance.
    pub instance: Arc<str>,
    /// The session that made the request.
    pub session: Arc<str>,
    /// The request's id.
    pub request: Arc<str>,
    /// Summary of the request: one line of at most [`limits::AUDIT_ABOUT_CHARS`] characters.
    pub about: String,
    /// Fingerprint of the content that was answered; absent for a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Arc<str>>,
    /// The answer: `once`, `always`, `rejected` or `answered`.
    pub answer: Arc<str>,
    /// The step that the answer reached.
    pub step: Step,
    /// The reason for a failure, as reported by the hub or the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The step that an answer reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The answer is about to be sent to the server.
    Sending,
    /// The server acknowledged the answer.
    Taken,
    /// The server refused the answer, or could not be reached.
    Failed,
    /// The hub did not send the answer.
    Denied,
}

/// The audit log could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log {path} cannot be used: {reason}")]
pub struct AuditError {
    /// Path of the file.
    pub path: PathBuf,
    /// The error of the operating system.
    pub reason: String,
}

/// Storage of the audit log. [`File`] is used in production; [`Memory`] in tests and simulations.
pub trait Audit: Send + Sync + fmt::Debug {
    /// Appends an entry. The entry is on disk once the future resolves to `Ok`.
    fn add(&self, entry: Entry) -> BoxFuture<'static, Result<(), AuditError>>;

    /// The newest entries, so many at most, oldest first.
    fn newest(&self, limit: usize) -> BoxFuture<'static, Result<Vec<Entry>, AuditError>>;
}

/// The fields of an entry that are the same for every step.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) by: Arc<str>,
    pub(super) instance: InstanceId,
    pub(super) session: SessionId,
    pub(super) request: Arc<str>,
    pub(super) about: String,
    pub(super) fingerprint: Option<Arc<str>>,
    pub(super) outcome: Outcome,
}

impl Subject {
    pub(super) fn entry(&self, at: Timestamp, step: Step, reason: Option<String>) -> Entry {
        let answer = match self.outcome {
            Outcome::Once => "once",
            Outcome::Always => "always",
            Outcome::Rejected => "rejected",
            Outcome::Answered => "answered",
            Outcome::ExpiredRequest | Outcome::Unknown => "unknown",
        };
        Entry {
            at: at.0,
            by: self.by.clone(),
            instance: self.instance.as_str().into(),
            session: self.session.as_str().into(),
            request: self.request.clone(),
            about: self.about.clone(),
            fingerprint: self.fingerprint.clone(),
            answer: answer.into(),
            step,
            reason,
        }
    }
}

/// Truncates a text to one line of at most [`limits::AUDIT_ABOUT_CHARS`] characters.
pub(super) fn short(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = flat.chars();
    let mut short: String = letters.by_ref().take(limits::AUDIT_ABOUT_CHARS).collect();
    if letters.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

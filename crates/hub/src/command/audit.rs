//! Who allowed and refused what: an audit log that a grant has to be in before it is sent.
//!
//! It holds what an answer was about by the fingerprint of the content and in one short line, never the whole of it.

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

/// One line of the audit log: an answer to a request, at one step of its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds since 1970 by the hub's clock.
    pub at: i64,
    /// Which device or token, as the door names it; or the hub itself, where it refuses what a stopped session asks.
    pub by: Arc<str>,
    /// The instance.
    pub instance: Arc<str>,
    /// The session that asks.
    pub session: Arc<str>,
    /// The request's id.
    pub request: Arc<str>,
    /// What is asked, in one line of at most [`limits::AUDIT_ABOUT_CHARS`] characters.
    pub about: String,
    /// Names the content that was answered; absent for a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Arc<str>>,
    /// The answer: `once`, `always`, `rejected` or `answered`.
    pub answer: Arc<str>,
    /// How far it came.
    pub step: Step,
    /// Why it was not taken, in the words of the hub or the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is about to be sent to the server.
    Sending,
    /// The server took it.
    Taken,
    /// The server refused it, or could not be asked.
    Failed,
    /// The hub did not send it.
    Denied,
}

/// Why an entry could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log {path} cannot be written: {reason}")]
pub struct AuditError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

/// Keeps the audit log. [`File`] is the real one; [`Memory`] is for tests and simulations.
pub trait Audit: Send + Sync + fmt::Debug {
    /// Adds an entry, which is on the disk once this ends well.
    fn add(&self, entry: Entry) -> BoxFuture<'static, Result<(), AuditError>>;
}

/// What an entry says before its step.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) by: Arc<str>,
    pub(super) instance: InstanceId,
    pub(super) session: SessionId,
    pub(super) request: Arc<str>,
    pub(super) about: String,
    pub(super) fingerprint: Option<Arc<str>>,
    pub(super) outcome: Outcome,
}

impl About {
    pub(super) fn entry(&self, at: Timestamp, step: Step, reason: Option<String>) -> Entry {
        let answer = match self.outcome {
            Outcome::Once => "once",
            Outcome::Always => "always",
            Outcome::Rejected => "rejected",
            Outcome::Answered => "answered",
            Outcome::Lapsed | Outcome::Unknown => "unknown",
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

/// One line of at most [`limits::AUDIT_ABOUT_CHARS`] characters.
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

//! Failures of runs.

use std::sync::Arc;

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Someone stopped it.
    Aborted,
    /// Anything else.
    Failed,
}

/// The failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind of the failure.
    pub kind: ErrorKind,
    /// OpenCode's name for it.
    pub name: Arc<str>,
    /// Message for a person.
    pub message: Arc<str>,
}

impl Failure {
    /// A failure that is no abort.
    pub fn failed(name: impl Into<Arc<str>>, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind: ErrorKind::Failed,
            name: name.into(),
            message: message.into(),
        }
    }
}

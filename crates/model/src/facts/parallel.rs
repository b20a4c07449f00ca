//! Parallel runs: one prompt that several sessions of an instance run side by side.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ModelRef;
use crate::ids::{ParallelId, SessionId};
use crate::time::Timestamp;

/// A parallel run: the sessions that were given the same prompt. It holds no text of the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// Id of the parallel run.
    pub id: ParallelId,
    /// When it was started, by the hub's clock.
    pub at: Timestamp,
    /// Its runs, in the order in which the person named them.
    pub runs: Vec<ParallelRun>,
    /// The session that a person kept; the others were archived then.
    #[serde(default)]
    pub kept: Option<SessionId>,
}

/// One run of a parallel run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParallelRun {
    /// The agent that it uses; the server's default if absent.
    #[serde(default)]
    pub agent: Option<Arc<str>>,
    /// The model that it uses; the server's default if absent.
    #[serde(default)]
    pub model: Option<ModelRef>,
    /// Its session, once that was created.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Reason why the run did not start, for a person.
    #[serde(default)]
    pub problem: Option<Arc<str>>,
}

impl Parallel {
    /// The sessions of its runs.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.runs.iter().filter_map(|run| run.session.as_ref())
    }

    /// True if one of its runs has this session.
    pub fn has(&self, session: &SessionId) -> bool {
        self.sessions().any(|known| known == session)
    }
}

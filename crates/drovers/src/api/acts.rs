//! What the API takes and gives for acts on sessions, and for questions.

use serde::{Deserialize, Serialize};

use super::shapes::{ModelChoice, Problem, Prompt};

/// A change of a session.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SessionChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<ChangedTime>,
}

#[derive(Debug, Serialize)]
struct ChangedTime {
    archived: u64,
}

impl SessionChange {
    /// Another title.
    pub(crate) fn title(title: &str) -> Self {
        Self {
            title: Some(title.to_owned()),
            time: None,
        }
    }

    /// Archived at a time, in Unix milliseconds; not archived any more for 0.
    pub(crate) fn archived(archived: u64) -> Self {
        Self {
            title: None,
            time: Some(ChangedTime { archived }),
        }
    }
}

/// A parallel run to be started.
#[derive(Debug, Serialize)]
pub(crate) struct ParallelStart {
    pub(crate) prompt: Prompt,
    pub(crate) runs: Vec<ParallelChoice>,
}

/// The model and agent of a run.
#[derive(Debug, Serialize)]
pub(crate) struct ParallelChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<ModelChoice>,
}

/// A parallel run.
#[derive(Debug, Deserialize)]
pub(crate) struct Parallel {
    pub(crate) id: String,
    pub(crate) runs: Vec<ParallelRun>,
}

/// A run of a parallel run.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(crate) struct ParallelRun {
    pub(crate) agent: Option<String>,
    pub(crate) model: Option<ModelChoice>,
    pub(crate) session: Option<String>,
    pub(crate) problem: Option<String>,
}

/// What a prompt can be sent with, as far as the command line needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct Choices {
    pub(crate) agents: Vec<AgentChoice>,
}

/// An agent.
#[derive(Debug, Deserialize)]
pub(crate) struct AgentChoice {
    pub(crate) name: String,
}

/// The range of messages that a fork copies.
#[derive(Debug, Serialize)]
pub(crate) struct Fork {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<String>,
}

/// What became of the sessions that ran when everything was stopped.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct StopOutcomes {
    pub(crate) stopped: Vec<StoppedSession>,
    pub(crate) failed: Vec<NotStopped>,
}

/// A session that stopped.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct StoppedSession {
    pub(crate) instance: String,
    pub(crate) session: String,
    pub(crate) title: String,
}

/// A session that may still run.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NotStopped {
    #[serde(flatten)]
    pub(crate) of: StoppedSession,
    pub(crate) problem: Problem,
}

/// What an agent asks: one question or more.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AskedQuestion {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) questions: Vec<OneQuestion>,
}

/// One question of a request.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct OneQuestion {
    #[serde(default)]
    pub(crate) question: String,
    #[serde(default)]
    pub(crate) options: Vec<QuestionOption>,
    /// True if more than one option may be chosen.
    #[serde(default)]
    pub(crate) multiple: bool,
    /// False if only the options answer it.
    #[serde(default)]
    pub(crate) custom: Option<bool>,
    /// True if the request can be answered without an answer to this question.
    #[serde(default)]
    pub(crate) optional: bool,
    /// Conditions on earlier questions.
    #[serde(default)]
    pub(crate) when: Vec<OneCondition>,
    /// Address of a page to open: there is nothing to answer.
    #[serde(default)]
    pub(crate) link: Option<String>,
}

/// A condition on the answer to an earlier question.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OneCondition {
    /// Place of the earlier question, if it is asked at all.
    pub(crate) question: Option<usize>,
    /// True if the answers have to be these, false if they must not be.
    pub(crate) equal: bool,
    /// Answers to compare with.
    pub(crate) answers: Vec<String>,
}

/// An answer on offer.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct QuestionOption {
    #[serde(default)]
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) description: String,
}

/// What a person answers to a request's questions.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum QuestionAnswer {
    /// The chosen labels or free texts, for each question.
    Answers { answers: Vec<Vec<String>> },
    /// No answer.
    Reject { reject: bool },
}

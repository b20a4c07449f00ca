//! Parts of messages.

mod body;
mod file;

use serde::Deserialize;

pub use file::FileInfo;

use super::{ErrorInfo, FromRaw, Millis, Tokens};
use crate::json::Raw;

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct PartInfo {
    /// `prt_…`
    pub id: String,
    /// Id of the message.
    pub message_id: String,
    /// Id of the session.
    pub session_id: String,
    /// The kind and its content.
    pub kind: PartKind,
    /// The JSON of the object.
    pub raw: Raw,
}

/// The kind of a part, with its content.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Text of the person or the model. While it streams, only deltas carry its text.
    Text {
        /// The text, empty while it streams.
        text: String,
        /// Written by OpenCode, not by the person.
        synthetic: bool,
        /// Not sent to the model.
        ignored: bool,
        /// Time of the start.
        start: Option<Millis>,
        /// Time of the end; absent while it streams.
        end: Option<Millis>,
    },
    /// The model's reasoning. While it streams, only deltas carry its text.
    Reasoning {
        /// The text, empty while it streams.
        text: String,
        /// Time of the start.
        start: Option<Millis>,
        /// Time of the end; absent while it streams.
        end: Option<Millis>,
    },
    /// A tool call.
    Tool {
        /// The provider's id of the call.
        call_id: String,
        /// Name of the tool.
        tool: String,
        /// State of the call.
        state: ToolState,
    },
    /// The start of a model step.
    StepStart {
        /// Hash of the file snapshot before the step.
        snapshot: Option<String>,
    },
    /// The end of a model step.
    StepFinish {
        /// The reason of the end: `stop`, `tool-calls`, …
        reason: Option<String>,
        /// Cost in US dollars.
        cost: f64,
        /// Token counts.
        tokens: Tokens,
    },
    /// A file attached to the message.
    File(FileInfo),
    /// An agent mentioned in the message.
    Agent {
        /// Name of the agent.
        name: String,
    },
    /// A task that a command delegates to an agent.
    Subtask {
        /// The prompt for the agent.
        prompt: String,
        /// Description of the task.
        description: String,
        /// Name of the agent.
        agent: String,
        /// The command that created it.
        command: Option<String>,
    },
    /// A compaction of the previous history.
    Compaction {
        /// True if OpenCode compacted because the context was full.
        auto: bool,
    },
    /// The files changed by a step.
    Patch {
        /// Hash of the snapshot before the step.
        hash: String,
        /// Paths of the files.
        files: Vec<String>,
    },
    /// A file snapshot.
    Snapshot {
        /// Hash of the snapshot.
        snapshot: String,
    },
    /// A failed attempt that will be retried.
    Retry {
        /// Number of the attempt.
        attempt: u64,
        /// The reason of the failure.
        error: Option<ErrorInfo>,
    },
    /// A part type unknown to this version.
    Other {
        /// Name of the type.
        kind: String,
    },
}

/// The state of a tool call.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolState {
    /// The model is still generating the input.
    Pending {
        /// The input so far.
        input: Option<Raw>,
    },
    /// The call is running.
    Running {
        /// The input, an object.
        input: Option<Raw>,
        /// Description of the current action.
        title: Option<String>,
        /// Data of the tool; `output` in it grows.
        metadata: Option<Raw>,
        /// Time of the start.
        start: Option<Millis>,
    },
    /// The call succeeded.
    Completed {
        /// The input, an object.
        input: Option<Raw>,
        /// Description of the completed action.
        title: Option<String>,
        /// The output for the model; JSON if it is not a text.
        output: String,
        /// Files returned with the output.
        files: Vec<FileInfo>,
        /// Data of the tool.
        metadata: Option<Raw>,
        /// Time of the start.
        start: Option<Millis>,
        /// Time of the end.
        end: Option<Millis>,
    },
    /// The call failed, or was rejected or aborted.
    Error {
        /// The input, an object.
        input: Option<Raw>,
        /// The error.
        error: String,
        /// Data of the tool.
        metadata: Option<Raw>,
        /// Time of the start.
        start: Option<Millis>,
        /// Time of the end.
        end: Option<Millis>,
    },
}

impl ToolState {
    /// The input of the call, an object.
    #[must_use]
    pub fn input(&self) -> Option<&Raw> {
        match self {
            Self::Pending { input } | Self::Running { input, .. } => input.as_ref(),
            Self::Completed { input, .. } | Self::Error { input, .. } => input.as_ref(),
        }
    }

    /// The data of the tool about the call, an object.
    #[must_use]
    pub fn metadata(&self) -> Option<&Raw> {
        match self {
            Self::Pending { .. } => None,
            Self::Running { metadata, .. } => metadata.as_ref(),
            Self::Completed { metadata, .. } | Self::Error { metadata, .. } => metadata.as_ref(),
        }
    }

    /// The session in which a `task` call runs its subagent.
    #[must_use]
    pub fn child_session_id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(rename = "sessionId")]
            session_id: Option<String>,
        }
        let metadata: Metadata = serde_json::from_str(self.metadata()?.get()).ok()?;
        metadata.session_id
    }
}

#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "messageID")]
    message_id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "type")]
    kind: String,
}

impl PartInfo {
    /// Decodes a part again from its JSON.
    ///
    /// # Errors The JSON is not a part.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        Raw::parse(json).and_then(Self::from_raw)
    }
}

impl FromRaw for PartInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let Head {
            id,
            message_id,
            session_id,
            kind,
        } = serde_json::from_str(raw.get())?;
        let kind = body::decode(kind, raw.get())?;
        Ok(Self {
            id,
            message_id,
            session_id,
            kind,
            raw,
        })
    }
}

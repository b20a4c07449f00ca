//! Parts: the pieces of a message.

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
    /// The message it belongs to.
    pub message_id: String,
    /// The session it belongs to.
    pub session_id: String,
    /// What it is.
    pub kind: PartKind,
    /// The object itself.
    pub raw: Raw,
}

/// What a part is.
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
        /// When it was begun.
        start: Option<Millis>,
        /// When it was closed; absent while it streams.
        end: Option<Millis>,
    },
    /// The model's reasoning. While it streams, only deltas carry its text.
    Reasoning {
        /// The text, empty while it streams.
        text: String,
        /// When it was begun.
        start: Option<Millis>,
        /// When it was closed; absent while it streams.
        end: Option<Millis>,
    },
    /// A tool call.
    Tool {
        /// The provider's id of the call.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// How far it is.
        state: ToolState,
    },
    /// A step of the model begins.
    StepStart {
        /// The file snapshot before it.
        snapshot: Option<String>,
    },
    /// A step of the model ends.
    StepFinish {
        /// Why: `stop`, `tool-calls`, …
        reason: Option<String>,
        /// US dollars.
        cost: f64,
        /// Tokens.
        tokens: Tokens,
    },
    /// A file given with the message.
    File(FileInfo),
    /// An agent named in the message.
    Agent {
        /// Its name.
        name: String,
    },
    /// Work that a command hands to an agent.
    Subtask {
        /// What it is told.
        prompt: String,
        /// What it is for.
        description: String,
        /// Who does it.
        agent: String,
        /// The command that asked for it.
        command: Option<String>,
    },
    /// The history before is compacted.
    Compaction {
        /// By OpenCode on its own, since the context was full.
        auto: bool,
    },
    /// Files changed by a step.
    Patch {
        /// Of the snapshot before.
        hash: String,
        /// Their paths.
        files: Vec<String>,
    },
    /// A file snapshot.
    Snapshot {
        /// Its hash.
        snapshot: String,
    },
    /// A failed attempt that is tried again.
    Retry {
        /// Which attempt.
        attempt: u64,
        /// Why it failed.
        error: Option<ErrorInfo>,
    },
    /// A type this version does not know.
    Other {
        /// Its name.
        kind: String,
    },
}

/// How far a tool call is.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolState {
    /// The model is still writing its input.
    Pending {
        /// The input so far.
        input: Option<Raw>,
    },
    /// It runs.
    Running {
        /// Its input, an object.
        input: Option<Raw>,
        /// What it is doing.
        title: Option<String>,
        /// Whatever the tool tells; `output` in it grows.
        metadata: Option<Raw>,
        /// When it was started.
        start: Option<Millis>,
    },
    /// It ended well.
    Completed {
        /// Its input, an object.
        input: Option<Raw>,
        /// What it did.
        title: Option<String>,
        /// What it gives back to the model; of anything but a text its JSON.
        output: String,
        /// Files that it gives back beside it.
        files: Vec<FileInfo>,
        /// Whatever the tool tells.
        metadata: Option<Raw>,
        /// When it was started.
        start: Option<Millis>,
        /// When it ended.
        end: Option<Millis>,
    },
    /// It failed, was rejected or aborted.
    Error {
        /// Its input, an object.
        input: Option<Raw>,
        /// Why.
        error: String,
        /// Whatever the tool tells.
        metadata: Option<Raw>,
        /// When it was started.
        start: Option<Millis>,
        /// When it ended.
        end: Option<Millis>,
    },
}

impl ToolState {
    /// The call's input, an object.
    #[must_use]
    pub fn input(&self) -> Option<&Raw> {
        match self {
            Self::Pending { input } | Self::Running { input, .. } => input.as_ref(),
            Self::Completed { input, .. } | Self::Error { input, .. } => input.as_ref(),
        }
    }

    /// Whatever the tool tells about itself, an object.
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
    /// Reads a part again from the object that it came as.
    ///
    /// # Errors
    /// When that is not a part.
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

//! What an agent asks of a person, and what it plans.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FromRaw;
use crate::json::{Raw, lenient, null_default};

/// A tool call waits for leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRequest {
    /// `per_…`
    pub id: String,
    /// The session whose tool waits, the child's when a subagent asks.
    pub session_id: String,
    /// What for: `bash`, `edit`, `webfetch`, …
    pub permission: String,
    /// The very commands, paths or addresses.
    pub patterns: Vec<String>,
    /// The patterns that an answer of *always* would allow.
    pub always: Vec<String>,
    /// Whatever the tool tells, such as a diff.
    pub metadata: Option<Raw>,
    /// The call that waits.
    pub tool: Option<ToolRef>,
    /// The object itself.
    pub raw: Raw,
}

/// A tool call by its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ToolRef {
    /// The message that holds it.
    #[serde(rename = "messageID")]
    pub message_id: String,
    /// The provider's id of the call.
    #[serde(rename = "callID")]
    pub call_id: String,
}

/// A person's answer to a [`PermissionRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionReply {
    /// This call only.
    Once,
    /// This call, and those its `always` patterns match until the server ends.
    Always,
    /// Not this call.
    Reject,
}

impl fmt::Display for PermissionReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once => "once",
            Self::Always => "always",
            Self::Reject => "reject",
        })
    }
}

/// An agent waits for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionRequest {
    /// `que_…`
    pub id: String,
    /// The session that waits.
    pub session_id: String,
    /// The questions, each to be answered.
    pub questions: Vec<QuestionInfo>,
    /// The call that waits.
    pub tool: Option<ToolRef>,
    /// The object itself.
    pub raw: Raw,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuestionInfo {
    /// The question.
    #[serde(default, deserialize_with = "null_default")]
    pub question: String,
    /// A short name for it.
    #[serde(default, deserialize_with = "lenient")]
    pub header: String,
    /// What may be chosen.
    #[serde(default, deserialize_with = "null_default")]
    pub options: Vec<QuestionOption>,
    /// Whether several may be chosen.
    #[serde(default, deserialize_with = "lenient")]
    pub multiple: bool,
    /// Whether free text is allowed; OpenCode allows it when absent.
    #[serde(default, deserialize_with = "lenient")]
    pub custom: Option<bool>,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuestionOption {
    /// The answer given when it is chosen.
    pub label: String,
    /// What it means.
    #[serde(default, deserialize_with = "lenient")]
    pub description: String,
}

/// The plan of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoList {
    /// Its items, in order.
    pub todos: Vec<Todo>,
    /// The list itself.
    pub raw: Raw,
}

/// One item of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Todo {
    /// What is to be done.
    #[serde(default, deserialize_with = "null_default")]
    pub content: String,
    /// `pending`, `in_progress`, `completed`, `cancelled`; the model writes it, so it may be anything.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// `high`, `medium`, `low`; the model writes it, so it may be anything.
    #[serde(default, deserialize_with = "lenient")]
    pub priority: String,
}

#[derive(Deserialize)]
struct PermissionWire {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(default, deserialize_with = "null_default")]
    permission: String,
    #[serde(default, deserialize_with = "null_default")]
    patterns: Vec<String>,
    #[serde(default, deserialize_with = "null_default")]
    always: Vec<String>,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    tool: Option<ToolRef>,
}

#[derive(Deserialize)]
struct QuestionWire {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(default, deserialize_with = "null_default")]
    questions: Vec<QuestionInfo>,
    #[serde(default, deserialize_with = "lenient")]
    tool: Option<ToolRef>,
}

impl FromRaw for PermissionRequest {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: PermissionWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            session_id: wire.session_id,
            permission: wire.permission,
            patterns: wire.patterns,
            always: wire.always,
            metadata: wire.metadata,
            tool: wire.tool,
            raw,
        })
    }
}

impl FromRaw for QuestionRequest {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: QuestionWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            session_id: wire.session_id,
            questions: wire.questions,
            tool: wire.tool,
            raw,
        })
    }
}

impl FromRaw for TodoList {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        Ok(Self {
            todos: serde_json::from_str(raw.get())?,
            raw,
        })
    }
}

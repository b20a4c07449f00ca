//! Permissions, questions and to-do lists of agents.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FromRaw;
use crate::json::{Raw, lenient, null_default};

/// A tool call that needs permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRequest {
    /// `per_…`
    pub id: String,
    /// The session of the tool call; the child session for a subagent.
    pub session_id: String,
    /// The kind of permission: `bash`, `edit`, `webfetch`, …
    pub permission: String,
    /// The exact commands, paths or addresses.
    pub patterns: Vec<String>,
    /// The patterns that an answer of *always* would allow.
    pub always: Vec<String>,
    /// Data of the tool, such as a diff.
    pub metadata: Option<Raw>,
    /// The tool call.
    pub tool: Option<ToolRef>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// A reference to a tool call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ToolRef {
    /// Id of its message.
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
    /// Allow this call only.
    Once,
    /// Allow this call, and those that its `always` patterns match until the server ends.
    Always,
    /// Reject this call.
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

/// An agent's request for answers to questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionRequest {
    /// `que_…`
    pub id: String,
    /// Id of the session.
    pub session_id: String,
    /// The questions, all of which need an answer.
    pub questions: Vec<QuestionInfo>,
    /// The tool call.
    pub tool: Option<ToolRef>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuestionInfo {
    /// Text of the question.
    #[serde(default, deserialize_with = "null_default")]
    pub question: String,
    /// A short title.
    #[serde(default, deserialize_with = "lenient")]
    pub header: String,
    /// The choices.
    #[serde(default, deserialize_with = "null_default")]
    pub options: Vec<QuestionOption>,
    /// True if several choices may be selected.
    #[serde(default, deserialize_with = "lenient")]
    pub multiple: bool,
    /// Whether free text is allowed; OpenCode allows it when absent.
    #[serde(default, deserialize_with = "lenient")]
    pub custom: Option<bool>,
}

/// A choice of a question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuestionOption {
    /// The label, which is also the answer.
    pub label: String,
    /// Explanation of the choice.
    #[serde(default, deserialize_with = "lenient")]
    pub description: String,
}

/// The to-do list of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoList {
    /// The items, in order.
    pub todos: Vec<Todo>,
    /// The JSON of the list.
    pub raw: Raw,
}

/// An item of a to-do list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Todo {
    /// Text of the item.
    #[serde(default, deserialize_with = "null_default")]
    pub content: String,
    /// `pending`, `in_progress`, `completed`, `cancelled`; free text of the model, so any value is possible.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// `high`, `medium`, `low`; free text of the model, so any value is possible.
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

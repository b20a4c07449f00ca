//! What servers tell of: sessions, messages, parts, requests and links, as values that say nothing of how they are kept.

mod answered;
mod content;
mod info;
mod link;

use std::sync::Arc;

use serde::Serialize;

use crate::ids::MessageId;
use crate::time::Timestamp;

pub use answered::{Answered, AnsweredLately, Lapsed, Outcome, Request};
pub use content::{Content, Hidden, Piece};
pub use info::{
    AgentInfo, Catalog, ErrorKind, Failure, File, MessageInfo, ModelInfo, ModelRef, Part, PartKind,
    Permission, PermissionRequest, Picture, Question, QuestionItem, QuestionOption, Role,
    RunStatus, SessionInfo, Todo, TodoState, Todos, Tokens, Tool, ToolCall, ToolEnd, ToolState,
};
pub use link::{Link, LinkStatus, Reason, ReasonKind};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A folder in which the hub runs a server of its own.
    Folder(Arc<str>),
    /// A server that runs elsewhere.
    Url(Arc<str>),
}

/// Whether a person stopped a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// As its parent.
    #[default]
    Inherited,
    /// A person stopped it: what it and those below it ask is refused.
    Stopped {
        /// When the session had last changed then, by its server's clock.
        after: Timestamp,
        /// A message of a user that came after that; a prompt, if its text is a person's.
        prompt: Option<MessageId>,
    },
    /// A person gave it a prompt after it, or one above it, was stopped.
    Released,
}

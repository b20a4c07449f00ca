//! Facts that servers report: sessions, messages, parts, requests and links, as values independent of their storage.

mod answered;
mod asking;
mod capability;
mod change;
mod clash;
mod content;
pub mod described;
mod failure;
mod info;
mod label;
mod link;
mod parallel;
mod prompts;
mod proof;
mod usage;

use std::sync::Arc;

use serde::Serialize;

use crate::ids::MessageId;
use crate::time::Timestamp;

pub use answered::{Answered, AnsweredLately, ExpiredRequest, Outcome, Request};
pub use asking::{
    AskedWhen, Permission, PermissionRequest, Question, QuestionItem, QuestionOption, Takes,
    TextFormat, ToolCall,
};
pub use capability::{Capabilities, Capability, Incapable, ServerKind};
pub use change::{OrderKey, Place, SessionChange};
pub use clash::{Clash, ClashKind};
pub use content::{Content, Piece, Unshowable};
pub use failure::{ErrorKind, Failure};
pub use info::{
    AgentInfo, Catalog, Changes, File, MessageInfo, ModelInfo, ModelRef, Part, PartKind, Picture,
    Role, RunStatus, SessionInfo, Todo, TodoState, Todos, Tokens, Tool, ToolEnd, ToolState,
    UNTITLED,
};
pub use label::{Colour, Label};
pub use link::{Copying, Link, LinkStatus, Reason, ReasonKind};
pub use parallel::{Parallel, ParallelRun};
pub use prompts::{PromptQueue, QueueHold, WaitingPrompt};
pub use proof::{Proof, Sameness, Watermark};
pub use usage::{Measure, OverLimit, Usage};

/// Address or folder of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A folder in which the hub runs a server of its own.
    Folder(Arc<str>),
    /// A server that runs elsewhere.
    Url(Arc<str>),
    /// The background service of OpenCode 2 of the hub's user: the path of its registration.
    Service(Arc<str>),
}

/// Whether a person stopped a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// As its parent.
    #[default]
    Inherited,
    /// A person stopped it: what it and those below it ask is refused.
    Stopped {
        /// When the session, or its newest known message, had last changed then, by the server's clock.
        after: Timestamp,
        /// A message of a user that came after that; a prompt, if its text is a person's.
        prompt: Option<MessageId>,
    },
    /// A person gave it a prompt after it, or one above it, was stopped.
    Released,
}

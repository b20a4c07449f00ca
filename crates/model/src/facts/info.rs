//! Objects that a server reports: typed where Drovers reads them, verbatim where it passes them on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::change::Place;
use super::failure::Failure;
use crate::ids::{MessageId, PartId, SessionId};
use crate::json::Json;
use crate::time::Timestamp;

/// The title of a session that has none.
pub const UNTITLED: &str = "Untitled";

/// A model by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// Id of the provider.
    #[serde(rename = "providerID")]
    pub provider: Arc<str>,
    /// The provider's id of the model.
    #[serde(rename = "modelID")]
    pub model: Arc<str>,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Read, not from a cache.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Thought.
    pub reasoning: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache.
    pub cache_write: u64,
}

impl Tokens {
    /// Everything that filled the context.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.reasoning + self.cache_read + self.cache_write
    }
}

/// Changes of a session to files, as its server counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Files touched.
    pub files: u64,
}

/// A session as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInfo {
    /// Id of the session.
    pub id: SessionId,
    /// The session that started it.
    pub parent: Option<SessionId>,
    /// Empty where the server gave none; see [`SessionInfo::title`].
    pub title: Arc<str>,
    /// The folder it works in.
    pub directory: Arc<str>,
    /// The agent it last used.
    pub agent: Option<Arc<str>>,
    /// The model it last used.
    pub model: Option<ModelRef>,
    /// Time of creation.
    pub created: Timestamp,
    /// Time of the last change.
    pub updated: Timestamp,
    /// Time of archiving.
    pub archived: Option<Timestamp>,
    /// Messages from this one on are taken back.
    pub reverted_from: Option<MessageId>,
    /// Lines and files that it changed; absent where its server counts none.
    pub changes: Option<Changes>,
    /// US dollars.
    pub cost: f64,
    /// Tokens of all its runs.
    pub tokens: Tokens,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

impl SessionInfo {
    /// A session of which nothing but its id is known, since `at`.
    pub fn bare(id: SessionId, at: Timestamp) -> Self {
        Self {
            raw: Json::of(&serde_json::json!({ "id": id })),
            id,
            parent: None,
            title: "".into(),
            directory: "".into(),
            agent: None,
            model: None,
            created: at,
            updated: at,
            archived: None,
            reverted_from: None,
            changes: None,
            cost: 0.0,
            tokens: Tokens::default(),
        }
    }

    /// The title, "Untitled" where there is none.
    pub fn title(&self) -> &str {
        if self.title.trim().is_empty() {
            UNTITLED
        } else {
            &self.title
        }
    }
}

/// Run status of a session as the server reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing.
    Idle,
    /// Running, and not waiting to ask the model again.
    Busy,
    /// Running; the server does not say whether the session waits to ask the model again.
    Running,
    /// Waiting to ask the model again.
    Retry {
        /// Number of attempts so far.
        attempt: u32,
        /// Message of the model's provider.
        message: Arc<str>,
        /// Time of the next attempt.
        next: Timestamp,
    },
}

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, or a parent session.
    User,
    /// The model.
    Assistant,
    /// Nobody: an entry of the server between the two, such as changed instructions.
    Note,
}

/// A message as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageInfo {
    /// Id of the message.
    pub id: MessageId,
    /// Session of the message.
    pub session: SessionId,
    /// Author of the message.
    pub role: Role,
    /// The user message it answers.
    pub parent: Option<MessageId>,
    /// Time of creation.
    pub created: Timestamp,
    /// Its place among the messages of the same time, where its server's ids say nothing of it.
    pub tie: u32,
    /// Time of its end.
    pub completed: Option<Timestamp>,
    /// Failure of the message, if it failed.
    pub failure: Option<Failure>,
    /// Reason for which the model stopped, as its provider reports it.
    pub finish: Option<Arc<str>>,
    /// True for the summary that a compaction wrote.
    pub summary: bool,
    /// True for a prompt that waits to be taken into the run that is under way, not for its end.
    pub steers: bool,
    /// The agent.
    pub agent: Option<Arc<str>>,
    /// The model.
    pub model: Option<ModelRef>,
    /// US dollars.
    pub cost: f64,
    /// Tokens of this message.
    pub tokens: Tokens,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

impl MessageInfo {
    /// A message of which nothing but its place and its author is known, since `at`.
    pub fn bare(id: MessageId, session: SessionId, role: Role, at: Timestamp) -> Self {
        Self {
            raw: Json::of(&serde_json::json!({ "id": id, "sessionID": session, "role": role })),
            id,
            session,
            role,
            parent: None,
            created: at,
            tie: 0,
            completed: None,
            failure: None,
            finish: None,
            summary: false,
            steers: false,
            agent: None,
            model: None,
            cost: 0.0,
            tokens: Tokens::default(),
        }
    }
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Id of the part.
    pub id: PartId,
    /// Message of the part.
    pub message: MessageId,
    /// Session of the part.
    pub session: SessionId,
    /// Its place among the parts of its message.
    pub place: Place,
    /// Kind and content of the part.
    pub kind: PartKind,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

/// Kind and content of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Prose.
    Text {
        /// The text of the last full update; see [`crate::state::Session::open`] for what streams.
        text: Arc<str>,
        /// Written by the program, not by a person or model.
        synthetic: bool,
        /// Not sent to the model.
        ignored: bool,
        /// True once nothing more will come.
        ended: bool,
    },
    /// A model's thoughts.
    Reasoning {
        /// The text of the last full update.
        text: Arc<str>,
        /// Time of its start.
        started: Option<Timestamp>,
        /// Time of its end.
        ended: Option<Timestamp>,
    },
    /// A tool call.
    Tool(Tool),
    /// A model step began.
    StepStart,
    /// A model step ended.
    StepFinish {
        /// US dollars.
        cost: f64,
        /// Tokens of the step.
        tokens: Tokens,
    },
    /// A file that was attached.
    File(File),
    /// An agent that was named.
    Agent {
        /// Name of the agent.
        name: Arc<str>,
    },
    /// Work handed to a subagent by a command.
    Subtask {
        /// Description of the work.
        description: Arc<str>,
        /// Name of the agent.
        agent: Arc<str>,
    },
    /// Files that a step changed.
    Patch {
        /// Their paths.
        files: Vec<Arc<str>>,
    },
    /// Summarizing the conversation.
    Compaction {
        /// True if it was not asked for.
        auto: bool,
    },
    /// The model is asked again.
    Retry {
        /// Number of the attempt.
        attempt: u32,
        /// Message of the server.
        message: Arc<str>,
    },
    /// Something this build does not know, by type.
    Other(Arc<str>),
}

impl PartKind {
    /// True for text that may still grow.
    pub fn is_open_text(&self) -> bool {
        match self {
            Self::Text { ended, .. } => !ended,
            Self::Reasoning { ended, .. } => ended.is_none(),
            _ => false,
        }
    }

    /// The text that the server itself holds, for text and reasoning.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } | Self::Reasoning { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// A file that was attached to a message, or that a tool gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Name of the file; empty if it has none.
    pub name: Arc<str>,
    /// MIME type of the file as the server reports it.
    pub mime: Arc<str>,
    /// Bytes of its content, where that is here.
    pub bytes: Option<u64>,
    /// Dimensions of the content, if it is an image that can be shown.
    pub picture: Option<Picture>,
}

/// A picture, as its own first bytes have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The tool's name.
    pub name: Arc<str>,
    /// The model's id of the call.
    pub call: Arc<str>,
    /// State of the call.
    pub state: ToolState,
    /// Input of the call.
    pub input: Json,
    /// A short description, once known.
    pub title: Option<Arc<str>>,
    /// Unified diff of what the call changed, where its server computes one that is not too long.
    pub diff: Option<Arc<str>>,
    /// Files that it gave back.
    pub files: Vec<File>,
    /// The session that a `task` started.
    pub child: Option<SessionId>,
    /// Outcome of the call, where it adds to the state.
    pub end: Option<ToolEnd>,
    /// Time of its start.
    pub started: Option<Timestamp>,
    /// Time of its end.
    pub ended: Option<Timestamp>,
}

/// Outcome of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEnd {
    /// The command ended with this exit code.
    Exit(i64),
    /// The command timed out.
    TimedOut,
    /// The call was stopped with the run.
    Stopped,
    /// A person rejected the call, optionally with a reason.
    Rejected(Option<Arc<str>>),
}

/// State of a tool call.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolState {
    /// The model is writing its input.
    Pending,
    /// The call runs; holds the output received so far.
    Running {
        /// Output so far.
        output: Arc<str>,
    },
    /// The call succeeded.
    Completed {
        /// All of it.
        output: Arc<str>,
    },
    /// The call failed.
    Error {
        /// Message of the error.
        error: Arc<str>,
    },
}

/// A session's to-do list.
#[derive(Clone, Debug, PartialEq)]
pub struct Todos {
    /// Items of the list, in order.
    pub items: Vec<Todo>,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

/// One item of a to-do list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// The text of the item.
    pub content: Arc<str>,
    /// State of the item.
    pub state: TodoState,
}

/// State of a to-do item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TodoState {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Cancelled,
}

/// Agents and models that a server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Agents that a person can choose.
    pub agents: Vec<AgentInfo>,
    /// Models of every configured provider.
    pub models: Vec<ModelInfo>,
    /// Agents that its server offers beyond those.
    pub more_agents: usize,
    /// Models that its server offers beyond those.
    pub more_models: usize,
    /// The model used when none is chosen.
    pub default_model: Option<ModelRef>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentInfo {
    /// Name of the agent.
    pub name: Arc<str>,
    /// Description of the agent.
    pub description: Arc<str>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// Id of the model.
    #[serde(flatten)]
    pub id: ModelRef,
    /// Name of the model.
    pub name: Arc<str>,
    /// Tokens that fit; zero where unknown.
    pub context: u64,
}

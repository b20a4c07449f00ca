//! What a server says of its things: typed where Drovers looks, whole where it passes on.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;

use super::content::{Asking, Content};
use crate::ids::{MessageId, PartId, PermissionId, QuestionId, SessionId};
use crate::json::Json;
use crate::time::Timestamp;

/// A model by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelRef {
    /// Who serves it.
    #[serde(rename = "providerID")]
    pub provider: Arc<str>,
    /// Which.
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

/// A session as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInfo {
    /// Its id.
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
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it was put away.
    pub archived: Option<Timestamp>,
    /// Messages from this one on are taken back.
    pub reverted_from: Option<MessageId>,
    /// US dollars.
    pub cost: f64,
    /// Tokens of all its runs.
    pub tokens: Tokens,
    /// As it came.
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
            cost: 0.0,
            tokens: Tokens::default(),
        }
    }

    /// The title, "Untitled" where there is none.
    pub fn title(&self) -> &str {
        if self.title.trim().is_empty() {
            "Untitled"
        } else {
            &self.title
        }
    }
}

/// What a server says a session is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing.
    Idle,
    /// Running.
    Busy,
    /// Waiting to ask the model again.
    Retry {
        /// How often it was asked.
        attempt: u32,
        /// What the model's server said.
        message: Arc<str>,
        /// When it is asked again.
        next: Timestamp,
    },
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, or a parent session.
    User,
    /// The model.
    Assistant,
}

/// Kinds of failure that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Someone stopped it.
    Aborted,
    /// Anything else.
    Failed,
}

/// Why a run ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: ErrorKind,
    /// OpenCode's name for it.
    pub name: Arc<str>,
    /// In words.
    pub message: Arc<str>,
}

/// A message as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageInfo {
    /// Its id.
    pub id: MessageId,
    /// Its session.
    pub session: SessionId,
    /// Who wrote it.
    pub role: Role,
    /// The user message it answers.
    pub parent: Option<MessageId>,
    /// When it was created.
    pub created: Timestamp,
    /// When it ended.
    pub completed: Option<Timestamp>,
    /// How it failed.
    pub failure: Option<Failure>,
    /// Why the model stopped.
    pub finish: Option<Arc<str>>,
    /// True for the summary that a compaction wrote.
    pub summary: bool,
    /// The agent.
    pub agent: Option<Arc<str>>,
    /// The model.
    pub model: Option<ModelRef>,
    /// US dollars.
    pub cost: f64,
    /// Tokens of this message.
    pub tokens: Tokens,
    /// As it came.
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
            completed: None,
            failure: None,
            finish: None,
            summary: false,
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
    /// Its id.
    pub id: PartId,
    /// Its message.
    pub message: MessageId,
    /// Its session.
    pub session: SessionId,
    /// What it is.
    pub kind: PartKind,
    /// As it came.
    pub raw: Json,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Prose.
    Text {
        /// As far as the server told; see [`crate::state::Session::open`] for what streams.
        text: Arc<str>,
        /// Written by the program, not by a person or model.
        synthetic: bool,
        /// Not given to the model.
        ignored: bool,
        /// True once nothing more will come.
        ended: bool,
    },
    /// A model's thoughts.
    Reasoning {
        /// As far as the server told.
        text: Arc<str>,
        /// When it began.
        started: Option<Timestamp>,
        /// When it ended.
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
        /// Its name.
        name: Arc<str>,
    },
    /// Work handed to a subagent by a command.
    Subtask {
        /// In words.
        description: Arc<str>,
        /// Which agent.
        agent: Arc<str>,
    },
    /// Files that a step changed.
    Patch {
        /// Their paths.
        files: Vec<Arc<str>>,
    },
    /// The conversation is being summed up.
    Compaction {
        /// True if it was not asked for.
        auto: bool,
    },
    /// The model is asked again.
    Retry {
        /// How often it was asked.
        attempt: u32,
        /// Why.
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
    /// Its name; empty if it has none.
    pub name: Arc<str>,
    /// Its type, as its server tells it.
    pub mime: Arc<str>,
    /// Bytes of its content, where that is here.
    pub bytes: Option<u64>,
    /// What its content is, where it is a picture that can be shown.
    pub picture: Option<Picture>,
}

/// A picture, as its own first bytes have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The tool's name.
    pub name: Arc<str>,
    /// The model's id of the call.
    pub call: Arc<str>,
    /// How far it is.
    pub state: ToolState,
    /// Its input.
    pub input: Json,
    /// A short description, once known.
    pub title: Option<Arc<str>>,
    /// Files that it gave back.
    pub files: Vec<File>,
    /// The session that a `task` started.
    pub child: Option<SessionId>,
    /// How it ended, where that is more than that it did.
    pub end: Option<ToolEnd>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// How a tool call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEnd {
    /// Its command ended with this exit code.
    Exit(i64),
    /// Its command ran for too long, and was ended.
    TimedOut,
    /// It was stopped with the run.
    Stopped,
    /// A person did not allow it, and may have said why.
    Rejected(Option<Arc<str>>),
}

/// How far a tool call is.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolState {
    /// The model is writing its input.
    Pending,
    /// It runs; output as far as it is known.
    Running {
        /// Output so far.
        output: Arc<str>,
    },
    /// It ended well.
    Completed {
        /// All of it.
        output: Arc<str>,
    },
    /// It failed.
    Error {
        /// Why.
        error: Arc<str>,
    },
}

/// Where in a conversation a request came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The message.
    pub message: MessageId,
    /// The model's id of the call.
    pub call: Arc<str>,
}

/// A permission request as its server tells it: a tool waits for leave.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionRequest {
    /// Its id.
    pub id: PermissionId,
    /// The session that runs the tool; perhaps a child.
    pub session: SessionId,
    /// What kind of leave (`bash`, `edit`, …).
    pub permission: Arc<str>,
    /// For what (commands, paths).
    pub patterns: Vec<Arc<str>>,
    /// What "always" would cover.
    pub always: Vec<Arc<str>>,
    /// The call that waits.
    pub tool: Option<ToolCall>,
    /// When the hub learned of it.
    pub asked: Timestamp,
    /// As it came.
    pub raw: Json,
}

/// A permission request with what it would run. The request cannot be changed, so that its content is always its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Permission {
    request: PermissionRequest,
    /// What would run: made from the request and, once known, from the arguments of its call.
    pub content: Arc<Content>,
}

impl Deref for Permission {
    type Target = PermissionRequest;

    fn deref(&self) -> &PermissionRequest {
        &self.request
    }
}

impl Permission {
    /// A request whose call's arguments are not known yet.
    pub fn new(request: PermissionRequest) -> Self {
        Self {
            content: Arc::new(content(&request, None)),
            request,
        }
    }

    /// Takes the arguments of its call. True if the content is another one now.
    pub(crate) fn learn(&mut self, input: &Json) -> bool {
        let content = content(&self.request, Some(input));
        let news = *self.content != content;
        if news {
            self.content = Arc::new(content);
        }
        news
    }
}

fn content(request: &PermissionRequest, input: Option<&Json>) -> Content {
    Content::of(&Asking {
        permission: &request.permission,
        patterns: &request.patterns,
        raw: &request.raw,
        of_call: request.tool.is_some(),
        input,
    })
}

/// A model asks a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// The session that asks; perhaps a child.
    pub session: SessionId,
    /// What is asked; answered together.
    pub items: Vec<QuestionItem>,
    /// The call that waits.
    pub tool: Option<ToolCall>,
    /// When the hub learned of it.
    pub asked: Timestamp,
    /// As it came.
    pub raw: Json,
}

/// One thing asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionItem {
    /// In a word.
    pub header: Arc<str>,
    /// In full.
    pub question: Arc<str>,
    /// Answers on offer.
    pub options: Vec<QuestionOption>,
    /// True if several may be chosen.
    pub multiple: bool,
    /// True if an answer of one's own is welcome.
    pub custom: bool,
}

/// An answer on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionOption {
    /// The answer.
    pub label: Arc<str>,
    /// What it means.
    pub description: Arc<str>,
}

/// A session's to-do list.
#[derive(Clone, Debug, PartialEq)]
pub struct Todos {
    /// Its items in order.
    pub items: Vec<Todo>,
    /// As it came.
    pub raw: Json,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// In words.
    pub content: Arc<str>,
    /// How far it is.
    pub state: TodoState,
}

/// How far a thing to do is.
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
    /// The model used when none is chosen.
    pub default_model: Option<ModelRef>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentInfo {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub description: Arc<str>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// Its id.
    #[serde(flatten)]
    pub id: ModelRef,
    /// Its name.
    pub name: Arc<str>,
    /// Tokens that fit; zero where unknown.
    pub context: u64,
}

//! Events, by what they change.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::asking::{Answer, FormInfo, FormOwner, PermissionRequest};
use super::body;
use super::content::{Content, ToolContent};
use super::failure::Failure;
use super::id::{
    CallId, FormId, InboxId, Mark, MessageId, Ordinal, PermissionId, SessionId, ShellId,
};
use super::inbox::InboxItem;
use super::message::{Retry, ShellOutput};
use super::session::{Boundary, Location, ModelRef, PermissionRule, Revert, Tokens};
use super::types::{self, Use};
use super::words::{CompactionReason, Decision, Delivery, InterruptReason, ShellStatus};
use crate::json::{DeltaText, Raw, lenient, null_default, reason};

/// An event of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first frame of a stream: from here on nothing is missing.
    Connected,
    /// Something of a session.
    Session {
        /// The session.
        session: SessionId,
        /// What changed.
        change: SessionEvent,
    },
    /// A request for permission came or went.
    Permission(PermissionEvent),
    /// A form came or went.
    Form(FormEvent),
    /// The services of a folder were put down: its requests are void, its runs go on.
    FolderShutDown,
    /// A project changed.
    ProjectUpdated(Raw),
    /// A folder belongs to another project now.
    WorktreeResolved {
        /// The project.
        project_id: String,
        /// The folder.
        directory: String,
        /// The project before.
        previous: String,
    },
    /// The branch of a folder changed.
    BranchUpdated {
        /// Its name; absent if there is none.
        branch: Option<String>,
    },
    /// A list of the folder changed, and is to be read again.
    Catalog(Catalog),
    /// A type that is passed over.
    Passed {
        /// Its name.
        kind: String,
    },
    /// A type that this version does not know.
    Unknown {
        /// Its name.
        kind: String,
        /// The JSON of its data.
        raw: Raw,
    },
    /// A known type with content that does not decode.
    Malformed {
        /// Its name.
        kind: String,
        /// The reason of the decoding error.
        error: String,
    },
}

/// A list that a folder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Catalog {
    /// Agents.
    Agents,
    /// Commands.
    Commands,
    /// Skills.
    Skills,
    /// References.
    References,
    /// Providers.
    Providers,
    /// Models.
    Models,
    /// MCP servers.
    Mcp,
}

/// What changed in a session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// Its row.
    Row(RowChange),
    /// Its inbox.
    Inbox(InboxChange),
    /// Its run.
    Run(RunChange),
    /// An entry of the transcript came that no model wrote.
    Note(NoteEvent),
    /// A step of the model.
    Assistant {
        /// The message of the step.
        message: MessageId,
        /// What changed.
        change: AssistantChange,
    },
    /// Its history is made shorter.
    Compaction(CompactionChange),
    /// Messages are taken back.
    Revert(RevertChange),
    /// The content of a step is another, as a whole. In the log alone.
    ContentReplaced {
        /// The message.
        message: MessageId,
        /// Its content.
        content: Vec<Content>,
    },
}

/// What changed in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// It is new.
    Created(Box<Created>),
    /// It is new, with copies of another one's settled messages; the numbers jump past them.
    Forked {
        /// The other session.
        source: SessionId,
        /// How much of it.
        boundary: Boundary,
    },
    /// Its title.
    Renamed(String),
    /// What clients put there, as a whole.
    Metadata(Raw),
    /// Its rules for permissions, as a whole.
    Permissions(Vec<PermissionRule>),
    /// Its agent, which is also an entry of the transcript.
    Agent(String),
    /// Its model, which is also an entry of the transcript.
    Model(ModelRef),
    /// Its folder, which is also an entry of the transcript.
    Moved {
        /// The folder.
        location: Location,
        /// Id of the project.
        project_id: Option<String>,
        /// The folder within the project.
        subpath: Option<String>,
    },
    /// Somebody has seen it up to this end of a run.
    Viewed(Mark),
    /// It went to the archive.
    Archived,
    /// It came back from there.
    Unarchived,
    /// Its totals.
    Usage(Usage),
    /// An addition to its totals. In the log alone.
    UsageRecorded(Usage),
    /// It is gone.
    Deleted,
}

/// A new row.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Created {
    /// Id of the project.
    #[serde(rename = "projectID", default, deserialize_with = "lenient")]
    pub project_id: Option<String>,
    /// Where it works.
    pub location: Location,
    /// The folder within the project.
    #[serde(default, deserialize_with = "lenient")]
    pub subpath: Option<String>,
    /// The session that it belongs to.
    #[serde(rename = "parentID", default)]
    pub parent_id: Option<SessionId>,
    /// Its title.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// Its agent.
    #[serde(default, deserialize_with = "lenient")]
    pub agent: Option<String>,
    /// Its model.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<ModelRef>,
    /// What clients put there.
    #[serde(default)]
    pub metadata: Option<Raw>,
    /// Its rules for permissions.
    #[serde(default, deserialize_with = "lenient")]
    pub permissions: Vec<PermissionRule>,
}

/// Cost and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// In US dollars.
    #[serde(deserialize_with = "lenient")]
    pub cost: f64,
    /// Token counts.
    #[serde(deserialize_with = "lenient")]
    pub tokens: Tokens,
}

/// What changed in an inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum InboxChange {
    /// An item came; the transcript does not have it yet.
    Enqueued {
        /// Its id.
        id: InboxId,
        /// The item.
        item: Box<InboxItem>,
    },
    /// It left for the transcript, where its id is the message's.
    Delivered(InboxId),
    /// It was taken back.
    Cancelled(InboxId),
    /// It is delivered at another time.
    Delivery {
        /// Its id.
        id: InboxId,
        /// When.
        delivery: Delivery,
    },
}

/// What changed in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunChange {
    /// It began.
    Started,
    /// It ended.
    Succeeded,
    /// It failed.
    Failed(Failure),
    /// It ended early. Its requests are void from here on, and nothing else says so.
    Interrupted(InterruptReason),
}

/// An entry of the transcript that no model wrote.
#[derive(Debug, Clone, PartialEq)]
pub enum NoteEvent {
    /// Instructions changed; without a text there is nothing to show.
    Instructions {
        /// The text.
        text: Option<String>,
    },
    /// A text that nobody typed.
    Synthetic {
        /// The text.
        text: String,
        /// What it is, in a few words.
        description: Option<String>,
    },
    /// A skill was made use of.
    Skill {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
    /// A person's command began.
    ShellStarted(Box<ShellInfo>),
    /// It ended.
    ShellEnded {
        /// The command.
        shell: Box<ShellInfo>,
        /// What it printed.
        output: ShellOutput,
    },
}

/// A shell command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ShellInfo {
    /// Its id.
    pub id: ShellId,
    /// What it is doing.
    pub status: ShellStatus,
    /// The command.
    #[serde(default, deserialize_with = "lenient")]
    pub command: String,
    /// The folder.
    #[serde(default, deserialize_with = "lenient")]
    pub cwd: String,
    /// Its exit code.
    #[serde(default, deserialize_with = "lenient")]
    pub exit: Option<f64>,
}

/// What changed in a step.
#[derive(Debug, Clone, PartialEq)]
pub enum AssistantChange {
    /// It began, or begins again after a failure: then retry, error and finish are gone.
    Started {
        /// The agent.
        agent: String,
        /// The model.
        model: Option<ModelRef>,
    },
    /// A text or a reasoning.
    Text {
        /// Which of both.
        kind: TextKind,
        /// Its place among those of its kind.
        ordinal: Ordinal,
        /// What changed.
        change: TextChange,
    },
    /// A call of a tool.
    Tool {
        /// The call.
        call: CallId,
        /// What changed.
        change: ToolChange,
    },
    /// The provider is done; tools may run on.
    Streamed,
    /// It ended.
    Ended(StepEnd),
    /// It failed.
    Failed {
        /// Why.
        error: Failure,
        /// Its end as far as it is known.
        end: StepEnd,
    },
    /// It waits for another attempt.
    Retry(Retry),
}

/// Answer or thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// The answer.
    Text,
    /// The thinking.
    Reasoning,
}

/// What changed in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextChange {
    /// It began, empty.
    Started,
    /// It grew by this. It has no offset, and is not stored.
    Delta(DeltaText),
    /// It is whole.
    Ended(String),
}

/// What changed in a call.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChange {
    /// Its input is being written.
    InputStarted {
        /// The tool.
        name: String,
    },
    /// The input grew by this.
    InputDelta(DeltaText),
    /// The input is whole, as text.
    InputEnded(String),
    /// It runs.
    Called {
        /// The input.
        input: Raw,
        /// Whether the provider does it.
        by_provider: bool,
    },
    /// What it says of itself, as a whole. Not stored.
    Progress(Raw),
    /// It gave a result.
    Succeeded {
        /// The result.
        content: Vec<ToolContent>,
        /// What it says of itself.
        metadata: Option<Raw>,
    },
    /// It failed.
    Failed {
        /// Why.
        error: Failure,
        /// What it gave before.
        content: Vec<ToolContent>,
        /// What it says of itself.
        metadata: Option<Raw>,
    },
}

/// The end of a step.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct StepEnd {
    /// Why the model stopped.
    #[serde(deserialize_with = "lenient")]
    pub finish: Option<String>,
    /// In US dollars.
    #[serde(deserialize_with = "lenient")]
    pub cost: f64,
    /// Token counts.
    #[serde(deserialize_with = "lenient")]
    pub tokens: Tokens,
    /// Files that it changed.
    #[serde(deserialize_with = "null_default")]
    pub files: Vec<String>,
}

/// What changed in a compaction.
#[derive(Debug, Clone, PartialEq)]
pub enum CompactionChange {
    /// It began.
    Started {
        /// Why.
        reason: CompactionReason,
        /// The item of the inbox that asked for it, whose id is the message's.
        input: Option<InboxId>,
    },
    /// Its summary grew by this. Not stored.
    Delta(DeltaText),
    /// It ended.
    Ended {
        /// Why it was.
        reason: CompactionReason,
        /// The whole summary.
        text: String,
    },
    /// It failed.
    Failed {
        /// Why it was.
        reason: CompactionReason,
        /// Why it failed.
        error: Failure,
        /// The item of the inbox that asked for it.
        input: Option<InboxId>,
    },
}

/// What changed in what is taken back.
#[derive(Debug, Clone, PartialEq)]
pub enum RevertChange {
    /// Messages from one on are taken back; files have changed already.
    Staged(Box<Revert>),
    /// This was undone.
    Cleared,
    /// Messages from this one on are gone, and items of the inbox since.
    Committed {
        /// The first message that is gone.
        to: MessageId,
    },
}

/// A request for permission came or went.
#[derive(Debug, Clone, PartialEq)]
pub enum PermissionEvent {
    /// It came.
    Asked(Box<PermissionRequest>),
    /// It was answered.
    Replied {
        /// The session.
        session: SessionId,
        /// The request.
        id: PermissionId,
        /// The answer.
        reply: Decision,
    },
}

/// A form came or went.
#[derive(Debug, Clone, PartialEq)]
pub enum FormEvent {
    /// It came.
    Created(Box<FormInfo>),
    /// It was answered.
    Replied {
        /// Whose it was.
        owner: FormOwner,
        /// The form.
        id: FormId,
        /// The answer.
        answer: Answer,
    },
    /// It was dismissed, or its folder was put down.
    Cancelled {
        /// Whose it was.
        owner: FormOwner,
        /// The form.
        id: FormId,
    },
}

impl Event {
    /// Decodes the data of an event of the type `kind`.
    pub(super) fn decode(kind: &str, data: &RawValue) -> Self {
        let decoded = match types::find(kind) {
            Some((_, Use::Used | Use::Log)) => body::decode(kind, data),
            Some((_, Use::Deprecated | Use::Unused)) => Ok(Self::Passed {
                kind: kind.to_owned(),
            }),
            None if types::is_of_plugin(kind) => Ok(Self::Passed {
                kind: kind.to_owned(),
            }),
            None => Raw::of(data).map(|raw| Self::Unknown {
                kind: kind.to_owned(),
                raw,
            }),
        };
        decoded.unwrap_or_else(|error| Self::Malformed {
            kind: kind.to_owned(),
            error: reason(&error),
        })
    }

    /// The session that it is about.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Session { session, .. }
            | Self::Permission(PermissionEvent::Replied { session, .. }) => Some(session),
            Self::Permission(PermissionEvent::Asked(request)) => Some(&request.session_id),
            Self::Form(FormEvent::Created(form)) => owner(&form.owner),
            Self::Form(
                FormEvent::Replied { owner: form, .. } | FormEvent::Cancelled { owner: form, .. },
            ) => owner(form),
            _ => None,
        }
    }
}

fn owner(owner: &FormOwner) -> Option<&SessionId> {
    match owner {
        FormOwner::Session(id) => Some(id),
        FormOwner::Folder => None,
    }
}

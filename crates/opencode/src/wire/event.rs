//! Events by their type.

mod body;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ErrorInfo, MessageInfo, Millis, PartInfo, PermissionReply, PermissionRequest, QuestionRequest,
    SessionInfo, SessionStatus, TodoList,
};
use crate::json::{DeltaText, Raw, reason};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first event of a stream.
    ServerConnected,
    /// A sign of life, every 10 s.
    ServerHeartbeat,
    /// A session is new.
    SessionCreated(Box<SessionInfo>),
    /// A session changed.
    SessionUpdated(Box<SessionInfo>),
    /// A session is gone; events about it may still follow for seconds.
    SessionDeleted {
        /// Which.
        session_id: String,
        /// As it was last.
        info: Option<Box<SessionInfo>>,
    },
    /// A session's turn ended; later events about it still follow.
    SessionIdle {
        /// Which.
        session_id: String,
    },
    /// What a session is doing changed.
    SessionStatus {
        /// Which.
        session_id: String,
        /// What it is doing.
        status: SessionStatus,
    },
    /// Something failed, or was aborted.
    SessionError {
        /// Where; absent when it belongs to no session.
        session_id: Option<String>,
        /// What.
        error: Option<ErrorInfo>,
    },
    /// A session's history was compacted.
    SessionCompacted {
        /// Which.
        session_id: String,
    },
    /// The files a session changed.
    SessionDiff {
        /// Which.
        session_id: String,
        /// A list of `{file, patch, additions, deletions, status}`.
        diff: Raw,
    },
    /// A message is new or changed.
    MessageUpdated(Box<MessageInfo>),
    /// A message is gone.
    MessageRemoved {
        /// Whose.
        session_id: String,
        /// Which.
        message_id: String,
    },
    /// A part is new or changed, and is now this.
    PartUpdated {
        /// The part.
        part: Box<PartInfo>,
        /// When.
        time: Option<Millis>,
    },
    /// A part's text grew.
    PartDelta(PartDelta),
    /// A part is gone.
    PartRemoved {
        /// Whose.
        session_id: String,
        /// In which message.
        message_id: String,
        /// Which.
        part_id: String,
    },
    /// A tool call waits for leave.
    PermissionAsked(Box<PermissionRequest>),
    /// It has its answer.
    PermissionReplied {
        /// Whose.
        session_id: String,
        /// Which request.
        request_id: String,
        /// The answer; absent when this version does not know it.
        reply: Option<PermissionReply>,
    },
    /// An agent waits for answers.
    QuestionAsked(Box<QuestionRequest>),
    /// It has them.
    QuestionReplied {
        /// Whose.
        session_id: String,
        /// Which request.
        request_id: String,
        /// For each question the chosen labels or free text.
        answers: Vec<Vec<String>>,
    },
    /// It will not get them.
    QuestionRejected {
        /// Whose.
        session_id: String,
        /// Which request.
        request_id: String,
    },
    /// A session's plan is now this.
    TodoUpdated {
        /// Whose.
        session_id: String,
        /// The plan.
        todos: TodoList,
    },
    /// The checked-out branch of a folder changed.
    VcsBranchUpdated {
        /// Its name; absent when none is.
        branch: Option<String>,
    },
    /// The server ended its work on one folder: everything pending in it is gone.
    InstanceDisposed {
        /// The folder.
        directory: Option<String>,
    },
    /// The server ended its work on all folders.
    GlobalDisposed,
    /// A project changed.
    ProjectUpdated(Box<ProjectInfo>),
    /// The durable twin of another event, which proves whether one was missed.
    Sync(Sync),
    /// An event this version has no use for.
    Unknown {
        /// Its type.
        kind: String,
    },
    /// A known event that does not decode.
    Malformed {
        /// Its type.
        kind: String,
        /// Why.
        error: String,
    },
}

/// An increment of a part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PartDelta {
    /// Whose.
    #[serde(rename = "sessionID")]
    pub session_id: String,
    /// In which message.
    #[serde(rename = "messageID")]
    pub message_id: String,
    /// Which part.
    #[serde(rename = "partID")]
    pub part_id: String,
    /// Which of its fields grew: `text`, for reasoning too.
    pub field: String,
    /// By what. It carries no offset.
    pub delta: DeltaText,
}

/// The place of a durable event in its session's history.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sync {
    /// The doubled event's type with its version, for example `message.updated.1`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The doubled event's id.
    pub id: String,
    /// Contiguous within one aggregate, from 0.
    pub seq: u64,
    /// The session.
    #[serde(rename = "aggregateID")]
    pub aggregate_id: String,
}

/// A project, lightly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectInfo {
    /// The project's id.
    pub id: String,
    /// Its folder.
    pub worktree: Option<String>,
    /// Its given name.
    pub name: Option<String>,
    /// The object itself.
    pub raw: Raw,
}

impl Event {
    /// Decodes the properties of an event of the type `kind`.
    pub(super) fn decode(kind: &str, properties: &RawValue) -> Self {
        match body::decode(kind, properties) {
            Ok(Some(event)) => event,
            Ok(None) => Self::Unknown {
                kind: kind.to_owned(),
            },
            Err(error) => Self::Malformed {
                kind: kind.to_owned(),
                error: reason(&error),
            },
        }
    }
}

//! Events, by type.

mod body;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ErrorInfo, MessageInfo, Millis, PartInfo, PermissionReply, PermissionRequest, QuestionRequest,
    SessionInfo, SessionStatus, TodoList,
};
use crate::json::{DeltaText, Raw, reason};

/// An event of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first event of a stream.
    ServerConnected,
    /// A heartbeat, sent every 10 s.
    ServerHeartbeat,
    /// A session is new.
    SessionCreated(Box<SessionInfo>),
    /// A session changed.
    SessionUpdated(Box<SessionInfo>),
    /// A session was deleted; events about it may still follow for seconds.
    SessionDeleted {
        /// Id of the session.
        session_id: String,
        /// The last state of the session.
        info: Option<Box<SessionInfo>>,
    },
    /// A session's turn ended; later events about it still follow.
    SessionIdle {
        /// Id of the session.
        session_id: String,
    },
    /// The status of a session changed.
    SessionStatus {
        /// Id of the session.
        session_id: String,
        /// The new status.
        status: SessionStatus,
    },
    /// A failure or an abort.
    SessionError {
        /// Id of the session; absent for an error outside of sessions.
        session_id: Option<String>,
        /// The error.
        error: Option<ErrorInfo>,
    },
    /// A session's history was compacted.
    SessionCompacted {
        /// Id of the session.
        session_id: String,
    },
    /// The files a session changed.
    SessionDiff {
        /// Id of the session.
        session_id: String,
        /// A list of `{file, patch, additions, deletions, status}`.
        diff: Raw,
    },
    /// A message is new or changed.
    MessageUpdated(Box<MessageInfo>),
    /// A message was removed.
    MessageRemoved {
        /// Id of the session.
        session_id: String,
        /// Id of the message.
        message_id: String,
    },
    /// A part is new or changed.
    PartUpdated {
        /// The new state of the part.
        part: Box<PartInfo>,
        /// Time of the change.
        time: Option<Millis>,
    },
    /// A part's text grew.
    PartDelta(PartDelta),
    /// A part was removed.
    PartRemoved {
        /// Id of the session.
        session_id: String,
        /// Id of the message.
        message_id: String,
        /// Id of the part.
        part_id: String,
    },
    /// A tool call needs permission.
    PermissionAsked(Box<PermissionRequest>),
    /// A permission request was answered.
    PermissionReplied {
        /// Id of the session.
        session_id: String,
        /// Id of the request.
        request_id: String,
        /// The answer; absent if unknown to this version.
        reply: Option<PermissionReply>,
    },
    /// An agent asks questions.
    QuestionAsked(Box<QuestionRequest>),
    /// Questions were answered.
    QuestionReplied {
        /// Id of the session.
        session_id: String,
        /// Id of the request.
        request_id: String,
        /// For each question the chosen labels or free text.
        answers: Vec<Vec<String>>,
    },
    /// Questions were dismissed.
    QuestionRejected {
        /// Id of the session.
        session_id: String,
        /// Id of the request.
        request_id: String,
    },
    /// The to-do list of a session changed.
    TodoUpdated {
        /// Id of the session.
        session_id: String,
        /// The new list.
        todos: TodoList,
    },
    /// The checked-out branch of a folder changed.
    VcsBranchUpdated {
        /// Name of the branch; absent if there is none.
        branch: Option<String>,
    },
    /// The server disposed the instance of a folder: all of its pending requests are gone.
    InstanceDisposed {
        /// The folder.
        directory: Option<String>,
    },
    /// The server disposed the instances of all folders.
    GlobalDisposed,
    /// A project changed.
    ProjectUpdated(Box<ProjectInfo>),
    /// The durable duplicate of another event, by whose sequence a lost event is detected.
    Sync(Sync),
    /// An event type that this version does not use.
    Unknown {
        /// Type of the event.
        kind: String,
    },
    /// A known event type with content that does not decode.
    Malformed {
        /// Type of the event.
        kind: String,
        /// The reason of the decoding error.
        error: String,
    },
}

/// An increment of a part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PartDelta {
    /// Id of the session.
    #[serde(rename = "sessionID")]
    pub session_id: String,
    /// Id of the message.
    #[serde(rename = "messageID")]
    pub message_id: String,
    /// Id of the part.
    #[serde(rename = "partID")]
    pub part_id: String,
    /// The field that grew: `text`, also for reasoning.
    pub field: String,
    /// The appended text. It has no offset.
    pub delta: DeltaText,
}

/// The position of a durable event in the history of its session.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sync {
    /// Type of the duplicated event with its version, for example `message.updated.1`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Id of the duplicated event.
    pub id: String,
    /// Sequence number, contiguous within one aggregate, from 0.
    pub seq: u64,
    /// Id of the session.
    #[serde(rename = "aggregateID")]
    pub aggregate_id: String,
}

/// The main fields of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectInfo {
    /// Id of the project.
    pub id: String,
    /// Its folder.
    pub worktree: Option<String>,
    /// Name of the project, if it has one.
    pub name: Option<String>,
    /// The JSON of the object.
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

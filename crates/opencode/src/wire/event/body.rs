//! The wire format of each event.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Event, ProjectInfo};
use crate::json::{Raw, lenient, sanitize};
use crate::wire::{
    ErrorInfo, FromRaw, Millis, PartInfo, PermissionReply, SessionInfo, SessionStatus, TodoList,
};

/// The event, or `None` for an unknown type.
pub(super) fn decode(
    kind: &str,
    properties: &RawValue,
) -> Result<Option<Event>, serde_json::Error> {
    // By far the most frequent type, and the only one whose lone surrogates must be preserved.
    if kind == "message.part.delta" {
        let delta = serde_json::from_str(properties.get())?;
        return Ok(Some(Event::PartDelta(delta)));
    }
    let json = &*sanitize(properties.get());
    Ok(Some(match kind {
        "server.connected" => Event::ServerConnected,
        "server.heartbeat" => Event::ServerHeartbeat,
        "sync" => Event::Sync(serde_json::from_str(json)?),
        "message.updated" => Event::MessageUpdated(info(json)?),
        "message.removed" => message_removed(serde_json::from_str(json)?),
        "message.part.updated" => part_updated(&serde_json::from_str(json)?)?,
        "message.part.removed" => part_removed(serde_json::from_str(json)?),
        "permission.asked" => Event::PermissionAsked(object(json)?),
        "permission.replied" => permission_replied(serde_json::from_str(json)?),
        "question.asked" => Event::QuestionAsked(object(json)?),
        "question.replied" => question_replied(serde_json::from_str(json)?),
        "question.rejected" => question_rejected(serde_json::from_str(json)?),
        "todo.updated" => todo_updated(serde_json::from_str(json)?)?,
        "vcs.branch.updated" => Event::VcsBranchUpdated {
            branch: serde_json::from_str::<Branch>(json)?.branch,
        },
        "server.instance.disposed" => instance_disposed(serde_json::from_str(json)?),
        "global.disposed" => Event::GlobalDisposed,
        "project.updated" => Event::ProjectUpdated(object(json)?),
        _ => return session_event(kind, json),
    }))
}

fn session_event(kind: &str, json: &str) -> Result<Option<Event>, serde_json::Error> {
    Ok(Some(match kind {
        "session.created" => Event::SessionCreated(info(json)?),
        "session.updated" => Event::SessionUpdated(info(json)?),
        "session.deleted" => session_deleted(&serde_json::from_str(json)?)?,
        "session.idle" => Event::SessionIdle {
            session_id: session_id(json)?,
        },
        "session.status" => session_status(serde_json::from_str(json)?),
        "session.error" => session_error(serde_json::from_str(json)?),
        "session.compacted" => Event::SessionCompacted {
            session_id: session_id(json)?,
        },
        "session.diff" => session_diff(serde_json::from_str(json)?),
        _ => return Ok(None),
    }))
}

/// Decodes properties that are the object.
fn object<T: FromRaw>(json: &str) -> Result<Box<T>, serde_json::Error> {
    Raw::parse(json).and_then(T::from_raw).map(Box::new)
}

/// Decodes properties that contain the object as `info`.
fn info<T: FromRaw>(json: &str) -> Result<Box<T>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Info {
        info: Raw,
    }
    let wire: Info = serde_json::from_str(json)?;
    T::from_raw(wire.info).map(Box::new)
}

fn session_id(json: &str) -> Result<String, serde_json::Error> {
    #[derive(Deserialize)]
    struct Session {
        #[serde(rename = "sessionID")]
        session_id: String,
    }
    serde_json::from_str::<Session>(json).map(|wire| wire.session_id)
}

#[derive(Deserialize)]
struct MessageRef {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "messageID")]
    message_id: String,
}

fn message_removed(wire: MessageRef) -> Event {
    Event::MessageRemoved {
        session_id: wire.session_id,
        message_id: wire.message_id,
    }
}

#[derive(Deserialize)]
struct PartRef {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "messageID")]
    message_id: String,
    #[serde(rename = "partID")]
    part_id: String,
}

fn part_removed(wire: PartRef) -> Event {
    Event::PartRemoved {
        session_id: wire.session_id,
        message_id: wire.message_id,
        part_id: wire.part_id,
    }
}

#[derive(Deserialize)]
struct PartWire<'a> {
    #[serde(borrow)]
    part: &'a RawValue,
    #[serde(default, deserialize_with = "lenient")]
    time: Option<Millis>,
}

fn part_updated(wire: &PartWire<'_>) -> Result<Event, serde_json::Error> {
    Ok(Event::PartUpdated {
        part: Box::new(PartInfo::from_value(wire.part)?),
        time: wire.time,
    })
}

#[derive(Deserialize)]
struct RequestRef {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(default, deserialize_with = "lenient")]
    reply: Option<PermissionReply>,
    #[serde(default, deserialize_with = "lenient")]
    answers: Vec<Vec<String>>,
}

fn permission_replied(wire: RequestRef) -> Event {
    Event::PermissionReplied {
        session_id: wire.session_id,
        request_id: wire.request_id,
        reply: wire.reply,
    }
}

fn question_replied(wire: RequestRef) -> Event {
    Event::QuestionReplied {
        session_id: wire.session_id,
        request_id: wire.request_id,
        answers: wire.answers,
    }
}

fn question_rejected(wire: RequestRef) -> Event {
    Event::QuestionRejected {
        session_id: wire.session_id,
        request_id: wire.request_id,
    }
}

#[derive(Deserialize)]
struct TodoWire {
    #[serde(rename = "sessionID")]
    session_id: String,
    todos: Raw,
}

fn todo_updated(wire: TodoWire) -> Result<Event, serde_json::Error> {
    Ok(Event::TodoUpdated {
        session_id: wire.session_id,
        todos: TodoList::from_raw(wire.todos)?,
    })
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    branch: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    #[serde(default, deserialize_with = "lenient")]
    directory: Option<String>,
}

fn instance_disposed(wire: Directory) -> Event {
    Event::InstanceDisposed {
        directory: wire.directory,
    }
}

#[derive(Deserialize)]
struct DeletedWire<'a> {
    #[serde(rename = "sessionID", default)]
    session_id: Option<String>,
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
}

fn session_deleted(wire: &DeletedWire<'_>) -> Result<Event, serde_json::Error> {
    use serde::de::Error as _;
    // A deletion must be recognized even if the description does not decode.
    let info = wire
        .info
        .and_then(|info| SessionInfo::from_value(info).ok())
        .map(Box::new);
    let session_id = wire
        .session_id
        .clone()
        .or_else(|| info.as_ref().map(|info| info.id.clone()));
    let session_id = session_id.ok_or_else(|| serde_json::Error::missing_field("sessionID"))?;
    Ok(Event::SessionDeleted { session_id, info })
}

#[derive(Deserialize)]
struct StatusWire {
    #[serde(rename = "sessionID")]
    session_id: String,
    status: SessionStatus,
}

fn session_status(wire: StatusWire) -> Event {
    Event::SessionStatus {
        session_id: wire.session_id,
        status: wire.status,
    }
}

#[derive(Deserialize)]
struct ErrorWire {
    #[serde(rename = "sessionID", default)]
    session_id: Option<String>,
    #[serde(default)]
    error: Option<ErrorInfo>,
}

fn session_error(wire: ErrorWire) -> Event {
    Event::SessionError {
        session_id: wire.session_id,
        error: wire.error,
    }
}

#[derive(Deserialize)]
struct DiffWire {
    #[serde(rename = "sessionID")]
    session_id: String,
    diff: Raw,
}

fn session_diff(wire: DiffWire) -> Event {
    Event::SessionDiff {
        session_id: wire.session_id,
        diff: wire.diff,
    }
}

impl FromRaw for ProjectInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: String,
            #[serde(default, deserialize_with = "lenient")]
            worktree: Option<String>,
            #[serde(default, deserialize_with = "lenient")]
            name: Option<String>,
        }
        let wire: Wire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            worktree: wire.worktree,
            name: wire.name,
            raw,
        })
    }
}

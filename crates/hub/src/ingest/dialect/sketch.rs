//! The sketch dialect of the requirement: every event has a whole object, and there is no REST.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Event;
use model::ids::{MessageId, PartId, SessionId};
use model::json::Json;
use model::state::{
    ErrorKind, Failure, MessageInfo, Part, PartKind, Place, Role, RunStatus, SessionInfo,
};
use model::time::Timestamp;
use opencode::sketch::{self, SketchEvent, SketchPart, SketchSession};
use serde_json::json;

use super::{Translated, bounds, malformed};
use crate::limits;

/// Sessions and messages by the time they first appeared, which defines their order. An object that is only mentioned
/// is created once.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    announced: BTreeMap<Arc<str>, Timestamp>,
}

impl Sketch {
    pub(super) fn frame(&mut self, data: &str, at: Timestamp) -> Translated {
        match sketch::decode(data) {
            Err(_) => malformed("not an event"),
            Ok(SketchEvent::Unknown { kind }) => Translated {
                events: vec![Event::Unknown { kind: kind.into() }],
                directory: None,
                session: None,
            },
            Ok(SketchEvent::Malformed { kind, .. }) => malformed(&kind),
            Ok(SketchEvent::SessionUpdated(session)) if !bounds::is_id(&session.id) => {
                malformed("session_updated")
            }
            Ok(SketchEvent::MessageUpdated {
                session_id,
                message_id,
                ..
            }) if !(bounds::is_id(&session_id) && bounds::is_id(&message_id)) => {
                malformed("message_updated")
            }
            Ok(SketchEvent::SessionUpdated(session)) => self.session(session, at),
            Ok(SketchEvent::MessageUpdated {
                session_id,
                message_id,
                parts,
                status,
            }) => self.message(&session_id, &message_id, parts, status.as_deref(), at),
        }
    }

    /// Returns when an id first appeared, and whether that is now.
    fn first(&mut self, id: &str, at: Timestamp) -> (bool, Timestamp) {
        if let Some(first) = self.announced.get(id) {
            return (false, *first);
        }
        if self.announced.len() >= limits::ANNOUNCED {
            self.announced.clear();
        }
        self.announced.insert(id.into(), at);
        (true, at)
    }

    fn session(&mut self, session: SketchSession, at: Timestamp) -> Translated {
        let info = SessionInfo {
            parent: session.parent_id.map(SessionId::new),
            title: bounds::words(&session.title.unwrap_or_default()),
            agent: session.agent.map(|agent| bounds::words(&agent)),
            raw: Json::from(Arc::from(session.raw)),
            ..SessionInfo::bare(SessionId::new(session.id.as_str()), at)
        };
        let info = bounds::row(info);
        let event = if self.first(&session.id, at).0 {
            Event::SessionCreated(info)
        } else {
            Event::Session(info)
        };
        Translated {
            events: vec![event],
            directory: None,
            session: Some(session.id.into()),
        }
    }

    fn message(
        &mut self,
        session: &str,
        id: &str,
        parts: Vec<SketchPart>,
        status: Option<&str>,
        at: Timestamp,
    ) -> Translated {
        let mut events = Vec::new();
        if self.first(session, at).0 {
            events.push(Event::SessionCreated(SessionInfo::bare(
                SessionId::new(session),
                at,
            )));
        }
        let streaming = matches!(status, Some("streaming" | "pending" | "running"));
        let run = if streaming {
            RunStatus::Busy
        } else {
            RunStatus::Idle
        };
        events.push(Event::Status {
            session: SessionId::new(session),
            status: run,
        });
        let created = self.first(id, at).1;
        let info = MessageInfo {
            created,
            ..message(session, id, status, streaming, at)
        };
        events.push(Event::Message(info));
        for (at, sketched) in parts.into_iter().enumerate() {
            events.push(Event::Part(part(session, id, at, sketched, streaming)));
        }
        Translated {
            events,
            directory: None,
            session: Some(session.into()),
        }
    }
}

fn message(
    session: &str,
    id: &str,
    status: Option<&str>,
    streaming: bool,
    at: Timestamp,
) -> MessageInfo {
    let failure = matches!(status, Some("error" | "aborted")).then(|| Failure {
        kind: if status == Some("aborted") {
            ErrorKind::Aborted
        } else {
            ErrorKind::Failed
        },
        name: status.unwrap_or_default().into(),
        message: "".into(),
    });
    MessageInfo {
        completed: (!streaming).then_some(at),
        failure,
        raw: Json::of(
            &json!({ "id": id, "sessionID": session, "role": "assistant", "status": status }),
        ),
        // The sketch does not report the author of a message; every message is attributed to the model.
        ..MessageInfo::bare(
            MessageId::new(id),
            SessionId::new(session),
            Role::Assistant,
            at,
        )
    }
}

fn part(session: &str, message: &str, at: usize, sketched: SketchPart, streaming: bool) -> Part {
    let id = sketched.id.unwrap_or_else(|| format!("{message}.{at:06}"));
    let text = sketched.text.unwrap_or_default();
    Part {
        id: PartId::new(id),
        message: MessageId::new(message),
        session: SessionId::new(session),
        place: Place::ById,
        kind: match sketched.kind.as_str() {
            "text" => PartKind::Text {
                text: text.into(),
                synthetic: false,
                ignored: false,
                ended: !streaming,
            },
            "reasoning" => PartKind::Reasoning {
                text: text.into(),
                started: None,
                ended: (!streaming).then_some(Timestamp(0)),
            },
            other => PartKind::Other(other.into()),
        },
        raw: Json::from(Arc::from(sketched.raw)),
    }
}

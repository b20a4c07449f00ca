//! The trivial dialect of `GET /events`: every event has whole state; there are no deltas and no REST.
//!
//! `{type:"message_updated", sessionId, messageId, parts, status}` and `{type:"session_updated", session}`. A frame's
//! `event` field is not used. Independent of the 1.18 dialect in [`wire`](crate::wire).

use serde::Deserialize;

use crate::json::{Raw, lenient, null_default, reason, sanitize};
use crate::wire::NotAnEvent;

/// A decoded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SketchEvent {
    /// A message is new or changed; these are all of its parts.
    MessageUpdated {
        /// Id of the session.
        session_id: String,
        /// Id of the message.
        message_id: String,
        /// All parts of the message, in order.
        parts: Vec<SketchPart>,
        /// Status in the server's own words, such as `streaming` or `complete`.
        status: Option<String>,
    },
    /// A session is new or changed.
    SessionUpdated(SketchSession),
    /// An event of another type.
    Unknown {
        /// Type of the event.
        kind: String,
    },
    /// A known event that does not decode.
    Malformed {
        /// Type of the event.
        kind: String,
        /// The reason of the decoding error.
        error: String,
    },
}

/// A part of a message. The dialect does not define its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SketchPart {
    /// Id of the part, if it has one.
    pub id: Option<String>,
    /// Type of the part; `text` if absent.
    pub kind: String,
    /// Text of the part, if it has one.
    pub text: Option<String>,
    /// The JSON of the part.
    pub raw: Raw,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SketchSession {
    /// Id of the session.
    pub id: String,
    /// Title of the session, if it has one.
    pub title: Option<String>,
    /// Id of the parent session.
    pub parent_id: Option<String>,
    /// Name of the agent.
    pub agent: Option<String>,
    /// The JSON of the session; `model` in it may be of any type.
    pub raw: Raw,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageWire {
    session_id: String,
    message_id: String,
    #[serde(default, deserialize_with = "null_default")]
    parts: Vec<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
}

#[derive(Deserialize)]
struct UpdatedWire {
    session: Raw,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionWire {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    parent_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    agent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PartWire {
    #[serde(deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    text: Option<String>,
}

/// Decodes the data of one frame.
///
/// # Errors The data is not JSON or has no event type. An unknown or malformed event is not an error.
pub fn decode(data: &str) -> Result<SketchEvent, NotAnEvent> {
    let json = &*sanitize(data);
    let kind = serde_json::from_str::<Head>(json)?
        .kind
        .ok_or(NotAnEvent::NoType)?;
    let decoded = match kind.as_str() {
        "message_updated" => message_updated(json),
        "session_updated" => session_updated(json),
        _ => return Ok(SketchEvent::Unknown { kind }),
    };
    Ok(decoded.unwrap_or_else(|error| SketchEvent::Malformed {
        kind,
        error: reason(&error),
    }))
}

fn message_updated(json: &str) -> Result<SketchEvent, serde_json::Error> {
    let wire: MessageWire = serde_json::from_str(json)?;
    Ok(SketchEvent::MessageUpdated {
        session_id: wire.session_id,
        message_id: wire.message_id,
        parts: wire.parts.into_iter().map(part).collect(),
        status: wire.status,
    })
}

fn part(raw: Raw) -> SketchPart {
    // A part may be of any type; one that is not an object is stored as its text.
    let wire: PartWire = serde_json::from_str(raw.get()).unwrap_or_default();
    SketchPart {
        id: wire.id,
        kind: wire.kind.unwrap_or_else(|| "text".to_owned()),
        text: wire.text,
        raw,
    }
}

fn session_updated(json: &str) -> Result<SketchEvent, serde_json::Error> {
    let raw = serde_json::from_str::<UpdatedWire>(json)?.session;
    let wire: SessionWire = serde_json::from_str(raw.get())?;
    Ok(SketchEvent::SessionUpdated(SketchSession {
        id: wire.id,
        title: wire.title,
        parent_id: wire.parent_id,
        agent: wire.agent,
        raw,
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_all_its_parts() {
        let event = decode(
            r#"{"type":"message_updated","sessionId":"s","messageId":"m","status":"streaming",
                "parts":[{"type":"text","text":"hi \ud83e"},{"type":"tool","id":7},"odd"]}"#,
        );
        let SketchEvent::MessageUpdated {
            session_id,
            message_id,
            parts,
            status,
        } = event.unwrap()
        else {
            panic!("another event");
        };
        assert_eq!(
            (session_id.as_str(), message_id.as_str(), status.as_deref()),
            ("s", "m", Some("streaming"))
        );
        assert_eq!(parts[0].text.as_deref(), Some("hi \u{fffd}"));
        assert_eq!((parts[1].kind.as_str(), &parts[1].id), ("tool", &None));
        assert_eq!(parts[2].raw.get(), "\"odd\"");
    }

    #[test]
    fn a_session_may_have_a_parent() {
        let event = decode(
            r#"{"type":"session_updated","session":{"id":"c","parentId":"p","title":null,"model":{}}}"#,
        );
        let SketchEvent::SessionUpdated(session) = event.unwrap() else {
            panic!("another event")
        };
        assert_eq!(
            (
                session.id.as_str(),
                session.parent_id.as_deref(),
                session.title
            ),
            ("c", Some("p"), None)
        );
    }

    #[test]
    fn anything_else_is_named() {
        assert!(
            matches!(decode(r#"{"type":"x"}"#), Ok(SketchEvent::Unknown { kind }) if kind == "x")
        );
        assert!(matches!(
            decode(r#"{"type":"message_updated"}"#),
            Ok(SketchEvent::Malformed { .. })
        ));
        assert!(matches!(decode("{}"), Err(NotAnEvent::NoType)));
        assert!(matches!(decode("<html>"), Err(NotAnEvent::Json(_))));
    }
}

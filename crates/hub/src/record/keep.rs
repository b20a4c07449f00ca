//! The payload that the log records of an event: the whole event, except for two kinds, of which only the names are
//! recorded.
//!
//! OpenCode sends every durable event twice; the `sync` duplicate (45 % of all bytes) adds nothing to the event itself.
//! And the deletion of a session must outlive the session's texts, although the event contains the title.

use std::borrow::Cow;
use std::sync::Arc;

use model::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::record::log::Payload;

#[derive(Deserialize, Serialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: WirePayload<'a>,
}

/// The recorded fields of a payload, in this order.
#[derive(Deserialize, Serialize)]
struct WirePayload<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
    #[serde(borrow, rename = "syncEvent", skip_serializing_if = "Option::is_none")]
    twin: Option<Twin<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
struct Twin<'a> {
    #[serde(borrow, rename = "aggregateID")]
    aggregate: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    seq: u64,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
struct Properties<'a> {
    #[serde(borrow, rename = "sessionID", skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
}

/// The recorded payload of an event with these translations.
pub(crate) fn payload(meaning: &[Event], data: &str) -> Payload {
    // An event with more content than a number or an end is recorded whole, and not parsed here.
    let names_might_do =
        |event: &Event| matches!(event, Event::Durable { .. } | Event::SessionDeleted(_));
    let candidate = !meaning.is_empty() && meaning.iter().all(names_might_do);
    let names = if candidate { names(data) } else { None };
    // A translated event was already parsed to its end.
    let doubtful = |event: &Event| matches!(event, Event::Malformed { .. });
    let is_json = !meaning.iter().any(doubtful) || is_json(data);
    names.unwrap_or_else(|| Payload::Upstream(line(data, is_json)))
}

fn is_json(data: &str) -> bool {
    serde_json::from_str::<&RawValue>(data).is_ok()
}

/// Formats a text as JSON on one line, as readers receive it. Invalid JSON becomes a string.
fn line(data: &str, is_json: bool) -> Arc<str> {
    if !is_json {
        return serde_json::Value::from(data).to_string().into();
    }
    // In JSON these characters occur between values only. Separate searches are several times as fast.
    if data.contains('\n') || data.contains('\r') {
        return data.replace(['\n', '\r'], " ").into();
    }
    data.into()
}

fn names(data: &str) -> Option<Payload> {
    let payload = match serde_json::from_str::<Envelope<'_>>(data) {
        Ok(envelope) => envelope.payload,
        Err(_) => serde_json::from_str::<WirePayload<'_>>(data).ok()?,
    };
    let payload = match (&*payload.kind, &payload.twin) {
        ("sync", Some(_)) => WirePayload {
            properties: None,
            ..payload
        },
        ("session.deleted", None) => payload,
        _ => return None,
    };
    let names = serde_json::to_string(&Envelope { payload }).ok()?;
    Some(Payload::Names(names.into()))
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;

    use super::*;
    use crate::ingest::dialect::{Dialect, Translator};

    /// The recorded payload of a frame that is translated as in production.
    fn kept(data: &str) -> String {
        let translated = Translator::new(Dialect::V1).frame(data, Timestamp(0));
        match payload(&translated.events, data) {
            Payload::Upstream(text) => format!("as it came: {text}"),
            Payload::Names(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_a_twin_only_its_names_are_kept() {
        let twin = r#"{"directory":"/d","payload":{"type":"sync","id":"evt_1","syncEvent":{"id":"evt_1",
            "type":"message.updated.1","seq":5,"aggregateID":"ses_1","data":{"secret":"text"}}}}"#;
        assert_eq!(
            kept(twin),
            r#"{"payload":{"id":"evt_1","syncEvent":{"aggregateID":"ses_1","id":"evt_1","seq":5,"type":"message.updated.1"},"type":"sync"}}"#
        );
    }

    #[test]
    fn of_a_deleted_session_only_its_id_is_kept() {
        let deleted = r#"{"id":"evt_2","type":"session.deleted","properties":{"sessionID":"ses_1","info":{"title":"secret"}}}"#;
        assert_eq!(
            kept(deleted),
            r#"{"payload":{"id":"evt_2","properties":{"sessionID":"ses_1"},"type":"session.deleted"}}"#
        );
    }

    #[test]
    fn everything_else_is_kept_as_it_came() {
        for data in [
            r#"{"payload":{"type":"lsp.updated","properties":{"sessionID":"ses_1"}}}"#,
            r#"{"payload":{"type":"sync","data":1}}"#,
        ] {
            assert_eq!(kept(data), format!("as it came: {data}"));
        }
    }

    #[test]
    fn what_is_kept_is_one_line_of_json() {
        assert_eq!(kept("not\nJSON"), r#"as it came: "not\nJSON""#);
        assert_eq!(kept("{\"a\":\r\n1}"), "as it came: {\"a\":  1}");
    }
}

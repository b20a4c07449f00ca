//! Events as they leave: once encoded for the global stream, with the `sync` twin of durable ones, and once
//! for the stream of a single directory.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// An event the world has to tell.
pub(super) struct Outgoing {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) directory: Arc<str>,
    pub(super) properties: Box<RawValue>,
    /// For durable events: the session, and the event's number in it.
    pub(super) durable: Option<(String, u64)>,
}

/// An event as bytes, shared by every stream.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    directory: Option<Arc<str>>,
    global: Bytes,
    instance: Bytes,
}

#[derive(Serialize)]
struct Envelope<'a, P> {
    directory: &'a str,
    project: &'a str,
    payload: P,
}

#[derive(Serialize)]
struct Event<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    properties: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Twin<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sync_event: SyncEvent<'a>,
    id: &'a str,
}

#[derive(Serialize)]
struct SyncEvent<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: String,
    seq: u64,
    #[serde(rename = "aggregateID")]
    aggregate_id: &'a str,
    data: &'a RawValue,
}

impl Frame {
    /// Encodes an event.
    pub(super) fn new(event: &Outgoing, project: &str) -> Self {
        let envelope = |payload| Envelope {
            directory: &event.directory,
            project,
            payload,
        };
        let plain = || Event {
            id: &event.id,
            kind: event.kind,
            properties: &event.properties,
        };
        let mut global = data(&envelope(plain()));
        if let Some((session, seq)) = &event.durable {
            let sync_event = SyncEvent {
                id: &event.id,
                kind: format!("{}.1", event.kind),
                seq: *seq,
                aggregate_id: session,
                data: &event.properties,
            };
            let payload = Twin {
                kind: "sync",
                sync_event,
                id: &event.id,
            };
            global.push_str(&data(&Envelope {
                directory: &event.directory,
                project,
                payload,
            }));
        }
        Self {
            directory: Some(Arc::clone(&event.directory)),
            global: global.into(),
            instance: data(&plain()).into(),
        }
    }

    /// A frame of exactly this text, for every stream.
    pub(super) fn raw(text: &str) -> Self {
        let bytes = Bytes::from(format!("data: {text}\n\n"));
        Self {
            directory: None,
            global: bytes.clone(),
            instance: bytes,
        }
    }

    /// The bytes for a stream: of one directory, or global.
    pub(super) fn bytes(&self, only: Option<&str>) -> Option<Bytes> {
        match (only, self.directory.as_deref()) {
            (None, _) => Some(self.global.clone()),
            (Some(wanted), Some(directory)) if wanted != directory => None,
            (Some(_), _) => Some(self.instance.clone()),
        }
    }
}

/// An event of the stream itself, such as its heartbeat.
pub(super) fn server_event(id: &str, kind: &str, global: bool) -> Bytes {
    let event = serde_json::json!({ "id": id, "type": kind, "properties": {} });
    if global {
        data(&serde_json::json!({ "payload": event })).into()
    } else {
        data(&event).into()
    }
}

/// Any value as raw JSON.
pub(super) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("events have string keys and finite numbers")
}

fn data(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("events have string keys and finite numbers");
    format!("data: {json}\n\n")
}

//! The scripted server over HTTP, held against what a real one was seen to do.
#![allow(clippy::unwrap_used)]

use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;

mod faults;
mod state;
mod turns;

const DEADLINE: Duration = Duration::from_secs(10);

/// A server, a client and its event stream.
struct Lab {
    server: FakeServer,
    client: Client,
    events: Events,
}

/// Events read so far from one stream.
struct Events {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    buffer: String,
    seen: Vec<Value>,
}

impl Events {
    async fn open(client: &Client, url: &str) -> Self {
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut events = Self {
            body: Box::pin(answer.bytes_stream()),
            buffer: String::new(),
            seen: Vec::new(),
        };
        let first = events.next().await.unwrap();
        assert_eq!(kind(&first), "server.connected");
        events
    }

    /// The next event, or nothing when the stream ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let frame: String = self.buffer.drain(..end + 2).collect();
                let event: Value =
                    serde_json::from_str(frame.trim_end().strip_prefix("data: ").unwrap()).unwrap();
                self.seen.push(event.clone());
                return Some(event);
            }
            let bytes = timeout(DEADLINE, self.body.next())
                .await
                .expect("an event in time")?
                .ok()?;
            self.buffer.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if wanted(payload(&event)) {
                return payload(&event).clone();
            }
        }
    }

    async fn until_kind(&mut self, wanted: &str) -> Value {
        self.until(|event| event["type"] == wanted).await
    }
}

impl Lab {
    async fn new() -> Self {
        Self::with(FakeOptions::default()).await
    }

    async fn with(options: FakeOptions) -> Self {
        let options = FakeOptions {
            rate: 0.0,
            retry: Duration::from_millis(1),
            ..options
        };
        let server = FakeServer::start(options).await.unwrap();
        let client = Client::new();
        let events = Events::open(&client, &format!("{}/global/event", server.url)).await;
        Self {
            server,
            client,
            events,
        }
    }

    async fn get(&self, path: &str) -> Value {
        self.client
            .get(format!("{}{path}", self.server.url))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        self.client
            .post(format!("{}{path}", self.server.url))
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    async fn session(&self) -> String {
        let made: Value = self
            .post("/session", json!({ "title": "t" }))
            .await
            .json()
            .await
            .unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    async fn prompt(&self, session: &str, text: &str) {
        let body = json!({ "parts": [{ "type": "text", "text": text }] });
        let answer = self
            .post(&format!("/session/{session}/prompt_async"), body)
            .await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    /// Reads events up to the last one of a turn: the user message sent again after the session went idle.
    async fn end(&mut self, session: &str) {
        self.events
            .until(|event| {
                event["type"] == "session.idle" && event["properties"]["sessionID"] == session
            })
            .await;
        self.events
            .until(|event| {
                event["type"] == "message.updated" && event["properties"]["info"]["role"] == "user"
            })
            .await;
    }

    async fn messages(&self, session: &str) -> Value {
        self.get(&format!("/session/{session}/message")).await
    }
}

fn payload(event: &Value) -> &Value {
    event.get("payload").unwrap_or(event)
}

/// What an event is about, finely enough to compare orders.
fn kind(event: &Value) -> String {
    let event = payload(event);
    let (name, properties) = (event["type"].as_str().unwrap(), &event["properties"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = match name {
        "sync" => text(&event["syncEvent"]["type"]),
        "session.status" => text(&properties["status"]["type"]),
        "message.updated" => text(&properties["info"]["role"]),
        "message.part.updated" => {
            let part = &properties["part"];
            let closed = if part["time"]["end"].is_null() {
                ""
            } else {
                " closed"
            };
            format!(
                "{}{}{closed}",
                text(&part["type"]),
                text(&part["state"]["status"])
            )
        }
        _ => String::new(),
    };
    format!("{name} {detail}").trim_end().to_owned()
}

/// Kinds in their order, repeats collapsed, and without the events whose moment varies in a real server.
fn order(events: &[Value]) -> Vec<String> {
    let varies = [
        "plugin.added",
        "catalog.updated",
        "reference.updated",
        "integration.updated",
        "server.heartbeat",
    ];
    let mut kinds: Vec<String> = events
        .iter()
        .map(kind)
        .filter(|kind| !varies.contains(&kind.as_str()))
        .collect();
    kinds.dedup();
    kinds
}

fn captured(bytes: &str) -> Vec<Value> {
    let frames = bytes.lines().filter_map(|line| line.strip_prefix("data: "));
    frames
        .map(|frame| serde_json::from_str(frame).unwrap())
        .collect()
}

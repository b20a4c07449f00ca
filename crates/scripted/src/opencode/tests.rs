//! The scripted server over HTTP, held against what a real one was seen to do.
#![allow(clippy::unwrap_used)]

use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;

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

    /// Reads events up to the last one of a turn: the user message told again after the session went idle.
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

#[tokio::test]
async fn a_simple_turn_has_the_order_of_a_real_one() {
    let mut lab = Lab::new().await;
    let made: Value = lab.post("/session", json!({})).await.json().await.unwrap();
    let session = made["id"].as_str().unwrap();
    lab.prompt(session, "echo 30").await;
    lab.end(session).await;
    lab.events.next().await;
    let real = captured(include_str!(
        "../../../testkit/captures/prompt_async.global.sse"
    ));
    assert_eq!(order(&lab.events.seen), order(&real));
}

#[tokio::test]
async fn a_tool_turn_has_the_order_of_a_real_one() {
    for (prompt, real) in [
        (
            "todo alpha, beta, gamma ;; say planned",
            include_str!("../../../testkit/captures/todo.global.sse"),
        ),
        (
            "say running ;; bash echo 1; echo 2 ;; say all good",
            include_str!("../../../testkit/captures/bash.global.sse"),
        ),
    ] {
        let mut lab = Lab::new().await;
        let session = lab.session().await;
        lab.prompt(&session, prompt).await;
        lab.end(&session).await;
        lab.events.next().await;
        // When the summaries come is a race in a real server; the rest is not.
        let settled = |events: &[Value]| {
            let mut order = order(events);
            order.retain(|kind| {
                let told_again = [
                    "session.updated",
                    "session.diff",
                    "message.updated user",
                    "sync",
                ];
                !told_again.iter().any(|prefix| kind.starts_with(prefix))
            });
            order.dedup();
            order
        };
        assert_eq!(
            settled(&lab.events.seen),
            settled(&captured(real)),
            "{prompt}"
        );
    }
}

#[tokio::test]
async fn twins_count_without_a_gap_and_repeat_their_event() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "reason 2 ;; echo 2 ;; bash echo hi")
        .await;
    lab.end(&session).await;
    lab.events.next().await;
    let seen = &lab.events.seen;
    let twins: Vec<&Value> = seen
        .iter()
        .filter(|event| payload(event)["type"] == "sync")
        .collect();
    assert!(twins.len() > 20);
    for (index, twin) in twins.iter().enumerate() {
        let sync = &payload(twin)["syncEvent"];
        assert_eq!(sync["seq"], index);
        assert_eq!(sync["aggregateID"], session.as_str());
        let event = seen
            .iter()
            .find(|event| payload(event)["id"] == sync["id"])
            .unwrap();
        assert_eq!(payload(event)["properties"], sync["data"]);
    }
}

#[tokio::test]
async fn an_open_text_reads_empty_until_it_closes() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "say half ;; stall 600").await;
    lab.events.until_kind("message.part.delta").await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages[1]["parts"][1]["text"], "");
    assert_eq!(lab.get("/session/status").await[&session]["type"], "busy");

    let aborted = lab
        .post(&format!("/session/{session}/abort"), Value::Null)
        .await;
    assert_eq!(aborted.status(), StatusCode::OK);
    lab.events.until_kind("session.error").await;
    lab.events.until_kind("session.idle").await;
    lab.events.until_kind("session.idle").await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages[1]["parts"][1]["text"], "half ");
    assert_eq!(messages[1]["info"]["error"]["name"], "MessageAbortedError");
    assert_eq!(lab.get("/session/status").await, json!({}));
    let real = captured(include_str!("../../../testkit/captures/abort.global.sse"));
    let tail = |events: &[Value]| {
        let order = order(events);
        let error = order
            .iter()
            .position(|kind| kind == "session.error")
            .unwrap();
        order[error..].to_vec()
    };
    assert_eq!(tail(&lab.events.seen), tail(&real));
}

#[tokio::test]
async fn permissions_wait_and_are_answered_once() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "permission ;; say allowed").await;
    let asked = lab.events.until_kind("permission.asked").await;
    let id = asked["properties"]["id"].as_str().unwrap();
    assert_eq!(lab.get("/permission").await[0], asked["properties"]);
    assert_eq!(lab.get("/permission?directory=/elsewhere").await, json!([]));
    let reply = json!({ "reply": "once" });
    let path = format!("/permission/{id}/reply");
    assert_eq!(
        lab.post(&path, reply.clone()).await.status(),
        StatusCode::OK
    );
    assert_eq!(lab.post(&path, reply).await.status(), StatusCode::NOT_FOUND);
    lab.end(&session).await;
    let messages = lab.messages(&session).await;
    assert_eq!(
        messages[1]["parts"][1]["state"]["output"],
        "needs-permission\n"
    );
    assert_eq!(messages[2]["parts"][1]["text"], "allowed ");
}

#[tokio::test]
async fn a_plain_rejection_ends_the_turn_and_words_do_not() {
    let mut lab = Lab::new().await;
    for (message, steps) in [(None, 2), (Some("not today"), 3)] {
        let session = lab.session().await;
        lab.prompt(&session, "permission ;; say after").await;
        let asked = lab.events.until_kind("permission.asked").await;
        let path = format!(
            "/permission/{}/reply",
            asked["properties"]["id"].as_str().unwrap()
        );
        lab.post(&path, json!({ "reply": "reject", "message": message }))
            .await;
        lab.end(&session).await;
        let messages = lab.messages(&session).await;
        assert_eq!(messages.as_array().unwrap().len(), steps);
        assert_eq!(messages[1]["parts"][1]["state"]["status"], "error");
    }
}

#[tokio::test]
async fn questions_are_answered_or_rejected() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "question Which colour? ;; say thanks")
        .await;
    let asked = lab.events.until_kind("question.asked").await;
    let path = format!(
        "/question/{}/reply",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, json!({ "answers": [["Red"]] })).await;
    lab.end(&session).await;
    let output = &lab.messages(&session).await[1]["parts"][1]["state"]["output"];
    assert!(
        output
            .as_str()
            .unwrap()
            .contains("\"Which colour?\"=\"Red\""),
        "{output}"
    );

    lab.prompt(&session, "question Which colour? ;; say thanks")
        .await;
    let asked = lab.events.until_kind("question.asked").await;
    let path = format!(
        "/question/{}/reject",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, Value::Null).await;
    lab.events.until_kind("question.rejected").await;
    lab.end(&session).await;
    assert_eq!(lab.get("/question").await, json!([]));
}

#[tokio::test]
async fn a_task_runs_in_a_child_session_and_goes_with_its_parent() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(
        &session,
        "task { echo 3 ;; bash echo from-child ;; say child finished } ;; say parent done",
    )
    .await;
    lab.end(&session).await;
    let children = lab.get(&format!("/session/{session}/children")).await;
    let child = children[0]["id"].as_str().unwrap();
    assert_eq!(children[0]["parentID"], session.as_str());
    let task = &lab.messages(&session).await[1]["parts"][1]["state"];
    assert_eq!(task["metadata"]["sessionId"], child);
    assert!(task["output"].as_str().unwrap().contains("child finished"));
    assert_eq!(lab.messages(child).await.as_array().unwrap().len(), 3);

    let url = format!("{}/session/{session}", lab.server.url);
    lab.client.delete(url).send().await.unwrap();
    for gone in [child, &session] {
        let deleted = lab.events.until_kind("session.deleted").await;
        assert_eq!(deleted["properties"]["sessionID"], gone);
    }
    assert_eq!(lab.get("/session").await, json!([]));
}

#[tokio::test]
async fn prompts_to_a_busy_session_wait_their_turn() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "permission ;; say first").await;
    let asked = lab.events.until_kind("permission.asked").await;
    lab.prompt(&session, "say second").await;
    let path = format!(
        "/permission/{}/reply",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, json!({ "reply": "always" })).await;
    lab.end(&session).await;
    let messages = lab.messages(&session).await;
    let last = messages.as_array().unwrap().last().unwrap();
    assert_eq!(last["parts"][1]["text"], "second ");
    assert_eq!(
        lab.events
            .seen
            .iter()
            .filter(|event| kind(event) == "session.idle")
            .count(),
        1
    );
}

#[tokio::test]
async fn failures_are_retried_and_a_cut_text_stays_empty() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "error 500 times=2 ;; say recovered")
        .await;
    lab.end(&session).await;
    let retries = lab
        .events
        .seen
        .iter()
        .filter(|event| kind(event) == "session.status retry")
        .count();
    assert_eq!(retries, 2);

    lab.prompt(&session, "error 400 msg=bad_request").await;
    let error = lab.events.until_kind("session.error").await;
    assert_eq!(error["properties"]["error"]["data"]["statusCode"], 400);
    lab.end(&session).await;

    lab.prompt(&session, "echo 3 ;; midfail").await;
    lab.events
        .until(|event| event["properties"]["status"]["attempt"] == 2)
        .await;
    lab.post(&format!("/session/{session}/abort"), Value::Null)
        .await;
    lab.events.until_kind("session.error").await;
    let messages = lab.messages(&session).await;
    assert_eq!(
        messages.as_array().unwrap().last().unwrap()["parts"][1]["text"],
        ""
    );
}

#[tokio::test]
async fn the_same_message_id_twice_is_answered_once() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    let path = format!("/session/{session}/prompt_async");
    let body = json!({ "messageID": "msg_one", "parts": [{ "id": "prt_one", "type": "text", "text": "say hi" }] });
    lab.post(&path, body.clone()).await;
    lab.end(&session).await;
    lab.post(&path, body).await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages.as_array().unwrap().len(), 2);
    assert_eq!(messages[0]["parts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_come_in_pages_newest_first() {
    let lab = Lab::new().await;
    let session = lab.server.seed_session("long").unwrap();
    let all: Vec<Value> = serde_json::from_str(include_str!(
        "../../../testkit/captures/session500.messages.json"
    ))
    .unwrap();
    let ids: Vec<Value> = all
        .iter()
        .map(|message| message["info"]["id"].clone())
        .collect();
    lab.server.seed_messages(&session, all).unwrap();
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!(
            "{}/session/{session}/message?limit=100{cursor}",
            lab.server.url
        );
        let answer = lab.client.get(path).send().await.unwrap();
        let next = answer
            .headers()
            .get("x-next-cursor")
            .map(|next| next.to_str().unwrap().to_owned());
        let page: Vec<Value> = answer.json().await.unwrap();
        read.splice(
            ..0,
            page.into_iter()
                .map(|message| message["info"]["id"].clone()),
        );
        match next {
            Some(next) => cursor = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(read, ids);
    assert!(lab.server.seed_messages(&session, vec![json!({})]).is_err());
}

#[tokio::test]
async fn halves_of_an_emoji_reach_the_wire() {
    let lab = Lab::new().await;
    let session = lab.session().await;
    let answer = lab
        .client
        .get(format!("{}/event", lab.server.url))
        .send()
        .await
        .unwrap();
    lab.prompt(&session, "surrogate").await;
    let (mut body, mut text) = (answer.bytes_stream(), String::new());
    while !text.contains("session.idle") {
        let bytes = timeout(DEADLINE, body.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(
        text.contains(r#""delta":"\ud83e""#) && text.contains("before 🧑 after"),
        "{text}"
    );
    assert!(!text.contains("\"sync\""));
}

#[tokio::test]
async fn a_password_guards_everything() {
    let options = FakeOptions {
        password: Some("s3cret".into()),
        ..FakeOptions::default()
    };
    let server = FakeServer::start(options).await.unwrap();
    let client = Client::new();
    let get = |path: &str| client.get(format!("{}{path}", server.url));
    for path in ["/global/health", "/global/event", "/session"] {
        assert_eq!(
            get(path).send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
        let wrong = get(path).basic_auth("opencode", Some("wrong"));
        assert_eq!(
            wrong.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let right = get("/global/health").basic_auth("opencode", Some("s3cret"));
    assert_eq!(
        right.send().await.unwrap().json::<Value>().await.unwrap()["healthy"],
        true
    );
}

#[tokio::test]
async fn streams_are_counted_cut_and_heartbeaten() {
    let options = FakeOptions {
        heartbeat: Duration::from_millis(5),
        ..FakeOptions::default()
    };
    let mut lab = Lab::with(options).await;
    lab.events.until_kind("server.heartbeat").await;
    assert_eq!(lab.server.connections(), Connections { open: 1, ever: 1 });
    lab.server
        .emit_raw(r#"{"payload":{"id":"evt_x","type":"custom","properties":{}}}"#);
    lab.events.until_kind("custom").await;
    lab.server.cut_streams();
    while lab.events.next().await.is_some() {}
    let again = Events::open(&lab.client, &format!("{}/global/event", lab.server.url)).await;
    assert_eq!(lab.server.connections().ever, 2);
    drop(again);
}

#[tokio::test]
async fn a_stalled_server_says_nothing_until_it_goes_on() {
    let mut lab = Lab::new().await;
    lab.server.stall(true);
    let health = lab.client.get(format!("{}/global/health", lab.server.url));
    let silent = timeout(
        Duration::from_millis(100),
        health.try_clone().unwrap().send(),
    )
    .await;
    assert!(silent.is_err());
    lab.server
        .emit_raw(r#"{"payload":{"id":"evt_x","type":"held","properties":{}}}"#);
    lab.server.stall(false);
    lab.events.until_kind("held").await;
    lab.server.refuse(Some(503));
    assert_eq!(
        health.try_clone().unwrap().send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    lab.server.refuse(None);
    assert_eq!(health.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn it_dies_without_a_word_and_comes_back_on_its_port() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "say half ;; stall 600").await;
    lab.events.until_kind("message.part.delta").await;
    timeout(DEADLINE, lab.server.shutdown()).await.unwrap();
    while lab.events.next().await.is_some() {}
    assert!(
        lab.client
            .get(format!("{}/global/health", lab.server.url))
            .send()
            .await
            .is_err()
    );
    lab.server.restart().await.unwrap();
    assert_eq!(lab.get("/session/status").await, json!({}));
    let messages = lab.messages(&session).await;
    assert_eq!(messages[1]["parts"][1]["text"], "");
    assert!(messages[1]["info"]["time"]["completed"].is_null());
    lab.events = Events::open(&lab.client, &format!("{}/global/event", lab.server.url)).await;
    lab.prompt(&session, "say again").await;
    lab.end(&session).await;
}

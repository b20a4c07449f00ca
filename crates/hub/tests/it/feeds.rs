//! The log feed and the live feed.

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::lab::{Lab, SOON, ids};

/// A reader of an event stream.
pub(crate) struct Events {
    response: Response,
    buffer: String,
}

/// One event: its id, its name, its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Events {
    pub(crate) async fn open(lab: &Lab, query: &str, last: Option<&str>) -> Self {
        Self::at(lab, &format!("/api/log{query}"), last).await
    }

    /// Opens another event stream.
    pub(crate) async fn at(lab: &Lab, path: &str, last: Option<&str>) -> Self {
        let request = lab.request(Method::GET, path);
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next events, up to the one with this mark.
    pub(crate) async fn until_mark(&mut self, mark: u64) -> Vec<Event> {
        let mut seen = Vec::new();
        while seen.last().and_then(marked) != Some(mark) {
            seen.push(self.next().await.unwrap());
        }
        seen
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.buffer.find("\n\n") {
                let frame: String = self.buffer.drain(..end + 2).collect();
                let field = |name: &str| {
                    let lines = frame
                        .lines()
                        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.collect::<Vec<_>>().join("\n")
                };
                if !field("data").is_empty() {
                    let data = serde_json::from_str(&field("data")).unwrap();
                    return Some(Event {
                        id: field("id"),
                        name: field("event"),
                        data,
                    });
                }
            }
            let chunk = timeout(SOON, self.response.chunk())
                .await
                .expect("an event in time")
                .unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    pub(crate) async fn all(mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

pub(crate) fn marked(event: &Event) -> Option<u64> {
    event.data["event"]["payload"]["properties"]["mark"].as_u64()
}

pub(crate) fn mark(n: u64) -> String {
    json!({"payload": {"id": "evt_1", "type": "test.marked", "properties": {"mark": n, "text": "a\u{2028}b"}}}).to_string()
}

#[tokio::test]
async fn the_log_replays_and_then_follows() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    lab.fake.emit_raw(&mark(1));
    let mut events = Events::open(&lab, "", None).await;
    let mut seen = events.until_mark(1).await;
    lab.fake.emit_raw(&mark(2));
    seen.extend(events.until_mark(2).await);
    let last = seen.last().unwrap();
    assert_eq!(last.data["instance"], instance.rsplit('/').next().unwrap());
    let raw: Value = serde_json::from_str(&mark(2)).unwrap();
    assert_eq!(
        last.data,
        json!({"instance": last.data["instance"], "event": raw})
    );
    let numbers: Vec<u64> = seen
        .iter()
        .map(|event| event.id.rsplit_once('-').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());

    let whole = Events::open(&lab, "?follow=false", None).await.all().await;
    assert_eq!(whole[..seen.len()], seen);
    let rest = Events::open(&lab, &format!("?follow=false&after={}", seen[1].id), None)
        .await
        .all()
        .await;
    assert_eq!(rest[..seen.len() - 2], seen[2..]);
    // What a browser heard last counts more than where it began.
    let query = format!("?follow=false&after={}", seen[0].id);
    let resumed = Events::open(&lab, &query, Some(&seen[1].id))
        .await
        .all()
        .await;
    assert_eq!(resumed[0], seen[2]);
    let mut now = Events::open(&lab, "?after=now", None).await;
    lab.fake.emit_raw(&mark(3));
    assert_eq!(marked(&now.next().await.unwrap()), Some(3));
}

#[tokio::test]
async fn the_log_is_filtered() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let one = lab.session(&instance).await;
    let other = lab.session(&instance).await;
    lab.turn(&one, "echo 3").await;
    lab.turn(&other, "echo 3").await;
    let (_, id) = ids(&one);
    let events = Events::open(&lab, &format!("?follow=false&session={id}"), None)
        .await
        .all()
        .await;
    assert!(events.len() > 5);
    assert!(
        events
            .iter()
            .all(|event| event.data.to_string().contains(id.as_str()))
    );
    let none = Events::open(&lab, "?follow=false&instance=nope", None)
        .await
        .all()
        .await;
    assert_eq!(none, []);
}

#[tokio::test]
async fn a_gap_in_the_log_is_told_first() {
    let lab = Lab::new().await;
    lab.instance().await;
    for lost in [
        "another-7",
        &format!("{}-999999", lab.hub.engine().log().end().epoch),
    ] {
        let events = Events::open(&lab, "?follow=false", Some(lost))
            .await
            .all()
            .await;
        let begin = lab.hub.engine().log().begin().to_string();
        assert_eq!(events[0].name, "gap");
        assert_eq!(events[0].id, begin);
        assert_eq!(events[0].data, json!({"after": lost, "resume": begin}));
        assert!(events.len() > 1 && events[1..].iter().all(|event| event.name.is_empty()));
    }
}

#[tokio::test]
async fn what_is_no_json_travels_as_text() {
    let lab = Lab::new().await;
    lab.instance().await;
    let mut events = Events::open(&lab, "?after=now", None).await;
    lab.fake.emit_raw("not JSON \"at all\"");
    assert_eq!(
        events.next().await.unwrap().data["event"],
        "not JSON \"at all\""
    );
}

#[tokio::test]
async fn a_compressed_log_lets_each_event_out_at_once() {
    let lab = Lab::new().await;
    lab.instance().await;
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    for (accepts, compressed) in [
        ("br, gzip", true),
        ("GZIP ; q=0.5", true),
        ("gzip;q=0, br", false),
        ("identity", false),
    ] {
        let asked = plain
            .get(format!("{}/api/log", lab.url))
            .header("accept-encoding", accepts);
        let answer = asked.send().await.unwrap();
        let encoding = answer.headers().get("content-encoding");
        assert_eq!(
            encoding.is_some_and(|coding| coding == "gzip"),
            compressed,
            "{accepts}"
        );
        assert_eq!(answer.headers()["vary"], "accept-encoding");
    }
    // This client asks for gzip by itself.
    let mut events = Events::open(&lab, "?after=now", None).await;
    for n in 0..3 {
        lab.fake.emit_raw(&mark(n));
        assert_eq!(marked(&events.next().await.unwrap()), Some(n));
    }
}

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn open(lab: &Lab) -> Socket {
    let (socket, _) = connect_async(format!("ws://127.0.0.1:{}/api/live", lab.port))
        .await
        .unwrap();
    socket
}

pub(crate) async fn frame(socket: &mut Socket) -> Option<Value> {
    match timeout(SOON, socket.next())
        .await
        .expect("a frame in time")?
        .unwrap()
    {
        Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
        _ => None,
    }
}

/// Looks at a session, and gives all that is sent until `so`.
async fn watch(socket: &mut Socket, look: Value, so: impl Fn(&str) -> bool) -> String {
    socket.send(Message::text(look.to_string())).await.unwrap();
    let mut ops = String::new();
    while !so(&ops) {
        let frame = frame(socket).await.unwrap();
        if frame.is_array() {
            ops.push_str(&frame.to_string());
            let ack = json!({"t": "ack", "rev": frame[1]});
            socket.send(Message::text(ack.to_string())).await.unwrap();
        }
    }
    ops
}

fn look(hello: &Value, session: &str) -> Value {
    let (instance, id) = ids(session);
    json!({"t": "look", "n": 1, "epoch": hello["epoch"], "rev": 0, "instance": instance, "session": id})
}

#[tokio::test]
async fn a_viewer_sees_a_session_grow() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let mut socket = open(&lab).await;
    let hello = frame(&mut socket).await.unwrap();
    assert_eq!(hello["t"], "hello");
    assert_eq!(hello["epoch"], lab.get("/api/health").await.json()["epoch"]);
    assert_eq!(lab.get("/api/health").await.json()["viewers"], 1);
    lab.post(
        &format!("{session}/prompt"),
        json!({"text": "say unmistakable"}),
    )
    .await
    .good();
    watch(&mut socket, look(&hello, &session), |ops| {
        ops.contains("unmistakable")
    })
    .await;
    drop(socket);
    let forgotten = async { while lab.get("/api/health").await.json()["viewers"] != 0 {} };
    timeout(SOON, forgotten)
        .await
        .expect("the viewer is forgotten");
}

#[tokio::test]
async fn a_viewer_that_says_too_much_is_closed() {
    let lab = Lab::new().await;
    let mut socket = open(&lab).await;
    frame(&mut socket).await.unwrap();
    let long = json!({"t": "look", "epoch": "x".repeat(100 << 10), "rev": 0});
    socket.send(Message::text(long.to_string())).await.unwrap();
    let end = timeout(SOON, socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
}

#[tokio::test]
async fn the_end_of_the_hub_ends_its_feeds_in_time() {
    let lab = Lab::new().await;
    lab.instance().await;
    let mut events = Events::open(&lab, "?after=now", None).await;
    let mut socket = open(&lab).await;
    frame(&mut socket).await.unwrap();
    let began = Instant::now();
    lab.cancel.cancel();
    assert_eq!(events.next().await, None);
    match timeout(SOON, socket.next()).await.unwrap() {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1012),
        other => panic!("no farewell: {other:?}"),
    }
    drop((events, socket));
    timeout(SOON, lab.serving).await.unwrap().unwrap().unwrap();
    assert!(
        began.elapsed() < hub::limits::LAST_REQUESTS,
        "it took its whole deadline"
    );
}

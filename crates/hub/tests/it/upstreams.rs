//! Servers that are not as they should be: one that loses an answer, and one that has events only.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use scripted::opencode2::{Options, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::lab::{Lab, PASSWORD, ids, send};

pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Passes everything on to a server, and loses its answer to the first prompt.
#[derive(Clone)]
struct Forgetful {
    server: String,
    client: reqwest::Client,
    prompts: Arc<AtomicUsize>,
}

async fn pass(State(proxy): State<Forgetful>, request: Request) -> Response {
    let is_prompt = request.uri().path().contains("prompt_async");
    let reply = forward(&proxy.client, &proxy.server, request).await;
    if is_prompt && proxy.prompts.fetch_add(1, Ordering::SeqCst) == 0 {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    reply
}

async fn forward(client: &reqwest::Client, server: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let passed = client.request(parts.method, format!("{server}{path}"));
    let answer = passed.headers(headers).body(body).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, Body::from_stream(answer.bytes_stream())).into_response()
}

/// Passes everything on to a server, is slow to list what waits there, and notes in which order lists are read.
#[derive(Clone)]
struct Slow {
    server: String,
    client: reqwest::Client,
    reads: Arc<Mutex<Vec<&'static str>>>,
}

async fn pass_slowly(State(proxy): State<Slow>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let note = |read| proxy.reads.lock().unwrap().push(read);
    if path.ends_with("/session/status") || path.ends_with("/session/active") {
        note("what runs is asked for");
    }
    let waits = path == "/permission" || path.ends_with("/permission/request");
    if waits {
        sleep(Duration::from_millis(100)).await;
    }
    let reply = forward(&proxy.client, &proxy.server, request).await;
    if waits {
        note("what waits is known");
    }
    reply
}

/// Else a request of a run that began in between would be rejected as one of a run that has ended.
#[tokio::test]
async fn what_runs_is_read_after_what_waits() {
    let lab = Lab::new().await;
    lab.session(&lab.instance().await).await;
    let options = Options {
        password: Some(PASSWORD.to_owned()),
        ..Options::default()
    };
    let service = Server::start(options).await.unwrap();
    let made = reqwest::Client::new()
        .post(format!("{}/api/session", service.url()))
        .basic_auth("opencode", Some(PASSWORD))
        .json(&json!({}));
    assert!(made.send().await.unwrap().status().is_success());
    for server in [&lab.fake.url, service.url()] {
        let proxy = Slow {
            server: server.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().no_gzip().build().unwrap(),
            reads: Arc::default(),
        };
        let router = Router::new()
            .fallback(pass_slowly)
            .with_state(proxy.clone());
        lab.instance_at(&serve(router).await).await;
        let reads = proxy.reads.lock().unwrap().clone();
        assert!(reads.contains(&"what waits is known"), "{reads:?}");
        assert_eq!(reads.last(), Some(&"what runs is asked for"), "{reads:?}");
    }
}

#[tokio::test]
async fn a_prompt_whose_answer_was_lost_is_not_sent_twice() {
    let lab = Lab::new().await;
    let proxy = Forgetful {
        server: lab.fake.url.clone(),
        client: reqwest::Client::builder().no_gzip().build().unwrap(),
        prompts: Arc::default(),
    };
    let url = serve(Router::new().fallback(pass).with_state(proxy.clone())).await;
    let instance = lab.instance_at(&url).await;
    let session = lab.session(&instance).await;
    let keyed = || {
        let request = lab.request(Method::POST, &format!("{session}/prompt"));
        send(
            request
                .header("Idempotency-Key", "k")
                .json(&json!({"text": "echo 3"})),
        )
    };
    keyed().await.problem(502, "upstream");
    let answered = async || {
        let messages = lab.get(&format!("{session}/messages")).await.good();
        let message = messages[0]["info"]["id"].as_str().map(str::to_owned);
        message.filter(|_| messages[1]["info"]["time"]["completed"].is_number())
    };
    let message = lab
        .eventually("the prompt is answered all the same", answered)
        .await;
    let again = keyed().await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["messageID"]),
        (202, &json!(message))
    );
    assert_eq!(proxy.prompts.load(Ordering::SeqCst), 1);
    assert_eq!(
        lab.get(&format!("{session}/messages"))
            .await
            .good()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

/// A server of the other dialect: it tells of one session, and then nothing more.
pub(crate) async fn events() -> Response {
    let told = [
        json!({"type": "session_updated", "session": {"id": "s1", "title": "Told"}}),
        json!({"type": "message_updated", "sessionId": "s1", "messageId": "m1", "parts": [{"type": "text", "text": "hello"}], "status": "complete"}),
    ];
    let frames = stream::iter(
        told.map(|event| Ok::<_, std::convert::Infallible>(format!("data: {event}\n\n"))),
    );
    let body = Body::from_stream(frames.chain(stream::pending()));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

#[tokio::test]
async fn a_server_with_events_only_is_shown_and_takes_no_commands() {
    let lab = Lab::new().await;
    let url = serve(Router::new().route("/events", get(events))).await;
    let added = lab.post("/api/instances", json!({"url": url})).await.good();
    let id = added["id"].as_str().unwrap();
    lab.connected(id).await;
    let session = format!("/api/instances/{id}/sessions/s1");
    let told = async || {
        let messages = lab.get(&format!("{session}/messages")).await;
        let messages: Value = serde_json::from_str(&messages.text).unwrap();
        messages[0]["parts"][0]["text"].as_str().map(str::to_owned)
    };
    assert_eq!(lab.eventually("its message is told", told).await, "hello");
    let sessions = lab
        .get(&format!("/api/instances/{id}/sessions"))
        .await
        .good();
    assert_eq!(sessions[0]["title"], "Told");
    assert_eq!(lab.get(&session).await.good()["id"], "s1");
    lab.post(&format!("{session}/prompt"), json!({"text": "x"}))
        .await
        .problem(409, "only-events");
    lab.post(&format!("{session}/abort"), json!({}))
        .await
        .problem(409, "only-events");
    let (instance, session) = ids(&session);
    let page = lab.get(&format!("/i/{instance}/s/{session}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("hello"));
}

#[tokio::test]
async fn what_a_server_with_events_only_told_is_kept_over_a_new_connection() {
    let lab = Lab::new().await;
    let silent = Arc::new(AtomicBool::new(false));
    let asked = silent.clone();
    let once = async move || match asked.load(Ordering::SeqCst) {
        false => events().await,
        true => {
            let beat = stream::iter([Ok::<_, std::convert::Infallible>("data: {}\n\n")]);
            let body = Body::from_stream(beat.chain(stream::pending()));
            ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
        }
    };
    let url = serve(Router::new().route("/events", get(once))).await;
    let added = lab.post("/api/instances", json!({"url": url})).await.good();
    let id = added["id"].as_str().unwrap();
    lab.connected(id).await;
    let kept = async || {
        let messages = lab
            .get(&format!("/api/instances/{id}/sessions/s1/messages"))
            .await;
        messages.text.contains("hello").then_some(())
    };
    lab.eventually("its message is told", kept).await;
    let page = format!("/i/{id}/s/s1");
    assert!(lab.get(&page).await.text.contains("hello"));
    let since = lab.get(&format!("/api/instances/{id}")).await.good()["since"].clone();
    silent.store(true, Ordering::SeqCst);
    lab.post(&format!("/api/instances/{id}/reconnect"), json!({}))
        .await;
    let again = async || {
        let instance = lab.get(&format!("/api/instances/{id}")).await.good();
        (instance["status"] == "connected" && instance["since"] != since).then_some(())
    };
    lab.eventually("it is connected again", again).await;
    assert!(lab.get(&page).await.text.contains("hello"));
}

/// Passes everything on to a server that cannot list the permissions that wait, for as long as it is so.
#[derive(Clone)]
struct Unlisting {
    to: Forgetful,
    fails: Arc<AtomicBool>,
}

async fn pass_but_lists(State(proxy): State<Unlisting>, request: Request) -> Response {
    let lists = request.method() == Method::GET && request.uri().path() == "/permission";
    if lists && proxy.fails.load(Ordering::SeqCst) {
        return (StatusCode::BAD_REQUEST, "Expected JSON value").into_response();
    }
    pass(State(proxy.to), request).await
}

#[tokio::test]
async fn a_server_that_cannot_list_what_waits_is_connected_and_that_is_told() {
    let lab = Lab::new().await;
    let fails = Arc::new(AtomicBool::new(true));
    let proxy = Unlisting {
        to: Forgetful {
            server: lab.fake.url.clone(),
            client: reqwest::Client::builder().no_gzip().build().unwrap(),
            prompts: Arc::new(AtomicUsize::new(1)),
        },
        fails: fails.clone(),
    };
    let url = serve(Router::new().fallback(pass_but_lists).with_state(proxy)).await;
    let instance = lab.instance_at(&url).await;
    let session = lab.session(&instance).await;
    let waiting = async |n: usize| {
        let asked = lab.get(&format!("{instance}/permissions")).await.good();
        (asked.as_array().unwrap().len() == n).then_some(asked)
    };
    let told = async |so: bool| {
        let health = lab.get("/api/health").await.good();
        (health["notices"]
            .to_string()
            .contains("cannot list what waits")
            == so)
            .then_some(())
    };
    lab.eventually("that it cannot list is told", || told(true))
        .await;
    let prompt = json!({"text": "permission ;; say allowed"});
    lab.post(&format!("{session}/prompt"), prompt).await.good();
    lab.eventually("a request of its stream waits", || waiting(1))
        .await;
    let since = lab.get(&instance).await.good()["since"].clone();
    lab.post(&format!("{instance}/reconnect"), json!({})).await;
    lab.eventually("it is connected again", async || {
        let now = lab.get(&instance).await.good();
        (now["status"] == "connected" && now["since"] != since).then_some(())
    })
    .await;
    let asked = lab
        .eventually("the request still waits", || waiting(1))
        .await;
    fails.store(false, Ordering::SeqCst);
    let id = asked[0]["id"].as_str().unwrap();
    let answer = json!({"reply": "reject"});
    let answered = lab
        .post(&format!("{instance}/permissions/{id}"), answer)
        .await;
    assert_eq!(answered.status, 204, "{answered:?}");
    lab.eventually("nothing waits any more", || waiting(0))
        .await;
    lab.eventually("that it lists again is told", || told(false))
        .await;
}

//! Whatever keeps a server from being heard has a name, a sentence for a person, and paced tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::get;
use hub::HubOptions;
use hub::ingest::Timeouts;
use hub::ingest::backoff::Policy;
use hub::ingest::upstream::Upstream;
use hub::workspace::{GuardCommand, Launcher};
use model::State;
use model::ids::InstanceId;
use model::state::LinkStatus;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::lab::{Lab, PASSWORD, SOON};
use crate::peer::{Answer, Peer, Say, Then, healthy, reply};
use crate::upstreams::{events, serve};

const HELLO: &str = "data: {\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\n";
const HALF: &str =
    "data: {\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\ndata: {\"payl";

/// A server's events are answered by this, everything else as it should be.
macro_rules! events {
    ($say:expr) => {
        |path| match path {
            "/global/event" => $say,
            path => healthy(path),
        }
    };
}

/// What a server does; the kind of reason, a piece of its sentence, and the event streams asked for at most.
const CASES: [(&str, Answer, &str, &str, usize); 18] = [
    (
        "clean end",
        events!(Say::Events(HELLO, Then::End)),
        "ended",
        "ended its event stream",
        3,
    ),
    (
        "cut",
        events!(Say::Events(HELLO, Then::Cut)),
        "reset",
        "closed the connection",
        3,
    ),
    (
        "reset",
        events!(Say::Events(HELLO, Then::Reset)),
        "reset",
        "closed the connection",
        3,
    ),
    (
        "never answers",
        |_| Say::Nothing,
        "timeout",
        "did not answer within 3 s",
        0,
    ),
    (
        "no first event",
        events!(Say::Events("", Then::Hold)),
        "timeout",
        "",
        3,
    ),
    (
        "no headers",
        events!(Say::Nothing),
        "timeout",
        "did not answer within 3 s",
        3,
    ),
    (
        "401",
        |_| reply("401 Unauthorized", ""),
        "unauthorized",
        "DROVERS_PASSWORD",
        0,
    ),
    (
        "403",
        |_| reply("403 Forbidden", "pa55-of-the-server"),
        "unauthorized",
        "status 403",
        0,
    ),
    (
        "500",
        |_| reply("500 Oh", "you said pa55-of-the-server"),
        "server_error",
        "Check the server's log",
        0,
    ),
    (
        "503 events",
        events!(reply("503 Later", "")),
        "server_error",
        "status 503",
        3,
    ),
    (
        "204",
        |_| reply("204 No Content", ""),
        "empty_answer",
        "status 204",
        0,
    ),
    (
        "204 events",
        events!(reply("204 No Content", "")),
        "empty_answer",
        "no event stream",
        3,
    ),
    (
        "kind",
        events!(reply("200 OK\r\nContent-Type: text/html", "<p>")),
        "content_type",
        "text/html",
        3,
    ),
    (
        "redirect",
        |_| {
            reply(
                "302 Found\r\nLocation: http://me:pa55-of-the-server@elsewhere/?pa55-of-the-server",
                "",
            )
        },
        "redirect",
        "redirects to http://elsewhere/:",
        0,
    ),
    (
        "garbage",
        |_| Say::Bytes(vec![0xff; 4096]),
        "not_opencode",
        "`opencode serve`",
        0,
    ),
    (
        "a page",
        |_| reply("200 OK\r\nContent-Type: text/html", "<p>"),
        "not_opencode",
        "not OpenCode",
        0,
    ),
    (
        "OpenCode 2",
        |path| match path {
            "/api/status" => reply(
                "200 OK\r\nContent-Type: application/json",
                r#"{"version":"2.0.6","pid":1}"#,
            ),
            _ => reply("200 OK\r\nContent-Type: text/html", "<p>"),
        },
        "opencode2",
        "is OpenCode 2.0.6, and Drovers supports version 1, and 2.1 or newer. `npx -y opencode-ai@1 serve --port 4097`",
        0,
    ),
    (
        "state",
        |path| match path {
            "/global/event" => Say::Events(HELLO, Then::Hold),
            "/session" => reply("500 Oh", ""),
            path => healthy(path),
        },
        "state_unreadable",
        "the state of the server cannot be read",
        3,
    ),
];

async fn lab() -> Lab {
    // Two further tries, soon after one another.
    lab_trying(Duration::from_millis(50)).await
}

async fn lab_trying(base: Duration) -> Lab {
    let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
    let options = HubOptions {
        policy: Policy {
            base,
            attempts: 2,
            jitter_percent: 0,
        },
        timeouts: Timeouts::new(Duration::from_secs(12), Duration::from_secs(13)).unwrap(),
        ..HubOptions::new(launcher)
    };
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    Lab::with_options(fake, options).await
}

impl Lab {
    pub(crate) async fn add(&self, url: &str) -> String {
        let new = json!({"url": url, "name": url, "password": PASSWORD});
        let added = self.post("/api/instances", new).await.good();
        format!("/api/instances/{}", added["id"].as_str().unwrap())
    }

    /// The instance once it is so.
    pub(crate) async fn reached(&self, instance: &str, status: &str) -> Value {
        self.eventually(&format!("{instance} is {status}"), async || {
            let shown = self.get(instance).await.good();
            (shown["status"] == status).then_some(shown)
        })
        .await
    }
}

fn check(case: &str, shown: &Value, kind: &str, sentence: &str) {
    assert_eq!(shown["reason_kind"], kind, "{case}: {shown}");
    let reason = shown["reason"].as_str().unwrap();
    assert!(reason.contains(sentence), "{case}: {reason}");
    assert!(!reason.contains(PASSWORD), "{case}: {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_has_a_name_a_sentence_and_paced_tries() {
    let lab = lab().await;
    let mut cases = Vec::new();
    for case in CASES {
        let peer = Peer::start(case.1, false).await;
        let instance = lab.add(&format!("http://127.0.0.1:{}", peer.port)).await;
        cases.push((case, peer, instance));
    }
    for ((case, _, kind, sentence, streams), peer, instance) in &cases {
        check(
            case,
            &lab.reached(instance, "disconnected").await,
            kind,
            sentence,
        );
        let (asked, healths) = peer.asked();
        assert!(asked <= *streams, "{case}: {asked} streams");
        // One that does not answer is asked three times within each try.
        let most = if *case == "never answers" { 9 } else { 3 };
        assert!(healths <= most, "{case}: {healths} tries");
    }
}

/// Bytes are what counts: half a frame is as silent as none.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_stale_and_then_made_anew() {
    let half_open: Answer = events!(Say::Events(HELLO, Then::Hold));
    let half_a_frame: Answer = events!(Say::Events(HALF, Then::Hold));
    let silent = async |answer: Answer| {
        let lab = lab_trying(Duration::from_secs(20)).await;
        let peer = Peer::start(answer, false).await;
        let instance = lab.add(&format!("http://127.0.0.1:{}", peer.port)).await;
        let id: InstanceId = instance.rsplit('/').next().unwrap().into();
        let is_stale = |state: &State| state.instances[&id].link.status == LinkStatus::Stale;
        lab.until("it is stale", is_stale).await;
        let shown = lab.reached(&instance, "error").await;
        check(&instance, &shown, "silent", "no data was received for 13 s");
        assert_eq!(peer.asked().0, 1);
    };
    tokio::join!(silent(half_open), silent(half_a_frame));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_address_has_a_name() {
    let lab = lab().await;
    let plain = Peer::start(healthy, false).await;
    let encrypted = Peer::start(healthy, true).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, kind, sentence) in [
        (format!("http://{nobody}"), "refused", "nothing listens"),
        (
            "http://nowhere.invalid:4096".to_owned(),
            "dns",
            "nowhere.invalid",
        ),
        (
            format!("https://127.0.0.1:{}", plain.port),
            "tls",
            "begins with http://",
        ),
        (
            format!("https://127.0.0.1:{}", encrypted.port),
            "tls",
            "trusts its certificate",
        ),
    ] {
        let instance = lab.add(&url).await;
        check(
            &url,
            &lab.reached(&instance, "disconnected").await,
            kind,
            sentence,
        );
    }
    let folder = lab
        .post(
            "/api/instances",
            json!({"folder": lab.home.path(), "trust": true}),
        )
        .await
        .good();
    let folder = format!("/api/instances/{}", folder["id"].as_str().unwrap());
    check(
        "folder",
        &lab.reached(&folder, "disconnected").await,
        "not_started",
        "",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_asked_whether_it_can_be_an_instance() {
    let v2: Answer = |_| {
        reply(
            "401 Unauthorized\r\nContent-Type: application/json",
            r#"{"_tag":"UnauthorizedError","message":"no"}"#,
        )
    };
    let v1: Answer = |_| reply("401 Unauthorized", "");
    let older: Answer = |path| match path {
        "/api/health" => reply(
            "200 OK\r\nContent-Type: application/json",
            r#"{"healthy":true}"#,
        ),
        _ => reply("404 Not Found", ""),
    };
    for (answer, usable) in [(v2, true), (older, false), (v1, true), (healthy, true)] {
        let peer = Peer::start(answer, false).await;
        let url = format!("http://127.0.0.1:{}", peer.port).parse().unwrap();
        let http = opencode::Http::new().unwrap();
        let unusable = hub::ingest::unusable(&http, url, SOON).await;
        assert_eq!(unusable.is_none(), usable, "{unusable:?}");
        if let Some(reason) = unusable {
            let words = reason.to_string();
            assert!(words.contains("OpenCode 2") && words.contains("npx -y opencode-ai@1 serve"));
        }
    }
}

/// By whichever name of this machine a server is added: it is one instance.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_by_two_names_has_one_stream() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let port = lab.fake.url.rsplit(':').next().unwrap();
    for name in ["localhost", "[::1]", "0.0.0.0"] {
        let url = format!("http://{name}:{port}/");
        let again = lab.post("/api/instances", json!({"url": url})).await;
        assert_eq!(again.status, 200, "it was known");
        let known = &again.good()["id"];
        assert!(instance.ends_with(known.as_str().unwrap()));
    }
    assert_eq!(lab.fake.connections().ever, 1);
    let all = lab.get("/api/instances").await.good();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

/// A server that was given up is asked for everything that a connection reads, but for a stream: each would cost it
/// memory for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_given_up_has_to_give_its_state() {
    let lab = lab().await;
    let unreadable: Answer = |path| match path {
        "/global/event" => Say::Events(HELLO, Then::Hold),
        "/session/status" => reply("500 Oh", ""),
        path => healthy(path),
    };
    let readable: Answer = events!(Say::Events("", Then::Hold));
    for (answer, back) in [(unreadable, false), (readable, true)] {
        let peer = Peer::start(answer, false).await;
        let instance = lab.add(&format!("http://127.0.0.1:{}", peer.port)).await;
        lab.reached(&instance, "disconnected").await;
        let before = peer.asked().0;
        let id = instance.rsplit('/').next().unwrap().into();
        let source = lab.hub.source(&id).unwrap();
        assert_eq!(source.is_healthy().await, back);
        assert_eq!(peer.asked().0, before, "no stream was opened");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_events_only_is_found_when_it_comes() {
    let lab = lab().await;
    let up = Arc::<AtomicBool>::default();
    let gate = {
        let up = up.clone();
        move |request: Request, next: Next| {
            let up = up.load(Ordering::SeqCst);
            async move {
                if up {
                    next.run(request).await
                } else {
                    StatusCode::SERVICE_UNAVAILABLE.into_response()
                }
            }
        }
    };
    let router = Router::new().route("/events", get(events));
    let url = serve(router.layer(from_fn(gate))).await;
    let instance = lab.add(&url).await;
    let shown = lab.reached(&instance, "disconnected").await;
    assert_eq!(
        (&shown["attempt"], &shown["max_attempts"]),
        (&json!(2), &json!(2))
    );
    let source = lab
        .hub
        .source(&instance.rsplit('/').next().unwrap().into())
        .unwrap();
    assert!(!source.is_healthy().await);
    up.store(true, Ordering::SeqCst);
    assert!(source.is_healthy().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_between_events_is_counted_and_survived() {
    const NONSENSE: &str = "data: {\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\ndata: \u{fffd}\n\n: x\n\ndata: {]\n\n";
    let lab = lab().await;
    let peer = Peer::start(events!(Say::Events(NONSENSE, Then::Hold)), false).await;
    let instance = lab.add(&format!("http://127.0.0.1:{}", peer.port)).await;
    lab.reached(&instance, "connected").await;
    let malformed = |state: &model::State| {
        let counters = state.instances.values().map(|instance| &instance.counters);
        counters
            .flat_map(|counters| counters.malformed.values())
            .sum::<u64>()
            == 2
    };
    lab.until("it is counted", malformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_on_a_server_that_was_killed_is_interrupted() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let quiet = lab.session(&instance).await;
    lab.turn(&quiet, "say done").await;
    lab.post(&format!("{session}/prompt"), json!({"text": "stall 600"}))
        .await
        .good();
    let status = |wanted: Value| {
        let (lab, session) = (&lab, &session);
        async move {
            lab.eventually(&format!("it is {wanted}"), async || {
                let status = lab.get(session).await.good()["status"].clone();
                wanted
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(key, value)| status[key] == *value)
                    .then_some(())
            })
            .await;
        }
    };
    status(json!({"type": "busy"})).await;
    lab.fake.shutdown().await;
    status(json!({"type": "unknown", "stale": true, "last_known": {"type": "busy"}})).await;
    assert_eq!(
        lab.get(&quiet).await.good()["status"],
        json!({"type": "idle", "stale": true})
    );
    lab.fake.restart().await.unwrap();
    lab.post(&format!("{instance}/reconnect"), json!({})).await;
    status(json!({"type": "interrupted"})).await;
    assert_eq!(
        lab.get(&quiet).await.good()["status"],
        json!({"type": "idle"})
    );
}

//! Servers that say too much, beside an honest one whose state stays right and whose hub stays quick.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::lab::{Lab, PASSWORD, SOON};

/// What a build without optimisations on a busy machine may take; the goal is 20 ms.
const QUICK: Duration = Duration::from_secs(1);

/// What the process may have at once: replies of all these servers, what is kept of them, pages, and the servers themselves.
const MEMORY: u64 = 600 << 20;

/// Bytes that this process had in memory at most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

const HELLO: &str = r#"{"type":"server.connected","properties":{}}"#;

/// What a hostile server answers to a path and says on its stream, where it differs from a good one.
#[derive(Clone, Copy)]
struct Hostile {
    name: &'static str,
    reply: fn(&str) -> Option<Body>,
    says: fn() -> Box<dyn Iterator<Item = String> + Send>,
}

/// From here on ids of sessions are of one server alone; the others share theirs.
const OWN: usize = 10_000_000;

fn json_list(items: impl Iterator<Item = String> + Send + 'static) -> Body {
    let head = stream::once(async { Bytes::from_static(b"[{}") });
    let items = items.map(|item| Bytes::from(format!(",{item}")));
    let chunks = stream::iter(items)
        .ready_chunks(8)
        .map(|chunk| chunk.concat().into());
    let end = stream::once(async { Bytes::from_static(b"]") });
    Body::from_stream(head.chain(chunks).chain(end).map(Ok::<_, std::io::Error>))
}

fn session(n: usize, parent: Option<usize>) -> String {
    let parent = parent.map(|parent| format!("ses_{parent}"));
    json!({"id": format!("ses_{n}"), "parentID": parent, "title": "t", "directory": "/evil", "time": {"created": n, "updated": n}})
        .to_string()
}

fn permission(n: usize) -> String {
    json!({"id": format!("per_{n}"), "sessionID": format!("ses_{}", n % 3000), "permission": "bash", "patterns": ["x"], "metadata": {}})
        .to_string()
}

fn event(kind: &str, properties: &str) -> String {
    format!(r#"{{"directory":"/evil","payload":{{"type":"{kind}","properties":{properties}}}}}"#)
}

fn nothing() -> Box<dyn Iterator<Item = String> + Send> {
    Box::new(std::iter::empty())
}

fn long() -> String {
    "\u{202e}\u{1b}]0;x".repeat(1 << 17)
}

const KINDS: [Hostile; 8] = [
    Hostile {
        name: "sessions nested 7000 deep",
        reply: |_| None,
        says: || {
            // Servers that share the id of a lost session are read again, and the list of this one is empty.
            Box::new((0..7000).map(|n: usize| {
                let parent = n.checked_sub(1).map(|parent| OWN + parent);
                event(
                    "session.created",
                    &format!("{{\"info\":{}}}", session(OWN + n, parent)),
                )
            }))
        },
    },
    Hostile {
        name: "a ring of sessions",
        reply: |_| None,
        says: || {
            Box::new((0..1000).map(|n| {
                event(
                    "session.updated",
                    &format!("{{\"info\":{}}}", session(n, Some((n + 1) % 1000))),
                )
            }))
        },
    },
    Hostile {
        name: "a million sessions",
        reply: |path| {
            (path == "/session")
                .then(|| json_list((0..1_000_000).map(|n| format!("{{\"id\":\"s{n}\"}}"))))
        },
        says: nothing,
    },
    Hostile {
        name: "250 MB",
        reply: |path| {
            (path == "/permission")
                .then(|| json_list((0..250).map(|_| format!("\"{}\"", "x".repeat(1 << 20)))))
        },
        says: nothing,
    },
    Hostile {
        name: "30,000 permissions over 3,000 sessions",
        reply: |path| (path == "/permission").then(|| json_list((0..30_000).map(permission))),
        says: || {
            let sessions = (0..3000).map(|n| {
                event(
                    "session.created",
                    &format!("{{\"info\":{}}}", session(n, None)),
                )
            });
            Box::new(sessions.chain((0..30_000).map(|n| event("permission.asked", &permission(n)))))
        },
    },
    Hostile {
        name: "a mebibyte in every field",
        reply: |path| {
            (path == "/session").then(|| json_list((0..8).map(|n| json!({"id": format!("{n}"), "title": long(), "agent": long(), "parentID": long()}).to_string())))
        },
        says: || {
            let text = json!(long());
            Box::new([
                event("session.created", &format!("{{\"info\":{{\"id\":{text},\"title\":{text}}}}}")),
                event("session.created", &format!("{{\"info\":{{\"id\":\"t\",\"title\":{text}}}}}")),
                event("session.error", &format!("{{\"sessionID\":\"t\",\"error\":{{\"name\":{text},\"data\":{{\"message\":{text}}}}}}}")),
                event("permission.asked", &format!("{{\"id\":\"p\",\"sessionID\":\"t\",\"permission\":{text},\"patterns\":[{text},{text}]}}")),
                event("question.asked", &format!("{{\"id\":\"q\",\"sessionID\":\"t\",\"questions\":[{{\"question\":{text},\"options\":[{{\"label\":{text}}}]}}]}}")),
                format!(r#"{{"payload":{{"type":{text},"properties":{{}}}}}}"#),
            ].into_iter())
        },
    },
    Hostile {
        name: "brackets without end",
        reply: |path| (path == "/question").then(|| Body::from("[".repeat(1 << 20))),
        says: || {
            Box::new(
                [
                    event("session.created", &"[".repeat(1 << 20)),
                    event("todo.updated", &"{\"a\":".repeat(1 << 18)),
                ]
                .into_iter(),
            )
        },
    },
    Hostile {
        name: "a new folder with each event",
        reply: |_| None,
        says: || {
            Box::new((0..5000).map(|n| format!(r#"{{"directory":"/evil/{n}","payload":{{"type":"session.idle","properties":{{"sessionID":"s{n}"}}}}}}"#)))
        },
    },
];

fn good(path: &str) -> Value {
    match path {
        "/global/health" => json!({"healthy": true, "version": "1.18.0"}),
        "/path" => json!({"directory": "/evil"}),
        "/config/providers" => json!({"providers": [], "default": {}}),
        "/session" | "/permission" | "/question" | "/agent" => json!([]),
        _ => json!({}),
    }
}

/// Serves on a thread of its own: what it takes to say so much is not the hub's.
fn serve(router: Router) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        })
    });
    url
}

fn hostile(kind: Hostile) -> String {
    let events = async move || {
        let said = std::iter::once(HELLO.to_owned()).chain((kind.says)());
        let said =
            stream::iter(said.map(|event| Ok::<_, std::io::Error>(format!("data: {event}\n\n"))));
        // The state is read before it says more.
        let later = stream::once(async { sleep(Duration::from_millis(600)).await })
            .filter_map(async |()| None);
        let mut said = said.boxed();
        let hello = said.next().await;
        let body = stream::iter(hello)
            .chain(later)
            .chain(said)
            .chain(stream::pending());
        (
            [(header::CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(body),
        )
    };
    let rest = async move |request: Request| {
        let path = request.uri().path();
        let body = (kind.reply)(path).unwrap_or_else(|| Body::from(good(path).to_string()));
        ([(header::CONTENT_TYPE, "application/json")], body)
    };
    serve(
        Router::new()
            .route("/global/event", get(events))
            .fallback(rest),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_server_is_right_and_its_hub_quick_beside_hostile_ones() {
    let lab = Lab::new().await;
    let honest = lab.instance().await;
    let session = lab.session(&honest).await;
    let mut pages = vec![format!("/i/{}", honest.rsplit('/').next().unwrap())];
    for kind in KINDS {
        let added = lab
            .post("/api/instances", json!({"url": hostile(kind)}))
            .await
            .good();
        pages.push(format!("/i/{}", added["id"].as_str().unwrap()));
    }
    let (mut slowest, began) = (Duration::ZERO, Instant::now());
    let mut looks = 0;
    // Until the deep ones are told as well, which takes as long as the machine takes.
    while began.elapsed() < Duration::from_secs(8) || deepest(&lab) < 7000 {
        assert!(began.elapsed() < SOON * 3, "the deep ones were not told");
        let asked = Instant::now();
        lab.get("/api/health").await.good();
        slowest = slowest.max(asked.elapsed());
        // The pages of the hostile ones are drawn, too.
        let page = lab.get(&pages[looks % pages.len()]).await;
        assert_eq!(page.status, StatusCode::OK);
        if looks % 10 == 0 {
            lab.turn(&session, "say all is well").await;
        }
        looks += 1;
    }
    let peak = peak();
    let well = slowest < QUICK && peak < MEMORY;
    assert!(
        well,
        "health took {slowest:?}, {} MiB, {looks} looks",
        peak >> 20
    );
    let messages = lab.get(&format!("{session}/messages")).await;
    assert!(messages.text.contains("all is well"));
    let sessions = lab.get(&format!("{honest}/sessions")).await.good();
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
    lab.hub.engine().read(|state| {
        for instance in state.instances.values() {
            assert!(instance.sessions.len() <= model::limits::SESSIONS);
            assert!(instance.permissions.len() <= model::limits::REQUESTS);
        }
        let names = KINDS.map(|kind| kind.name);
        assert_eq!(state.instances.len(), names.len() + 1);
    });
}

/// Sessions of the instance that has the most.
fn deepest(lab: &Lab) -> usize {
    lab.hub.engine().read(|state| {
        let instances = state.instances.values();
        let sessions = instances.map(|instance| instance.sessions.len());
        sessions.max().unwrap_or_default()
    })
}

/// Repeats the credentials that it is sent, wherever a server has a word.
fn echo(fails: Arc<AtomicBool>) -> String {
    let answer = move |headers: HeaderMap, request: Request| {
        let said = headers
            .get("authorization")
            .map_or("", |value| value.to_str().unwrap());
        let code = said.strip_prefix("Basic ").unwrap_or_default().to_owned();
        let plain = String::from_utf8(STANDARD.decode(&code).unwrap()).unwrap();
        let path = request.uri().path().to_owned();
        let fails = fails.load(Ordering::SeqCst);
        async move { echoed(&path, &code, &plain, fails) }
    };
    serve(Router::new().fallback(answer))
}

fn echoed(path: &str, code: &str, plain: &str, fails: bool) -> Response {
    if path == "/global/event" {
        let title = format!("Basic {code} {plain} {}", code.trim_end_matches('='));
        let info = json!({"id": "ses_1", "title": title, "directory": "/evil"});
        let said = [
            HELLO.to_owned(),
            event("session.created", &json!({"info": info}).to_string()),
            event(
                "session.error",
                &json!({"sessionID": "ses_1", "error": {"name": code, "data": {"message": plain}}})
                    .to_string(),
            ),
            event(&format!("kind.{code}"), "{}"),
        ];
        let said = said.map(|event| Ok::<_, std::io::Error>(format!("data: {event}\n\n")));
        let body = Body::from_stream(stream::iter(said).chain(stream::pending()));
        return ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response();
    }
    if fails {
        let to = format!("/{code}/{plain}");
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    match path {
        "/global/health" => {
            let version = format!("1.18.0-{code}-{plain}");
            axum::Json(json!({"healthy": true, "version": version})).into_response()
        }
        path if path.ends_with("/message") => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("you sent {code}, {plain}"),
        )
            .into_response(),
        path => axum::Json(good(path)).into_response(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_a_server_repeats_are_nowhere() {
    let lab = Lab::new().await;
    let fails = Arc::<AtomicBool>::default();
    let code = STANDARD.encode(format!("opencode:{PASSWORD}"));
    let code = code.trim_end_matches('=');
    let instance = lab.instance_at(&echo(fails.clone())).await;
    let told = |state: &model::State| {
        let sessions = state
            .instances
            .values()
            .flat_map(|instance| instance.sessions.values());
        sessions.filter(|session| session.failure.is_some()).count() == 1
    };
    lab.until("its session failed", told).await;
    let id = instance.rsplit('/').next().unwrap();
    let looks = async || {
        let mut all = String::new();
        for path in [
            "/api/instances".to_owned(),
            format!("{instance}/sessions"),
            format!("{instance}/sessions/ses_1/messages"),
            "/api/log?follow=false".to_owned(),
            format!("/i/{id}"),
            format!("/i/{id}/s/ses_1"),
        ] {
            // Each answer is looked at for the password itself.
            all.push_str(&lab.get(&path).await.text);
        }
        assert!(!all.contains(code), "{all}");
        all
    };
    let all = looks().await;
    assert!(
        all.contains("(hidden)") && all.contains("1.18.0-(hidden)"),
        "{all}"
    );
    fails.store(true, Ordering::SeqCst);
    lab.post(&format!("{instance}/reconnect"), json!({})).await;
    let reason = async || {
        let read = lab.get(&instance).await.good();
        read["reason"].as_str().map(ToOwned::to_owned)
    };
    let reason = lab.eventually("it says why", reason).await;
    assert!(reason.contains("redirects to /(hidden)"), "{reason}");
    looks().await;
    let state = lab.hub.engine().read(|state| format!("{state:?}"));
    assert!(!state.contains(code) && !state.contains(PASSWORD));
}

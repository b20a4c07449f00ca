//! What people send arrives exactly once and in order, whatever ends in between.
// Longer than 600 lines: one link with its faults, and all that is sent over it.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use futures_util::poll;
use hub::command::{Change, Create, Prompt};
use model::state::{Instance, Run};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::lab::{Answer, Lab, PASSWORD, SOON, ids, send};

/// What a link does with posted requests.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The server gets them, and its answers are lost.
    LoseAnswers,
    /// They are lost themselves.
    LoseRequests,
    /// The server refuses so many of them, as the session runs.
    Running(u32),
    /// They are answered with a session of this id.
    Names(&'static str),
}

/// A link between hub and server on which posted requests get lost.
#[derive(Clone)]
struct Link {
    to: Arc<str>,
    fault: watch::Sender<Fault>,
    client: reqwest::Client,
}

impl Link {
    /// A link to a server. Gives its address, and what breaks it.
    async fn to(server: &str) -> (String, watch::Sender<Fault>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fault = watch::Sender::new(Fault::None);
        let link = Self {
            to: server.into(),
            fault: fault.clone(),
            client: reqwest::Client::new(),
        };
        let router = Router::new().fallback(pass).with_state(link);
        tokio::spawn(async { axum::serve(listener, router).await });
        (url, fault)
    }
}

async fn pass(State(link): State<Link>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let fault = match parts.method {
        Method::POST => *link.fault.borrow(),
        _ => Fault::None,
    };
    if fault == Fault::LoseRequests {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Fault::Running(times) = fault {
        let next = times.checked_sub(1).filter(|left| *left > 0);
        link.fault
            .send_replace(next.map_or(Fault::None, Fault::Running));
        return (StatusCode::CONFLICT, "Session is busy").into_response();
    }
    if let Fault::Names(id) = fault {
        let time = json!({"created": 1, "updated": 1});
        let made = json!({"id": id, "title": "t", "directory": "/", "time": time});
        return axum::Json(made).into_response();
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let asked = link
        .client
        .request(parts.method, format!("{}{path}", link.to))
        .headers(headers)
        .body(body);
    let Ok(answer) = asked.send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    if fault == Fault::LoseAnswers {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let body = Body::from_stream(answer.bytes_stream());
    response.body(body).unwrap()
}

/// A lab whose server is behind such a link: the lab, what breaks the link, and the instance's path.
async fn faulty() -> (Lab, watch::Sender<Fault>, String) {
    let lab = Lab::new().await;
    let (url, fault) = Link::to(&lab.fake.url).await;
    let instance = lab.instance_at(&url).await;
    (lab, fault, instance)
}

async fn keyed(lab: &Lab, path: &str, key: &str, body: Value) -> Answer {
    let request = lab.request(Method::POST, path);
    send(request.header("Idempotency-Key", key).json(&body)).await
}

/// The texts that the server itself has of the person.
async fn said(lab: &Lab, session: &str) -> Vec<String> {
    let (_, id) = ids(session);
    let messages = lab.upstream(&format!("/session/{id}/message")).await;
    let all = messages.as_array().unwrap().iter();
    all.filter(|message| message["info"]["role"] == "user")
        .map(|message| {
            assert_eq!(message["parts"].as_array().unwrap().len(), 1);
            message["parts"][0]["text"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn prompts_that_a_server_refuses_as_their_session_runs_are_sent_in_order_once_it_is_idle() {
    let (lab, fault, instance) = faulty().await;
    let session = lab.session(&instance).await;
    let path = format!("{session}/prompt");
    fault.send_replace(Fault::Running(3));
    let mut first = pin!(keyed(&lab, &path, "k1", json!({"text": "echo 1"})));
    assert!(poll!(&mut first).is_pending());
    let mut refused = fault.subscribe();
    let refusal = refused.wait_for(|fault| *fault == Fault::Running(2));
    tokio::select! {
        _answer = &mut first => panic!("sent while the session runs"),
        refusal = refusal => drop(refusal.unwrap()),
    }
    let second = keyed(&lab, &path, "k2", json!({"text": "echo 2"}));
    let (first, second) = tokio::join!(first, second);
    first.good();
    second.good();
    assert_eq!(*fault.borrow(), Fault::None);
    assert_eq!(said(&lab, &session).await, ["echo 1", "echo 2"]);
}

#[tokio::test]
async fn a_prompt_whose_answer_was_lost_is_not_sent_again() {
    let (lab, fault, instance) = faulty().await;
    let session = lab.session(&instance).await;
    let path = format!("{session}/prompt");
    fault.send_replace(Fault::LoseAnswers);
    keyed(&lab, &path, "k", json!({"text": "echo 3"}))
        .await
        .problem(502, "upstream");
    fault.send_replace(Fault::None);
    // More than a page of messages later it is still known to have arrived.
    let (_, id) = ids(&session);
    let later: Vec<Value> = (0..150)
        .map(|n| json!({"info": {"id": format!("msg_z{n}"), "role": "assistant", "time": {"created": 1}}, "parts": []}))
        .collect();
    lab.fake.seed_messages(id.as_str(), later).unwrap();
    let again = keyed(&lab, &path, "k", json!({"text": "echo 3"})).await;
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(said(&lab, &session).await, ["echo 3"]);
}

#[tokio::test]
async fn a_prompt_is_not_doubled_by_a_restart_of_the_hub() {
    for fault_before in [Fault::LoseAnswers, Fault::LoseRequests] {
        let (lab, fault, instance) = faulty().await;
        let session = lab.session(&instance).await;
        let path = format!("{session}/prompt");
        fault.send_replace(fault_before);
        keyed(&lab, &path, "k", json!({"text": "echo 3"}))
            .await
            .problem(502, "upstream");
        let lab = lab.restarted().await;
        fault.send_replace(Fault::None);
        lab.connected(ids(&session).0.as_str()).await;
        let sent = keyed(&lab, &path, "k", json!({"text": "echo 3"})).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        let again = keyed(&lab, &path, "k", json!({"text": "echo 3"})).await;
        assert_eq!(again.json(), sent.json());
        assert_eq!(said(&lab, &session).await, ["echo 3"], "{fault_before:?}");
        keyed(&lab, &path, "k", json!({"text": "echo 4"}))
            .await
            .problem(422, "key-reused");
    }
}

#[tokio::test]
async fn a_prompt_that_a_restarted_hub_sends_again_has_its_first_ids() {
    let (lab, fault, instance) = faulty().await;
    let session = lab.session(&instance).await;
    let path = format!("{session}/prompt");
    // The server gets it only after the hub asked whether it arrived: from then on only the ids keep it from doubling.
    fault.send_replace(Fault::LoseAnswers);
    keyed(&lab, &path, "k", json!({"text": "echo 3"})).await;
    let (_, id) = ids(&session);
    let first = lab.upstream(&format!("/session/{id}/message")).await[0]["info"]["id"].clone();
    let lab = lab.restarted().await;
    fault.send_replace(Fault::None);
    lab.connected(ids(&session).0.as_str()).await;
    let sent = keyed(&lab, &path, "k", json!({"text": "echo 3"})).await;
    assert_eq!(sent.good()["messageID"], first);
}

#[tokio::test]
async fn a_refused_prompt_lets_go_of_its_key() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let path = format!("{session}/prompt");
    lab.fake.refuse(Some(400));
    keyed(&lab, &path, "k", json!({"text": "wrong"}))
        .await
        .problem(422, "upstream");
    lab.fake.refuse(None);
    let sent = keyed(&lab, &path, "k", json!({"text": "echo 1"})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    assert_eq!(said(&lab, &session).await, ["echo 1"]);
}

#[tokio::test]
async fn prompts_of_a_session_are_sent_in_the_order_in_which_they_came() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (instance, id) = ids(&session);
    let commands = lab.hub.commands();
    lab.fake.stall(true);
    let texts: Vec<String> = (0..8).map(|n| format!("say {n}")).collect();
    let mut sending: Vec<_> = texts
        .iter()
        .map(|text| {
            let prompt = Prompt {
                text: text.clone(),
                ..Prompt::default()
            };
            Box::pin(commands.prompt(&instance, &id, prompt, Some(text)))
        })
        .collect();
    for one in &mut sending {
        assert!(poll!(one).is_pending());
    }
    lab.fake.stall(false);
    // Those who wait for the last are served as they came.
    sending.reverse();
    for sent in join_all(sending).await {
        sent.unwrap();
    }
    assert_eq!(said(&lab, &session).await, texts);
}

#[tokio::test]
async fn a_session_made_under_a_key_is_made_once() {
    let (lab, fault, instance) = faulty().await;
    let path = format!("{instance}/sessions");
    let made = keyed(&lab, &path, "k", json!({"title": "one"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = keyed(&lab, &path, "k", json!({"title": "one"})).await;
    assert_eq!(again.good()["id"], made.json()["id"]);
    keyed(&lab, &path, "k", json!({"title": "two"}))
        .await
        .problem(422, "key-reused");

    fault.send_replace(Fault::LoseAnswers);
    keyed(&lab, &path, "l", json!({"title": "lost"}))
        .await
        .problem(502, "upstream");
    let lab = lab.restarted().await;
    fault.send_replace(Fault::None);
    lab.connected(instance.rsplit('/').next().unwrap()).await;
    let found = keyed(&lab, &path, "l", json!({"title": "lost"})).await;
    assert_eq!(found.good()["title"], "lost");
    assert_eq!(lab.upstream("/session").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_child_made_under_a_key_is_looked_for_in_its_parents_folder() {
    let (lab, fault, instance) = faulty().await;
    let path = format!("{instance}/sessions");
    let elsewhere = json!({"title": "parent", "directory": "/another/folder"});
    let parent = lab.post(&path, elsewhere).await.good();
    let child = json!({"title": "child", "parent": parent["id"]});
    fault.send_replace(Fault::LoseAnswers);
    keyed(&lab, &path, "k", child.clone())
        .await
        .problem(502, "upstream");
    fault.send_replace(Fault::None);
    let found = keyed(&lab, &path, "k", child).await.good();
    assert_eq!(found["parentID"], parent["id"]);
    let children = lab
        .upstream(&format!(
            "/session/{}/children",
            parent["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(children.as_array().unwrap().len(), 1, "{children}");
}

#[tokio::test]
async fn a_new_session_that_is_refused_lets_go_of_its_key() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let path = format!("{instance}/sessions");
    // Before anything was sent,
    keyed(&lab, &path, "k", json!({"parent": "ses_gone"}))
        .await
        .problem(404, "unknown-session");
    keyed(&lab, &path, "k", json!({"directory": "not/whole"}))
        .await
        .problem(422, "invalid-request");
    // and by the server itself.
    let parent = lab.session(&instance).await;
    let (_, parent) = ids(&parent);
    for refusal in [400, 403, 404] {
        lab.fake.refuse(Some(refusal));
        let refused = keyed(&lab, &path, "k", json!({"parent": parent})).await;
        assert!(
            refused.status.is_client_error() || refused.status == 502,
            "{refused:?}"
        );
        lab.fake.refuse(None);
    }
    let made = keyed(&lab, &path, "k", json!({"title": "corrected"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["title"], "corrected");
}

#[tokio::test]
async fn what_is_asked_is_done_also_if_who_asked_leaves() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let doomed = lab.session(&instance).await;
    let ((id, session), (_, doomed)) = (ids(&session), ids(&doomed));
    let commands = lab.hub.commands();
    lab.fake.stall(true);
    let new = Create {
        title: Some("new".into()),
        ..Create::default()
    };
    let change = Change {
        title: Some("changed".into()),
        ..Change::default()
    };
    let prompt = |text: &str| Prompt {
        text: text.into(),
        ..Prompt::default()
    };
    // Each is looked at once, and dropped.
    assert!(poll!(pin!(commands.create_session(&id, new.clone(), None))).is_pending());
    assert!(poll!(pin!(commands.create_session(&id, new, Some("k")))).is_pending());
    assert!(poll!(pin!(commands.change_session(&id, &session, &change))).is_pending());
    assert!(poll!(pin!(commands.delete_session(&id, &doomed))).is_pending());
    assert!(poll!(pin!(commands.prompt(&id, &session, prompt("say 1"), None))).is_pending());
    // Also what waits for its turn.
    assert!(poll!(pin!(commands.prompt(&id, &session, prompt("say 2"), None))).is_pending());
    lab.fake.stall(false);
    let all_is_done = async || {
        let listed = lab.upstream("/session").await;
        let listed = listed.as_array()?.clone();
        let titled = |title: &str| listed.iter().filter(|one| one["title"] == title).count();
        let path = format!("/api/instances/{id}/sessions/{session}");
        let done = titled("new") == 2
            && titled("changed") == 1
            && !listed.iter().any(|one| one["id"] == doomed.as_str())
            && said(&lab, &path).await == ["say 1", "say 2"];
        done.then_some(())
    };
    lab.eventually("all of it is done", all_is_done).await;
}

#[tokio::test]
async fn a_session_whose_id_could_be_none_is_not_taken_for_made() {
    let (lab, fault, instance) = faulty().await;
    let path = format!("{instance}/sessions");
    for bad in ["", "../../evil", "msg_1", "ses_a/../b", "ses_\u{202e}"] {
        fault.send_replace(Fault::Names(bad));
        for key in [None, Some("k")] {
            let request = lab.request(Method::POST, &path).json(&json!({}));
            let request = key.into_iter().fold(request, |request, key| {
                request.header("Idempotency-Key", key)
            });
            let problem = send(request).await.problem(502, "upstream");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("is not valid"), "{detail}");
        }
    }
}

#[tokio::test]
async fn without_a_place_to_remember_nothing_with_a_key_is_sent() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let file = lab.data.file(hub::command::outbox::FILE);
    std::fs::create_dir(&file).unwrap();
    let path = format!("{session}/prompt");
    let problem = keyed(&lab, &path, "k", json!({"text": "say a"})).await;
    let problem = problem.problem(507, "not-remembered");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("outbox.sqlite")
    );
    assert_eq!(said(&lab, &session).await, Vec::<String>::new());
    std::fs::remove_dir(&file).unwrap();
    let sent = keyed(&lab, &path, "k", json!({"text": "say a"})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    assert_eq!(said(&lab, &session).await, ["say a"]);
}

#[tokio::test]
async fn no_text_is_kept_on_the_disk() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let body = json!({"text": "say a-secret-of-mine"});
    keyed(&lab, &format!("{session}/prompt"), "k", body)
        .await
        .good();
    let secret = b"a-secret-of-mine";
    for side in ["", "-wal", "-shm", "-journal"] {
        let file = format!("{}{side}", hub::command::outbox::FILE);
        let bytes = std::fs::read(lab.data.file(&file));
        assert!(bytes.is_ok() || !side.is_empty(), "nothing is kept at all");
        let bytes = bytes.unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|found| found == secret));
    }
}

/// Prompts, and waits for the permission that it asks for. Gives that one's path, and an answer that allows it.
async fn permission(lab: &Lab, instance: &str) -> (String, Value) {
    let session = lab.session(instance).await;
    lab.post(
        &format!("{session}/prompt"),
        json!({"text": "permission ;; say ok"}),
    )
    .await
    .good();
    let waiting = async || {
        let all = lab.get(&format!("{instance}/permissions")).await.good();
        let asked = all.get(0).filter(|asked| asked["hidden"].is_null())?;
        Some((
            asked["id"].as_str()?.to_owned(),
            asked["fingerprint"].clone(),
        ))
    };
    let (id, fingerprint) = lab.eventually("something is asked", waiting).await;
    let once = json!({"reply": "once", "fingerprint": fingerprint});
    (format!("{instance}/permissions/{id}"), once)
}

#[tokio::test]
async fn a_late_answer_is_told_who_was_first() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (path, once) = permission(&lab, &instance).await;
    let (one, other) = tokio::join!(
        keyed(&lab, &path, "a", once.clone()),
        keyed(&lab, &path, "b", json!({"reply": "reject"})),
    );
    let (late, first) = match one.status.as_u16() {
        204 => (other, "once"),
        _ => (one, "rejected"),
    };
    let problem = late.problem(409, "answered-already");
    assert_eq!(problem["first"]["who"], "drovers");
    assert_eq!(problem["first"]["outcome"], first);
    assert!(problem["first"]["at"].as_i64().unwrap() > 0);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("another Drovers page"), "{detail}");
    // The same answer again is none that is late.
    let (key, body) = match first {
        "once" => ("a", once),
        _ => ("b", json!({"reply": "reject"})),
    };
    assert_eq!(keyed(&lab, &path, key, body).await.status, 204);
}

#[tokio::test]
async fn an_answer_of_another_client_is_told_as_such() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (path, once) = permission(&lab, &instance).await;
    let id = path.rsplit('/').next().unwrap();
    let elsewhere = lab
        .client
        .post(format!("{}/permission/{id}/reply", lab.fake.url))
        .basic_auth("opencode", Some(PASSWORD))
        .json(&json!({"reply": "always"}));
    assert_eq!(elsewhere.send().await.unwrap().status(), 200);
    // Whether the hub has heard of it or not, the answer is the same.
    let late = keyed(&lab, &path, "k", once).await;
    let problem = late.problem(409, "answered-already");
    assert_eq!(
        (&problem["first"]["who"], &problem["first"]["outcome"]),
        (&json!("other"), &json!("always"))
    );
}

#[tokio::test]
async fn an_answer_that_was_taken_unseen_is_no_late_one() {
    let (lab, fault, instance) = faulty().await;
    let (path, body) = permission(&lab, &instance).await;
    fault.send_replace(Fault::LoseAnswers);
    keyed(&lab, &path, "k", body.clone())
        .await
        .problem(502, "upstream");
    fault.send_replace(Fault::None);
    assert_eq!(keyed(&lab, &path, "k", body).await.status, 204);
    lab.post(&path, json!({"reply": "reject"}))
        .await
        .problem(409, "answered-already");
}

/// Prompts, and lets the server end in the middle of it. Gives the session's path.
async fn interrupted(lab: &Lab, instance: &str) -> String {
    let session = lab.session(instance).await;
    lab.post(&format!("{session}/prompt"), json!({"text": "stall 600"}))
        .await
        .good();
    let (i, s) = ids(&session);
    lab.until("it runs", |state| {
        state.session(&i, &s).unwrap().run.is_running()
    })
    .await;
    session
}

async fn crash(lab: &Lab, sessions: &[&str]) {
    lab.fake.restart().await.unwrap();
    for session in sessions {
        let (i, s) = ids(session);
        lab.hub.reconnect(&i).await;
        lab.until("it is interrupted", |state| {
            let run = state.session(&i, &s).map(|session| &session.run);
            let live = state.instances.get(&i).is_some_and(Instance::is_live);
            live && matches!(run, Some(Run::Interrupted { .. }))
        })
        .await;
    }
}

#[tokio::test]
async fn an_interrupted_session_goes_on_once() {
    let lab = Lab::new().await;
    let session = interrupted(&lab, &lab.instance().await).await;
    let path = format!("{session}/continue");
    let running = lab.post(&path, json!({})).await;
    running.problem(409, "not-interrupted");
    crash(&lab, &[&session]).await;
    let (one, other) = tokio::join!(lab.post(&path, json!({})), lab.post(&path, json!({})));
    let messages: Vec<Value> = [one, other]
        .iter()
        .filter(|answer| answer.status == 202)
        .map(|answer| answer.json()["messageID"].clone())
        .collect();
    assert!(!messages.is_empty());
    assert!(messages.iter().all(|message| *message == messages[0]));
    lab.idle_after(&session, messages[0].as_str().unwrap())
        .await;
    let said = said(&lab, &session).await;
    assert_eq!(said, ["stall 600", hub::command::CONTINUE]);
    lab.post(&path, json!({}))
        .await
        .problem(409, "not-interrupted");
}

#[tokio::test]
async fn what_ended_together_with_the_hub_is_interrupted_under_the_next_one() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = interrupted(&lab, &instance).await;
    let noted = async || {
        let noted = std::fs::read_to_string(lab.data.file("unfinished.json")).unwrap_or_default();
        noted.contains(ids(&session).1.as_str()).then_some(())
    };
    timeout(SOON, async {
        while noted().await.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    lab.fake.shutdown().await;
    let lab = lab.restarted().await;
    // Once more, before its server is back: what is not judged yet is not forgotten.
    let lab = lab.restarted().await;
    crash(&lab, &[&session]).await;
    let told = lab.post("/api/continue", json!({})).await.good();
    assert_eq!(told["continued"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(said(&lab, &session).await.len(), 2);
}

#[tokio::test]
async fn all_that_was_interrupted_goes_on_and_what_cannot_is_told() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let sessions = [
        interrupted(&lab, &instance).await,
        interrupted(&lab, &instance).await,
    ];
    crash(&lab, &[&sessions[0], &sessions[1]]).await;
    let told = send(lab.request(Method::POST, "/api/continue"))
        .await
        .good();
    assert_eq!(told["failed"], json!([]));
    assert_eq!(told["continued"].as_array().unwrap().len(), 2);
    for session in &sessions {
        assert_eq!(said(&lab, session).await.len(), 2);
    }
    let (i, s) = ids(&sessions[0]);
    let named = json!({"sessions": [{"instance": i, "session": s}, {"instance": "none", "session": "ses_1"}]});
    let told = lab.post("/api/continue", named).await.good();
    assert_eq!(told["continued"], json!([]));
    let failed: Vec<&Value> = told["failed"].as_array().unwrap().iter().collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[1]["problem"]["status"], 404);
    assert_eq!(failed[1]["session"], "ses_1");
}

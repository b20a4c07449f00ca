//! Prompts that wait at the hub: sent in order, one at a time, each once, when the whole tree is idle.

use model::ids::SessionId;
use model::state::QueueHold;
use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Answer, Lab, ids, send};

/// A prompt that is busy until its request is answered.
const BUSY: &str = "permission ;; say done";

/// The texts that the server itself has of the person.
async fn said(lab: &Lab, session: &str) -> Vec<String> {
    let (_, id) = ids(session);
    let messages = lab.upstream(&format!("/session/{id}/message")).await;
    let all = messages.as_array().unwrap().iter();
    let texts = all.filter(|message| message["info"]["role"] == "user");
    let text = |message: &Value| message["parts"][0]["text"].as_str().unwrap().to_owned();
    texts.map(text).collect()
}

async fn keyed(lab: &Lab, session: &str, key: &str, body: Value) -> Answer {
    let request = lab.request(Method::POST, &format!("{session}/queue"));
    send(request.header("Idempotency-Key", key).json(&body)).await
}

async fn enqueue(lab: &Lab, session: &str, text: &str) -> String {
    let queued = keyed(lab, session, text, json!({"text": text})).await;
    queued.good()["id"].as_str().unwrap().to_owned()
}

async fn patch(lab: &Lab, path: &str, body: Value) -> Answer {
    send(lab.request(Method::PATCH, path).json(&body)).await
}

/// Has a session run until its request is answered.
async fn busy(lab: &Lab, session: &str) {
    let sent = lab
        .post(&format!("{session}/prompt"), json!({"text": BUSY}))
        .await;
    sent.good();
    let (instance, _) = ids(session);
    lab.until("it asks", |state| {
        !state.instances[&instance].permissions.is_empty()
    })
    .await;
}

/// Allows what waits.
async fn allow(lab: &Lab, session: &str) {
    let (instance, _) = ids(session);
    let path = format!("/api/instances/{instance}/permissions");
    let waiting = lab.get(&path).await.good();
    let (id, print) = (&waiting[0]["id"], &waiting[0]["fingerprint"]);
    let reply = json!({"reply": "once", "fingerprint": print});
    let path = format!("{path}/{}", id.as_str().unwrap());
    let answered = lab.post(&path, reply).await;
    assert!(answered.status.is_success());
}

/// Waits until so many prompts wait.
async fn waiting(lab: &Lab, session: &str, many: usize) {
    let (instance, id) = ids(session);
    lab.until("the queue is so long", |state| {
        let queue = state.instances[&instance].queues.get(&id);
        queue.map_or(0, |(_, queue)| queue.items.len()) == many
    })
    .await;
}

async fn held(lab: &Lab, session: &str) -> QueueHold {
    let (instance, id) = ids(session);
    let hold = |state: &model::State| {
        let (_, queue) = state.instances[&instance].queues.get(&id)?;
        queue.hold.clone()
    };
    lab.until("the queue is held", |state| hold(state).is_some())
        .await;
    lab.hub.engine().read(hold).unwrap()
}

async fn texts(lab: &Lab, session: &str) -> Vec<String> {
    let queue = lab.get(&format!("{session}/queue")).await.good();
    let prompts = queue["prompts"].as_array().unwrap().iter();
    let text = |prompt: &Value| prompt["text"].as_str().unwrap().to_owned();
    prompts.map(text).collect()
}

#[tokio::test]
async fn prompts_are_sent_in_order_one_at_a_time_once_the_session_is_idle() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    busy(&lab, &session).await;
    let first = enqueue(&lab, &session, "say one").await;
    // It is busy as well, so that the one after it has to wait.
    enqueue(&lab, &session, BUSY).await;
    let third = enqueue(&lab, &session, "say three").await;
    let moved = json!({"order": [third, first]});
    patch(&lab, &format!("{session}/queue"), moved).await.good();
    assert_eq!(texts(&lab, &session).await, ["say three", "say one", BUSY]);
    let again = keyed(&lab, &session, "say one", json!({"text": "say one"}));
    assert_eq!(again.await.good()["id"], first);
    keyed(&lab, &session, "say one", json!({"text": "other"}))
        .await
        .problem(422, "key-reused");
    let edited = json!({"text": "say 1"});
    let path = format!("{session}/queue/{first}");
    assert_eq!(patch(&lab, &path, edited).await.status, 204);
    assert_eq!(said(&lab, &session).await, [BUSY]);

    allow(&lab, &session).await;
    waiting(&lab, &session, 0).await;
    let (instance, _) = ids(&session);
    lab.until("the last one runs", |state| {
        !state.instances[&instance].permissions.is_empty()
    })
    .await;
    let all = [BUSY, "say three", "say 1", BUSY];
    assert_eq!(said(&lab, &session).await, all);
    // Each had its answer before the next was sent.
    let (_, id) = ids(&session);
    let messages = lab.upstream(&format!("/session/{id}/message")).await;
    let roles: String = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| match message["info"]["role"].as_str() {
            Some("user") => 'u',
            _ => 'a',
        })
        .collect();
    assert!(!roles.contains("uu"), "{roles}");
    // Also after it was sent, its key is the same prompt.
    let again = keyed(&lab, &session, "say one", json!({"text": "say one"}));
    assert_eq!(again.await.good()["id"], first);
    assert_eq!(texts(&lab, &session).await, [""; 0]);
    lab.delete(&path).await.problem(404, "not-queued");
}

#[tokio::test]
async fn a_stop_holds_what_waits_until_a_person_resumes_it() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    busy(&lab, &session).await;
    let one = enqueue(&lab, &session, "say one").await;
    enqueue(&lab, &session, "say two").await;
    let stopped = lab.post(&format!("{session}/abort"), json!({})).await;
    assert!(stopped.status.is_success());
    assert_eq!(held(&lab, &session).await, QueueHold::Stopped);
    // One of them is sent now; the other one stays.
    let path = format!("{session}/queue/{one}/send");
    let sent = lab.post(&path, json!({})).await;
    let message = sent.good()["messageID"].as_str().unwrap().to_owned();
    lab.idle_after(&session, &message).await;
    assert_eq!(texts(&lab, &session).await, ["say two"]);
    assert_eq!(held(&lab, &session).await, QueueHold::Stopped);
    let resumed = json!({"held": false});
    patch(&lab, &format!("{session}/queue"), resumed)
        .await
        .good();
    waiting(&lab, &session, 0).await;
    assert_eq!(said(&lab, &session).await, [BUSY, "say one", "say two"]);
}

#[tokio::test]
async fn a_failure_holds_what_waits() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let failing = "permission ;; error 400 msg=no-credit";
    let sent = lab
        .post(&format!("{session}/prompt"), json!({"text": failing}))
        .await;
    sent.good();
    let (instance, _) = ids(&session);
    lab.until("it asks", |state| {
        !state.instances[&instance].permissions.is_empty()
    })
    .await;
    enqueue(&lab, &session, "say next").await;
    allow(&lab, &session).await;
    let QueueHold::Failed(why) = held(&lab, &session).await else {
        panic!("held for another reason")
    };
    assert!(!why.is_empty());
    let resumed = json!({"held": false});
    patch(&lab, &format!("{session}/queue"), resumed)
        .await
        .good();
    waiting(&lab, &session, 0).await;
}

#[tokio::test]
async fn what_waits_outlives_the_hub() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    busy(&lab, &session).await;
    enqueue(&lab, &session, "say one").await;
    enqueue(&lab, &session, "say two").await;
    let lab = lab.restarted().await;
    let (instance, _) = ids(&session);
    lab.connected(instance.as_str()).await;
    assert_eq!(texts(&lab, &session).await, ["say one", "say two"]);
    waiting(&lab, &session, 2).await;
    let mode = std::fs::metadata(lab.home.path().join("data/queue.json")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o600);
    allow(&lab, &session).await;
    waiting(&lab, &session, 0).await;
    lab.eventually("both arrive", async || {
        let all = said(&lab, &session).await;
        (all == [BUSY, "say one", "say two"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_waits_for_its_subagents_and_a_deleted_one_takes_its_queue_along() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let sent = json!({"text": "task { permission ;; say sub } ;; say done"});
    lab.post(&format!("{session}/prompt"), sent).await.good();
    let (instance, id) = ids(&session);
    lab.until("the subagent asks", |state| {
        !state.instances[&instance].permissions.is_empty()
    })
    .await;
    enqueue(&lab, &session, "say next").await;
    assert_eq!(said(&lab, &session).await.len(), 1);
    let gone = lab.delete(&session).await;
    assert!(gone.status.is_success());
    let places = async || {
        let queue = lab.get(&format!("{session}/queue")).await.good();
        queue["prompts"]
            .as_array()
            .unwrap()
            .is_empty()
            .then_some(())
    };
    lab.post(
        &format!("{}/sessions", session.rsplit_once("/sessions").unwrap().0),
        json!({}),
    )
    .await
    .good();
    lab.eventually("the queue is gone", places).await;
    let unknown = SessionId::new("ses_nowhere");
    assert_ne!(unknown, id);
    let nowhere = session.replace(id.as_str(), unknown.as_str());
    keyed(&lab, &nowhere, "k", json!({"text": "x"}))
        .await
        .problem(404, "unknown-session");
    keyed(
        &lab,
        &session.replace(instance.as_str(), "none"),
        "k",
        json!({"text": "x"}),
    )
    .await
    .problem(404, "unknown-instance");
    keyed(&lab, &session, "k", json!({"text": " "}))
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_prompt_carries_only_files_that_are_what_they_say() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let file =
        |mime: &str, url: &str| json!({"type": "file", "mime": mime, "filename": "f", "url": url});
    let gif = "data:image/gif;base64,R0lGODlhAgADAAAAAA==";
    for route in ["prompt", "queue"] {
        let body = json!({"text": "say x", "parts": [file("image/png", gif)]});
        lab.post(&format!("{session}/{route}"), body)
            .await
            .problem(422, "invalid-request");
    }
    let body = json!({"text": "say x", "parts": [file("image/gif", gif)]});
    for route in ["prompt", "queue"] {
        let sent = lab.post(&format!("{session}/{route}"), body.clone()).await;
        assert_eq!(sent.status, 202, "{sent:?}");
    }
    waiting(&lab, &session, 0).await;
}

#[tokio::test]
async fn a_draft_is_the_same_everywhere() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let path = format!("{session}/draft");
    assert_eq!(lab.get(&path).await.good(), json!({"text": "", "at": 0}));
    let put = async |text: &str| {
        let request = lab.request(Method::PUT, &path);
        send(request.json(&json!({"text": text}))).await
    };
    let first = put("on the desktop").await.good();
    let second = put("on the phone").await.good();
    assert!(second["at"].as_i64() > first["at"].as_i64());
    assert_eq!(lab.get(&path).await.good(), second);
    put(&"x".repeat(hub::limits::DRAFT_BYTES + 1))
        .await
        .problem(422, "invalid-request");
    let lab = lab.restarted().await;
    let path = format!("{session}/draft");
    assert_eq!(lab.get(&path).await.good(), second);
}

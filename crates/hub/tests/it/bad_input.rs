//! Whatever is wrong is told with the next step, and nothing is lost.

use std::fs;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::lab::{Lab, send};

#[tokio::test]
async fn what_cannot_be_added_is_refused_with_the_reason() {
    let lab = Lab::new().await;
    let file = lab.home.path().join("file");
    fs::write(&file, "").unwrap();
    for (body, kind) in [
        (json!({}), "invalid-request"),
        (
            json!({"folder": "/tmp", "url": "http://127.0.0.1:9"}),
            "invalid-request",
        ),
        (
            json!({"folder": "/tmp", "password": "x"}),
            "invalid-request",
        ),
        (
            json!({"url": "http://127.0.0.1:9", "username": "me"}),
            "invalid-request",
        ),
        (
            json!({"url": "http://127.0.0.1:9", "colour": "red"}),
            "invalid-request",
        ),
        (json!({"url": 7}), "invalid-request"),
        (json!({"url": "nonsense"}), "bad-url"),
        (json!({"url": "ftp://127.0.0.1:9"}), "bad-url"),
        (json!({"url": "http://me:hush@127.0.0.1:9"}), "bad-url"),
        (json!({"url": "http://127.0.0.1:9/?x"}), "bad-url"),
        (
            json!({"folder": lab.home.path().join("none")}),
            "bad-folder",
        ),
        (json!({"folder": file}), "bad-folder"),
    ] {
        let problem = lab
            .post("/api/instances", body.clone())
            .await
            .problem(422, kind);
        assert!(!problem.to_string().contains("hush"), "{body}: {problem}");
    }
    assert_eq!(lab.get("/api/instances").await.good(), json!([]));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let lab = Lab::new().await;
    let post = |path: &str| lab.request(Method::POST, path);
    let typed = |request: RequestBuilder, body: &str| {
        send(
            request
                .header("content-type", "application/json")
                .body(body.to_owned()),
        )
    };
    typed(post("/api/instances"), "{")
        .await
        .problem(400, "invalid-request");
    typed(post("/api/instances"), "")
        .await
        .problem(400, "invalid-request");
    typed(post("/api/instances"), r#"{"url":"\ud83e"}"#)
        .await
        .problem(400, "invalid-request");
    send(post("/api/instances").body("{}"))
        .await
        .problem(415, "not-json");
    let form = post("/api/instances")
        .header("content-type", "text/plain")
        .body("{}");
    send(form).await.problem(415, "not-json");
    let large = format!(r#"{{"url":"{}"}}"#, "x".repeat(2 << 20));
    typed(post("/api/instances"), &large)
        .await
        .problem(413, "too-large");

    lab.get("/nothing").await.problem(404, "unknown-path");
    lab.get("/api/nothing").await.problem(404, "unknown-path");
    let wrong = send(lab.request(Method::PUT, "/api/instances")).await;
    assert!(wrong.header("allow").contains("POST"));
    wrong.problem(405, "unknown-method");
    lab.get("/api/live").await.problem(400, "invalid-request");
    lab.get("/api/log?after=nonsense")
        .await
        .problem(400, "bad-cursor");
    lab.get("/api/log?colour=red")
        .await
        .problem(400, "invalid-request");
    lab.get("/api/instances/%ff")
        .await
        .problem(400, "invalid-request");
}

#[tokio::test]
async fn unknown_ids_are_named() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    for path in [
        "sessions",
        "permissions",
        "questions",
        "sessions/ses_x",
        "sessions/ses_x/messages",
    ] {
        lab.get(&format!("/api/instances/nope/{path}"))
            .await
            .problem(404, "unknown-instance");
    }
    lab.get("/api/instances/nope")
        .await
        .problem(404, "unknown-instance");
    lab.post("/api/instances/nope/reconnect", json!({}))
        .await
        .problem(404, "unknown-instance");
    lab.get(&format!("{instance}/sessions/nope"))
        .await
        .problem(404, "unknown-session");
    let session = format!("{instance}/sessions/ses_nope");
    lab.get(&session).await.problem(404, "unknown-session");
    lab.get(&format!("{session}/messages"))
        .await
        .problem(404, "unknown-session");
    lab.delete(&session).await.problem(404, "unknown-session");
    lab.post(&format!("{session}/abort"), json!({}))
        .await
        .problem(404, "unknown-session");
    lab.post(&format!("{session}/reviewed"), json!({}))
        .await
        .problem(404, "unknown-session");
    lab.post(&format!("{session}/prompt"), json!({"text": "x"}))
        .await
        .problem(404, "unknown-session");
    lab.post(
        &format!("{instance}/sessions"),
        json!({"parent": "ses_nope"}),
    )
    .await
    .problem(404, "unknown-session");
    lab.post(
        &format!("{instance}/permissions/per_x"),
        json!({"reply": "once"}),
    )
    .await
    .problem(404, "nothing-waits");
    lab.post(
        &format!("{instance}/questions/que_x"),
        json!({"reject": true}),
    )
    .await
    .problem(404, "nothing-waits");
}

#[tokio::test]
async fn commands_that_make_no_sense_are_refused() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let prompt = format!("{session}/prompt");
    lab.post(&prompt, json!({}))
        .await
        .problem(422, "invalid-request");
    lab.post(&prompt, json!({"text": " "}))
        .await
        .problem(422, "invalid-request");
    lab.post(&prompt, json!({"text": "x", "model": {"providerID": "p"}}))
        .await
        .problem(422, "invalid-request");
    lab.post(&prompt, json!({"text": "x", "parts": ["y"]}))
        .await
        .problem(422, "invalid-request");
    let keyed = lab
        .request(Method::POST, &prompt)
        .header("Idempotency-Key", "k".repeat(300));
    send(keyed.json(&json!({"text": "x"})))
        .await
        .problem(422, "invalid-request");
    send(lab.request(Method::PATCH, &session).json(&json!({})))
        .await
        .problem(422, "invalid-request");
    lab.post(
        &format!("{instance}/sessions"),
        json!({"directory": "here"}),
    )
    .await
    .problem(422, "invalid-request");
    lab.get(&format!("{session}/messages?limit=0"))
        .await
        .problem(422, "invalid-request");
    lab.get(&format!("{session}/messages?limit=many"))
        .await
        .problem(400, "invalid-request");
    // A prompt may be larger than other requests.
    lab.turn(&session, &format!("say {}", "x".repeat(2 << 20)))
        .await;
}

#[tokio::test]
async fn servers_that_cannot_be_used_say_why() {
    let lab = Lab::new().await;
    let add = async |body| {
        let id = lab.post("/api/instances", body).await.good()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/api/instances/{id}");
        lab.eventually("it failed", async || {
            let instance = lab.get(&path).await.good();
            (instance["status"] == "error").then(|| instance["reason"].as_str().unwrap().to_owned())
        })
        .await
    };
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (body, reason) in [
        (
            json!({"url": format!("http://{nobody}")}),
            "nothing listens",
        ),
        (
            json!({"url": lab.fake.url, "password": "wrong"}),
            "refuses the password",
        ),
        (json!({"url": lab.url}), "not OpenCode"),
    ] {
        let told = add(body).await;
        assert!(told.contains(reason), "{told}");
    }
    let folder = add(json!({"folder": lab.home.path(), "trust": true})).await;
    assert!(!folder.is_empty());
}

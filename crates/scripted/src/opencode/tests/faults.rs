//! Faults on request, and the doors.

use super::*;

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

//! Every frame and body of the scripted service is the contract's, and nothing that is not in it.

use opencode::client2::{NewPrompt, StageRevert};
use opencode::json::sanitize;
use opencode::wire2::{self, Delivery, Event, InboxId, InboxKind};
use serde_json::{Value, json};

use super::{PATIENCE, Stage};
use crate::schema::{Extra, Schemas};
use scripted::opencode2::Options;

async fn body(stage: &Stage, path: &str) -> (u16, Value) {
    let http = opencode::Http::new().unwrap().into_replies();
    let reply = http.get(format!("{}{path}", stage.server.url()));
    let reply = reply.timeout(PATIENCE).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

fn check_all(schemas: &Schemas, name: &str, list: &Value) {
    let list = list.as_array().unwrap();
    for one in list {
        schemas
            .check(name, one, Extra::Refused)
            .unwrap_or_else(|error| panic!("{error} in {one}"));
    }
}

// Longer than 70 lines: one session lives through everything that has a frame.
#[tokio::test]
async fn every_frame_is_the_contracts() {
    let mut stage = Stage::with(Options {
        persist: true,
        ..Options::default()
    })
    .await;
    let session = stage.session().await.id;
    for (at, text) in [
        "reason 4 ;; say hi ;; bash echo hi",
        "surrogate ;; echo 5 uni",
        "error 429 times=1 ;; say there",
        "midfail",
        "tool none {} ;; tool read {",
        "task { say below }",
        "error 400",
    ]
    .iter()
    .enumerate()
    {
        stage.turn(&session, &format!("msg_{at}"), text).await;
    }
    stage.client.compact(&session, None).await.unwrap();
    stage.frames.end(&session).await;
    stage.client.rename(&session, "new").await.unwrap();
    stage.client.set_archived(&session, true).await.unwrap();
    stage.client.set_archived(&session, false).await.unwrap();
    stage.client.set_agent(&session, "plan").await.unwrap();
    let model = wire2::ModelRef {
        id: "scripted-1".to_owned(),
        provider_id: "scripted".to_owned(),
        variant: None,
    };
    stage.client.set_model(&session, &model).await.unwrap();
    stage.client.shell(&session, "ls").await.unwrap();
    stage.client.move_to(&session, "/elsewhere").await.unwrap();
    stage.frames.end(&session).await;
    stage.client.fork(&session, None).await.unwrap();
    take_back(&stage, &session).await;
    let idle = stage.client.session(&session).await.unwrap().time.idle;
    stage.client.view(&session, idle.unwrap()).await.unwrap();
    let item = InboxId::parse("msg_waits").unwrap();
    let waits = NewPrompt {
        resume: Some(false),
        ..NewPrompt::of(&item, "x", Delivery::Steer)
    };
    stage.client.prompt(&session, &waits).await.unwrap();
    stage
        .client
        .set_delivery(&session, waits.id, &Delivery::Queue)
        .await
        .unwrap();
    stage.client.cancel(&session, waits.id).await.unwrap();
    stage.prompt(&session, "msg_ask", "question").await;
    stage
        .frames
        .until(|event| matches!(event, Event::Form(_)))
        .await;
    stage.server.shut_folder("/elsewhere");
    stage.frames.end(&session).await;
    stage.prompt(&session, "msg_may", "permission").await;
    stage
        .frames
        .until(|event| matches!(event, Event::Permission(_)))
        .await;
    stage.client.interrupt(&session, false).await.unwrap();
    stage.frames.end(&session).await;
    stage.prompt(&session, "msg_may_not", "permission").await;
    let asked = stage
        .frames
        .until(|event| matches!(event, Event::Permission(_)));
    let Event::Permission(wire2::PermissionEvent::Asked(asked)) = asked.await else {
        panic!("another event");
    };
    let reject = &wire2::Decision::Reject;
    stage
        .client
        .reply_permission(&session, &asked.id, reject, None)
        .await
        .unwrap();
    stage.frames.end(&session).await;
    stage.client.delete_session(&session).await.unwrap();
    stage
        .frames
        .until(|event| matches!(event, Event::Session { session: gone, change: wire2::SessionEvent::Row(wire2::RowChange::Deleted) } if *gone == session))
        .await;
    let schemas = Schemas::load();
    let events = schemas.events();
    let mut kinds = Vec::new();
    for frame in &stage.frames.seen {
        let value: Value = serde_json::from_str(&sanitize(frame)).unwrap();
        let kind = value["type"].as_str().unwrap();
        schemas
            .check(&events[kind], &value, Extra::Refused)
            .unwrap_or_else(|error| panic!("{error} in {value}"));
        kinds.push(kind.to_owned());
    }
    kinds.sort();
    kinds.dedup();
    assert!(kinds.len() > 50, "{}: {kinds:?}", kinds.len());
}

/// Takes the newest prompt back, undoes that, and removes it after all.
async fn take_back(stage: &Stage, session: &wire2::SessionId) {
    let messages = stage.client.messages(session, None).await.unwrap().items;
    let prompt = |one: &&wire2::Message| matches!(one.kind, wire2::MessageKind::User(_));
    let from = StageRevert {
        message_id: &messages.iter().find(prompt).unwrap().id,
        files: true,
    };
    stage.client.stage_revert(session, &from).await.unwrap();
    stage.client.clear_revert(session).await.unwrap();
    stage.client.stage_revert(session, &from).await.unwrap();
    stage.client.commit_revert(session).await.unwrap();
}

// Longer than 70 lines: the list of all bodies.
#[tokio::test]
async fn every_body_is_the_contracts() {
    let schemas = Schemas::load();
    let mut stage = Stage::with(Options {
        persist: true,
        ..Options::default()
    })
    .await;
    let session = stage.session().await.id;
    for (at, text) in [
        "reason 2 ;; say hi ;; bash echo hi",
        "error 400",
        "tool none {}",
    ]
    .iter()
    .enumerate()
    {
        stage.turn(&session, &format!("msg_{at}"), text).await;
    }
    stage.client.compact(&session, None).await.unwrap();
    stage.frames.end(&session).await;
    stage.client.set_agent(&session, "plan").await.unwrap();
    stage.client.shell(&session, "ls").await.unwrap();
    stage.prompt(&session, "msg_may", "permission").await;
    stage
        .frames
        .until(|event| matches!(event, Event::Permission(_)))
        .await;
    stage.prompt(&session, "msg_later", "say later").await;
    let other = stage.session().await.id;
    stage.prompt(&other, "msg_ask", "question").await;
    stage
        .frames
        .until(|event| matches!(event, Event::Form(_)))
        .await;
    let at = "location%5Bdirectory%5D=%2Fscripted%2Fproject";
    let of = |rest: &str| format!("/api/session/{session}{rest}");
    let wrapped = [
        ("SessionInfo", of("")),
        ("SessionMessageInfo", of("/message/msg_0")),
        ("ModelInfo", format!("/api/model/default?{at}")),
    ];
    for (name, path) in wrapped {
        let (_, body) = body(&stage, &path).await;
        schemas.check(name, &body["data"], Extra::Refused).unwrap();
    }
    for (name, path) in [
        ("ServerInfo", "/api/info".to_owned()),
        ("SessionsResponse", "/api/session".to_owned()),
        ("SessionsResponse", "/api/session?limit=1".to_owned()),
        ("SessionMessagesResponse", of("/message")),
        ("SessionMessagesResponse", of("/message?limit=2&order=asc")),
        ("LocationPublicInfo", format!("/api/location?{at}")),
    ] {
        let (_, body) = body(&stage, &path).await;
        schemas.check(name, &body, Extra::Refused).unwrap();
    }
    for (name, path) in [
        ("SessionInboxInfo", of("/inbox")),
        ("PermissionRequest", of("/permission")),
        ("PermissionRequest", format!("/api/permission/request?{at}")),
        ("FormInfo", format!("/api/form?{at}")),
        ("AgentInfo", format!("/api/agent?{at}")),
        ("CommandInfo", format!("/api/command?{at}")),
        ("SkillInfo", format!("/api/skill?{at}")),
        ("ReferenceInfo", format!("/api/reference?{at}")),
        ("ProviderInfo", format!("/api/provider?{at}")),
        ("ModelInfo", format!("/api/model?{at}")),
        ("FileSystemEntry", format!("/api/fs/find?{at}&query=s")),
        ("SessionMessageInfo", of("/context")),
    ] {
        let (_, body) = body(&stage, &path).await;
        assert!(!body["data"].as_array().unwrap().is_empty(), "{path}");
        check_all(&schemas, name, &body["data"]);
    }
    let (_, active) = body(&stage, "/api/session/active").await;
    for one in active["data"].as_object().unwrap().values() {
        schemas.check("SessionActive", one, Extra::Refused).unwrap();
    }
    let (_, folders) = body(&stage, "/api/debug/location").await;
    check_all(&schemas, "LocationPublicRef", &folders);
    let inbox = stage.client.inbox(&session).await.unwrap();
    assert_eq!(inbox.malformed, 0);
    assert!(matches!(inbox.value[0].item.kind, InboxKind::User(_)));
}

#[tokio::test]
async fn every_refusal_is_the_contracts() {
    let schemas = Schemas::load();
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    stage.turn(&session, "msg_1", "say hi").await;
    let of = |rest: &str| format!("/api/session/{session}{rest}");
    for (status, name, path) in [
        (
            404,
            "SessionNotFoundErrorBody",
            "/api/session/none".to_owned(),
        ),
        (404, "MessageNotFoundErrorBody", of("/message/none")),
        (404, "FormNotFoundErrorBody", of("/form/none")),
        (400, "InvalidCursorErrorBody", of("/message?cursor=x")),
        (
            400,
            "InvalidRequestErrorBody",
            of("/message?cursor=x&order=asc"),
        ),
    ] {
        let (found, body) = body(&stage, &path).await;
        assert_eq!(found, status, "{path}");
        schemas.check(name, &body, Extra::Refused).unwrap();
    }
    let (found, body) = body(&stage, "/api/none").await;
    assert_eq!((found, body.get("_tag")), (404, None));
    let page = opencode::Http::new().unwrap().into_replies();
    let page = page.get(format!("{}/global/health", stage.server.url()));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn the_registration_of_a_service_is_read() {
    let stage = Stage::with(Options {
        password: Some("hush".to_owned()),
        ..Options::default()
    })
    .await;
    let file = wire2::Registration::parse(&stage.server.registration().to_string()).unwrap();
    let info = stage.client.info().await.unwrap();
    assert_eq!((file.pid, file.version.as_str()), (info.pid, "2.1.2"));
    assert_eq!(file.password.as_deref(), Some("hush"));
    let first = wire2::FirstLine::read(&stage.server.first_lines());
    assert_eq!(first, Some(wire2::FirstLine::V2(file.url)));
    assert_eq!(json!(info.urls), json!([stage.server.url()]));
}

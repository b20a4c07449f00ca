//! What a service of OpenCode 2 can do beyond version 1, and what is refused: by the hub's API, on the scripted service.

use model::state::Capability;
use opencode::client2::Client;
use opencode::wire2;
use opencode::{Credentials, Http};
use serde_json::{Value, json};

use crate::lab::{PASSWORD, send};
use crate::opencode2::{eventually, linked};

#[tokio::test]
async fn a_conversation_is_proven_up_to_the_number_that_its_service_tells() {
    let (lab, _server, instance) = linked().await;
    let made = lab.post(&format!("{instance}/sessions"), json!({})).await;
    let id = made.good()["id"].as_str().unwrap().to_owned();
    let session = format!("{instance}/sessions/{id}");
    let prompt = json!({"text": "say hello ;; bash echo hi ;; say done"});
    let sent = lab.post(&format!("{session}/prompt"), prompt).await.good();
    let message = sent["messageID"].as_str().unwrap().to_owned();
    lab.idle_after(&session, &message).await;
    let compared = lab
        .post(&format!("{session}/verify"), json!({}))
        .await
        .good();
    assert_eq!(compared["same"], true, "{compared}");
    let proven = compared["proven"].as_u64().unwrap();
    assert!(proven > 5, "{compared}");

    // A second turn is as of the stream until it is compared again.
    let sends = format!("{session}/prompt");
    let sent = lab.post(&sends, json!({"text": "say more"}));
    let message = sent.await.good()["messageID"].as_str().unwrap().to_owned();
    lab.idle_after(&session, &message).await;
    let again = lab
        .post(&format!("{session}/verify"), json!({}))
        .await
        .good();
    assert_eq!(again["same"], true, "{again}");
    assert!(again["proven"].as_u64().unwrap() > proven, "{again}");
}

#[tokio::test]
async fn the_folders_of_a_service_are_listed_by_their_names() {
    let (lab, _server, instance) = linked().await;
    for directory in ["/w/shop", "/w/blog", "/v/shop"] {
        let new = json!({"directory": directory});
        lab.post(&format!("{instance}/sessions"), new).await.good();
    }
    let shown = lab.get(&instance).await.good();
    let folders = shown["folders"].as_array().unwrap();
    let named = |directory: &str| {
        let known = folders.iter().find(|one| one["directory"] == directory);
        known.unwrap()["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(named("/w/shop"), "w/shop");
    assert_eq!(named("/v/shop"), "v/shop");
    assert_eq!(named("/w/blog"), "blog");
}

/// Acts of the API with what each needs of a server: how it is asked for, below a session.
fn acts(message: &str) -> Vec<(Capability, reqwest::Method, String, Value)> {
    use reqwest::Method;
    let post = |what, path: &str, body| (what, Method::POST, path.to_owned(), body);
    let model = json!({"providerID": "p", "modelID": "m"});
    let drop = format!("messages/{message}");
    let steer = format!("messages/{message}/steer");
    vec![
        post(Capability::Fork, "fork", json!({})),
        post(Capability::CompactModel, "compact", json!({"model": model})),
        post(Capability::Compact, "compact", json!({})),
        post(Capability::Revert, "revert", json!({"messageID": message})),
        post(Capability::Revert, "unrevert", json!({})),
        post(
            Capability::Inbox,
            "prompt",
            json!({"text": "say one", "delivery": "steer"}),
        ),
        post(Capability::Inbox, &steer, json!({})),
        post(
            Capability::Shell,
            "prompt",
            json!({"text": "echo hi", "shell": true}),
        ),
        post(
            Capability::Command,
            "prompt",
            json!({"text": "all", "command": "review"}),
        ),
        (Capability::DeleteMessage, Method::DELETE, drop, json!({})),
    ]
}

#[tokio::test]
async fn each_act_is_refused_by_a_server_that_cannot_do_it_and_by_no_other() {
    let (lab, _server, second) = linked().await;
    let first = lab.instance().await;
    for instance in [first, second] {
        let shown = lab.get(&instance).await.good();
        let can = shown["capabilities"].as_array().unwrap().clone();
        let made = lab
            .post(&format!("{instance}/sessions"), json!({"title": "t"}))
            .await;
        let id = made.good()["id"].as_str().unwrap().to_owned();
        let session = format!("{instance}/sessions/{id}");
        let sends = format!("{session}/prompt");
        let sent = lab.post(&sends, json!({"text": "say one"}));
        let message = sent.await.good()["messageID"].as_str().unwrap().to_owned();
        lab.idle_after(&session, &message).await;
        for (what, method, path, body) in acts(&message) {
            let request = lab
                .request(method, &format!("{session}/{path}"))
                .json(&body);
            let answer = send(request).await;
            let refused = answer.text.contains("not-offered");
            let has = can.contains(&json!(what.name()));
            assert_eq!(refused, !has, "{path} for {}: {answer:?}", what.name());
        }
    }
}

#[tokio::test]
async fn what_was_looked_at_is_shared_with_other_clients() {
    let (lab, server, instance) = linked().await;
    let login = Some(Credentials::password(PASSWORD));
    let other = Client::new(Http::new().unwrap(), server.url().parse().unwrap(), login).unwrap();
    let made = lab.post(&format!("{instance}/sessions"), json!({})).await;
    let id = made.good()["id"].as_str().unwrap().to_owned();
    let session = format!("{instance}/sessions/{id}");
    let of_service = wire2::SessionId::parse(&id).unwrap();
    lab.turn(&session, "say one").await;
    let waits = async |state: &str| {
        eventually("its mark", async || {
            let mark = lab.get(&session).await.good()["mark"]["state"].clone();
            (mark == state).then_some(())
        })
        .await;
    };
    waits("to_review").await;
    assert!(other.session(&of_service).await.unwrap().is_unread());
    let reviewed = lab.post(&format!("{session}/reviewed"), json!({})).await;
    assert!(reviewed.status.is_success(), "{reviewed:?}");
    assert!(!other.session(&of_service).await.unwrap().is_unread());

    // The other way round.
    lab.turn(&session, "say two").await;
    waits("to_review").await;
    let idle = other.session(&of_service).await.unwrap().time.idle.unwrap();
    other.view(&of_service, idle).await.unwrap();
    waits("idle").await;
}

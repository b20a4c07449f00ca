//! How sessions ended is known after a restart of the hub, as far as nobody has looked at it; and prompts that a stop holds can be dropped.

use model::state::Run;
use serde_json::{Value, json};

use crate::lab::{Lab, ids};

async fn mark(lab: &Lab, session: &str) -> Value {
    lab.get(session).await.good()["mark"].clone()
}

async fn marked(lab: &Lab, session: &str, state: &str) -> Value {
    let so = async || {
        let mark = mark(lab, session).await;
        (mark["state"] == state).then_some(mark)
    };
    lab.eventually(&format!("the session is {state}"), so).await
}

#[tokio::test]
async fn what_nobody_has_looked_at_is_known_after_a_restart() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (well, badly) = (lab.session(&instance).await, lab.session(&instance).await);
    lab.turn(&well, "say done").await;
    lab.post(
        &format!("{badly}/prompt"),
        json!({"text": "error 401 msg=no_key"}),
    )
    .await
    .good();
    let before = marked(&lab, &badly, "failed").await;
    assert_eq!(before["reason"], "no key.", "{before}");
    marked(&lab, &well, "to_review").await;

    let lab = lab.restarted().await;
    lab.connected(ids(&well).0.as_str()).await;
    assert_eq!(marked(&lab, &badly, "failed").await, before);
    marked(&lab, &well, "to_review").await;
    // Whatever lists sessions says the same.
    let listed = lab.get(&format!("{instance}/sessions")).await.good();
    for session in listed.as_array().unwrap() {
        let path = format!("{instance}/sessions/{}", session["id"].as_str().unwrap());
        assert_eq!(session["mark"], mark(&lab, &path).await);
    }
    let seen = lab.post(&format!("{well}/reviewed"), json!({})).await;
    assert_eq!(seen.status, 204);
    marked(&lab, &well, "idle").await;

    let lab = lab.restarted().await;
    lab.connected(ids(&well).0.as_str()).await;
    marked(&lab, &badly, "failed").await;
    assert_ne!(mark(&lab, &well).await["state"], "to_review");
}

#[tokio::test]
async fn a_page_that_only_passes_over_a_session_has_not_looked_at_it() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.turn(&session, "say done").await;
    marked(&lab, &session, "to_review").await;
    let (id, of) = ids(&session);
    let page = lab.get(&format!("/i/{id}/s/{of}")).await;
    assert!(
        page.text.contains("data-unseen"),
        "the page is told to look"
    );
    assert_eq!(mark(&lab, &session).await["state"], "to_review");
}

#[tokio::test]
async fn nothing_is_dropped_from_a_session_that_runs() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let sent = lab
        .post(&format!("{session}/prompt"), json!({"text": "stall 600"}))
        .await
        .good();
    let (instance, id) = ids(&session);
    lab.until("it runs", |state| {
        let session = state.session(&instance, &id);
        session.is_some_and(|session| matches!(session.run, Run::Busy { .. }))
    })
    .await;
    let message = sent["messageID"].as_str().unwrap();
    let path = format!("{session}/messages/{message}");
    lab.delete(&path).await.problem(409, "running");
}

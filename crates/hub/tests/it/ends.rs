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
async fn what_a_person_sorted_is_known_after_a_restart() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (off, done) = (lab.session(&instance).await, lab.session(&instance).await);
    let (id, of) = ids(&off);
    for session in [&off, &done] {
        lab.turn(session, "say done").await;
        marked(&lab, session, "to_review").await;
    }
    let until = lab.hub.engine().now().0 + 3_600_000;
    let snooze = format!("{off}/snooze");
    let snoozed = lab.post(&snooze, json!({ "until": until })).await;
    assert_eq!(snoozed.status, 204);
    let reviewed = lab.post(&format!("{done}/reviewed"), json!({})).await;
    assert_eq!(reviewed.status, 204);
    // It is on the disk when the answer comes: a hub that is killed now has it as well.
    let noted = hub::command::notes::Disk::new(lab.data.file(hub::command::notes::FILE));
    let noted = hub::command::notes::Store::load(&noted).await.noted;
    assert_eq!(noted[&id][&of].snoozed.map(|at| at.0), Some(until));
    assert!(!noted[&id].contains_key(&ids(&done).1));

    let lab = lab.restarted().await;
    lab.connected(id.as_str()).await;
    lab.until("it is still put off", |state| {
        state.session(&id, &of).is_some()
            && state.instances[&id]
                .snoozes
                .get(&of)
                .is_some_and(|at| at.0 == until)
    })
    .await;
    assert_ne!(mark(&lab, &done).await["state"], "to_review");
    let overview = lab.hub.engine().read(model::view::overview);
    let row = overview.rows.iter().find(|row| row.session == of).unwrap();
    assert_eq!(row.group, model::view::Group::Snoozed);
    assert_eq!(lab.delete(&snooze).await.status, 204);

    let lab = lab.restarted().await;
    lab.connected(id.as_str()).await;
    lab.until("it is known", |state| state.session(&id, &of).is_some())
        .await;
    let awake = lab
        .hub
        .engine()
        .read(|state| state.instances[&id].snoozes.is_empty());
    assert!(awake, "what was ended stays ended");
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

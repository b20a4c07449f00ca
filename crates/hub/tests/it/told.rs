//! What is told of texts that stream, of lists that are cut, and of times by another clock.

use std::time::Duration;

use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::lab::{Lab, PASSWORD, ids};

/// The text part of a session's last message, once it is this text.
async fn streaming(lab: &Lab, session: &str, text: &str) -> Value {
    lab.eventually(&format!("the text {text:?}"), async || {
        let messages = lab.get(&format!("{session}/messages")).await.good();
        let last = messages.as_array().unwrap().last()?.clone();
        let mut parts = last["parts"].as_array().unwrap().iter();
        parts
            .find(|part| part["type"] == "text" && part["text"] == text)
            .cloned()
    })
    .await
}

#[tokio::test]
async fn a_text_that_streams_is_told_as_far_as_it_was_received_and_what_lacks_is_marked() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (_, id) = ids(&session);
    let script = json!({"text": "say Half of it ;; stall 600"});
    lab.post(&format!("{session}/prompt"), script).await.good();
    let part = streaming(&lab, &session, "Half of it ").await;
    assert_eq!(part["incomplete"], json!({"missing": []}));
    let upstream = lab.upstream(&format!("/session/{id}/message")).await;
    let parts = upstream[1]["parts"].as_array().unwrap();
    let told = parts.iter().find(|told| told["id"] == part["id"]).unwrap();
    assert_eq!(told["text"], "", "the server's own answer lacks it");
    // What may have come while nothing was heard is marked.
    lab.fake.cut_streams();
    let part = streaming(&lab, &session, "Half of it […]").await;
    assert_eq!(part["incomplete"], json!({"missing": [11]}));
}

/// What a server has more of than it lists is told, and can be listed; busy children push no root out.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_cut_says_so_goes_on_and_has_every_root() {
    let lab = Lab::new().await;
    let first = lab.fake.seed_session("the first root").unwrap();
    for n in 0..1500 {
        lab.fake.seed_child(&first, &format!("child {n}")).unwrap();
    }
    let instance = lab.instance().await;
    let listed = async || {
        let sessions = lab.get(&format!("{instance}/sessions")).await.good();
        sessions.as_array().unwrap().clone()
    };
    let sessions = listed().await;
    assert!(sessions.len() < 1100, "{}", sessions.len());
    assert!(sessions.iter().any(|session| session["id"] == *first));
    let cut = async || lab.get(&instance).await.good()["older_sessions"].clone();
    assert_eq!(cut().await, json!(true));
    let page = instance.replacen("/api/instances", "/i", 1);
    assert!(lab.get(&page).await.text.contains("List older sessions"));
    let mut pages = 0;
    while cut().await == json!(true) {
        lab.post(&format!("{instance}/older-sessions"), json!({}))
            .await
            .good();
        pages += 1;
        assert!(pages < 5);
    }
    assert_eq!(listed().await.len(), 1501);
    // A list that is read again is cut at the same place, and what was read beyond it stays.
    lab.fake.cut_streams();
    let again = format!("{instance}/reconnect");
    lab.post(&again, json!({})).await;
    lab.connected(instance.rsplit('/').next().unwrap()).await;
    assert_eq!((listed().await.len(), cut().await), (1501, json!(false)));
}

/// A server whose clock is two hours off: what it tells keeps its times, what is shown has ours, and what it is sent is named by
/// its own, as it takes a prompt whose id is older than an answer for answered.
#[tokio::test(flavor = "multi_thread")]
async fn times_of_a_server_are_read_against_its_own_clock() {
    for hours in [2, -2] {
        let lab = Lab::new().await;
        let fake = FakeServer::start(FakeOptions {
            rate: 0.0,
            retry: Duration::from_secs(300),
            password: Some(PASSWORD.into()),
            clock_ahead: hours * 3600,
            ..FakeOptions::default()
        });
        let fake = fake.await.unwrap();
        let instance = lab.instance_at(&fake.url).await;
        let ahead = hours * 3_600_000;
        let told = lab.get(&instance).await.good()["clock_ahead"].as_i64();
        assert!(
            told.is_some_and(|told| (told - ahead).abs() < 2_000),
            "{told:?}"
        );
        let session = lab.session(&instance).await;
        lab.turn(&session, "say hello").await;
        let (of, id) = ids(&session);
        let row = |state: &model::State| {
            let rows = model::view::tree(state, &state.instances[&of]);
            rows.into_iter().find(|row| row.id == id).unwrap()
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let near = |at: model::time::Timestamp| (at.0 - now).abs() < 60_000;
        let updated = lab.hub.engine().read(|state| row(state).updated);
        assert!(near(updated), "{hours}: {updated:?}");
        let raw = lab.get(&session).await.good()["time"]["updated"].as_i64();
        assert!(raw.is_some_and(|raw| (raw - now - ahead).abs() < 60_000));
        // The prompt stands before its answer, by the order of ids too.
        let messages = lab.get(&format!("{session}/messages")).await.good();
        let [asked, answer] = [0, 1].map(|nth| messages[nth]["info"]["id"].as_str().unwrap());
        assert!(asked < answer, "{hours}: {asked} {answer}");
        // When it asks its model again.
        lab.post(&format!("{session}/prompt"), json!({"text": "error 503"}))
            .await
            .good();
        lab.until("it retries", |state| row(state).retry.is_some())
            .await;
        let next = lab.hub.engine().read(|state| row(state).retry.unwrap().1);
        let wait = next.0 - jiff::Timestamp::now().as_millisecond();
        assert!(
            (500_000..700_000).contains(&wait),
            "{hours}: again in {wait} ms"
        );
    }
}

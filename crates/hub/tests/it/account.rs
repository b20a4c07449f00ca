//! What sessions use and its limits, what happened since a time, and whether a session is the same as on its server.

use std::time::Duration;

use model::state::{Measure, Run};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::lab::{Lab, SOON, ids, send};

/// Asks again and again until there is an answer: the account changes no state that says nothing new.
async fn soon<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        let mut again = interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    let answer = timeout(SOON, asking).await;
    answer.unwrap_or_else(|_| panic!("in time: {what}"))
}

async fn set_budget(lab: &Lab, budget: Value) {
    let settings = lab.request(Method::PUT, "/api/settings");
    let set = send(settings.json(&json!({ "budget": budget }))).await;
    assert!(set.status.is_success(), "{set:?}");
}

#[tokio::test]
async fn what_sessions_use_is_counted_by_day_and_over_a_restart() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.turn(&session, "usage 2000000 ;; say done").await;
    let counted = async |lab: &Lab| {
        soon("it is counted", async || {
            let usage = lab.get("/api/usage").await.good();
            (usage["today"]["tokens"].as_u64().unwrap() > 0).then_some(usage)
        })
        .await
    };
    let usage = counted(&lab).await;
    let (id, of) = ids(&session);
    let cost = lab
        .hub
        .engine()
        .read(|state| state.session(&id, &of).unwrap().info.cost);
    assert!(cost > 0.0);
    for part in ["instances", "sessions"] {
        assert_eq!(usage[part][0]["today"]["cost"], cost, "{part}: {usage}");
    }
    assert_eq!(usage["sessions"][0]["session"], of.as_str());
    lab.until("pages are told", |state| {
        state.instances[&id].today.cost == cost
    })
    .await;

    let lab = lab.restarted().await;
    lab.connected(id.as_str()).await;
    let again = counted(&lab).await;
    assert_eq!(again["today"]["cost"], cost, "counted once");
    assert_eq!(again["day"], usage["day"]);
}

#[tokio::test]
async fn a_session_over_its_limit_is_raised_and_stopped_once() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (id, of) = ids(&session);
    set_budget(&lab, json!({"session_cost": 100, "stop": true})).await;
    let path = format!("{session}/prompt");
    let script = "usage 9000000 ;; bash echo one ;; stall 600";
    lab.post(&path, json!({ "text": script })).await.good();
    lab.until("it is over its limit, and stopped", |state| {
        let session = state.session(&id, &of).unwrap();
        let over = session.over.filter(|over| over.stopped);
        session.run == Run::Idle && over.is_some_and(|over| over.measure == Measure::SessionCost)
    })
    .await;
    let mark = lab.get(&session).await.good()["mark"].clone();
    let reason = mark["reason"].as_str().unwrap();
    assert!(reason.contains("limit $1.00"), "{mark}");
    let overview = lab.hub.engine().read(model::view::overview);
    let row = overview.rows.iter().find(|row| row.session == of).unwrap();
    assert_eq!(row.group, model::view::Group::NeedsYou);

    // Whoever goes on is not stopped again before the next multiple.
    lab.post(&path, json!({"text": "stall 600"})).await.good();
    let runs = async |more: u64| {
        soon("it runs on", async || {
            let usage = lab.get("/api/usage").await.good();
            let ran = usage["today"]["running_ms"].as_u64().unwrap();
            (ran >= more).then_some(ran)
        })
        .await
    };
    lab.until("it runs again", |state| {
        let session = state.session(&id, &of).unwrap();
        session.run.is_running() && session.over.is_none()
    })
    .await;
    let before = runs(0).await;
    runs(before + 4000).await;
    let (running, over) = lab.hub.engine().read(|state| {
        let session = state.session(&id, &of).unwrap();
        (session.run.is_running(), session.over)
    });
    assert!(running, "{over:?}");
}

#[tokio::test]
async fn a_limit_raises_and_lets_go_on_unless_stopping_is_set_and_done_ends_it() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (id, of) = ids(&session);
    set_budget(&lab, json!({"day_cost": 500})).await;
    let script = "usage 9000000 ;; bash echo one ;; stall 600";
    lab.post(&format!("{session}/prompt"), json!({ "text": script }))
        .await
        .good();
    lab.until("it is raised, and runs on", |state| {
        let session = state.session(&id, &of).unwrap();
        let over = session.over.filter(|over| !over.stopped);
        session.run.is_running() && over.is_some_and(|over| over.measure == Measure::DayCost)
    })
    .await;
    let done = lab.post(&format!("{session}/reviewed"), json!({})).await;
    assert_eq!(done.status, 204);
    lab.until("it is raised no more", |state| {
        state.session(&id, &of).unwrap().over.is_none()
    })
    .await;
}

#[tokio::test]
async fn what_happened_since_a_time_names_ends_requests_and_who_answered() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let before = lab.session(&instance).await;
    lab.turn(&before, "say old").await;
    lab.until("it ended", |state| {
        let (id, of) = ids(&before);
        state.session(&id, &of).unwrap().ended_at.is_some()
    })
    .await;
    let at = lab.hub.engine().now().0 + 1;
    soon("the clock goes on", async || {
        (lab.hub.engine().now().0 > at).then_some(())
    })
    .await;
    let (ends, asks) = (lab.session(&instance).await, lab.session(&instance).await);
    lab.turn(&ends, "say done").await;
    lab.post(
        &format!("{asks}/prompt"),
        json!({"text": "permission ;; permission ;; say after"}),
    )
    .await
    .good();
    let pending = async || {
        let listed = lab.get(&format!("{instance}/permissions")).await.good();
        listed.as_array().unwrap().first().cloned()
    };
    let first = soon("it asks", pending).await;
    let answer = json!({"reply": "reject", "message": "no"});
    let path = format!("{instance}/permissions/{}", first["id"].as_str().unwrap());
    assert_eq!(lab.post(&path, answer).await.status, 204);
    let since = async || lab.get(&format!("/api/since?at={at}")).await.good();
    let told = soon("both are told", async || {
        let told = since().await;
        let sessions = told["sessions"].as_array().unwrap();
        let answered = sessions
            .iter()
            .any(|one| one["answers"].as_array().unwrap().len() == 1);
        (sessions.len() == 2 && answered).then_some(told)
    })
    .await;
    let of = |path: &str| {
        let id = ids(path).1;
        let all = told["sessions"].as_array().unwrap();
        let found = all.iter().find(|one| one["session"] == id.as_str());
        found.unwrap().clone()
    };
    assert_eq!(of(&ends)["ended"], "finished");
    let answers = &of(&asks)["answers"];
    assert_eq!(answers[0]["outcome"], "rejected");
    assert!(answers[0]["by"].is_string(), "{answers}");
    let panel = lab.get(&format!("/fragment/since?at={at}")).await;
    assert!(panel.text.contains("data-many=\"2\""), "{}", panel.text);
    assert!(panel.text.contains("rejected by"), "{}", panel.text);
    let nothing = lab.get(&format!("/api/since?at={}", i64::MAX)).await.good();
    assert_eq!(nothing["sessions"], json!([]));
}

/// A frame that the server never meant: what is here is false from then on.
fn lie(kind: &str, properties: &Value) -> String {
    let payload = json!({"id": "evt_lie", "type": kind, "properties": properties});
    json!({"directory": "/", "payload": payload}).to_string()
}

/// The differences of a comparison, as sentences.
fn words(compared: &Value) -> Vec<String> {
    let differences = compared["differences"].as_array().unwrap().iter();
    let words = differences.map(|one| one["words"].as_str().unwrap().to_owned());
    words.collect()
}

#[tokio::test]
async fn a_damaged_state_is_found_and_the_servers_takes_its_place() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (id, of) = ids(&session);
    lab.turn(&session, "say the truth").await;
    let verify = async || {
        lab.post(&format!("{session}/verify"), json!({}))
            .await
            .good()
    };
    let same = verify().await;
    assert_eq!(same["same"], true, "{same}");
    assert_eq!(same["messages"], 2);

    let messages = lab.get(&format!("{session}/messages")).await.good();
    let mut part = messages[1]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["type"] == "text")
        .unwrap()
        .clone();
    part["text"] = json!("a lie");
    let mut info = lab.upstream(&format!("/session/{of}")).await;
    info["title"] = json!("a false title");
    lab.fake
        .emit_raw(&lie("message.part.updated", &json!({ "part": part })));
    lab.fake
        .emit_raw(&lie("session.updated", &json!({ "info": info })));
    lab.until("the state is false", |state| {
        &*state.session(&id, &of).unwrap().info.title == "a false title"
    })
    .await;
    let found = verify().await;
    assert_eq!(found["same"], false);
    let words = words(&found);
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(
        words[0].contains("the title") && words[0].contains("a false title"),
        "{words:?}"
    );
    let message = messages[1]["info"]["id"].as_str().unwrap();
    assert!(
        words[1].contains(message) && words[1].contains("a lie"),
        "{words:?}"
    );
    let dialog = lab.get(&format!("/fragment/i/{id}/s/{of}/verify")).await;
    assert!(
        dialog.text.contains("2 differences from its server"),
        "{}",
        dialog.text
    );

    let verified = || {
        let read = |state: &model::State| state.session(&id, &of).unwrap().verified;
        lab.hub.engine().read(read)
    };
    assert_eq!(verified(), None, "what differs is not said to be the same");
    let healed = lab.post(&format!("{session}/reread"), json!({})).await;
    assert_eq!(healed.status, 204);
    let after = verify().await;
    assert_eq!(after["same"], true, "{after}");
    assert!(verified().is_some());
    lab.post("/api/instances/nowhere/sessions/ses_1/verify", json!({}))
        .await
        .problem(404, "unknown-instance");
}

#[tokio::test]
async fn what_streams_meanwhile_is_no_difference() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let script =
        "say one ;; bash echo 1 ;; say two ;; bash echo 2 ;; say three ;; bash echo 3 ;; stall 600";
    lab.post(&format!("{session}/prompt"), json!({ "text": script }))
        .await
        .good();
    for _ in 0..4 {
        let compared = lab
            .post(&format!("{session}/verify"), json!({}))
            .await
            .good();
        assert_eq!(compared["same"], true, "{compared}");
    }
}

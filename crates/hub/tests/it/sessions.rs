//! What can be done with a session as a whole, over HTTP: fork, revert, compact, archive, export, stop everything.

use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Lab, ids, send};

/// Ids of a session's messages, oldest first.
async fn messages(lab: &Lab, session: &str) -> Vec<String> {
    let listed = lab.get(&format!("{session}/messages")).await.good();
    let listed = listed.as_array().unwrap().iter();
    listed
        .map(|message| message["info"]["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn two_turns(lab: &Lab) -> (String, Vec<String>) {
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "say one").await;
    lab.turn(&session, "say two").await;
    let messages = messages(lab, &session).await;
    assert_eq!(messages.len(), 4);
    (session, messages)
}

fn beside(session: &str, made: &Value) -> String {
    let (instance, _) = session.rsplit_once('/').unwrap();
    format!("{instance}/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_session_is_forked_whole_before_a_message_and_through_one() {
    let lab = Lab::new().await;
    let (session, of) = two_turns(&lab).await;
    let path = format!("{session}/fork");
    for (body, copied) in [
        (json!({}), 4),
        (json!({"before": of[2]}), 2),
        (json!({"through": of[2]}), 3),
        (json!({"through": of[3]}), 4),
    ] {
        let made = lab.post(&path, body.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");
        let fork = beside(&session, &made.json());
        assert_eq!(made.header("location"), fork);
        assert_eq!(messages(&lab, &fork).await.len(), copied, "{body}");
    }
    let both = json!({"before": of[2], "through": of[2]});
    lab.post(&path, both).await.problem(422, "invalid-request");
    for wrong in ["before", "through"] {
        lab.post(&path, json!({wrong: "msg_nope"}))
            .await
            .problem(404, "unknown-message");
    }
    let nowhere = beside(&session, &json!({"id": "ses_nope"}));
    lab.post(&format!("{nowhere}/fork"), json!({}))
        .await
        .problem(404, "unknown-session");
}

#[tokio::test]
async fn a_fork_with_a_key_is_made_once() {
    let lab = Lab::new().await;
    let (session, of) = two_turns(&lab).await;
    let keyed = |key: &'static str, body: Value| {
        let request = lab.request(Method::POST, &format!("{session}/fork"));
        send(request.header("Idempotency-Key", key).json(&body))
    };
    let (one, other) = tokio::join!(keyed("f1", json!({})), keyed("f1", json!({})));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201));
    assert_eq!(one.json()["id"], other.json()["id"]);
    keyed("f1", json!({"before": of[2]}))
        .await
        .problem(422, "key-reused");
    // What fails before anything is sent leaves the key free.
    keyed("f2", json!({"before": "msg_nope"}))
        .await
        .problem(404, "unknown-message");
    assert_eq!(keyed("f2", json!({"before": of[2]})).await.status, 201);
}

#[tokio::test]
async fn messages_are_taken_back_and_brought_back_as_often_as_asked() {
    let lab = Lab::new().await;
    let (session, of) = two_turns(&lab).await;
    let revert = async |message: &str| {
        lab.post(&format!("{session}/revert"), json!({"messageID": message}))
            .await
    };
    for _again in 0..2 {
        // The answer stands for its prompt.
        let reverted = revert(&of[3]).await.good();
        assert_eq!(reverted["revert"]["messageID"], json!(of[2]));
    }
    let (instance, id) = ids(&session);
    let shown = |state: &model::State| {
        let session = state.session(&instance, &id).unwrap();
        session
            .info
            .reverted_from
            .as_ref()
            .map(|from| from.as_str().to_owned())
    };
    assert_eq!(lab.hub.engine().read(shown), Some(of[2].clone()));
    for _again in 0..2 {
        let back = lab.post(&format!("{session}/unrevert"), json!({})).await;
        assert_eq!(back.good()["revert"], Value::Null);
    }
    assert_eq!(lab.hub.engine().read(shown), None);
    assert_eq!(messages(&lab, &session).await.len(), 4);

    revert(&of[2]).await.good();
    lab.turn(&session, "say instead").await;
    let now = messages(&lab, &session).await;
    assert_eq!((now.len(), &now[..2]), (4, &of[..2]));
    assert_ne!(now[2], of[2]);
    revert("msg_nope").await.problem(404, "unknown-message");
}

#[tokio::test]
async fn a_running_session_keeps_its_history() {
    let lab = Lab::new().await;
    let (session, of) = two_turns(&lab).await;
    let stall = json!({"text": "say hello ;; stall 600"});
    lab.post(&format!("{session}/prompt"), stall).await.good();
    let (instance, id) = ids(&session);
    lab.until("it runs", |state| {
        let session = state.session(&instance, &id);
        session.is_some_and(|session| session.run.is_running())
    })
    .await;
    let named = json!({"messageID": of[2]});
    for (act, body) in [
        ("revert", named),
        ("unrevert", json!({})),
        ("compact", json!({})),
    ] {
        lab.post(&format!("{session}/{act}"), body)
            .await
            .problem(409, "running");
    }
    assert_eq!(
        lab.post(&format!("{session}/fork"), json!({})).await.status,
        201
    );
}

#[tokio::test]
async fn a_session_is_compacted_by_its_own_model() {
    let lab = Lab::new().await;
    let (session, _) = two_turns(&lab).await;
    let asked = lab.post(&format!("{session}/compact"), json!({})).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let listed = async || {
        let listed = lab.get(&format!("{session}/messages")).await.good();
        let last = listed.as_array().unwrap().last().cloned().unwrap();
        (last["info"]["summary"] == json!(true)).then_some(last)
    };
    let summary = lab.eventually("there is a summary", listed).await;
    assert_eq!(summary["info"]["modelID"], "scripted-1");

    // A fork has no model of its own before its first prompt: that of its messages counts.
    let fork = lab.post(&format!("{session}/fork"), json!({})).await.good();
    assert_eq!(fork["model"], Value::Null);
    let asked = lab
        .post(&format!("{}/compact", beside(&session, &fork)), json!({}))
        .await;
    assert_eq!(asked.status, 202, "{asked:?}");

    let (instance, _) = session.rsplit_once("/sessions").unwrap();
    let empty = lab.session(instance).await;
    lab.post(&format!("{empty}/compact"), json!({}))
        .await
        .problem(422, "no-model");
}

#[tokio::test]
async fn a_session_is_renamed_archived_and_taken_out_again_at_once() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let (instance, id) = ids(&session);
    let change = |body: Value| send(lab.request(Method::PATCH, &session).json(&body));
    let shown = || {
        lab.hub.engine().read(|state| {
            let info = &state.session(&instance, &id).unwrap().info;
            (info.title.to_string(), info.archived.is_some())
        })
    };
    change(json!({"title": "Second"})).await.good();
    assert_eq!(shown(), ("Second".to_owned(), false));
    change(json!({"time": {"archived": 5}})).await.good();
    assert_eq!(shown(), ("Second".to_owned(), true));
    change(json!({"time": {"archived": 0}})).await.good();
    assert_eq!(shown(), ("Second".to_owned(), false));
    change(json!({})).await.problem(422, "invalid-request");
}

#[tokio::test]
async fn a_session_is_exported_as_markdown_and_as_json() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    // More than a page of messages.
    let id = ids(&session).1;
    let message = |n: usize| {
        let of = format!("msg_{n:04}");
        let part = json!({"id": format!("prt_{n:04}"), "messageID": of, "sessionID": id, "type": "text",
            "text": format!("seeded {n}.")});
        let info = json!({"id": of, "sessionID": id, "role": "user", "time": {"created": n}});
        json!({"info": info, "parts": [part]})
    };
    let seeded = (0..230).map(message).collect();
    lab.fake.seed_messages(id.as_str(), seeded).unwrap();
    lab.turn(&session, "say all ``` done").await;

    let markdown = lab.get(&format!("{session}/export")).await;
    assert_eq!(markdown.status, 200, "{markdown:?}");
    assert_eq!(
        markdown.header("content-type"),
        "text/markdown; charset=utf-8"
    );
    let disposition = markdown.header("content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"") && disposition.ends_with(".md\""));
    let places: Vec<_> = (0..230)
        .map(|n| {
            markdown
                .text
                .find(&format!("seeded {n}."))
                .expect("it is there")
        })
        .collect();
    assert!(places.is_sorted());
    assert!(
        markdown.text.trim_end().ends_with("all ``` done"),
        "{}",
        markdown.text
    );

    let json = lab.get(&format!("{session}/export?format=json")).await;
    assert_eq!(json.header("content-type"), "application/json");
    let json = json.good();
    assert_eq!(json["session"]["id"], json!(id));
    assert_eq!(
        (&json["cut"], &json["left_out"]),
        (&json!(false), &json!(0))
    );
    let own = lab.get(&format!("{session}/messages")).await.good();
    assert_eq!(json["messages"], own);

    let wrong = lab.get(&format!("{session}/export?format=pdf")).await;
    wrong.problem(400, "invalid-request");
}

#[tokio::test]
async fn everything_that_runs_is_stopped_and_each_outcome_told() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (one, other) = (lab.session(&instance).await, lab.session(&instance).await);
    let idle = lab.session(&instance).await;
    let asking = "permission ;; say allowed";
    for (session, text) in [(&one, "say hello ;; stall 600"), (&other, asking)] {
        let path = format!("{session}/prompt");
        lab.post(&path, json!({"text": text})).await.good();
    }
    let of = [ids(&one), ids(&other)];
    let running = |state: &model::State| {
        let runs = |(instance, id): &(_, _)| {
            let session = state.session(instance, id);
            session.is_some_and(|session| session.run.is_running())
        };
        of.iter().filter(|one| runs(one)).count()
    };
    lab.until("both run", |state| running(state) == 2).await;
    let waits = async || {
        let waits = lab.get(&format!("{instance}/permissions")).await.good();
        waits.get(0).cloned()
    };
    lab.eventually("one asks", waits).await;

    let outcome = lab.post("/api/stop", json!({})).await.good();
    assert_eq!(outcome["failed"], json!([]), "{outcome}");
    let mut stopped: Vec<&str> = outcome["stopped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["session"].as_str().unwrap())
        .collect();
    stopped.sort_unstable();
    let mut wanted = [of[0].1.as_str(), of[1].1.as_str()];
    wanted.sort_unstable();
    assert_eq!(stopped, wanted);
    assert_eq!(lab.hub.engine().read(running), 0);
    let halted = |session: &str| {
        let (instance, id) = ids(session);
        lab.hub
            .engine()
            .read(|state| state.session(&instance, &id).unwrap().halt.clone())
    };
    assert_ne!(halted(&one), halted(&idle));
    assert_eq!(
        lab.get(&format!("{instance}/permissions")).await.good(),
        json!([])
    );
    let again = lab.post("/api/stop", json!({})).await.good();
    assert_eq!(again, json!({"stopped": [], "failed": []}));
}

#[tokio::test]
async fn what_cannot_be_stopped_is_told_with_its_reason_and_asks_in_vain() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let stall = json!({"text": "say hello ;; stall 600"});
    lab.post(&format!("{session}/prompt"), stall).await.good();
    let (instance, id) = ids(&session);
    lab.until("it runs", |state| {
        let session = state.session(&instance, &id);
        session.is_some_and(|session| session.run.is_running())
    })
    .await;
    lab.fake.refuse(Some(500));
    let outcome = lab.post("/api/stop", json!({})).await.good();
    assert_eq!(outcome["stopped"], json!([]), "{outcome}");
    let failed = &outcome["failed"][0];
    assert_eq!(failed["session"], json!(id));
    assert!(failed["problem"]["next"].is_string(), "{failed}");
    lab.fake.refuse(None);
}

#[tokio::test]
async fn a_failed_turn_is_resumed_once_with_the_model_that_is_named() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "say one ;; finish length").await;
    let (i, s) = ids(&session);
    lab.until("it failed", |state| {
        let known = state.session(&i, &s).unwrap();
        known.failure.is_some() && known.unreviewed.is_some()
    })
    .await;
    let path = format!("{session}/continue");
    let model = json!({"providerID": "scripted", "modelID": "scripted-tiny"});
    lab.post(&path, json!({"model": "tiny"}))
        .await
        .problem(422, "invalid-request");
    let told = lab.post(&path, json!({"model": model})).await;
    assert_eq!(told.status, 202, "{told:?}");
    let id = told.json()["messageID"].as_str().unwrap().to_owned();
    let all = lab
        .upstream(&format!("/session/{}/message", s.as_str()))
        .await;
    let mut all = all.as_array().unwrap().iter();
    let retried = all.find(|one| one["info"]["id"] == *id).unwrap();
    assert_eq!(retried["info"]["model"]["modelID"], model["modelID"]);
    lab.idle_after(&session, &id).await;
    lab.post(&path, json!({}))
        .await
        .problem(409, "not-interrupted");
}

#[tokio::test]
async fn a_state_that_is_done_needs_nobody_until_that_is_taken_back() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "say one").await;
    let needs = async |many: usize| {
        lab.until("what needs a person", |state| {
            model::view::attention(state).rows.len() == many
        })
        .await;
    };
    needs(1).await;
    let path = format!("{session}/reviewed");
    let done = lab.post(&path, json!({"done": true})).await;
    assert_eq!(done.status, 204);
    needs(0).await;
    let undone = send(lab.request(Method::DELETE, &path)).await;
    assert_eq!(undone.status, 204);
    needs(1).await;
    let told = lab.get(&session).await.good();
    assert!(told["mark"]["since"].is_number(), "{told}");
    lab.post(&path, json!({"dune": true}))
        .await
        .problem(422, "invalid-request");
}

//! Instances, sessions, prompts, permissions and questions.
//! Longer than 600 lines: it has the list of all routes.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::join;

use crate::lab::{Lab, PASSWORD, ids, send};

#[tokio::test]
async fn an_instance_comes_and_goes() {
    let lab = Lab::new().await;
    let add =
        json!({"url": format!("{}/", lab.fake.url), "password": PASSWORD, "name": "scripted"});
    let added = lab.post("/api/instances", add.clone()).await;
    assert_eq!(added.status, 201);
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/instances/{id}");
    assert_eq!(added.header("location"), path);

    lab.connected(&id).await;
    let instance = lab.get(&path).await.good();
    assert_eq!(instance["name"], "scripted");
    assert_eq!(instance["url"], format!("{}/", lab.fake.url));
    assert_eq!(instance["status"], "connected");
    assert_eq!(instance["attempt"], 0);
    assert_eq!(instance["max_attempts"], 5);
    assert!(
        instance["version"].is_string()
            && instance["reason"].is_null()
            && instance["retry_at"].is_null()
    );
    for time in ["since", "last_event_at"] {
        instance[time]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap();
    }

    let can = instance["capabilities"].as_array().unwrap();
    assert!(can.contains(&json!("delete_message")) && !can.contains(&json!("inbox")));

    let again = lab.post("/api/instances", add).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["id"]),
        (200, &json!(id))
    );
    assert_eq!(
        lab.get("/api/instances").await.good(),
        json!([lab.get(&path).await.good()])
    );

    assert_eq!(lab.delete(&path).await.status, 204);
    lab.get(&path).await.problem(404, "unknown-instance");
    lab.delete(&path).await.problem(404, "unknown-instance");
    assert_eq!(lab.get("/api/instances").await.good(), json!([]));
}

#[tokio::test]
async fn what_a_server_cannot_do_is_refused_with_a_sentence() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let body = json!({"text": "say hi", "delivery": "steer"});
    let refused = lab.post(&format!("{session}/prompt"), body).await;
    let problem = refused.problem(409, "not-offered");
    assert_eq!(
        problem["detail"],
        "OpenCode 1 cannot choose when a prompt is delivered"
    );
}

#[tokio::test]
async fn a_session_is_made_changed_and_removed() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let made = lab
        .post(&format!("{instance}/sessions"), json!({"title": "first"}))
        .await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{instance}/sessions/{id}");
    assert_eq!(made.header("location"), path);

    let mut shown = lab.get(&path).await.good();
    assert_eq!(shown["status"], json!({"type": "idle"}));
    let mark = shown["mark"].as_object_mut().unwrap();
    assert!(mark.remove("since").is_some_and(|since| since.is_i64()));
    let idle = json!({"state": "idle", "word": "Idle", "reason": null, "next": null});
    assert_eq!(shown["mark"], idle);
    shown.as_object_mut().unwrap().remove("status");
    shown.as_object_mut().unwrap().remove("mark");
    assert_eq!(shown["clashes"], json!([]));
    shown.as_object_mut().unwrap().remove("clashes");
    assert_eq!(shown, lab.upstream(&format!("/session/{id}")).await);

    let child = lab
        .post(&format!("{instance}/sessions"), json!({"parent": id}))
        .await
        .good();
    assert_eq!(child["parentID"], json!(id));
    let listed = lab.get(&format!("{instance}/sessions")).await.good();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let changed = send(
        lab.request(Method::PATCH, &path)
            .json(&json!({"title": "second"})),
    )
    .await
    .good();
    assert_eq!(changed["title"], "second");

    assert_eq!(lab.delete(&path).await.status, 204);
    lab.get(&path).await.problem(404, "unknown-session");
    assert_eq!(
        lab.get(&format!("{instance}/sessions")).await.good(),
        json!([])
    );
}

#[tokio::test]
async fn a_session_can_be_made_without_a_body() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let made = send(lab.request(Method::POST, &format!("{instance}/sessions"))).await;
    assert_eq!(made.status, 201, "{made:?}");
}

#[tokio::test]
async fn commands_wait_for_an_instance_that_has_just_been_added() {
    let lab = Lab::new().await;
    lab.fake.seed_session("old").unwrap();
    let added = lab
        .post(
            "/api/instances",
            json!({"url": lab.fake.url, "password": PASSWORD}),
        )
        .await
        .good();
    let sessions = lab
        .get(&format!(
            "/api/instances/{}/sessions",
            added["id"].as_str().unwrap()
        ))
        .await
        .good();
    assert_eq!(sessions[0]["title"], "old");
}

#[tokio::test]
async fn messages_are_the_servers_own() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "echo 20").await;
    lab.turn(&session, "bash echo hi").await;
    let (_, id) = ids(&session);
    assert_eq!(
        lab.get(&format!("{session}/messages")).await.good(),
        lab.upstream(&format!("/session/{id}/message")).await
    );
    let newest = lab.get(&format!("{session}/messages?limit=2")).await;
    assert_eq!(
        newest.good(),
        lab.upstream(&format!("/session/{id}/message?limit=2"))
            .await
    );
    let cursor = newest.header("x-next-cursor").to_owned();
    assert!(!cursor.is_empty());
    let older = lab
        .get(&format!("{session}/messages?limit=1&before={cursor}"))
        .await
        .good();
    assert_eq!(
        older,
        lab.upstream(&format!("/session/{id}/message?limit=1&before={cursor}"))
            .await
    );
}

fn prompts(messages: &Value) -> usize {
    let all = messages.as_array().unwrap();
    all.iter()
        .filter(|message| message["info"]["role"] == "user")
        .count()
}

#[tokio::test]
async fn a_prompt_with_a_key_is_sent_once() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let path = format!("{session}/prompt");
    let keyed = |text: &str| {
        let request = lab
            .request(Method::POST, &path)
            .header("Idempotency-Key", "k1");
        send(request.json(&json!({"text": text, "agent": "build"})))
    };
    let (one, other) = join!(keyed("echo 5"), keyed("echo 5"));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (202, 202));
    assert_eq!(one.json(), other.json());
    let message = one.json()["messageID"].as_str().unwrap().to_owned();
    lab.idle_after(&session, &message).await;
    assert_eq!(keyed("echo 5").await.json(), one.json());
    keyed("echo 6").await.problem(422, "key-reused");

    let messages = lab.get(&format!("{session}/messages")).await.good();
    assert_eq!(prompts(&messages), 1);
    assert_eq!(messages[0]["info"]["id"], json!(message));
    assert_eq!(messages[0]["parts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_prompt_that_failed_can_be_sent_again() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    let keyed = || {
        let request = lab.request(Method::POST, &format!("{session}/prompt"));
        send(
            request
                .header("Idempotency-Key", "k2")
                .json(&json!({"text": "echo 3"})),
        )
    };
    lab.fake.refuse(Some(500));
    keyed().await.problem(502, "upstream");
    lab.fake.refuse(None);
    let sent = keyed().await;
    assert_eq!(sent.status, 202, "{sent:?}");
    lab.idle_after(&session, sent.json()["messageID"].as_str().unwrap())
        .await;
    assert_eq!(
        prompts(&lab.get(&format!("{session}/messages")).await.good()),
        1
    );
}

#[tokio::test]
async fn a_prompt_without_a_key_is_a_new_one_each_time() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.turn(&session, "echo 2").await;
    lab.turn(&session, "echo 2").await;
    assert_eq!(
        prompts(&lab.get(&format!("{session}/messages")).await.good()),
        2
    );
}

/// Prompts, and waits for what the session then asks under `list` of its instance.
async fn asked(lab: &Lab, instance: &str, session: &str, text: &str, list: &str) -> Value {
    lab.post(&format!("{session}/prompt"), json!({"text": text}))
        .await
        .good();
    let waiting = async || {
        lab.get(&format!("{instance}/{list}"))
            .await
            .good()
            .get(0)
            .filter(|asked| asked.get("hidden").is_none_or(Value::is_null))
            .cloned()
    };
    lab.eventually("something is asked", waiting).await
}

#[tokio::test]
async fn a_permission_is_asked_listed_answered_and_gone() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let asked = asked(
        &lab,
        &instance,
        &session,
        "permission ;; say allowed",
        "permissions",
    )
    .await;
    let upstream = lab.upstream("/permission").await;
    for (field, value) in upstream[0].as_object().unwrap() {
        assert_eq!(&asked[field], value, "{field}");
    }

    let path = format!("{instance}/permissions/{}", asked["id"].as_str().unwrap());
    lab.post(&path, json!({"reply": "perhaps"}))
        .await
        .problem(422, "invalid-request");
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    assert_eq!(lab.post(&path, once).await.status, 204);
    assert_eq!(
        lab.get(&format!("{instance}/permissions")).await.good(),
        json!([])
    );
    let second = lab
        .post(&path, json!({"reply": "once"}))
        .await
        .problem(409, "answered-already");
    assert!(
        second["detail"]
            .as_str()
            .unwrap()
            .contains("answered already")
    );
}

#[tokio::test]
async fn a_question_is_answered_or_rejected() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    for answer in [json!({"answers": [["Red"]]}), json!({"reject": true})] {
        let question = asked(
            &lab,
            &instance,
            &session,
            "question Which colour? ;; say thanks",
            "questions",
        )
        .await;
        let path = format!("{instance}/questions/{}", question["id"].as_str().unwrap());
        lab.post(&path, json!({}))
            .await
            .problem(422, "invalid-request");
        lab.post(&path, json!({"answers": [["Red"]], "reject": true}))
            .await
            .problem(422, "invalid-request");
        lab.post(&path, json!({"answers": []}))
            .await
            .problem(422, "invalid-request");
        assert_eq!(lab.post(&path, answer.clone()).await.status, 204);
        lab.post(&path, answer)
            .await
            .problem(409, "answered-already");
    }
}

#[tokio::test]
async fn a_session_that_runs_is_stopped() {
    let lab = Lab::new().await;
    let session = lab.session(&lab.instance().await).await;
    lab.post(
        &format!("{session}/prompt"),
        json!({"text": "say hello ;; stall 600"}),
    )
    .await
    .good();
    let (instance, id) = ids(&session);
    let running = |running| {
        let (instance, id) = (instance.clone(), id.clone());
        move |state: &model::State| {
            state
                .session(&instance, &id)
                .is_some_and(|session| session.run.is_running() == running)
        }
    };
    lab.until("it runs", running(true)).await;
    assert_eq!(lab.get(&session).await.good()["status"]["type"], "busy");
    assert_eq!(
        lab.post(&format!("{session}/abort"), json!({}))
            .await
            .status,
        204
    );
    lab.until("it stopped", running(false)).await;
    let reviewed = format!("{session}/reviewed");
    assert_eq!(lab.post(&reviewed, json!({})).await.status, 204);
    assert_eq!(lab.delete(&reviewed).await.status, 204);
    let snooze = format!("{session}/snooze");
    let snoozed = || {
        let (id, instance) = (id.clone(), instance.clone());
        move |state: &model::State| state.instances[&instance].snoozes.get(&id).copied()
    };
    let until = i64::MAX;
    assert_eq!(
        lab.post(&snooze, json!({ "until": until })).await.status,
        204
    );
    lab.until("it is snoozed for a week at most", |state| {
        snoozed()(state).is_some_and(|at| at.0 < until)
    })
    .await;
    assert_eq!(lab.delete(&snooze).await.status, 204);
    lab.until("it is awake", |state| snoozed()(state).is_none())
        .await;
    let nowhere = snooze.replace("ses_", "ses_none");
    assert_eq!(
        lab.post(&nowhere, json!({ "until": until })).await.status,
        404
    );
}

#[tokio::test]
async fn an_instance_that_is_lost_keeps_what_is_known_and_takes_no_commands() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.fake.shutdown().await;
    let id = ids(&session).0;
    lab.until("it is lost", |state| {
        matches!(
            state.instances[&id].link.status,
            model::state::LinkStatus::Error { .. }
        )
    })
    .await;
    let shown = lab.get(&instance).await.good();
    assert!(shown["reason"].is_string(), "{shown}");
    shown["retry_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    assert_eq!(
        lab.get(&format!("{instance}/sessions"))
            .await
            .good()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    lab.post(&format!("{session}/prompt"), json!({"text": "echo 1"}))
        .await
        .problem(503, "not-connected");

    lab.fake.restart().await.unwrap();
    assert_eq!(
        lab.post(&format!("{instance}/reconnect"), json!({}))
            .await
            .status,
        202
    );
    lab.connected(id.as_str()).await;
    lab.turn(&session, "echo 1").await;
}

// Longer than 70 lines: a line for each route.
#[tokio::test]
async fn every_route_is_described() {
    let lab = Lab::new().await;
    let spec = lab.get("/api/openapi.json").await.good();
    let mut routes: Vec<String> = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        routes.extend(
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(|method| format!("{method} {path}")),
        );
    }
    routes.sort();
    let wanted = [
        "delete /api/instances/{id}",
        "delete /api/instances/{id}/parallel/{rid}/keep",
        "delete /api/instances/{id}/review/comments/{cid}",
        "delete /api/instances/{id}/sessions/{sid}",
        "delete /api/instances/{id}/sessions/{sid}/messages/{mid}",
        "delete /api/instances/{id}/sessions/{sid}/queue/{qid}",
        "delete /api/instances/{id}/sessions/{sid}/reviewed",
        "delete /api/instances/{id}/sessions/{sid}/snooze",
        "delete /api/pages",
        "delete /api/pages/{id}",
        "delete /api/passkeys/{id}",
        "delete /api/push/devices/{did}",
        "delete /api/push/targets/{tid}",
        "delete /api/tokens/{name}",
        "get /api/access",
        "get /api/discover",
        "get /api/folders",
        "get /api/health",
        "get /api/health/live",
        "get /api/health/ready",
        "get /api/index",
        "get /api/inspect/export",
        "get /api/inspect/frame",
        "get /api/inspect/frames",
        "get /api/inspect/session",
        "get /api/instances",
        "get /api/instances/{id}",
        "get /api/instances/{id}/choices",
        "get /api/instances/{id}/completions",
        "get /api/instances/{id}/parallel",
        "get /api/instances/{id}/parallel/{rid}",
        "get /api/instances/{id}/permissions",
        "get /api/instances/{id}/process",
        "get /api/instances/{id}/questions",
        "get /api/instances/{id}/review",
        "get /api/instances/{id}/review/image",
        "get /api/instances/{id}/review/marks",
        "get /api/instances/{id}/review/patch",
        "get /api/instances/{id}/sessions",
        "get /api/instances/{id}/sessions/{sid}",
        "get /api/instances/{id}/sessions/{sid}/draft",
        "get /api/instances/{id}/sessions/{sid}/export",
        "get /api/instances/{id}/sessions/{sid}/messages",
        "get /api/instances/{id}/sessions/{sid}/messages/{mid}/parts/{pid}/files/{nth}",
        "get /api/instances/{id}/sessions/{sid}/queue",
        "get /api/instances/{id}/worktrees",
        "get /api/instances/{id}/worktrees/making/{job}",
        "get /api/instances/{id}/worktrees/plan",
        "get /api/live",
        "get /api/log",
        "get /api/passkeys",
        "get /api/push",
        "get /api/push/targets",
        "get /api/review/next",
        "get /api/search",
        "get /api/settings",
        "get /api/since",
        "get /api/tokens",
        "get /api/usage",
        "get /metrics",
        "patch /api/instances/{id}",
        "patch /api/instances/{id}/sessions/{sid}",
        "patch /api/instances/{id}/sessions/{sid}/queue",
        "patch /api/instances/{id}/sessions/{sid}/queue/{qid}",
        "patch /api/passkeys/{id}",
        "post /api/continue",
        "post /api/folders",
        "post /api/inspect/bundles",
        "post /api/instances",
        "post /api/instances/{id}/older-sessions",
        "post /api/instances/{id}/parallel",
        "post /api/instances/{id}/parallel/{rid}/keep",
        "post /api/instances/{id}/permissions/{pid}",
        "post /api/instances/{id}/questions/{qid}",
        "post /api/instances/{id}/reconnect",
        "post /api/instances/{id}/restart",
        "post /api/instances/{id}/review/comments",
        "post /api/instances/{id}/review/git",
        "post /api/instances/{id}/review/send",
        "post /api/instances/{id}/sessions",
        "post /api/instances/{id}/sessions/{sid}/abort",
        "post /api/instances/{id}/sessions/{sid}/compact",
        "post /api/instances/{id}/sessions/{sid}/continue",
        "post /api/instances/{id}/sessions/{sid}/fork",
        "post /api/instances/{id}/sessions/{sid}/messages/{mid}/steer",
        "post /api/instances/{id}/sessions/{sid}/prompt",
        "post /api/instances/{id}/sessions/{sid}/queue",
        "post /api/instances/{id}/sessions/{sid}/queue/{qid}/send",
        "post /api/instances/{id}/sessions/{sid}/reread",
        "post /api/instances/{id}/sessions/{sid}/revert",
        "post /api/instances/{id}/sessions/{sid}/reviewed",
        "post /api/instances/{id}/sessions/{sid}/snooze",
        "post /api/instances/{id}/sessions/{sid}/unrevert",
        "post /api/instances/{id}/sessions/{sid}/verify",
        "post /api/instances/{id}/worktrees",
        "post /api/instances/{id}/worktrees/act",
        "post /api/links",
        "post /api/logout",
        "post /api/page-errors",
        "post /api/pairings",
        "post /api/passkeys",
        "post /api/passkeys/challenge",
        "post /api/push/devices",
        "post /api/push/targets",
        "post /api/push/test",
        "post /api/restart",
        "post /api/stop",
        "post /api/tokens",
        "put /api/instances/{id}/review/comments/{cid}",
        "put /api/instances/{id}/review/viewed",
        "put /api/instances/{id}/sessions/{sid}/draft",
        "put /api/settings",
    ];
    assert_eq!(routes, wanted);
    assert_eq!(spec["components"]["schemas"]["Problem"]["type"], "object");
}

#[tokio::test]
async fn discovery_answers() {
    let lab = Lab::new().await;
    let found = lab.get("/api/discover").await.good();
    assert_eq!(found["recent"], json!([]));
    assert!(found["servers"].is_array() && found["terminals"].is_array());
}

#[tokio::test]
async fn settings_are_one_document_that_keeps_its_bounds() {
    let lab = Lab::new().await;
    let before = lab.get("/api/settings").await.good();
    assert_eq!(before["theme"], "auto");
    assert_eq!(before["notify"]["needs"], true);
    let put = async |body: Value| send(lab.request(Method::PUT, "/api/settings").json(&body)).await;
    let mut wanted = before.clone();
    wanted["theme"] = json!("dark");
    wanted["notify"]["quiet"] = json!({"from": 1320, "until": 420});
    let after = put(wanted).await.good();
    assert_eq!(after["theme"], "dark");
    assert_eq!(after["revision"], 1);
    for bad in [
        json!({"theme": "plaid"}),
        json!({"colour": "red"}),
        json!({"notify": {"quiet": {"from": 1440, "until": 0}}}),
        json!({"notify": {"muted": vec!["i"; 300]}}),
    ] {
        let refused = put(bad.clone()).await;
        assert!(
            refused.status.is_client_error(),
            "{bad}: {}",
            refused.status
        );
    }
    assert_eq!(lab.get("/api/settings").await.good(), after);
}

//! Turns: the order of their events, and what they leave behind.

use super::*;

#[tokio::test]
async fn a_simple_turn_has_the_order_of_a_real_one() {
    let mut lab = Lab::new().await;
    let made: Value = lab.post("/session", json!({})).await.json().await.unwrap();
    let session = made["id"].as_str().unwrap();
    lab.prompt(session, "echo 30").await;
    lab.end(session).await;
    lab.events.next().await;
    let real = captured(include_str!(
        "../../../../testkit/captures/prompt_async.global.sse"
    ));
    assert_eq!(order(&lab.events.seen), order(&real));
}

/// The order without the events whose moment is a race in a real server: the summaries.
fn settled(events: &[Value]) -> Vec<String> {
    let told_again = [
        "session.updated",
        "session.diff",
        "message.updated user",
        "sync",
    ];
    let mut order = order(events);
    order.retain(|kind| !told_again.iter().any(|prefix| kind.starts_with(prefix)));
    order.dedup();
    order
}

#[tokio::test]
async fn asking_has_the_order_of_a_real_server() {
    for (prompt, asks, answer, real) in [
        (
            "permission ;; say allowed",
            "permission",
            json!({ "reply": "once" }),
            include_str!("../../../../testkit/captures/permission_approve.global.sse"),
        ),
        (
            "question Which colour? ;; say thanks",
            "question",
            json!({ "answers": [["Red"]] }),
            include_str!("../../../../testkit/captures/question.global.sse"),
        ),
    ] {
        let mut lab = Lab::new().await;
        let session = lab.session().await;
        lab.prompt(&session, prompt).await;
        let asked = lab.events.until_kind(&format!("{asks}.asked")).await;
        lab.events
            .until(|event| event["properties"]["part"]["state"]["status"] == "running")
            .await;
        let path = format!(
            "/{asks}/{}/reply",
            asked["properties"]["id"].as_str().unwrap()
        );
        lab.post(&path, answer).await;
        lab.end(&session).await;
        lab.events.next().await;
        assert_eq!(
            settled(&lab.events.seen),
            settled(&captured(real)),
            "{prompt}"
        );
    }
}

#[tokio::test]
async fn a_task_has_the_order_of_a_real_one_in_parent_and_child() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    let prompt = "say delegating ;; task { echo 15 ;; bash echo from-child ;; say child finished } ;; say parent done";
    lab.prompt(&session, prompt).await;
    lab.end(&session).await;
    lab.events.next().await;
    let real = captured(include_str!("../../../../testkit/captures/task.global.sse"));
    assert_eq!(family(&lab.events.seen), family(&real));
}

/// The order of each session's own events: parent and child run side by side.
fn family(events: &[Value]) -> Vec<Vec<String>> {
    let of = |event: &Value| {
        payload(event)["properties"]["sessionID"]
            .as_str()
            .map(str::to_owned)
    };
    let mut ids: Vec<String> = Vec::new();
    for id in events.iter().filter_map(of) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let own = |id: &String| -> Vec<Value> {
        let mine = events.iter().filter(|event| of(event).as_ref() == Some(id));
        mine.cloned().collect()
    };
    ids.iter().map(|id| settled(&own(id))).collect()
}

#[tokio::test]
async fn a_tool_turn_has_the_order_of_a_real_one() {
    for (prompt, real) in [
        (
            "todo alpha, beta, gamma ;; say planned",
            include_str!("../../../../testkit/captures/todo.global.sse"),
        ),
        (
            "say running ;; bash echo 1; echo 2 ;; say all good",
            include_str!("../../../../testkit/captures/bash.global.sse"),
        ),
    ] {
        let mut lab = Lab::new().await;
        let session = lab.session().await;
        lab.prompt(&session, prompt).await;
        lab.end(&session).await;
        lab.events.next().await;
        assert_eq!(
            settled(&lab.events.seen),
            settled(&captured(real)),
            "{prompt}"
        );
    }
}

#[tokio::test]
async fn twins_count_without_a_gap_and_repeat_their_event() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "reason 2 ;; echo 2 ;; bash echo hi")
        .await;
    lab.end(&session).await;
    lab.events.next().await;
    let seen = &lab.events.seen;
    let twins: Vec<&Value> = seen
        .iter()
        .filter(|event| payload(event)["type"] == "sync")
        .collect();
    assert!(twins.len() > 20);
    for (index, twin) in twins.iter().enumerate() {
        let sync = &payload(twin)["syncEvent"];
        assert_eq!(sync["seq"], index);
        assert_eq!(sync["aggregateID"], session.as_str());
        let event = seen
            .iter()
            .find(|event| payload(event)["id"] == sync["id"])
            .unwrap();
        assert_eq!(payload(event)["properties"], sync["data"]);
    }
}

#[tokio::test]
async fn an_open_text_reads_empty_until_it_closes() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "say half ;; stall 600").await;
    lab.events.until_kind("message.part.delta").await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages[1]["parts"][1]["text"], "");
    assert_eq!(lab.get("/session/status").await[&session]["type"], "busy");

    let aborted = lab
        .post(&format!("/session/{session}/abort"), Value::Null)
        .await;
    assert_eq!(aborted.status(), StatusCode::OK);
    lab.events.until_kind("session.error").await;
    lab.events.until_kind("session.idle").await;
    lab.events.until_kind("session.idle").await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages[1]["parts"][1]["text"], "half ");
    assert_eq!(messages[1]["info"]["error"]["name"], "MessageAbortedError");
    assert_eq!(lab.get("/session/status").await, json!({}));
    let real = captured(include_str!(
        "../../../../testkit/captures/abort.global.sse"
    ));
    let tail = |events: &[Value]| {
        let order = order(events);
        let error = order
            .iter()
            .position(|kind| kind == "session.error")
            .unwrap();
        order[error..].to_vec()
    };
    assert_eq!(tail(&lab.events.seen), tail(&real));
}

#[tokio::test]
async fn permissions_wait_and_are_answered_once() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "permission ;; say allowed").await;
    let asked = lab.events.until_kind("permission.asked").await;
    let id = asked["properties"]["id"].as_str().unwrap();
    assert_eq!(lab.get("/permission").await[0], asked["properties"]);
    assert_eq!(lab.get("/permission?directory=/elsewhere").await, json!([]));
    let reply = json!({ "reply": "once" });
    let path = format!("/permission/{id}/reply");
    assert_eq!(
        lab.post(&path, reply.clone()).await.status(),
        StatusCode::OK
    );
    assert_eq!(lab.post(&path, reply).await.status(), StatusCode::NOT_FOUND);
    lab.end(&session).await;
    let messages = lab.messages(&session).await;
    assert_eq!(
        messages[1]["parts"][1]["state"]["output"],
        "needs-permission\n"
    );
    assert_eq!(messages[2]["parts"][1]["text"], "allowed ");
}

#[tokio::test]
async fn a_plain_rejection_ends_the_turn_and_words_do_not() {
    let mut lab = Lab::new().await;
    for (message, steps) in [(None, 2), (Some("not today"), 3)] {
        let session = lab.session().await;
        lab.prompt(&session, "permission ;; say after").await;
        let asked = lab.events.until_kind("permission.asked").await;
        let path = format!(
            "/permission/{}/reply",
            asked["properties"]["id"].as_str().unwrap()
        );
        lab.post(&path, json!({ "reply": "reject", "message": message }))
            .await;
        lab.end(&session).await;
        let messages = lab.messages(&session).await;
        assert_eq!(messages.as_array().unwrap().len(), steps);
        assert_eq!(messages[1]["parts"][1]["state"]["status"], "error");
    }
}

#[tokio::test]
async fn questions_are_answered_or_rejected() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "question Which colour? ;; say thanks")
        .await;
    let asked = lab.events.until_kind("question.asked").await;
    let path = format!(
        "/question/{}/reply",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, json!({ "answers": [["Red"]] })).await;
    lab.end(&session).await;
    let output = &lab.messages(&session).await[1]["parts"][1]["state"]["output"];
    assert!(
        output
            .as_str()
            .unwrap()
            .contains("\"Which colour?\"=\"Red\""),
        "{output}"
    );

    lab.prompt(&session, "question Which colour? ;; say thanks")
        .await;
    let asked = lab.events.until_kind("question.asked").await;
    let path = format!(
        "/question/{}/reject",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, Value::Null).await;
    lab.events.until_kind("question.rejected").await;
    lab.end(&session).await;
    assert_eq!(lab.get("/question").await, json!([]));
}

#[tokio::test]
async fn a_task_runs_in_a_child_session_and_goes_with_its_parent() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(
        &session,
        "task { echo 3 ;; bash echo from-child ;; say child finished } ;; say parent done",
    )
    .await;
    lab.end(&session).await;
    let children = lab.get(&format!("/session/{session}/children")).await;
    let child = children[0]["id"].as_str().unwrap();
    assert_eq!(children[0]["parentID"], session.as_str());
    let task = &lab.messages(&session).await[1]["parts"][1]["state"];
    assert_eq!(task["metadata"]["sessionId"], child);
    assert!(task["output"].as_str().unwrap().contains("child finished"));
    assert_eq!(lab.messages(child).await.as_array().unwrap().len(), 3);

    let url = format!("{}/session/{session}", lab.server.url);
    lab.client.delete(url).send().await.unwrap();
    for gone in [child, &session] {
        let deleted = lab.events.until_kind("session.deleted").await;
        assert_eq!(deleted["properties"]["sessionID"], gone);
    }
    assert_eq!(lab.get("/session").await, json!([]));
}

#[tokio::test]
async fn prompts_to_a_busy_session_wait_their_turn() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "permission ;; say first").await;
    let asked = lab.events.until_kind("permission.asked").await;
    lab.prompt(&session, "say second").await;
    let path = format!(
        "/permission/{}/reply",
        asked["properties"]["id"].as_str().unwrap()
    );
    lab.post(&path, json!({ "reply": "always" })).await;
    lab.end(&session).await;
    let messages = lab.messages(&session).await;
    let last = messages.as_array().unwrap().last().unwrap();
    assert_eq!(last["parts"][1]["text"], "second ");
    assert_eq!(
        lab.events
            .seen
            .iter()
            .filter(|event| kind(event) == "session.idle")
            .count(),
        1
    );
}

#[tokio::test]
async fn failures_are_retried_and_a_cut_text_stays_empty() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    lab.prompt(&session, "error 500 times=2 ;; say recovered")
        .await;
    lab.end(&session).await;
    let retries = lab
        .events
        .seen
        .iter()
        .filter(|event| kind(event) == "session.status retry")
        .count();
    assert_eq!(retries, 2);

    lab.prompt(&session, "error 400 msg=bad_request").await;
    let error = lab.events.until_kind("session.error").await;
    assert_eq!(error["properties"]["error"]["data"]["statusCode"], 400);
    lab.end(&session).await;

    lab.prompt(&session, "echo 3 ;; midfail").await;
    lab.events
        .until(|event| event["properties"]["status"]["attempt"] == 2)
        .await;
    lab.post(&format!("/session/{session}/abort"), Value::Null)
        .await;
    lab.events.until_kind("session.error").await;
    let messages = lab.messages(&session).await;
    assert_eq!(
        messages.as_array().unwrap().last().unwrap()["parts"][1]["text"],
        ""
    );
}

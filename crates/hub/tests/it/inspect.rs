//! The event inspector's routes: frames as rows, a session as it was, bundles, and errors of pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::feeds::{Event, Events};
use crate::lab::{Lab, ids, send};

/// The rows of an event of frames.
fn rows(event: &Event) -> Vec<Value> {
    let frames = event.data["frames"].as_array();
    frames.cloned().unwrap_or_default()
}

/// Reads rows up to the first of a type.
async fn until_type(events: &mut Events, name: &str) -> (Vec<Value>, String) {
    let mut seen = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        seen.extend(rows(&event));
        if seen.iter().any(|row| row["type"] == name) {
            return (seen, event.id);
        }
    }
}

fn seq(row: &Value) -> u64 {
    let cursor = row["cursor"].as_str().unwrap();
    cursor.rsplit_once('-').unwrap().1.parse().unwrap()
}

/// A hub with a session that had a turn: the session's path, the query that names it.
async fn told() -> (Lab, String, String) {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.turn(&session, "say one two <b>three</b>").await;
    let (instance, id) = ids(&session);
    (lab, session, format!("instance={instance}&session={id}"))
}

#[tokio::test]
async fn a_session_is_folded_from_the_log_alone_to_what_is_live() {
    let (lab, session, named) = told().await;
    let was = lab
        .get(&format!("/api/inspect/session?{named}"))
        .await
        .good();
    assert_eq!(
        (&was["cut"], &was["begins_late"]),
        (&json!(false), &json!(false))
    );
    let live = lab.get(&format!("{session}/messages")).await.good();
    let live = live.as_array().unwrap();
    assert_eq!(live.len(), 2);
    for message in live {
        let then = &was["session"]["messages"][message["info"]["id"].as_str().unwrap()];
        assert_eq!(then["info"], message["info"]);
        for part in message["parts"].as_array().unwrap() {
            assert_eq!(then["parts"][part["id"].as_str().unwrap()], *part);
        }
    }
    let none = lab
        .get(&format!("/api/inspect/session?{named}&steps=0"))
        .await
        .good();
    assert!(none["session"].is_null() && none["of"] == was["of"]);
    let html = send(lab.request(Method::GET, &format!("/fragment/inspect/past?{named}"))).await;
    let html = html.text;
    assert!(
        html.contains("&lt;b&gt;three") && !html.contains("<b>three"),
        "{html}"
    );

    // What is deleted is gone from here at once.
    lab.delete(&session).await;
    lab.eventually("the session is gone", async || {
        let path = format!("/api/inspect/session?{named}");
        (lab.get(&path).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn frames_come_as_rows_in_order_and_resume_after_the_last_one() {
    let (lab, session, named) = told().await;
    let (_, id) = ids(&session);
    let mut events = Events::at(&lab, "/api/inspect/frames?recent=1000", None).await;
    let (seen, last) = until_type(&mut events, "session.idle").await;
    assert!(
        seen.windows(2).all(|two| seq(&two[0]) + 1 == seq(&two[1])),
        "{seen:?}"
    );
    let delta = seen.iter().find(|row| row["type"] == "message.part.delta");
    let delta = delta.unwrap();
    assert_eq!(delta["session"], json!(id));
    assert!(delta["bytes"].as_u64().unwrap() > 50 && delta["unknown"] == false);
    lab.fake.emit_raw(
        &json!({"payload": {"id": "evt_1", "type": "new.kind", "properties": {}}}).to_string(),
    );
    let mut resumed = Events::at(&lab, "/api/inspect/frames", Some(&last)).await;
    let (more, _) = until_type(&mut resumed, "new.kind").await;
    assert_eq!(
        seq(&more[0]),
        last.rsplit_once('-').unwrap().1.parse::<u64>().unwrap() + 1
    );
    let unknown = more.iter().find(|row| row["type"] == "new.kind").unwrap();
    assert_eq!(unknown["unknown"], true);
    // A filter looks into the frames.
    let path = format!("/api/inspect/frames?recent=1000&text=THREE&type=delta&{named}");
    let mut filtered = Events::at(&lab, &path, None).await;
    let (found, _) = until_type(&mut filtered, "message.part.delta").await;
    assert!(found.iter().all(|row| row["type"] == "message.part.delta"));
    // A cursor of another log is a gap.
    let mut lost = Events::at(&lab, "/api/inspect/frames?after=elsewhere-7", None).await;
    let first = lost.next().await.unwrap();
    let gap = match first.name.as_str() {
        "instances" => lost.next().await.unwrap(),
        _ => first,
    };
    assert_eq!(
        (gap.name.as_str(), &gap.data["after"]),
        ("gap", &json!("elsewhere-7"))
    );

    // One of them, with what it changed.
    let cursor = found[0]["cursor"].as_str().unwrap();
    let frame = lab
        .get(&format!("/api/inspect/frame?cursor={cursor}"))
        .await
        .good();
    assert!(frame["json"].as_str().unwrap().contains("three"));
    let changes = frame["changes"].as_array().unwrap();
    assert!(
        changes.iter().any(|change| change["grown"].is_string()),
        "{frame}"
    );
    lab.get("/api/inspect/frame?cursor=elsewhere-7")
        .await
        .problem(404, "not-in-log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_hub_is_no_gap_in_what_was() {
    let (lab, _, named) = told().await;
    let before = lab
        .eventually("the history has the whole turn", async || {
            let path = format!("/api/inspect/session?{named}");
            let history = lab.get(&path).await.good();
            let messages = history["session"]["messages"].to_string();
            (messages.contains("step-finish") && messages.contains("completed")).then_some(history)
        })
        .await;
    let lab = lab.restarted().await;
    let (instance, _) = named.split_once('&').unwrap();
    lab.connected(instance.strip_prefix("instance=").unwrap())
        .await;
    let html = lab
        .eventually("the session is known again", async || {
            let path = format!("/fragment/inspect/past?{named}");
            let answer = lab.get(&path).await;
            (answer.status == 200).then_some(answer.text)
        })
        .await;
    assert!(!html.contains("Gap:") && html.contains("three"), "{html}");
    let after = lab
        .get(&format!("/api/inspect/session?{named}"))
        .await
        .good();
    assert!(after["of"].as_u64() >= before["of"].as_u64());
    assert_eq!(after["session"]["messages"], before["session"]["messages"]);
}

#[tokio::test]
async fn a_bundle_has_no_word_of_anyone_and_opens_again() {
    let (lab, session, named) = told().await;
    let bundle = lab.get("/api/inspect/export").await.text;
    assert!(!bundle.contains("three") && bundle.contains("message.part.delta"));
    // What the filters of a list show is what is exported.
    let (_, id) = ids(&session);
    let part = &id.as_str()[..id.as_str().len() - 2];
    let path = format!("/api/inspect/export?type=PART.delta&session={part}");
    let some = lab.get(&path).await.text;
    let some: Vec<&str> = some.lines().skip(1).collect();
    assert!(
        !some.is_empty(),
        "sessions are named by the beginning of their id"
    );
    assert!(some.iter().all(|line| line.contains("message.part.delta")));
    let opened = lab
        .request(Method::POST, "/api/inspect/bundles")
        .body(bundle.clone());
    let opened = send(opened).await.good();
    assert_eq!(opened["redacted"], true);
    let (instance, id) = ids(&session);
    let sessions = opened["sessions"].as_array().unwrap();
    assert!(sessions.contains(&json!({"instance": instance, "session": id})));
    let number = &opened["bundle"];
    let path = format!("/api/inspect/frames?bundle={number}");
    let all = Events::at(&lab, &path, None).await.all().await;
    let frames: usize = all.iter().map(|event| rows(event).len()).sum();
    assert_eq!(json!(frames), opened["frames"]);
    assert_eq!(all.last().unwrap().name, "end");
    let was = lab
        .get(&format!("/api/inspect/session?{named}&bundle={number}"))
        .await
        .good();
    assert_eq!(was["session"]["messages"].as_object().unwrap().len(), 2);
    assert!(was.to_string().contains("xxx"));

    for bad in ["", "no bundle", "{\"export\":9}", "{\"export\":1}\n{}"] {
        let refused = lab.request(Method::POST, "/api/inspect/bundles").body(bad);
        send(refused).await.problem(422, "invalid-request");
    }
    lab.get("/api/inspect/frames?bundle=999")
        .await
        .problem(404, "not-in-log");
}

#[tokio::test]
async fn a_page_reports_a_few_errors_a_minute() {
    let lab = Lab::new().await;
    let mut statuses = Vec::new();
    for _ in 0..=hub::limits::PAGE_ERRORS {
        let error = json!({"message": "boom", "stack": "\u{1b}[31m"});
        statuses.push(lab.post("/api/page-errors", error).await.status);
    }
    let last = statuses.pop();
    assert!(statuses.iter().all(|status| *status == 204), "{statuses:?}");
    assert_eq!(last.map(|status| status.as_u16()), Some(429));
}

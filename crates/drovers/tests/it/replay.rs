//! `replay` against what REST said at the end of each recording.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;
use testkit::captures;
use tokio::io::AsyncWriteExt;

use crate::program::{Done, Home};

/// Recordings whose streams do not tell all: the start of a run lost before the stream was subscribed, a copy announced
/// without what the original had cost.
const UNTOLD: [&str; 2] = ["abort", "fork"];

fn file(name: &str) -> String {
    let folder = testkit::workspace().join("crates/testkit/captures");
    folder
        .join(format!("{name}.global.sse"))
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn every_recording_comes_to_what_rest_said() {
    let home = Home::new();
    let mut compared = 0;
    for capture in captures::all().unwrap() {
        let name = capture.name();
        let folded = home.run(&["replay", &file(name), "--json"]).await.json();
        assert_eq!(
            (&folded["permissions"], &folded["questions"]),
            (&Value::Array(vec![]), &Value::Array(vec![]))
        );
        if UNTOLD.contains(&name) {
            continue;
        }
        for (id, rest) in capture.rest().unwrap()["state"].as_object().unwrap() {
            let session = &folded["sessions"][id];
            if id == "status" {
                continue;
            }
            if rest["session"].get("name").is_some() {
                assert!(session.is_null(), "{name}: {id} was deleted");
                continue;
            }
            assert_eq!(session["session"], rest["session"], "{name}: {id}");
            assert_eq!(session["messages"], rest["messages"], "{name}: {id}");
            assert_eq!(session["status"]["type"], "idle", "{name}: {id}");
            if let Some(todo) = rest.get("todo") {
                assert_eq!(session["todo"], *todo, "{name}: {id}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} sessions were compared");
}

#[tokio::test]
async fn standard_input_and_both_streams_of_a_server_fold_alike() {
    let home = Home::new();
    let named = home.run(&["replay", &file("task"), "--json"]).await.ok();
    let mut child = home
        .command(&["replay", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bare = captures::named("task").unwrap().event().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&bare).await.unwrap();
    drop(input);
    assert_eq!(Done::of(child.wait_with_output()).await.ok(), named);
}

#[tokio::test]
async fn people_get_a_table() {
    let home = Home::new();
    let table = home.run(&["replay", &file("task")]).await.ok();
    assert!(
        table.contains("Lab subtask (@general subagent)") && table.contains("sessions 2"),
        "{table}"
    );
    assert!(!table.contains('\x1b'), "{table}");
}

#[tokio::test]
async fn the_other_dialect_is_told_by_its_first_events() {
    let home = Home::new();
    let path = home.path("sketch.sse");
    let mut recording = std::fs::File::create(&path).unwrap();
    write!(
        recording,
        "data: {{\"type\":\"session_updated\",\"session\":{{\"id\":\"s1\",\"title\":\"Hi\"}}}}\n\n\
         data: {{\"type\":\"message_updated\",\"sessionId\":\"s1\",\"messageId\":\"m1\",\
         \"parts\":[{{\"type\":\"text\",\"text\":\"whole\"}}],\"status\":\"complete\"}}\n\n"
    )
    .unwrap();
    for args in [&["--json"][..], &["--json", "--dialect", "sketch"]] {
        let folded = home
            .run(&[&["replay", path.to_str().unwrap()], args].concat())
            .await
            .json();
        assert_eq!(folded["sessions"]["s1"]["session"]["title"], "Hi");
        assert_eq!(
            folded["sessions"]["s1"]["messages"][0]["parts"][0]["text"],
            "whole"
        );
    }
    let wrong = home
        .run(&[
            "replay",
            path.to_str().unwrap(),
            "--json",
            "--dialect",
            "v1",
        ])
        .await;
    assert!(
        wrong.code == Some(1) || wrong.out.contains("\"sessions\":{}"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn what_is_no_recording_is_refused() {
    let home = Home::new();
    home.run(&["replay", "/no/such.sse"])
        .await
        .refused(1, &["/no/such.sse", "Check the path"]);
    home.run(&["replay", "/"])
        .await
        .refused(1, &["Name a file"]);
    let path = home.path("text");
    std::fs::write(&path, "hello\n").unwrap();
    home.run(&["replay", path.to_str().unwrap()])
        .await
        .refused(1, &["no event", "curl -N"]);
    std::fs::write(&path, "data: hello\n\n").unwrap();
    home.run(&["replay", path.to_str().unwrap()])
        .await
        .refused(1, &["none of the 1 events", "--dialect"]);
}

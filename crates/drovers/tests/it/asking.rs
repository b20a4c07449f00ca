//! `ls`, `tail`, `send` and `check` against a hub and a scripted server.

use std::process::Stdio;

use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::program::{DEADLINE, Done, Home, Running, program, until};

pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) fake: FakeServer,
    pub(crate) hub: Running,
    pub(crate) instance: String,
}

/// A hub with one server that has these sessions.
pub(crate) async fn scene(titles: &[&str]) -> (Scene, Vec<String>) {
    let fake = FakeServer::start(FakeOptions {
        rate: 0.0,
        ..FakeOptions::default()
    })
    .await
    .unwrap();
    let ids = titles
        .iter()
        .map(|title| fake.seed_session(title).unwrap())
        .collect();
    let home = Home::new();
    let hub = home.start(&["--attach", &fake.url]).await;
    let instance = hub.connected().await;
    (
        Scene {
            home,
            fake,
            hub,
            instance,
        },
        ids,
    )
}

#[tokio::test]
async fn ls_shows_sessions_and_what_waits() {
    let (scene, ids) = scene(&["Mend the roof\x1b[2J", "Paint"]).await;
    let listed = scene.home.run(&["ls", "--json"]).await.json();
    assert_eq!(listed["instances"][0]["id"], scene.instance.as_str());
    assert_eq!(
        listed["instances"][0]["sessions"].as_array().unwrap().len(),
        2
    );
    scene.home.run(&["send", &ids[1], "permission"]).await.ok();
    until(async || {
        let listed = scene.home.run(&["ls"]).await.ok();
        listed.contains("Needs you").then_some(listed)
    })
    .await;
    let listed = scene.home.run(&["ls"]).await.ok();
    assert!(
        listed.contains("permission for bash: echo needs-permission"),
        "{listed}"
    );
    assert!(
        listed.contains("Mend the roof") && !listed.contains('\x1b'),
        "{listed}"
    );
}

#[tokio::test]
async fn send_waits_for_the_answer_and_tells_its_outcome() {
    let (scene, ids) = scene(&["Mend the roof"]).await;
    let answer = scene
        .home
        .run(&["send", "mend", "bash echo hi ;; say all is well", "--wait"])
        .await;
    assert_eq!(answer.ok(), "all is well\n");
    let sent = scene
        .home
        .run(&[
            "send",
            &ids[0],
            "say quick",
            "--json",
            "--model",
            "scripted/scripted-1",
        ])
        .await
        .json();
    assert_eq!(sent["session"], ids[0].as_str());
    assert!(sent["messageID"].as_str().unwrap().starts_with("msg_"));
    let failed = scene
        .home
        .run(&["send", "mend", "error 401 msg=no_key", "--wait"])
        .await;
    failed.refused(1, &["no answer: no key", &scene.hub.url]);
    let listed = scene.home.run(&["ls"]).await.ok();
    assert!(
        listed.contains("Failed") && listed.contains("no key"),
        "{listed}"
    );
    let listed = scene.home.run(&["ls", "--json"]).await.json();
    let mark = &listed["instances"][0]["sessions"][0]["mark"];
    assert_eq!(
        (&mark["state"], &mark["word"]),
        (&"failed".into(), &"Failed".into())
    );
    let empty = scene
        .home
        .run(&["send", "mend", "finish stop", "--wait"])
        .await;
    empty.refused(
        1,
        &["no answer: The model returned an empty answer. Send it again"],
    );
    let cut = scene
        .home
        .run(&["send", "mend", "say one ;; finish length", "--wait"])
        .await;
    cut.refused(
        1,
        &["was cut off at the model's output limit. Send “Continue” to get the rest"],
    );
    let json = scene
        .home
        .run(&["send", "mend", "say done", "--wait", "--json"])
        .await
        .json();
    assert_eq!(
        (&json["outcome"], &json["text"]),
        (&Value::from("answered"), &Value::from("done"))
    );
}

#[tokio::test]
async fn continue_lets_what_was_interrupted_go_on() {
    let (scene, ids) = scene(&["Mend the roof", "Paint"]).await;
    let all = scene.home.run(&["continue", "--all"]).await;
    assert_eq!(all.ok(), "no session is interrupted\n");
    for id in &ids {
        scene.home.run(&["send", id, "stall 600"]).await.ok();
    }
    let marks = async |status: &str| {
        let path = format!("instances/{}/sessions", scene.instance);
        let sessions = scene.hub.get(&path).await;
        let sessions = sessions.as_array().into_iter().flatten();
        let so = sessions.filter(|session| session["status"]["type"] == status);
        (so.count() == 2).then_some(())
    };
    until(async || marks("busy").await).await;
    scene.fake.restart().await.unwrap();
    until(async || marks("interrupted").await).await;
    scene.hub.connected().await;
    let one = scene.home.run(&["continue", "mend"]).await;
    assert_eq!(one.ok(), "continued: Mend the roof\n");
    let again = scene.home.run(&["continue", "mend"]).await;
    again.refused(1, &["is not interrupted"]);
    let rest = scene
        .home
        .run(&["continue", "--all", "--json"])
        .await
        .json();
    assert_eq!(rest["continued"][0]["session"], ids[1].as_str());
    assert_eq!(rest["failed"], serde_json::json!([]));
}

#[tokio::test]
async fn send_takes_its_text_from_standard_input() {
    let (scene, ids) = scene(&["Mend"]).await;
    let mut command = scene.home.command(&["send", &ids[0], "-", "--wait"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all("Two lines.\nsay read both".as_bytes())
        .await
        .unwrap();
    drop(input);
    assert_eq!(Done::of(child.wait_with_output()).await.ok(), "read both\n");
}

#[tokio::test]
async fn send_tells_that_a_child_waits_for_a_person() {
    let (scene, ids) = scene(&["Mend"]).await;
    let mut command =
        scene
            .home
            .command(&["send", &ids[0], "task { permission } ;; say over", "--wait"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = child;
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = timeout(DEADLINE, err.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(
        line.contains("waiting for you: bash: echo needs-permission"),
        "{line}"
    );
    let waiting = scene
        .hub
        .get(&format!("instances/{}/permissions", scene.instance))
        .await;
    let permission = waiting[0]["id"].as_str().unwrap();
    let reply = format!("instances/{}/permissions/{permission}", scene.instance);
    let body = serde_json::json!({"reply": "once", "fingerprint": waiting[0]["fingerprint"]});
    let by = async |token: &str| {
        let reply = scene.hub.request_by(token, Method::POST, &reply);
        reply.json(&body).send().await.unwrap()
    };
    // Whoever reads the command line's token cannot answer with it.
    let token = std::fs::read_to_string(scene.home.data_dir().join("token"));
    assert_eq!(by(&token.unwrap()).await.status(), 403);
    let made = ["token", "add", "ci", "--role", "answer", "--expires", "1h"];
    let token = scene.home.run(&made).await.ok();
    let answered = by(token.trim()).await;
    assert!(answered.status().is_success());
    let done = Done::of(child.wait_with_output()).await;
    assert_eq!(done.ok(), "over\n");
}

#[tokio::test]
async fn a_server_that_dies_ends_the_wait() {
    let (scene, ids) = scene(&["Mend"]).await;
    let args = ["send", &ids[0], "echo 100000 rate=10", "--wait"];
    let run = scene.home.run(&args);
    let die = async {
        let sessions = format!("instances/{}/sessions", scene.instance);
        until(async || {
            (scene.hub.get(&sessions).await[0]["status"]["type"] == "busy").then_some(())
        })
        .await;
        scene.fake.restart().await.unwrap();
    };
    let (done, ()) = tokio::join!(run, die);
    done.refused(1, &["no answer"]);
}

#[tokio::test]
async fn tail_prints_every_event_with_its_cursor() {
    let (scene, ids) = scene(&["Mend"]).await;
    scene
        .home
        .run(&["send", &ids[0], "say one two three", "--wait"])
        .await
        .ok();
    let lines = scene
        .home
        .run(&["tail", "--no-follow", "--json"])
        .await
        .ok();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|line| line["event"]["payload"]["type"].as_str())
        .collect();
    for kind in ["server.connected", "message.part.delta", "session.idle"] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    let after = events[2]["cursor"].as_str().unwrap();
    let rest = scene
        .home
        .run(&["tail", "--no-follow", "--json", "--after", after])
        .await
        .ok();
    assert_eq!(rest.lines().count(), events.len() - 3);
    let one = scene.home.run(&["tail", "mend", "--no-follow"]).await.ok();
    assert!(
        one.lines().count() > 5 && one.lines().all(|line| line.contains(&ids[0])),
        "{one}"
    );
}

#[tokio::test]
async fn tail_follows() {
    let (scene, ids) = scene(&["Mend"]).await;
    let mut child = scene
        .home
        .command(&["tail", "--from-start"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    timeout(DEADLINE, out.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    scene.home.run(&["send", &ids[0], "say later"]).await.ok();
    let heard = async {
        while let Some(line) = out.next_line().await.unwrap() {
            if line.contains("session.idle") {
                return;
            }
        }
        panic!("tail ended");
    };
    timeout(DEADLINE, heard).await.unwrap();
}

#[tokio::test]
async fn check_proves_that_an_instance_answers() {
    let (scene, _) = scene(&[]).await;
    let checked = scene
        .home
        .run(&["check", &scene.instance[..4], "--text", "say pong"])
        .await
        .ok();
    assert!(
        checked.contains("message.part.delta") && checked.contains("and the answer: pong"),
        "{checked}"
    );
    let failed = scene
        .home
        .run(&["check", &scene.instance, "--text", "error 401 msg=no_key"])
        .await;
    failed.refused(1, &["failed: no key"]);
    let late = scene
        .home
        .run(&[
            "check",
            &scene.instance,
            "--text",
            "stall 100",
            "--timeout",
            "1",
        ])
        .await;
    late.refused(1, &["no answer within 1 s"]);
}

#[tokio::test]
async fn open_runs_the_terminal_client_with_the_password_in_its_environment() {
    let options = FakeOptions {
        password: Some("hush-hush".to_owned()),
        ..FakeOptions::default()
    };
    let (home, fake) = (Home::new(), FakeServer::start(options).await.unwrap());
    let session = fake.seed_session("Mend the roof").unwrap();
    let mut command = home.command(&[
        "up",
        "--no-open",
        "--listen",
        "127.0.0.1:0",
        "--attach",
        &fake.url,
    ]);
    command.env("DROVERS_PASSWORD", "hush-hush");
    let hub = Running::of(command).await;
    let instance = hub.connected().await;
    let client = program(
        &home.path("opencode"),
        "#!/bin/sh\necho \"$@ $OPENCODE_SERVER_USERNAME:$OPENCODE_SERVER_PASSWORD\"\n",
    );
    let open = async |target| {
        home.run(&["open", target, "--opencode", client.to_str().unwrap()])
            .await
            .ok()
    };
    assert_eq!(
        open(&instance).await,
        format!("attach {}/ opencode:hush-hush\n", fake.url)
    );
    assert_eq!(
        open("mend").await,
        format!(
            "attach {}/ --session {session} opencode:hush-hush\n",
            fake.url
        )
    );
}

#[tokio::test]
async fn a_password_that_is_given_later_connects_and_no_old_reason_is_printed() {
    let options = FakeOptions {
        password: Some("hush-hush".to_owned()),
        ..FakeOptions::default()
    };
    let (home, fake) = (Home::new(), FakeServer::start(options).await.unwrap());
    let hub = home.start(&["--attach", &fake.url]).await;
    let again = |password: &'static str| {
        let mut command = home.command(&["--no-open", "--attach", &fake.url]);
        command.env("DROVERS_PASSWORD", password);
        command
    };
    let wrong = Done::of(again("wrong").output()).await;
    assert!(wrong.err.contains("password"), "{}", wrong.err);
    let right = Done::of(again("hush-hush").output()).await;
    assert!(!right.err.contains("password"), "{}", right.err);
    hub.connected().await;
}

#[tokio::test]
async fn an_export_has_every_event_and_no_word_of_anyone() {
    let (scene, ids) = scene(&["Mend the secret gate"]).await;
    scene
        .home
        .run(&["send", &ids[0], "say secret words", "--wait"])
        .await
        .ok();
    let file = scene.home.path("log.ndjson");
    let name = file.to_str().unwrap();
    scene.home.run(&["export", "-o", name]).await.ok();
    let exported = std::fs::read_to_string(&file).unwrap();
    assert!(!exported.contains("secret") && !exported.contains("Mend"));
    assert!(exported.contains("session.idle") && exported.contains(&ids[0]));
    let folded = scene.home.run(&["replay", name, "--json"]).await.json();
    let messages = folded["sessions"][&ids[0]]["messages"].as_array();
    assert_eq!(messages.unwrap().len(), 2, "{folded}");
    let table = scene.home.run(&["replay", name]).await.ok();
    assert!(
        table.contains(&ids[0]) && table.contains("gaps 0"),
        "{table}"
    );
    let whole = scene.home.run(&["export", "--whole"]).await.ok();
    assert!(whole.contains("secret"));
    assert!(whole.lines().count() >= exported.lines().count());
    let again = scene.home.run(&["export", "-o", name]).await;
    assert_eq!(
        again.code,
        Some(1),
        "a file that is there is not written over"
    );
}

#[tokio::test]
async fn an_instance_is_left_out_of_the_journal_by_its_name() {
    let (scene, _) = scene(&["Mend"]).await;
    assert_eq!(scene.home.run(&["journal"]).await.ok(), "ok\n");
    let told = scene
        .home
        .run(&["journal", &scene.instance, "off"])
        .await
        .ok();
    assert!(told.contains("not stored"), "{told}");
    let none = scene.home.run(&["journal", &scene.instance]).await;
    assert_eq!(none.code, Some(2), "{none:?}");
}

//! The process of a server that the hub runs: its output, and what follows when it ends by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::lab::{Lab, SOON, launcher, send};

/// A hub that runs the scripted server in a folder.
async fn lab() -> (Lab, String, tempfile::TempDir) {
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let launcher = launcher(&fake, home.path());
    let lab = Lab::with(fake, launcher).await;
    let added = lab
        .post(
            "/api/instances",
            json!({"folder": home.path(), "trust": true}),
        )
        .await
        .good();
    let instance = format!("/api/instances/{}", added["id"].as_str().unwrap());
    (lab, instance, home)
}

/// The process, once it has this number and runs.
async fn run(lab: &Lab, instance: &str, run: u64) -> Value {
    lab.eventually(&format!("process {run} runs"), async || {
        let process = lab.get(&format!("{instance}/process")).await.good();
        (process["run"] == run && process["pid"].is_u64()).then_some(process)
    })
    .await
}

/// Kills the process, and ends its connection as its end would.
async fn kill(lab: &Lab, process: &Value) {
    let pid = i32::try_from(process["pid"].as_u64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    lab.fake.shutdown().await;
    lab.fake.restart().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_by_itself_starts_again_five_times_and_then_when_a_person_asks() {
    let (lab, instance, _home) = lab().await;
    for number in 1..=5 {
        let process = run(&lab, &instance, number).await;
        assert_eq!(process["ends"], number - 1, "{process}");
        assert!(process["memory"].as_u64().unwrap() > 0, "{process}");
        let lines = process["lines"].to_string();
        assert!(lines.contains("listening on"), "{lines}");
        lab.reached(&instance, "connected").await;
        kill(&lab, &process).await;
    }
    lab.eventually("it is paused", async || {
        let process = lab.get(&format!("{instance}/process")).await.good();
        let ended = process["end"] == "was ended by signal 9" && process["pid"].is_null();
        (process["paused"] == true && ended).then_some(())
    })
    .await;
    lab.eventually("the reason is told", async || {
        let reason = lab.get(&instance).await.good()["reason"].to_string();
        reason.contains("ended by itself too often").then_some(())
    })
    .await;
    lab.post(&format!("{instance}/reconnect"), json!({}))
        .await
        .good();
    let process = run(&lab, &instance, 6).await;
    assert_eq!(
        (&process["ends"], &process["paused"]),
        (&json!(5), &json!(false))
    );
    lab.reached(&instance, "connected").await;
}

/// The process, once it is so. The state of the hub does not change by what is looked for.
async fn once(lab: &Lab, instance: &str, so: impl Fn(&Value) -> bool) -> Value {
    let looked = timeout(Duration::from_secs(60), async {
        loop {
            let process = lab.get(&format!("{instance}/process")).await.good();
            if so(&process) {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    looked.await.expect("it becomes so")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_restarts_a_server_and_is_asked_where_sessions_work() {
    let (lab, instance, _home) = lab().await;
    run(&lab, &instance, 1).await;
    lab.reached(&instance, "connected").await;
    let restart = format!("{instance}/restart");
    let answer = lab.post(&restart, json!({})).await;
    assert_eq!(answer.status, 202);
    let process = run(&lab, &instance, 2).await;
    assert_eq!(process["restarted"]["reason"], "asked", "{process}");
    assert!(process["restarted"]["at"].is_string() && process["ends"] == 0);
    lab.reached(&instance, "connected").await;

    let sessions = format!("{instance}/sessions");
    let made = lab.post(&sessions, json!({})).await.good();
    let session = format!("{sessions}/{}", made["id"].as_str().unwrap());
    let prompt = json!({"text": "echo 100000 rate=20"});
    lab.post(&format!("{session}/prompt"), prompt).await.good();
    lab.eventually("it works", async || {
        let status = lab.get(&session).await.good()["status"].clone();
        (status["type"] == "busy").then_some(())
    })
    .await;
    let refused = lab.post(&restart, json!({})).await;
    let problem = refused.problem(409, "turns-would-end");
    assert!(problem.to_string().contains("1 session works there"));
    assert_eq!(
        run(&lab, &instance, 2).await["pid"],
        once(&lab, &instance, |_| true).await["pid"]
    );
    lab.post(&restart, json!({"end_turns": true})).await.good();
    run(&lab, &instance, 3).await;

    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let elsewhere = lab.add(&fake.url).await;
    lab.post(&format!("{elsewhere}/restart"), json!({}))
        .await
        .problem(409, "elsewhere");
    lab.post("/api/instances/none/restart", json!({}))
        .await
        .problem(404, "unknown-instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_over_its_limit_of_memory_is_restarted_once_it_is_idle() {
    let (lab, instance, _home) = lab().await;
    run(&lab, &instance, 1).await;
    lab.reached(&instance, "connected").await;
    let patch =
        async |change: Value| send(lab.request(Method::PATCH, &instance).json(&change)).await;
    patch(json!({"memory_limit": 0}))
        .await
        .problem(422, "bad-launch");
    // Less than any process uses.
    let limit = 1_u64 << 20;
    let changed = patch(json!({"memory_limit": limit})).await.good();
    assert_eq!(changed["launch"]["memory_limit"], limit);
    let before = once(&lab, &instance, |_| true).await;
    assert_eq!(before["memory_limit"], limit);
    let over = before["memory"].as_u64().unwrap() > limit;
    assert!(over && before["restarted"].is_null(), "{before}");
    let process = once(&lab, &instance, |process| process["run"] == 2).await;
    let restarted = &process["restarted"];
    assert_eq!(restarted["reason"], "memory", "{process}");
    assert_eq!(restarted["limit"], limit);
    assert!(restarted["used"].as_u64().unwrap() > limit);
    lab.reached(&instance, "connected").await;
    let changed = patch(json!({"memory_limit": null})).await.good();
    assert!(changed["launch"]["memory_limit"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ended_is_no_more_named_as_running_while_its_connection_stands() {
    let (lab, instance, _home) = lab().await;
    let process = run(&lab, &instance, 1).await;
    lab.reached(&instance, "connected").await;
    let pid = i32::try_from(process["pid"].as_u64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    // The state of the hub does not change by this: it is asked again and again.
    let ended = timeout(SOON, async {
        loop {
            let process = lab.get(&format!("{instance}/process")).await.good();
            if process["pid"].is_null() {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let ended = ended.await.expect("its end is shown");
    assert_eq!(ended["end"], "was ended by signal 9", "{ended}");
    assert_eq!((&ended["ends"], &ended["run"]), (&json!(1), &json!(1)));
    let lines = ended["lines"].to_string();
    assert!(lines.contains("listening on"), "{lines}");
    let link = lab.get(&instance).await.good();
    assert_eq!(link["status"], "connected", "the connection goes elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_read_from_a_line_on_and_a_server_elsewhere_has_none() {
    let (lab, instance, _home) = lab().await;
    let process = run(&lab, &instance, 1).await;
    let known =
        process["first"].as_u64().unwrap() + process["lines"].as_array().unwrap().len() as u64;
    let rest = lab
        .get(&format!("{instance}/process?run=1&from={known}"))
        .await
        .good();
    assert_eq!(rest["lines"], json!([]));
    let all = lab
        .get(&format!("{instance}/process?run=7&from={known}"))
        .await
        .good();
    assert_eq!(all["lines"], process["lines"], "lines of another run");
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let elsewhere = lab.add(&fake.url).await;
    let process = lab.get(&format!("{elsewhere}/process")).await.good();
    assert_eq!(
        (&process["own"], &process["lines"]),
        (&json!(false), &json!([]))
    );
    lab.get("/api/instances/none/process")
        .await
        .problem(404, "unknown-instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_its_own_environment_arguments_and_program() {
    let (lab, instance, home) = lab().await;
    let process = run(&lab, &instance, 1).await;
    lab.reached(&instance, "connected").await;
    let program = home.path().join("another");
    let script = format!(
        "#!/bin/sh\necho \"key is $API_KEY, arguments are $*\"\necho 'opencode server listening on {}'\nexec sleep 600\n",
        lab.fake.url
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let patch =
        async |change: Value| send(lab.request(Method::PATCH, &instance).json(&change)).await;
    let change = json!({
        "name": "Shop", "colour": "teal", "order": 3, "env": {"API_KEY": "open sesame"},
        "args": ["--print-logs"], "opencode": program,
    });
    let changed = patch(change).await.good();
    let launch = json!({
        "env": ["API_KEY"], "args": ["--print-logs"], "opencode": program, "memory_limit": null,
    });
    assert_eq!(changed["launch"], launch);
    assert_eq!(
        (&changed["name"], &changed["colour"], &changed["order"]),
        (&json!("Shop"), &json!("teal"), &json!(3))
    );
    for refused in [
        json!({"env": {"OPENCODE_SERVER_PASSWORD": "x"}}),
        json!({"args": ["--hostname=0.0.0.0"]}),
        json!({"opencode": "/no/such/program"}),
    ] {
        patch(refused).await.problem(422, "bad-launch");
    }
    patch(json!({"order": 0}))
        .await
        .problem(422, "invalid-request");

    kill(&lab, &process).await;
    let process = run(&lab, &instance, 2).await;
    let lines = process["lines"].to_string();
    assert!(
        lines
            .contains("key is ***, arguments are serve --port 0 --hostname 127.0.0.1 --print-logs"),
        "{lines}"
    );
    // The value is hidden in what it printed until now, too, once it is another one.
    let changed = patch(json!({"env": {"API_KEY": null, "OTHER": "x"}, "colour": null}))
        .await
        .good();
    assert_eq!(changed["launch"]["env"], json!(["OTHER"]));
    assert_eq!(
        (&changed["colour"], &changed["order"]),
        (&json!(null), &json!(3))
    );
    for path in [format!("{instance}/process"), "/api/instances".to_owned()] {
        let answer = lab.get(&path).await.good().to_string();
        assert!(!answer.contains("sesame"), "{answer}");
    }
}

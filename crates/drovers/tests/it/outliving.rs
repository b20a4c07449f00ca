//! Servers that outlive the hub, and the command that ends them.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::program::{Home, Running, program, runs, stand_in, until};

/// A home with a folder, and a program that stands for OpenCode.
struct Place {
    home: Home,
    folder: PathBuf,
    opencode: PathBuf,
}

impl Place {
    fn new() -> Self {
        let home = Home::new();
        let folder = home.folder("project");
        let opencode = stand_in(&home.path("opencode"));
        Self {
            home,
            folder,
            opencode,
        }
    }

    /// A hub with the folder, and the process of its server. What it says goes to the file `said`.
    async fn hub(&self, more: &[&str]) -> (Running, i32) {
        let named = [
            "--opencode",
            self.opencode.to_str().unwrap(),
            self.folder.to_str().unwrap(),
        ];
        let mut command = self.home.keeping(&[more, &named].concat());
        command.stderr(fs::File::create(self.home.path("said")).unwrap());
        let hub = Running::of(command).await;
        // The hub has the server once it tries to connect to it.
        hub.until(|all| all.first().is_some_and(|one| one["reason"].is_string()))
            .await;
        let pid = fs::read_to_string(self.folder.join("pid")).unwrap();
        (hub, pid.trim().parse().unwrap())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.home.path("said")).unwrap()
    }
}

async fn ends(pid: i32) {
    until(async || (!runs(pid)).then_some(())).await;
}

#[tokio::test]
async fn servers_outlive_every_end_of_the_hub_unless_it_ends_them() {
    let place = Place::new();
    let (mut hub, server) = place.hub(&[]).await;
    for signal in [
        Signal::SIGKILL,
        Signal::SIGABRT,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
    ] {
        hub.signal(signal);
        let code = hub.ended().await;
        let is_asked = !matches!(signal, Signal::SIGKILL | Signal::SIGABRT);
        assert_eq!(code, is_asked.then_some(0), "{signal}");
        let said = place.said();
        let sentence = "1 OpenCode server keeps running: the next `drovers up` takes it over, and `drovers down --data-dir";
        assert_eq!(said.contains(sentence), is_asked, "{signal}: {said}");
        let (next, same) = place.hub(&[]).await;
        assert!(runs(server) && same == server, "{signal}");
        hub = next;
    }
    // One that ends its servers takes it over as well.
    hub.signal(Signal::SIGTERM);
    hub.ended().await;
    let (mut last, same) = place.hub(&["--end-servers"]).await;
    assert!(runs(server) && same == server);
    last.signal(Signal::SIGTERM);
    assert_eq!(last.ended().await, Some(0));
    assert!(!place.said().contains("keeps running"));
    ends(server).await;
}

#[tokio::test]
async fn the_option_and_its_old_name_are_read_from_everywhere() {
    let place = Place::new();
    let named = [
        "--opencode",
        place.opencode.to_str().unwrap(),
        place.folder.to_str().unwrap(),
    ];
    let outlives = async |set: Option<&str>, more: &[&str]| {
        let mut command = place.home.keeping(&[more, &named].concat());
        if let Some(set) = set {
            command.env("DROVERS_KEEP_SERVERS", set);
        }
        let mut hub = Running::of(command).await;
        hub.until(|all| all.first().is_some_and(|one| one["reason"].is_string()))
            .await;
        let pid = fs::read_to_string(place.folder.join("pid")).unwrap();
        let pid = pid.trim().parse().unwrap();
        hub.signal(Signal::SIGTERM);
        assert_eq!(hub.ended().await, Some(0));
        let kept = fs::read_dir(place.home.data_dir().join("kept")).unwrap();
        let outlives = kept.count() > 0;
        if !outlives {
            ends(pid).await;
        }
        outlives
    };
    assert!(outlives(None, &["--keep-servers"]).await, "an old script");
    assert!(outlives(Some("true"), &[]).await);
    assert!(!outlives(Some("false"), &[]).await);
    assert!(outlives(Some("false"), &["--keep-servers"]).await);
    assert!(!outlives(Some("true"), &["--end-servers"]).await);
    let both = place
        .home
        .run(&["up", "--keep-servers", "--end-servers"])
        .await;
    both.refused(2, &["cannot be used with"]);
    let folder = place.home.folder(".config/drovers");
    fs::write(folder.join("config.toml"), "keep_servers = false\n").unwrap();
    assert!(!outlives(None, &[]).await);
}

#[tokio::test]
async fn down_stops_the_hub_and_its_servers_also_where_no_hub_runs() {
    let place = Place::new();
    let said = place.home.run(&["down"]).await.ok();
    assert!(said.contains("nothing to stop"), "{said}");
    assert!(!place.home.data_dir().exists());

    let (mut hub, server) = place.hub(&[]).await;
    let pid = hub.pid();
    let down = tokio::join!(place.home.run(&["down"]), hub.ended());
    assert_eq!(
        (down.0.ok().trim(), down.1),
        (
            &*format!("stopped the hub (process {pid}) and 1 OpenCode server"),
            Some(0)
        )
    );
    ends(server).await;

    let (mut hub, server) = place.hub(&[]).await;
    hub.signal(Signal::SIGKILL);
    hub.ended().await;
    assert!(runs(server));
    // Nobody knows whether its sessions work, and without a terminal nobody is asked.
    let refused = place.home.run(&["down"]).await;
    refused.refused(1, &["1 OpenCode server runs without a hub", "--end-turns"]);
    assert!(runs(server));
    let down = place.home.run(&["down", "--end-turns", "--json"]).await;
    assert_eq!(down.json(), json!({"hub": null, "servers": 1}));
    ends(server).await;
    let again = place.home.run(&["down", "--json"]).await.json();
    assert_eq!(again, json!({"hub": null, "servers": 0}));
    // The next hub starts another one.
    let (_hub, other) = place.hub(&["--end-servers"]).await;
    assert_ne!(other, server);
}

#[tokio::test]
async fn a_guard_that_does_not_know_the_secret_is_left_alone() {
    let place = Place::new();
    let (mut hub, server) = place.hub(&[]).await;
    hub.signal(Signal::SIGKILL);
    hub.ended().await;
    let kept = place.home.data_dir().join("kept");
    let is_json = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let entries = fs::read_dir(&kept).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    let file = files.find(|path| is_json(path)).unwrap();
    let known = fs::read_to_string(&file).unwrap();
    let mut other: Value = serde_json::from_str(&known).unwrap();
    other["secret"] = json!("another");
    fs::write(&file, other.to_string()).unwrap();
    let down = ["down", "--end-turns"];
    place.home.run(&down).await.refused(1, &["did not end"]);
    assert!(runs(server), "it is not ours to end");
    fs::write(&file, known).unwrap();
    place.home.run(&down).await.ok();
    ends(server).await;
}

#[tokio::test]
async fn down_asks_before_turns_end() {
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let home = Home::new();
    let folder = home.folder("project");
    let script = format!(
        "#!/bin/sh\necho 'opencode server listening on {}'\nexec sleep 1000\n",
        fake.url
    );
    let opencode = program(&home.path("opencode"), &script);
    let args = [
        "--opencode",
        opencode.to_str().unwrap(),
        folder.to_str().unwrap(),
    ];
    let mut hub = Running::of(home.keeping(&args)).await;
    let instance = hub.connected().await;
    let sessions = format!("instances/{instance}/sessions");
    let post = async |path: &str, body: Value| -> Value {
        let answer = hub.request(Method::POST, path).json(&body).send().await;
        answer.unwrap().json().await.unwrap()
    };
    let session = post(&sessions, json!({})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let prompt = json!({"text": "echo 100000 rate=20"});
    post(&format!("{sessions}/{session}/prompt"), prompt).await;
    until(async || {
        let session = hub.get(&format!("{sessions}/{session}")).await;
        (session["status"]["type"] == "busy").then_some(())
    })
    .await;
    for args in [&["down"][..], &["restart", &instance]] {
        let refused = home.run(args).await;
        refused.refused(1, &["1 session works", "Wait until"]);
    }
    hub.get("health").await;
    let (down, code) = tokio::join!(home.run(&["down", "--end-turns"]), hub.ended());
    assert!(down.ok().contains("1 OpenCode server"));
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn one_server_is_restarted_while_its_hub_goes_on() {
    let place = Place::new();
    let (hub, server) = place.hub(&["--end-servers"]).await;
    let instances = hub.get("instances").await;
    let id = instances[0]["id"].as_str().unwrap();
    let said = place.home.run(&["restart", id, "--json"]).await.json();
    assert_eq!(said["instance"], id);
    ends(server).await;
    let process = hub.get(&format!("instances/{id}/process")).await;
    assert_eq!(process["pid"], said["pid"]);
    assert_ne!(process["pid"], server);
    assert_eq!(process["restarted"]["reason"], "asked");
    assert_eq!(process["ends"], 0, "it did not end by itself");
    place
        .home
        .run(&["restart", "nothing"])
        .await
        .refused(1, &["nothing"]);
}

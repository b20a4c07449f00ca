//! How a hub ends, and what it leaves behind: nothing, where its servers end with it.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};

use crate::program::{Home, Running, runs, stand_in, until};

/// A hub that runs a server of its own, and that server's process.
async fn with_server(home: &Home) -> (Running, i32) {
    let folder = home.folder("project");
    let opencode = stand_in(&home.path("opencode"));
    let hub = home
        .start(&[
            "--opencode",
            opencode.to_str().unwrap(),
            folder.to_str().unwrap(),
        ])
        .await;
    let server = until(async || fs::read_to_string(folder.join("pid")).ok()).await;
    (hub, server.trim().parse().unwrap())
}

#[tokio::test]
async fn term_ends_streams_and_servers_with_code_zero() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let home = Home::new();
        let (mut hub, server) = with_server(&home).await;
        let viewer = hub.request(Method::GET, "log").send().await.unwrap();
        let asked = Instant::now();
        hub.signal(signal);
        assert_eq!(hub.ended().await, Some(0), "{signal}");
        assert!(
            asked.elapsed() < Duration::from_secs(8),
            "{:?}",
            asked.elapsed()
        );
        // What ended is a process until whoever adopted it has noticed.
        until(async || (!runs(server)).then_some(())).await;
        viewer.bytes().await.unwrap();
        assert!(!home.data_dir().join("runtime.json").exists());
    }
}

#[tokio::test]
async fn a_hub_that_dies_leaves_no_server_behind() {
    // Killed, or ended by a fault of its own.
    for signal in [Signal::SIGKILL, Signal::SIGABRT] {
        let home = Home::new();
        let (mut hub, server) = with_server(&home).await;
        assert!(runs(server));
        hub.signal(signal);
        assert_eq!(hub.ended().await, None, "{signal}");
        until(async || (!runs(server)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_restart_keeps_the_process_the_address_and_the_servers() {
    let home = Home::new();
    let (mut hub, server) = with_server(&home).await;
    hub.until(|all| all.first().is_some_and(|one| one["reason"].is_string()))
        .await;
    let before = hub.get("health").await["epoch"].clone();
    for args in [&["restart"][..], &["restart", "--json"]] {
        let said = home.run(args).await.ok();
        assert!(
            said.contains(&hub.pid().to_string()) && said.contains("http://127.0.0.1:"),
            "{said}"
        );
        assert!(runs(server));
    }
    hub.read_token(&home);
    let after = hub.get("health").await["epoch"].clone();
    assert!(after.is_string() && after != before, "another run: {after}");
    // It has adopted the server, and ends it with itself as before.
    hub.until(|all| all.first().is_some_and(|one| one["reason"].is_string()))
        .await;
    let instances = hub.get("instances").await;
    let process = format!("instances/{}/process", instances[0]["id"].as_str().unwrap());
    until(async || (hub.get(&process).await["pid"] == server).then_some(())).await;
    let now = fs::read_to_string(home.path("project").join("pid")).unwrap();
    assert_eq!(now.trim(), server.to_string(), "no other was started");
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().await, Some(0));
    until(async || (!runs(server)).then_some(())).await;
    home.run(&["restart"])
        .await
        .refused(3, &["no hub", "drovers"]);
}

#[tokio::test]
async fn a_removed_instance_loses_its_stream() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let mut hub = home.start(&["--attach", &fake.url]).await;
    hub.connected().await;
    assert_eq!(fake.connections().open, 1);
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().await, Some(0));
    until(async || (fake.connections().open == 0).then_some(())).await;
    // The next hub remembers it.
    let again = home.start(&["--attach", &fake.url]).await;
    again.connected().await;
    assert_eq!(again.get("instances").await.as_array().unwrap().len(), 1);
}

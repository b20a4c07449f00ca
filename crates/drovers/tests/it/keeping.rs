//! Backup and restore, with a hub that runs meanwhile.

use std::fs;

use nix::sys::signal::Signal;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};

use crate::program::{Home, until};

#[tokio::test]
// Longer than 70 lines: one way from a running hub to its copy and back.
async fn a_backup_of_a_running_hub_comes_back_after_its_end() {
    let options = FakeOptions {
        password: Some("hush-hush".to_owned()),
        ..FakeOptions::default()
    };
    let (home, fake) = (Home::new(), FakeServer::start(options).await.unwrap());
    fake.seed_session("Paint the door").unwrap();
    let mut command = home.command(&[
        "--no-open",
        "--listen",
        "127.0.0.1:0",
        "--attach",
        &fake.url,
    ]);
    command.env("DROVERS_PASSWORD", "hush-hush");
    let mut hub = crate::program::Running::of(command).await;
    hub.connected().await;
    let archive = home.path("backup.tar.zst");
    let path = archive.to_str().unwrap();
    let written = home.run(&["backup", path, "--json"]).await.json();
    assert_eq!(written["without_passwords"], true);
    let files = written["files"].to_string();
    for name in ["instances.json", "journal.sqlite"] {
        assert!(files.contains(name), "{files}");
    }
    let left_out = written["left_out"].as_array().unwrap();
    let known = ["access.json"];
    assert!(
        left_out
            .iter()
            .all(|name| known.iter().any(|known| name == known)),
        "a file is in no table: {left_out:?}"
    );
    home.run(&["backup", path])
        .await
        .refused(1, &["exists", "another name"]);

    home.run(&["restore", path])
        .await
        .refused(4, &["running already", "stop it"]);
    let instance = hub.connected().await;
    let removed = hub
        .request(Method::DELETE, &format!("instances/{instance}"))
        .send()
        .await;
    assert!(removed.unwrap().status().is_success());
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().await, Some(0));
    let restored = home.run(&["restore", path]).await.ok();
    assert!(
        restored.contains("before-restore-1") && restored.contains("no credentials"),
        "{restored}"
    );

    let mut hub = home.start(&[]).await;
    let instances = hub.until(|instances| instances.len() == 1).await;
    assert_eq!(instances[0]["id"], instance.as_str());
    until(async || {
        let health = hub.get("health").await;
        (health["journal"]["status"] == "ok").then_some(())
    })
    .await;
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().await, Some(0));

    let all = home.path("all.tar.zst");
    let said = home
        .run(&["backup", all.to_str().unwrap(), "--with-credentials"])
        .await
        .ok();
    assert!(!said.contains("passwords"), "{said}");
    home.run(&["restore", "nonexist"])
        .await
        .refused(1, &["there is no file nonexist"]);
    fs::write(home.path("bad"), "x").unwrap();
    let bad = home.path("bad");
    home.run(&["restore", bad.to_str().unwrap()])
        .await
        .refused(1, &["no backup of Drovers"]);
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let home = Home::new();
    fs::create_dir(home.data_dir()).unwrap();
    fs::write(home.data_dir().join("lock"), "").unwrap();
    let file = home.data_dir().join("format.json");
    fs::write(&file, r#"{"format": 2, "drovers": "9.0.0"}"#).unwrap();
    let done = home.run(&["--no-open", "--listen", "127.0.0.1:0"]).await;
    done.refused(
        4,
        &[
            "format.json",
            "newer Drovers (format 2, version 9.0.0)",
            "--data-dir",
        ],
    );
    assert!(fs::read_to_string(&file).unwrap().contains("9.0.0"));
}

//! The demo: sessions of every kind, soon, and nothing left of it.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::program::{Home, Running, until};

#[tokio::test]
async fn agents_live_within_five_seconds_and_no_trace_after() {
    let home = Home::new();
    let begun = Instant::now();
    let mut hub = Running::of(home.command(&[
        "demo",
        "--fake",
        "--no-open",
        "--no-auth",
        "--listen",
        "127.0.0.1:0",
    ]))
    .await;
    // Over all three folders.
    let all = async |kind: &str| {
        let mut all = Vec::new();
        let instances = hub.get("instances").await;
        for instance in instances.as_array()? {
            let id = instance["id"].as_str()?;
            all.extend(
                hub.get(&format!("instances/{id}/{kind}"))
                    .await
                    .as_array()?
                    .clone(),
            );
        }
        Some(all)
    };
    until(async || {
        let sessions = all("sessions").await?;
        let busy = sessions
            .iter()
            .filter(|session| session["status"]["type"] == "busy")
            .count();
        (busy >= 3 && sessions.len() >= 5).then_some(())
    })
    .await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    for kind in ["permissions", "questions"] {
        until(async || (all(kind).await?.len() == 1).then_some(())).await;
    }
    let child = |session: &Value| session["parentID"].is_string();
    until(async || all("sessions").await?.iter().any(child).then_some(())).await;
    hub.signal(Signal::SIGTERM);
    assert_eq!(hub.ended().await, Some(0));
    let left: Vec<_> = fs::read_dir(home.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn the_command_that_a_demo_names_prints_a_link_to_it() {
    let home = Home::new();
    let mut demo = home.command(&["demo", "--fake", "--no-open", "--listen", "127.0.0.1:0"]);
    demo.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = demo.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let listening = lines.next_line().await.unwrap().unwrap();
    let url = listening.rsplit_once(' ').unwrap().1;
    let opens = lines.next_line().await.unwrap().unwrap();
    let command = opens.split('`').nth(1).unwrap();
    let words: Vec<_> = command.split(' ').skip(1).collect();
    let link = home.run(&words).await.ok();
    assert!(
        link.starts_with(&format!("{url}/enter#")),
        "{command}: {link}"
    );
    demo.kill().await.unwrap();
}

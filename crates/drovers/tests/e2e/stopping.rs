//! *Stop*, and every other end of a run: what it asked is gone, and can be allowed by nobody here.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::bench::{Front, PATIENCE, prompt, session, until};

const CARD: &str = "document.querySelector('[data-k=asks] .card')";
const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";

/// A command that asks first, and leaves a file behind if it runs.
const COMMAND: &str = "permission echo needs-permission > ran.txt";

/// What waits at a server itself.
async fn waiting(front: &Front, list: &str) -> Result<Vec<Value>> {
    let folder = front.server.folder().to_string_lossy().into_owned();
    let url = format!("{}/{list}", front.server.url);
    let asked = reqwest::Client::new()
        .get(url)
        .query(&[("directory", folder)]);
    Ok(asked.send().await?.error_for_status()?.json().await?)
}

fn ran(front: &Front) -> PathBuf {
    front.server.folder().join("ran.txt")
}

async fn asked(front: &mut Front, text: &str) -> Result<()> {
    prompt(&front.page, text).await?;
    session(&front.page).await?;
    front.page.wait_for(CARD, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_refuses_what_its_whole_tree_asks() -> Result<()> {
    for (text, list) in [
        (format!("{COMMAND} ;; say done"), "permission"),
        (format!("task {{ {COMMAND} }} ;; say done"), "permission"),
        ("question Which? ;; say done".to_owned(), "question"),
    ] {
        let mut front = Front::open().await?;
        asked(&mut front, &text).await?;
        let before = waiting(&front, list).await?;
        ensure!(before.len() == 1, "{text}: {before:?}");
        front.page.click("[data-k=composer] .stop").await?;
        front.page.wait_for(&format!("!{CARD}"), PATIENCE).await?;
        front.page.wait_for(AT_REST, PATIENCE).await?;
        let after = waiting(&front, list).await?;
        ensure!(after.is_empty(), "{text}: {after:?} can still be allowed");
        // The next turn is one like any other.
        prompt(&front.page, "say again").await?;
        front
            .page
            .wait_for("document.body.innerText.includes('again')", PATIENCE)
            .await?;
        ensure!(!ran(&front).exists(), "{text} ran");
        front.page.assert_clean().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_with_a_run_that_another_client_stops() -> Result<()> {
    let mut front = Front::open().await?;
    asked(&mut front, &format!("{COMMAND} ;; say done")).await?;
    let id = session(&front.page).await?;
    let stop = format!("{}/session/{id}/abort", front.server.url);
    let stopped = reqwest::Client::new().post(stop).send().await?;
    stopped.error_for_status()?;
    front.page.wait_for(&format!("!{CARD}"), PATIENCE).await?;
    ensure!(!ran(&front).exists());
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_with_its_folder() -> Result<()> {
    let mut front = Front::open().await?;
    asked(&mut front, &format!("{COMMAND} ;; say done")).await?;
    let folder = front.server.folder().to_string_lossy().into_owned();
    let dispose = format!("{}/instance/dispose", front.server.url);
    let disposed = reqwest::Client::new()
        .post(dispose)
        .query(&[("directory", folder)]);
    disposed.send().await?.error_for_status()?;
    front.page.wait_for(&format!("!{CARD}"), PATIENCE).await?;
    ensure!(!ran(&front).exists());
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_answered_elsewhere_goes() -> Result<()> {
    let mut front = Front::open().await?;
    asked(&mut front, &format!("{COMMAND} ;; say done")).await?;
    let waits = waiting(&front, "permission").await?;
    let id = waits[0]["id"].as_str().unwrap_or_default();
    let reply = format!("{}/permission/{id}/reply", front.server.url);
    let folder = front.server.folder().to_string_lossy().into_owned();
    let reply = reqwest::Client::new()
        .post(reply)
        .query(&[("directory", folder)])
        .json(&serde_json::json!({"reply": "once"}));
    reply.send().await?.error_for_status()?;
    front.page.wait_for(&format!("!{CARD}"), PATIENCE).await?;
    let made = ran(&front);
    until("the file", async || Ok(made.exists().then_some(()))).await?;
    front.page.assert_clean().await
}

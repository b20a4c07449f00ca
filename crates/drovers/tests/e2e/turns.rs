//! A person prompts, and watches what comes of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use serde::Deserialize;

use crate::bench::{Drovers, Front, LAST_TEXT, PATIENCE, answer, plain, prompt, session};
use crate::consent::press_card;

#[derive(Deserialize)]
struct Shown {
    at: f64,
    text: String,
}

/// When the first increment of a text came to the hub, by the log feed, in ms since 1970.
pub(crate) async fn first_delta(drovers: &Drovers) -> Result<tokio::task::JoinHandle<Result<f64>>> {
    let mut log = reqwest::get(format!("{}/api/log", drovers.url))
        .await?
        .bytes_stream();
    Ok(tokio::spawn(async move {
        let mut heard = String::new();
        while let Some(chunk) = log.next().await {
            heard.push_str(&String::from_utf8_lossy(&chunk?));
            if heard.contains("message.part.delta") {
                return Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0);
            }
        }
        anyhow::bail!("the log ended")
    }))
}

/// Collects what `pick` gives whenever the page changes, each new value once.
fn watch(name: &str, pick: &str) -> String {
    format!(
        "(() => {{
            const seen = window.{name} = [];
            const look = () => {{
                let text; try {{ text = {pick}; }} catch {{ return; }}
                if (text && seen.at(-1)?.text !== text) seen.push({{at: Date.now(), text}});
            }};
            new MutationObserver(look).observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
            return true;
        }})()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_streams_into_the_page() -> Result<()> {
    let mut front = Front::open().await?;
    let Front {
        server,
        drovers,
        page,
        ..
    } = &mut front;
    page.eval::<bool>(&watch("texts", LAST_TEXT)).await?;
    let first = first_delta(drovers).await?;

    prompt(page, "echo 60 rate=30").await?;
    let session = session(page).await?;
    page.wait_for(
        "document.querySelector('article[data-role=assistant][data-status=complete]')",
        PATIENCE,
    )
    .await?;

    let on_page: String = page.eval(LAST_TEXT).await?;
    assert_eq!(on_page, plain(&answer(server, &session).await?));
    let shown: Vec<Shown> = page.eval("texts").await?;
    let growing: Vec<_> = shown.iter().filter(|shown| shown.text != on_page).collect();
    assert!(
        growing.len() >= 3,
        "only {} intermediate texts",
        growing.len()
    );
    for shown in &growing {
        assert!(
            on_page.starts_with(&shown.text),
            "{:?} is no beginning of {on_page:?}",
            shown.text
        );
    }
    let late = shown.first().context("something was shown")?.at - first.await??;
    assert!(
        late < 500.0,
        "the first text came {late} ms after its increment"
    );
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_seen_pending_running_and_done() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { page, .. } = &mut front;
    page.eval::<bool>(&watch(
        "states",
        "document.querySelector('.tool').dataset.status",
    ))
    .await?;

    prompt(
        page,
        "say running ;; bash for i in 1 2 3; do echo line $i; sleep 0.3; done ;; say all good",
    )
    .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'all good'"), PATIENCE)
        .await?;

    let states: Vec<Shown> = page.eval("states").await?;
    let states: Vec<_> = states.iter().map(|shown| shown.text.as_str()).collect();
    assert_eq!(states, ["pending", "running", "completed"]);
    page.click(".tool summary").await?;
    page.wait_for(
        "document.querySelector('.tool').innerText.includes('line 3')",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_appears_by_itself_and_its_permission_is_granted_from_its_parent() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { page, .. } = &mut front;

    prompt(page, "task { permission ;; say child ok } ;; say parent ok").await?;
    let parent = session(page).await?;
    page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    let tabs: Vec<String> = page
        .eval("[...document.querySelectorAll('[data-k=strip] a')].map(a => a.pathname)")
        .await?;
    assert_eq!(tabs.len(), 2, "{tabs:?}");
    assert!(tabs[0].ends_with(&parent));
    let here: String = page.eval("location.pathname").await?;
    assert!(here.ends_with(&parent), "the child does not take the focus");

    press_card(page, "[data-k=asks] .card button.main").await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'parent ok'"), PATIENCE)
        .await?;
    page.click("[data-k=strip] li:nth-child(2) a").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'child ok'"), PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_and_a_run_is_stopped() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { page, .. } = &mut front;

    prompt(page, "question Which colour? ;; say thanks").await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card input')",
        PATIENCE,
    )
    .await?;
    press_card(page, "[data-k=asks] .card input").await?;
    press_card(page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'thanks'"), PATIENCE)
        .await?;
    // What is said next must not be queued behind the end of this run, which is what would be stopped.
    let at_rest = "!document.querySelector('[data-k=composer][data-running]')";
    page.wait_for(at_rest, PATIENCE).await?;

    prompt(page, "echo 2000 rate=20").await?;
    page.wait_for(
        "document.querySelector('article[data-status=streaming] .text')",
        PATIENCE,
    )
    .await?;
    page.click("[data-k=composer] .stop").await?;
    page.wait_for(
        "document.querySelector('article[data-status=aborted]')",
        Duration::from_secs(10),
    )
    .await?;
    page.wait_for(at_rest, PATIENCE).await?;
    page.assert_clean().await
}

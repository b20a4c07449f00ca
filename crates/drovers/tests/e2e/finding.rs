//! Search in the conversations of all sessions, by keys, by taps and on the command line.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use crate::bench::{Bench, Drovers, PATIENCE, created, page, run, until};

const HITS: &str = "document.querySelectorAll('#search-hits li').length";

/// Waits until a query has so many hits.
async fn found(drovers: &Drovers, query: &str, many: usize) -> Result<Vec<Value>> {
    until(query, async || {
        let answer = drovers.get(&format!("/api/search?q={query}")).await?;
        let hits = answer["hits"].as_array().context("hits")?.clone();
        Ok((hits.len() == many).then_some(hits))
    })
    .await
}

async fn searching(page: &Page, query: &str) -> Result<()> {
    page.wait_for("document.querySelector('#search')?.open", PATIENCE)
        .await?;
    page.write(query).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from the index over keys to taps.
async fn what_sessions_of_all_instances_said_is_found_as_it_is_typed() -> Result<()> {
    let bench = Bench::new().await?;
    let (near, browser) = bench.server_and_browser("near").await?;
    let far = bench.server("far").await?;
    let drovers = Drovers::start(&bench, &[&near, &far]).await?;
    let (here, there) = (
        drovers.connected(&near).await?,
        drovers.connected(&far).await?,
    );
    let one = created(&near, &json!({ "title": "About parsing" })).await?;
    run(
        &near,
        &one,
        "say the parseErrorKind is wrong ;; bash echo zanzibar",
    )
    .await?;
    let two = created(&far, &json!({ "title": "About pages" })).await?;
    run(&far, &two, "say 修复登录页面 <b>bold</b>").await?;
    drovers.path_of(&here, &one).await?;
    drovers.path_of(&there, &two).await?;
    // A prompt, an answer and a tool call each have the word.
    found(&drovers, "zanzibar", 2).await?;
    let hits = found(&drovers, "zanzibar%20tool:bash", 1).await?;
    assert_eq!(
        (&hits[0]["kind"], &hits[0]["title"]),
        (&json!("tool"), &json!("About parsing"))
    );
    found(&drovers, "登录%20in:far", 2).await?;
    found(&drovers, "登录%20in:near", 0).await?;

    let mut page = page(&browser, &drovers, "/").await?;
    page.press("Control+Shift+F").await?;
    searching(&page, "errorkind from:agent").await?;
    page.wait_for(&format!("{HITS} === 1"), PATIENCE).await?;
    let marked: String = page
        .eval("document.querySelector('#search-hits mark').textContent")
        .await?;
    assert_eq!(marked, "ErrorKind");
    page.press("Enter").await?;
    page.wait_for(
        &format!("location.pathname.endsWith('/s/{one}') && location.hash.startsWith('#msg_') && document.activeElement.matches('[data-k]')"),
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>("document.querySelector('dialog[open]') === null")
            .await?
    );

    // The last query is there again; what others wrote is text.
    page.press("Control+Shift+F").await?;
    searching(&page, "登录").await?;
    page.wait_for(&format!("{HITS} === 2"), PATIENCE).await?;
    assert!(
        page.eval::<bool>("document.querySelector('#search-hits b') === null")
            .await?
    );
    page.press("ArrowDown").await?;
    let chosen: String = page
        .eval("document.querySelector('#search-hits [aria-selected=true] .quiet').textContent")
        .await?;
    ensure!(chosen.contains("prompt"), "{chosen}");
    page.press("Escape").await?;
    page.wait_for("document.querySelector('dialog[open]') === null", PATIENCE)
        .await?;

    // On a phone a tap on a hit leads to it.
    page.viewport(Viewport::PHONE).await?;
    page.press("Control+Shift+F").await?;
    page.wait_for(&format!("{HITS} === 2"), PATIENCE).await?;
    assert!(
        page.eval::<bool>("document.querySelector('#search').scrollWidth <= innerWidth")
            .await?
    );
    page.click("#search-hits li a").await?;
    page.wait_for(&format!("location.pathname.endsWith('/s/{two}')"), PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_session_is_not_found_any_more() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let mut sessions = Vec::new();
    for title in ["Stays", "Goes"] {
        let id = created(&server, &json!({ "title": title })).await?;
        run(&server, &id, "say wombat").await?;
        drovers.path_of(&instance, &id).await?;
        sessions.push(id);
    }
    found(&drovers, "wombat", 4).await?;
    let gone = format!("{}/session/{}", server.url, sessions[1]);
    reqwest::Client::new()
        .delete(gone)
        .send()
        .await?
        .error_for_status()?;
    let hits = found(&drovers, "wombat", 2).await?;
    assert!(hits.iter().all(|hit| hit["session"] == *sessions[0]));
    let refused = reqwest::get(format!("{}/api/search?q=after:monday", drovers.url)).await?;
    assert_eq!(refused.status(), 422);
    let problem = refused.text().await?;
    ensure!(problem.contains("write it as 2026-11-30"), "{problem}");
    Ok(())
}

//! Many pages, and sessions that come from elsewhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;

use crate::bench::{Front, LAST_TEXT, PATIENCE, Stage, created, elsewhere, page, plain, run};
use crate::legs::figure;
use crate::turns::first_delta;

/// Pages of one browser: many more than the connections that HTTP/1.1 gives one origin.
const PAGES: usize = 20;

/// Notes when a reply was seen first, and looks without being asked to.
const SEEN: &str = "(() => {
    const look = () => { if (document.querySelector('article[data-role=assistant] .text')?.textContent.length > 0) window.seen ??= Date.now(); };
    new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
    return true;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_browser_is_live() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = created(server, &json!({})).await?;
    // The first request of a folder makes the server ready for it: what it tells of that session may come late.
    let path = drovers.path_of(instance, &session).await?;
    let mut pages = Vec::new();
    for _ in 0..PAGES {
        let page = page(browser, drovers, &path).await?;
        page.eval::<bool>(SEEN).await?;
        pages.push(page);
    }
    let first = first_delta(drovers).await?;
    let body = json!({ "text": "echo 120 rate=30" });
    let sent = reqwest::Client::new()
        .post(format!(
            "{}/api/instances/{instance}/sessions/{session}/prompt",
            drovers.url
        ))
        .json(&body)
        .send()
        .await?;
    sent.error_for_status()?;
    let growing =
        "document.querySelector('article[data-status=streaming] .text')?.textContent.length > 20";
    try_join_all(pages.iter().map(|page| page.wait_for(growing, PATIENCE))).await?;
    let complete = "document.querySelector('article[data-role=assistant][data-status=complete]')";
    try_join_all(pages.iter().map(|page| page.wait_for(complete, PATIENCE))).await?;
    let truth = plain(&crate::bench::answer(server, &session).await?);
    let first = first.await??;
    let mut latest = 0.0_f64;
    for page in &mut pages {
        latest = latest.max(page.eval::<f64>("seen").await? - first);
        assert_eq!(page.eval::<String>(LAST_TEXT).await?, truth);
        page.assert_clean().await?;
    }
    figure(
        "the last of 20 pages shows a reply after its first increment, ms",
        latest,
    );
    assert!(latest < 1000.0, "the last page was {latest} ms late");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_begin_appears_at_any_depth() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { server, page, .. } = &mut front;
    // The first request makes the server ready for its folder.
    created(server, &json!({ "title": "warm" })).await?;
    page.wait_for("document.querySelector('[data-k=tree] li')", PATIENCE)
        .await?;
    page.eval::<bool>(
        "(() => { window.came = {};
            new MutationObserver(() => {
                for (const a of document.querySelectorAll('[data-k=tree] a[href*=\"/s/\"]')) came[a.pathname.split('/s/')[1]] ??= Date.now();
            }).observe(document, {subtree: true, childList: true});
            return true; })()",
    )
    .await?;
    let made = created(server, &json!({ "title": "from elsewhere" })).await?;
    let answered = SystemTime::now().duration_since(UNIX_EPOCH)?;
    page.wait_for(&format!("came['{made}']"), PATIENCE).await?;
    let came: f64 = page.eval(&format!("came['{made}']")).await?;
    let late = came - answered.as_secs_f64() * 1000.0;
    assert!(late < 1000.0, "it came {late} ms after it was made");

    let top = elsewhere(server, "task { say between } ;; say on top").await?;
    let child = "document.querySelector('[data-k=tree] li.depth-1 a')";
    page.wait_for(child, PATIENCE).await?;
    let child: String = page
        .eval(&format!("{child}.pathname.split('/s/')[1]"))
        .await?;
    // OpenCode's own subagents have no subagents; other clients of it nest as they like.
    let deepest = created(server, &json!({ "parentID": child })).await?;
    run(server, &deepest, "say the deepest").await?;
    page.wait_for(
        "document.querySelector('[data-k=tree] li.depth-2')",
        PATIENCE,
    )
    .await?;
    let deep: Vec<String> = page
        .eval("[...document.querySelectorAll('[data-k=tree] li')].map(li => li.className + ' ' + li.querySelector('a').pathname.split('/s/')[1])")
        .await?;
    let at = deep.iter().position(|row| *row == format!("depth-0 {top}"));
    let at = at.ok_or_else(|| anyhow::anyhow!("{deep:?}"))?;
    assert!(
        deep[at + 1].starts_with("depth-1") && deep[at + 2].starts_with("depth-2"),
        "{deep:?}"
    );
    page.click("[data-k=tree] li.depth-2 a").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'the deepest'"), PATIENCE)
        .await?;
    page.wait_for(
        "document.querySelectorAll('.above a').length === 2",
        Duration::from_secs(5),
    )
    .await?;
    page.assert_clean().await
}

//! Links to messages, and the way back through sessions and the overview.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::chromium::{Chromium, Page, Viewport};
use testkit::perf::stage::{Hub, Source};

use crate::bench::{
    Bench, Drovers, Front, LAST_TEXT, PATIENCE, Stage, elsewhere, page, prompt, session,
};

fn pointed(id: &str) -> String {
    format!(
        "(turn => turn && document.activeElement === turn
            && turn.getBoundingClientRect().top < innerHeight && turn.getBoundingClientRect().bottom > 0)
            (document.querySelector('[data-k=\"m:{id}\"]'))"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_message_is_copied_and_opens_there() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    page.viewport(Viewport::DESKTOP.sized(1280, 500)).await?;
    prompt(page, "echo 200 rate=0").await?;
    session(page).await?;
    page.wait_for(
        "document.querySelector('.turn.assistant[data-status=complete]')",
        PATIENCE,
    )
    .await?;
    prompt(page, "echo 200 rate=0").await?;
    page.wait_for(
        "document.querySelectorAll('.turn.assistant[data-status=complete]').length === 2",
        PATIENCE,
    )
    .await?;
    page.eval::<bool>(
        "(navigator.clipboard.write = async ([item]) => {
            window.copied = await (await item.getType('text/plain')).text();
        }, true)",
    )
    .await?;
    page.press("Escape").await?;
    page.press("Home").await?;
    let more = "article.user > .more";
    page.point(page.spot(more).await?).await?;
    page.click(more).await?;
    page.wait_for(
        "document.querySelector('#message-menu:popover-open')",
        PATIENCE,
    )
    .await?;
    page.click("#message-menu [data-act=link-message]").await?;
    page.wait_for("window.copied", PATIENCE).await?;
    let link: String = page.eval("window.copied").await?;
    let (address, id) = link.split_once('#').context("a message")?;
    let here: String = page.eval("location.href").await?;
    assert_eq!(address, here);
    let first: String = page
        .eval("document.querySelector('.turn').dataset.k")
        .await?;
    assert_eq!(first, format!("m:{id}"));

    // Elsewhere first, so that the whole page is loaded by the link.
    page.goto(&front.drovers.url).await?;
    page.goto(&link).await?;
    page.wait_for(&pointed(id), PATIENCE).await?;
    ensure!(
        page.eval::<bool>("document.documentElement.dataset.follows !== 'end'")
            .await?
    );
    front.page.assert_clean().await
}

async fn ids(source: &Source, session: &str) -> Result<Vec<String>> {
    let url = format!("{}/session/{session}/message", source.url());
    let all: Value = reqwest::get(url).await?.json().await?;
    let all = all.as_array().context("messages")?;
    Ok(all
        .iter()
        .filter_map(|one| one["info"]["id"].as_str())
        .map(str::to_owned)
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn older_messages_are_loaded_for_a_link_and_one_that_is_gone_is_told() -> Result<()> {
    let source = Source::start(0).await?;
    let session = source.session("A long session", 400)?;
    let binary = Path::new(env!("CARGO_BIN_EXE_drovers"));
    let hub = Hub::start(binary, source.url()).await?;
    let all = ids(&source, &session).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    let address = hub.sessions().replace("{session}", &session);
    page.goto(&format!("{address}#{}", all[20])).await?;
    page.wait_for(&pointed(&all[20]), PATIENCE).await?;
    let loaded: usize = page
        .eval("document.querySelectorAll('.turn').length")
        .await?;
    ensure!(loaded > 300, "{loaded}");

    page.goto("about:blank").await?;
    page.goto(&format!("{address}#{}x", all[20])).await?;
    let told = "document.querySelector('#hint').textContent.startsWith('The message of this link is not in this session')";
    page.wait_for(told, PATIENCE).await?;
    page.assert_clean().await
}

const SCROLL: &str = "Math.round(document.querySelector('#log').scrollTop)";

async fn at(page: &Page, path: &str) -> Result<()> {
    let current = format!(
        "location.pathname === '{path}' && document.documentElement.dataset.session === '{path}'.split('/s/')[1]"
    );
    page.wait_for(&current, PATIENCE).await
}

/// How far the conversation is scrolled once it rests: a key scrolls over several frames.
async fn scrolled(page: &Page) -> Result<i64> {
    let mut before = page.eval(SCROLL).await?;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        let now = page.eval(SCROLL).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_shows_each_session_where_it_was_left() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let mut paths = Vec::new();
    for text in ["echo 300 rate=0 ;; say one", "echo 300 rate=0 ;; say two"] {
        let session = elsewhere(server, text).await?;
        paths.push(drovers.path_of(instance, &session).await?);
    }
    let mut page = page(browser, drovers, &paths[0]).await?;
    page.viewport(Viewport::DESKTOP.sized(1280, 500)).await?;
    page.wait_for(&format!("{LAST_TEXT}.endsWith('one')"), PATIENCE)
        .await?;
    page.wait_for("history.state?.visit", PATIENCE).await?;
    page.press("Escape").await?;
    page.press("Home").await?;
    page.press("PageDown").await?;
    page.wait_for(&format!("{SCROLL} > 50"), PATIENCE).await?;
    let left = scrolled(&page).await?;
    // Below the cards, which stay in sight.
    let other = format!("[data-k=tree] a[href='{}']", paths[1]);
    page.eval::<bool>(&format!(
        "(document.querySelector(\"{other}\").scrollIntoView({{ block: 'end' }}), true)"
    ))
    .await?;
    page.click(&other).await?;
    at(&page, &paths[1]).await?;
    page.wait_for(&format!("{LAST_TEXT}.endsWith('two')"), PATIENCE)
        .await?;
    page.eval::<bool>("history.back() ?? true").await?;
    at(&page, &paths[0]).await?;
    page.wait_for(&format!("{SCROLL} === {left}"), PATIENCE)
        .await?;
    page.eval::<bool>("history.forward() ?? true").await?;
    at(&page, &paths[1]).await?;
    page.wait_for(
        "document.documentElement.dataset.follows === 'end'",
        PATIENCE,
    )
    .await?;

    // By the overview as well.
    page.press("g").await?;
    page.press("o").await?;
    page.wait_for("document.querySelector('[data-k=overview]')", PATIENCE)
        .await?;
    for _ in 0..2 {
        page.eval::<bool>("history.back() ?? true").await?;
        at(&page, &paths[1]).await?;
        page.eval::<bool>("history.forward() ?? true").await?;
        page.wait_for("document.querySelector('[data-k=overview]')", PATIENCE)
            .await?;
    }
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_switch_instances_unless_a_question_has_them() -> Result<()> {
    let bench = Bench::new().await?;
    let (near, browser) = bench.server_and_browser("near").await?;
    let far = bench.server("far").await?;
    let drovers = Drovers::start(&bench, &[&near, &far]).await?;
    let instance = drovers.connected(&near).await?;
    let other = drovers.connected(&far).await?;
    let plain = elsewhere(&near, "say one").await?;
    let plain = drovers.path_of(&instance, &plain).await?;
    let question = elsewhere(&far, "question").await?;
    let question = drovers.path_of(&other, &question).await?;
    let mut page = page(&browser, &drovers, &plain).await?;
    let blur = async |page: &Page| {
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await
    };
    let first = format!("document.querySelector('.tab a').pathname === '/i/{instance}'");
    let (to_far, to_near) = match page.eval::<bool>(&first).await? {
        true => ("2", "1"),
        false => ("1", "2"),
    };
    blur(&page).await?;
    page.press(to_far).await?;
    page.wait_for(&format!("location.pathname === '/i/{other}'"), PATIENCE)
        .await?;
    page.click(&format!("[data-k=tree] a[href='{question}']"))
        .await?;
    at(&page, &question).await?;
    page.wait_for(
        "document.querySelector('.asks li.card[data-ready]')",
        PATIENCE,
    )
    .await?;
    // The question has them, and those of the lists are those of instances.
    blur(&page).await?;
    page.press("1").await?;
    page.wait_for("document.querySelector('.asks input:checked')", PATIENCE)
        .await?;
    at(&page, &question).await?;
    let row = format!("document.querySelector(\"[data-k=tree] a[href='{question}']\")");
    page.eval::<bool>(&format!("({row}.focus(), true)")).await?;
    page.press(to_near).await?;
    // An instance comes back with the session that was in front there.
    at(&page, &plain).await?;
    page.press(to_far).await?;
    at(&page, &question).await?;
    page.assert_clean().await
}

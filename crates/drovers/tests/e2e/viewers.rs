//! Viewers that do not look, or cannot: they cost nothing, and are right at once when they do again.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use testkit::proxy::{Flow, Proxy};

use crate::bench::{Drovers, PATIENCE, Stage, answer, created, page_at, plain, run};
use crate::legs::{AT_ONCE, GROWING, Legs, ONLINE, figure, over, right};

/// Much text, fast: more than 25 kB/s for eight seconds, and no more than a page shows of one text.
const FLOOD: &str = "echo 2000 rate=250 big=100";

/// Bytes that a hub may grow by meanwhile: the text itself, its events in the log, and what is drawn of it, each once.
const FLAT: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_viewer_costs_nothing_and_is_right_when_it_wakes() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let suspended = Proxy::of(&drovers.url).await?;
    let made = created(server, &json!({})).await?;
    let path = drovers.path_of(instance, &made).await?;
    let mut asleep = page_at(browser, &format!("{}{path}", suspended.url())).await?;
    let mut awake = page_at(browser, &format!("{}{path}", drovers.url)).await?;
    run(server, &made, FLOOD).await?;
    asleep.wait_for(GROWING, PATIENCE).await?;

    suspended.set_both(Flow::Stall);
    let before = anonymous(drovers)?;
    over(server, &made).await?;
    let truth = right(&plain(&answer(server, &made).await?));
    awake.wait_for(&truth, PATIENCE).await?;
    let grown = anonymous(drovers)?.saturating_sub(before);
    figure("a hub grew beside a suspended viewer, bytes", grown);
    assert!(grown < FLAT, "{grown} bytes");
    let behind: bool = asleep.eval(&format!("!({truth})")).await?;
    assert!(behind, "it was asleep");

    let woken = Instant::now();
    suspended.set_both(Flow::Pass);
    asleep.wait_for(&truth, PATIENCE).await?;
    let took = woken.elapsed();
    figure("right after waking", took);
    assert!(took <= AT_ONCE, "it took {took:?}");
    awake.assert_clean().await?;
    asleep.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_asks_for_no_stream_and_is_right_when_it_is_seen() -> Result<()> {
    let mut legs = Legs::open().await?;
    let session = legs.growing(FLOOD).await?;
    // The service worker has stored the shell.
    legs.page
        .eval::<bool>("navigator.serviceWorker.ready.then(() => true)")
        .await?;
    let other = legs.browser.page().await?;
    legs.page.pretend(false).await?;
    other.pretend(false).await?;
    other.front().await?;
    legs.page.wait_for("document.hidden", PATIENCE).await?;
    // What it says is heard before the answer to what it asks afterwards.
    legs.page
        .eval::<bool>("fetch('/api/health').then(answer => answer.ok)")
        .await?;

    let before = legs.lower.count().down;
    legs.over(&session).await?;
    let sent = legs.lower.count().down - before;
    figure(
        "sent to a hidden page while a reply grew by 200 kB, bytes",
        sent,
    );
    assert!(sent < 4096, "{sent} bytes");

    let right = legs.right(&session).await?;
    let seen = Instant::now();
    legs.page.front().await?;
    legs.page.wait_for(&right, PATIENCE).await?;
    let took = seen.elapsed();
    figure("right after being seen", took);
    assert!(took <= AT_ONCE, "it took {took:?}");
    legs.assert_healed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicated_tab_harms_no_one() -> Result<()> {
    let mut legs = Legs::open().await?;
    let session = legs.growing("echo 200 rate=30").await?;
    legs.page
        .eval::<bool>("sessionStorage.setItem('mine', 1) ?? true")
        .await?;
    let mut twin = legs.browser.duplicate(&legs.page).await?;
    twin.wait_for(&format!("({ONLINE}) && {GROWING}"), PATIENCE)
        .await?;
    assert!(twin.eval::<bool>("sessionStorage.mine === '1'").await?);
    let settled = legs.lower.count().ever;
    legs.over(&session).await?;
    let right = legs.right(&session).await?;
    for page in [&legs.page, &twin] {
        page.wait_for(&right, PATIENCE).await?;
    }
    let more = legs.lower.count().ever - settled;
    figure("connections made beside a duplicated tab", more);
    assert!(
        more <= 4,
        "{more} more connections: they cut each other off"
    );
    let viewers = legs.drovers.get("/api/health").await?["viewers"].clone();
    assert_eq!(viewers, 2);
    twin.assert_clean().await?;
    legs.assert_healed().await
}

/// Memory of a hub that nothing else could hold.
fn anonymous(drovers: &Drovers) -> Result<usize> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", drovers.pid()?))?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(kilobytes.context("a figure")?.trim().parse::<usize>()? << 10)
}

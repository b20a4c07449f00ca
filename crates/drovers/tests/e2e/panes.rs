//! Panes at the sides and the peek: resized and folded by pointer and keys, and kept so.

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::chromium::{Page, Spot, Viewport};

use crate::bench::{Front, PATIENCE, created, prompt, session};

fn width(of: &str) -> String {
    format!("Math.round(document.querySelector('{of}').getBoundingClientRect().width)")
}

async fn is_wide(page: &Page, of: &str, pixels: i64) -> Result<()> {
    let is = width(of);
    if let Err(error) = page.wait_for(&format!("{is} === {pixels}"), PATIENCE).await {
        let seen: i64 = page.eval(&is).await?;
        return Err(error.context(format!("{of} is {seen} wide, not {pixels}")));
    }
    Ok(())
}

/// Waits until the script of the panes runs: it says how far an edge can go.
async fn edges_ready(page: &Page, pane: &str) -> Result<()> {
    let edge = format!(".split[data-pane={pane}]");
    let drawn = format!("document.querySelector('{edge}')?.checkVisibility()");
    page.wait_for(&drawn, PATIENCE).await?;
    page.point(page.spot(&edge).await?).await?;
    let known = format!("document.querySelector('{edge}').ariaValueMax !== null");
    page.wait_for(&known, PATIENCE).await
}

async fn drag(page: &Page, pane: &str, by: f64) -> Result<()> {
    edges_ready(page, pane).await?;
    let from = page.spot(&format!(".split[data-pane={pane}]")).await?;
    page.point(from).await?;
    page.button_down(from, 1).await?;
    for part in [0.5, 1.0] {
        page.point(Spot {
            x: from.x + by * part,
            y: from.y,
        })
        .await?;
    }
    page.button_up(
        Spot {
            x: from.x + by,
            y: from.y,
        },
        1,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over both panes and the peek.
async fn panes_are_resized_and_folded_and_stay_so() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    page.viewport(Viewport::DESKTOP.sized(1400, 800)).await?;
    prompt(page, "say hello").await?;
    session(page).await?;
    is_wide(page, "#left", 288).await?;
    is_wide(page, "#right", 264).await?;
    drag(page, "left", 100.0).await?;
    is_wide(page, "#left", 388).await?;
    drag(page, "right", -50.0).await?;
    is_wide(page, "#right", 314).await?;
    // The conversation keeps its room.
    drag(page, "left", 900.0).await?;
    is_wide(page, "#main", 400).await?;
    page.viewport(Viewport::DESKTOP.sized(1200, 800)).await?;
    is_wide(page, "#main", 400).await?;
    page.viewport(Viewport::DESKTOP.sized(1400, 800)).await?;

    // By keys, and back to what is usual by a double click.
    page.eval::<bool>("(document.querySelector('.split[data-pane=left]').focus(), true)")
        .await?;
    page.press("Home").await?;
    is_wide(page, "#left", 200).await?;
    page.press("ArrowRight").await?;
    is_wide(page, "#left", 216).await?;
    let told: String = page
        .eval("document.querySelector('.split[data-pane=left]').ariaValueNow")
        .await?;
    assert_eq!(told, "216");
    page.eval::<bool>("location.reload() ?? true").await?;
    is_wide(page, "#left", 216).await?;
    is_wide(page, "#right", 314).await?;
    page.wait_for("document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    edges_ready(page, "left").await?;
    page.clicks(page.spot(".split[data-pane=left]").await?, 2)
        .await?;
    is_wide(page, "#left", 288).await?;

    // What is folded leaves a way back, and is folded on the next page as well.
    page.press("Escape").await?;
    page.press("b").await?;
    is_wide(page, "#left", 44).await?;
    // How many requests wait is in sight all the same.
    let requests = "getComputedStyle(document.querySelector('.calm'), '::before').content";
    page.eval::<bool>("(document.querySelector('.calm').dataset.needs = '2', true)")
        .await?;
    page.wait_for(
        &format!("{requests}.includes('2') && document.querySelector('.calm').checkVisibility()"),
        PATIENCE,
    )
    .await?;
    page.press("B").await?;
    page.wait_for(
        "!document.querySelector('#right').checkVisibility()",
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    is_wide(page, "#left", 44).await?;
    // The left pane is drawn before the right one has come.
    page.wait_for(
        "document.querySelector('#right')?.checkVisibility() === false",
        PATIENCE,
    )
    .await?;
    page.wait_for(
        "document.querySelector('#left > .shut').textContent === '»'",
        PATIENCE,
    )
    .await?;
    let axe = testkit::axe::violations(page).await?;
    ensure!(axe.is_empty(), "{axe:?}");
    page.click("#left > .shut").await?;
    is_wide(page, "#left", 288).await?;
    page.click(".head [data-sheet=right]").await?;
    is_wide(page, "#right", 314).await?;
    drag(page, "left", -250.0).await?;
    is_wide(page, "#left", 44).await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peek_is_resized_and_stays_so() -> Result<()> {
    let mut front = Front::open().await?;
    created(&front.server, &json!({ "title": "Looked at" })).await?;
    let page = &front.page;
    page.wait_for("document.querySelector('[data-k=tree-list] li')", PATIENCE)
        .await?;
    page.goto(&front.drovers.url).await?;
    page.viewport(Viewport::DESKTOP.sized(1400, 800)).await?;
    page.wait_for(
        "document.querySelector('[data-k=overview-list] .session')",
        PATIENCE,
    )
    .await?;
    page.press("j").await?;
    page.press(" ").await?;
    page.wait_for("document.querySelector('.peek')", PATIENCE)
        .await?;
    let before: i64 = page.eval(&width(".peek")).await?;
    drag(page, "peek", 100.0).await?;
    is_wide(page, ".peek", before - 100).await?;
    drag(page, "peek", 900.0).await?;
    is_wide(page, ".peek", 400).await?;
    drag(page, "peek", -900.0).await?;
    is_wide(page, ".board > .sessions", 320).await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    is_wide(page, ".board > .sessions", 320).await?;
    front.page.assert_clean().await
}

//! Marks on several sessions, and what is done with all of them at once, in the tree and in the overview.

use anyhow::{Result, ensure};
use testkit::chromium::{Page, Viewport};

use crate::bench::{Front, PATIENCE, elsewhere, until};
use crate::tree::{focus, link, named, titles, tree_ready};

const BAR: &str = "(bar => bar && !bar.hidden && bar.querySelector('span').textContent)(document.querySelector('#bulk'))";
const NOTE: &str = "(document.querySelector('#undos li:last-child span')?.textContent ?? '')";

async fn marked(page: &Page, text: &str) -> Result<()> {
    page.wait_for(&format!("{BAR} === '{text}'"), PATIENCE)
        .await
}

async fn press_bar(page: &Page, label: &str) -> Result<()> {
    let press = format!(
        "(button => {{ button.id = 'pressed'; return true; }})([...document.querySelectorAll('#bulk button')].find(one => one.textContent === '{label}'))"
    );
    page.eval::<bool>(&press).await?;
    page.click("#pressed").await?;
    page.eval::<bool>("(document.querySelector('#pressed').removeAttribute('id'), true)")
        .await?;
    Ok(())
}

async fn note(page: &Page, text: &str) -> Result<()> {
    page.wait_for(&format!("{NOTE}.startsWith('{text}')"), PATIENCE)
        .await
}

async fn undo(page: &Page) -> Result<()> {
    page.click("#undos li:last-child button").await
}

/// Pauses so long that a key counts as meant.
async fn rest(page: &Page) -> Result<()> {
    page.eval::<bool>("new Promise(rest => setTimeout(() => rest(true), 450))")
        .await?;
    Ok(())
}

async fn is_there(front: &Front, id: &str) -> Result<bool> {
    let answer = reqwest::get(format!("{}/session/{id}", front.server.url)).await?;
    Ok(answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_are_marked_by_keys_and_archived_at_once() -> Result<()> {
    let mut front = Front::open().await?;
    let mut ids = Vec::new();
    for title in ["One", "Two", "Three", "Four"] {
        ids.push(named(&front, title, None).await?);
    }
    let page = &front.page;
    tree_ready(page).await?;
    focus(page, &ids[3]).await?;
    rest(page).await?;
    page.press("v").await?;
    marked(page, "1 marked:").await?;
    page.press("Shift+ArrowDown").await?;
    marked(page, "2 marked:").await?;
    page.press("Shift+ArrowDown").await?;
    marked(page, "3 marked:").await?;
    // Back again, the range becomes shorter.
    page.press("Shift+ArrowUp").await?;
    marked(page, "2 marked:").await?;
    ensure!(
        page.eval::<bool>(&format!("{}.ariaSelected === 'true'", link(&ids[2])))
            .await?
    );
    page.press("Escape").await?;
    page.wait_for(&format!("!{BAR}"), PATIENCE).await?;
    ensure!(
        !page
            .eval::<bool>("location.pathname.includes('/s/')")
            .await?
    );

    // A click with Shift marks all rows in between, and opens nothing.
    focus(page, &ids[3]).await?;
    let last = page.spot(&format!("[data-k=\"s:{}\"] > a", ids[1])).await?;
    page.click_with_shift(last).await?;
    marked(page, "3 marked:").await?;
    ensure!(
        !page
            .eval::<bool>("location.pathname.includes('/s/')")
            .await?
    );
    press_bar(page, "Archive").await?;
    note(page, "Archived 3 sessions.").await?;
    titles(page, &["One"]).await?;
    undo(page).await?;
    note(page, "Restored 3 sessions.").await?;
    titles(page, &["Four", "Three", "Two", "One"]).await?;

    // One of two fails: both results are told.
    page.eval::<bool>(&format!(
        "(real => {{ window.fetch = (url, init) => String(url).includes('{}') && init?.method === 'PATCH'
            ? Promise.resolve(new Response('{{\"title\":\"It is locked\"}}', {{ status: 409 }})) : real(url, init); return true; }})(window.fetch)",
        ids[2]
    ))
    .await?;
    focus(page, &ids[3]).await?;
    rest(page).await?;
    page.press("v").await?;
    marked(page, "1 marked:").await?;
    page.press("Shift+ArrowDown").await?;
    marked(page, "2 marked:").await?;
    press_bar(page, "Archive").await?;
    note(
        page,
        "Archived 1 of 2 sessions. Not done: “Three”: It is locked",
    )
    .await?;
    titles(page, &["Three", "Two", "One"]).await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_are_deleted_stopped_and_done_from_the_overview() -> Result<()> {
    let mut front = Front::open().await?;
    let mut ids = Vec::new();
    for title in ["One", "Two", "Three"] {
        ids.push(named(&front, title, None).await?);
    }
    let busy = elsewhere(&front.server, "stall 600").await?;
    front
        .page
        .wait_for(&format!("!!{}", link(&busy)), PATIENCE)
        .await?;
    front.page.goto(&front.drovers.url).await?;
    let page = &front.page;
    let rows = "document.querySelectorAll('[data-k=overview-list] > .session')";
    page.wait_for(&format!("{rows}.length === 4"), PATIENCE)
        .await?;
    let shown = format!("[...{rows}].filter(row => row.checkVisibility()).length");
    page.press("j").await?;
    page.wait_for("document.activeElement.dataset.peek", PATIENCE)
        .await?;
    rest(page).await?;
    page.press("v").await?;
    marked(page, "1 marked:").await?;
    press_bar(page, "Stop").await?;
    note(page, "Stopped 1 session.").await?;
    until("the end of the run", async || {
        let statuses: serde_json::Value =
            reqwest::get(format!("{}/session/status", front.server.url))
                .await?
                .json()
                .await?;
        Ok(statuses[&busy].is_null().then_some(()))
    })
    .await?;

    let page = &front.page;
    page.press("End").await?;
    page.press("Shift+ArrowUp").await?;
    marked(page, "2 marked:").await?;
    press_bar(page, "Delete").await?;
    note(page, "Deleting 2 sessions with their subagents.").await?;
    page.wait_for(&format!("{shown} === 2"), PATIENCE).await?;
    undo(page).await?;
    page.wait_for(&format!("{shown} === 4"), PATIENCE).await?;
    page.press("k").await?;
    page.press("End").await?;
    page.press("Shift+ArrowUp").await?;
    marked(page, "2 marked:").await?;
    press_bar(page, "Delete").await?;
    page.wait_for(&format!("{rows}.length === 2"), PATIENCE)
        .await?;
    let mut left = 0;
    for id in &ids {
        left += usize::from(is_there(&front, id).await?);
    }
    assert_eq!(left, 1);
    ensure!(is_there(&front, &busy).await?);
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finger_marks_several_after_the_menu_began() -> Result<()> {
    let mut front = Front::open().await?;
    let one = named(&front, "One", None).await?;
    let two = named(&front, "Two", None).await?;
    let page = &front.page;
    page.viewport(Viewport::PHONE).await?;
    page.tap(page.spot(".head [data-sheet=left]").await?)
        .await?;
    page.wait_for(&format!("{}.checkVisibility()", link(&one)), PATIENCE)
        .await?;
    page.long_tap(page.spot(&format!("[data-k=\"s:{one}\"] > a")).await?)
        .await?;
    page.wait_for("document.querySelector('.menu:popover-open')", PATIENCE)
        .await?;
    page.tap(page.spot("#session-menu [data-act=mark]").await?)
        .await?;
    marked(page, "1 marked:").await?;
    page.tap(page.spot(&format!("[data-k=\"s:{two}\"] > a")).await?)
        .await?;
    marked(page, "2 marked:").await?;
    let small = "[...document.querySelectorAll('#bulk button')].filter(one => one.getBoundingClientRect().height < 44).length";
    assert_eq!(page.eval::<usize>(small).await?, 0);
    press_bar(page, "Archive").await?;
    note(page, "Archived 2 sessions.").await?;
    titles(page, &[]).await?;
    front.page.assert_clean().await
}

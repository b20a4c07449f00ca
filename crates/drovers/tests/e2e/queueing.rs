//! What is sent while a session is busy: the hub's queue, as a person orders, changes, holds and loses nothing of it.

use anyhow::Result;
use serde_json::Value;
use testkit::chromium::{Chromium, Page};

use crate::bench::{Drovers, Front, LAST_TEXT, PATIENCE, page, prompt, session};
use crate::consent::press_card;
use crate::prompting::{AT_REST, TEXT, loaded, with_command};

/// The prompts of the queue, as they are shown.
const QUEUED: &str = "[...document.querySelectorAll('[data-k=queue] li .what')].map(one => one.textContent).join('|')";

/// A session that is busy until its request is answered.
async fn busy(page: &Page) -> Result<String> {
    loaded(page).await?;
    prompt(page, "permission ;; say first").await?;
    let id = session(page).await?;
    page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    Ok(id)
}

async fn queued(page: &Page, texts: &str) -> Result<()> {
    page.wait_for(&format!("{QUEUED} === '{texts}'"), PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_after_the_turn_is_queued_ordered_edited_and_sent() -> Result<()> {
    let mut front = Front::open().await?;
    busy(&front.page).await?;
    let page = &front.page;
    page.click("#text").await?;
    page.write("say two").await?;
    page.press("Alt+Enter").await?;
    queued(page, "say two").await?;
    assert_eq!(page.eval::<String>(TEXT).await?, "");
    for text in ["say three", "say four"] {
        page.fill("#text", text).await?;
        page.click("#prompt .later").await?;
        page.wait_for(&format!("{QUEUED}.endsWith('{text}')"), PATIENCE)
            .await?;
    }
    page.click("[data-k=queue] li:nth-child(2) [data-act=up]")
        .await?;
    queued(page, "say three|say two|say four").await?;
    page.wait_for("document.activeElement.dataset.act === 'edit'", PATIENCE)
        .await?;
    page.click("[data-k=queue] li:nth-child(3) [data-act=remove]")
        .await?;
    queued(page, "say three|say two").await?;
    page.click("[data-k=queue] li:nth-child(2) [data-act=edit]")
        .await?;
    page.wait_for("document.querySelector('#queued[open] textarea')", PATIENCE)
        .await?;
    page.fill("#queued textarea", "say second").await?;
    page.click("#queued button.main").await?;
    queued(page, "say three|say second").await?;
    // A reload shows the same: the queue is the hub's.
    page.eval::<bool>("location.reload() ?? true").await?;
    loaded(page).await?;
    queued(page, "say three|say second").await?;
    press_card(page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'second'"), PATIENCE)
        .await?;
    queued(page, "").await?;
    let said: String = page
        .eval("[...document.querySelectorAll('.turn.user .said')].map(one => one.textContent.trim()).join('|')")
        .await?;
    assert_eq!(said, "permission ;; say first|say three|say second");
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_twice_stops_and_holds_the_queue_until_it_is_continued() -> Result<()> {
    let mut front = Front::open().await?;
    busy(&front.page).await?;
    let page = &front.page;
    page.fill("#text", "say two").await?;
    page.press("Alt+Enter").await?;
    queued(page, "say two").await?;
    page.press("Escape").await?;
    page.wait_for(
        "document.querySelector('#hint').textContent.includes('again')",
        PATIENCE,
    )
    .await?;
    for _ in 0..2 {
        page.press("Escape").await?;
    }
    page.wait_for(AT_REST, PATIENCE).await?;
    page.wait_for(
        "document.querySelector('[data-k=queue] .held')?.textContent.includes('you stopped')",
        PATIENCE,
    )
    .await?;
    queued(page, "say two").await?;
    page.click("[data-k=queue] [data-act=continue]").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'two'"), PATIENCE)
        .await?;
    queued(page, "").await?;
    front.page.assert_clean().await
}

/// Takes a prompt out of the queue, as another device does.
async fn remove_elsewhere(drovers: &Drovers, page: &Page) -> Result<()> {
    let url: String = page
        .eval("document.querySelector('[data-k=queue]').dataset.url")
        .await?;
    let queue: Value = drovers.get(&url).await?;
    let id = queue["prompts"][0]["id"].as_str().unwrap_or_default();
    let removed = reqwest::Client::new().delete(format!("{}{url}/{id}", drovers.url));
    removed.send().await?.error_for_status()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_left_the_queue_while_it_was_edited_loses_no_text() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    busy(page).await?;
    page.fill("#text", "say two").await?;
    page.press("Alt+Enter").await?;
    queued(page, "say two").await?;
    page.write("begun").await?;
    let edit = "[data-k=queue] [data-act=edit]";
    page.click(edit).await?;
    page.wait_for("document.querySelector('#queued[open] textarea')", PATIENCE)
        .await?;
    page.fill("#queued textarea", "say what took a minute to write")
        .await?;
    remove_elsewhere(&front.drovers, page).await?;
    queued(page, "").await?;
    page.click("#queued button.main").await?;
    let kept = format!("{TEXT} === 'begun\\nsay what took a minute to write'");
    page.wait_for(&kept, PATIENCE).await?;
    page.wait_for(
        "document.activeElement.id === 'text' && document.querySelector('#hint').innerText.includes('What you wrote is in the prompt')",
        PATIENCE,
    )
    .await?;
    front.page.assert_clean_but(&["404"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_a_command_and_a_shell_command_wait_for_a_busy_session_in_their_order()
-> Result<()> {
    let (_bench, _server, drovers, instance) = with_command().await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    busy(&page).await?;
    page.click("#text").await?;
    for (text, shown) in [("say two", "say two"), ("/greet Ada", "say two|/greet Ada")] {
        page.fill("#text", text).await?;
        page.click("#prompt .later").await?;
        queued(&page, shown).await?;
    }
    // A shell command never steers a run: it waits whatever Enter means.
    page.fill("#text", "!echo from-the-shell").await?;
    page.press("Enter").await?;
    queued(&page, "say two|/greet Ada|!echo from-the-shell").await?;
    assert_eq!(page.eval::<String>(TEXT).await?, "");
    press_card(&page, "[data-k=asks] .card button.main").await?;
    queued(&page, "").await?;
    page.wait_for(
        "[...document.querySelectorAll('.tool')].at(-1)?.textContent.includes('echo from-the-shell')",
        PATIENCE,
    )
    .await?;
    page.wait_for(AT_REST, PATIENCE).await?;
    let answers: Vec<String> = page
        .eval("[...document.querySelectorAll('article[data-role=assistant] .text')].map(one => one.textContent.trim())")
        .await?;
    assert_eq!(answers, ["first", "two", "hello Ada"]);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_nobody_can_look_up_is_not_sent_as_a_prompt() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    page.eval::<bool>(
        "(() => {
            const real = window.fetch;
            window.fetch = (url, init) => (String(url).includes('/completions') ? Promise.reject(new TypeError('away')) : real(url, init));
            return true;
        })()",
    )
    .await?;
    page.fill("#text", "/compact now").await?;
    page.click("#prompt .send").await?;
    page.wait_for(
        "document.querySelector('#prompt > .problem').innerText.includes('not known whether this is a command')",
        PATIENCE,
    )
    .await?;
    assert_eq!(page.eval::<String>(TEXT).await?, "/compact now");
    let outbox = "document.querySelectorAll('#outbox li, .turn').length";
    assert_eq!(page.eval::<u32>(outbox).await?, 0);
    front.page.assert_clean().await
}

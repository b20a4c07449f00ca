//! The main jobs of the cockpit on a service of OpenCode 2, by keys, clicks and a thumb.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::Value;
use testkit::chromium::{Page, Viewport};

use super::{AT_REST, Front};
use crate::bench::{LAST_TEXT, PATIENCE, listed, prompt, session, until};
use crate::consent::{A_WHILE, pause, press_card, reject_by_key};
use crate::menu::{MENU_OPEN, choose};
use crate::prompting::{PNG, attached, loaded, paste};

/// Titles of the rows under each title of a group, as a person reads them.
const GROUPS: &str = "[...document.querySelectorAll('[data-k=overview-list] > li')]
    .filter(row => row.checkVisibility())
    .map(row => row.matches('.group') ? '# ' + row.innerText.trim() : row.querySelector('.name').innerText)";

/// The title of the row that has the focus.
const CURSOR: &str = "document.activeElement.querySelector('.name')?.innerText ?? ''";

async fn answered(page: &Page, text: &str) -> Result<()> {
    page.wait_for(&format!("{AT_REST} && {LAST_TEXT} === '{text}'"), PATIENCE)
        .await
}

/// A session with two turns in front of the page, and nothing focused.
async fn two_turns() -> Result<(Front, String)> {
    let front = Front::open().await?;
    loaded(&front.page).await?;
    prompt(&front.page, "say one").await?;
    let id = session(&front.page).await?;
    answered(&front.page, "one").await?;
    prompt(&front.page, "say two").await?;
    answered(&front.page, "two").await?;
    front.page.press("Escape").await?;
    Ok((front, id))
}

/// The card that keys answer, once it has been in sight for long enough.
async fn marked(page: &Page) -> Result<()> {
    page.wait_for(
        "document.querySelector('[data-k=needs] li.card[data-marked][data-ready]')",
        PATIENCE,
    )
    .await?;
    pause(page, A_WHILE).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over the whole of the list.
async fn the_overview_is_moved_through_and_requests_are_answered_by_keys() -> Result<()> {
    let mut front = Front::open().await?;
    let works = front.begun("Works", "/w/shop", "echo 3000 rate=20").await?;
    let asks = front
        .begun("Asks", "/w/blog", "permission ;; say allowed")
        .await?;
    front.begun("Ended", "/w/shop", "say all is well").await?;
    front.goto("/").await?;
    let page = &front.page;
    let all = [
        "# Needs you 1",
        "Asks",
        "# To review 1",
        "Ended",
        "# Working 1",
        "Works",
    ];
    listed(page, GROUPS, &all).await?;
    for (key, title) in [
        ("j", "Asks"),
        ("j", "Ended"),
        ("ArrowDown", "Works"),
        ("k", "Ended"),
        ("k", "Asks"),
    ] {
        page.press(key).await?;
        page.wait_for(&format!("({CURSOR}) === '{title}'"), PATIENCE)
            .await?;
    }
    page.press(" ").await?;
    page.wait_for("document.querySelector('.peek #log .turn')", PATIENCE)
        .await?;
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('.peek')", PATIENCE)
        .await?;
    marked(page).await?;
    page.press("a").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] .card:not(.still)')",
        PATIENCE,
    )
    .await?;
    until("what was allowed", async || {
        let path = format!("session/{asks}/message");
        let messages = front.ask(Method::GET, &path, Value::Null).await?;
        Ok(messages.to_string().contains("allowed\"").then_some(()))
    })
    .await?;

    // Another one is rejected, with a reason that its model gets.
    let refused = front
        .begun("Asks again", "/w/blog", "permission ;; say allowed")
        .await?;
    let page = &front.page;
    marked(page).await?;
    reject_by_key(page, "use another way").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] button[value=reject]')",
        PATIENCE,
    )
    .await?;
    until("the reason", async || {
        let path = format!("session/{refused}/message");
        let messages = front.ask(Method::GET, &path, Value::Null).await?;
        let has = messages.to_string().contains("use another way");
        Ok(has.then_some(()))
    })
    .await?;

    // What runs is stopped by two presses of Escape, in front.
    front
        .goto(&format!("/i/{}/s/{works}", front.instance))
        .await?;
    let page = &front.page;
    loaded(page).await?;
    page.wait_for(
        "document.querySelector('[data-k=composer] .stop')",
        PATIENCE,
    )
    .await?;
    page.press("Escape").await?;
    page.press("Escape").await?;
    page.wait_for(AT_REST, PATIENCE).await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one prompt, queued, taken back, queued again, and sent into the run.
async fn a_prompt_waits_in_the_inbox_or_steers_the_run() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    prompt(page, "permission ;; say first").await?;
    let id = session(page).await?;
    page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    let delivery = async |front: &Front| -> Result<Vec<String>> {
        let path = format!("session/{id}/inbox");
        let inbox = front.ask(Method::GET, &path, Value::Null).await?;
        let items = inbox["data"].as_array().into_iter().flatten();
        let words = items.map(|one| {
            let text = one["payload"]["text"].as_str().unwrap_or_default();
            let how = one["delivery"].as_str().unwrap_or_default();
            format!("{how} {text}")
        });
        Ok(words.collect())
    };
    // After the turn: the service keeps it, and it can be taken back.
    page.click("#text").await?;
    page.write("say later").await?;
    page.press("Alt+Enter").await?;
    let waits = "[...document.querySelectorAll('.turn.user')].at(-1).innerText.includes('has not delivered it yet')";
    until("a prompt that is queued", async || {
        Ok((delivery(&front).await? == ["queue say later"]).then_some(()))
    })
    .await?;
    front.page.wait_for(waits, PATIENCE).await?;
    let page = &front.page;
    ensure!(
        page.eval::<bool>("document.querySelectorAll('[data-k=queue] li').length === 0")
            .await?
    );
    page.click("article.user:last-of-type [data-do=edit-held]")
        .await?;
    page.wait_for(
        "document.querySelector('#text').value === 'say later'",
        PATIENCE,
    )
    .await?;
    until("an empty inbox", async || {
        Ok(delivery(&front).await?.is_empty().then_some(()))
    })
    .await?;
    // It was queued, so Enter queues it again.
    let page = &front.page;
    page.press("Enter").await?;
    until("a prompt that is queued", async || {
        Ok((delivery(&front).await? == ["queue say later"]).then_some(()))
    })
    .await?;
    front.page.wait_for(waits, PATIENCE).await?;
    let page = &front.page;
    page.click("article.user:last-of-type [data-do=edit-held]")
        .await?;
    until("an empty inbox again", async || {
        Ok(delivery(&front).await?.is_empty().then_some(()))
    })
    .await?;
    // At once: it goes into the run that is under way.
    let page = &front.page;
    page.click("#prompt .send").await?;
    until("a prompt that steers", async || {
        let waiting = delivery(&front).await?;
        Ok((waiting == ["steer say later"]).then_some(()))
    })
    .await?;
    let steers = "(last => last.innerText.includes('takes it up at its next step') && !last.querySelector('[data-do=steer-held]'))
        ([...document.querySelectorAll('.turn.user')].at(-1))";
    front.page.wait_for(steers, PATIENCE).await?;
    let page = &front.page;
    press_card(page, "[data-k=asks] .card button.main").await?;
    answered(page, "later").await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renamed_forked_compacted_and_archived_by_its_menu() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    choose(page, "r", "Rename").await?;
    page.wait_for("document.activeElement.matches('#rename input')", PATIENCE)
        .await?;
    page.write("Mended").await?;
    page.press("Enter").await?;
    page.wait_for(
        "document.querySelector('h1').innerText.includes('Mended')",
        PATIENCE,
    )
    .await?;
    assert_eq!(front.theirs(&id).await?["title"], "Mended");

    let page = &front.page;
    choose(page, "f", "Fork").await?;
    let elsewhere =
        format!("location.pathname.includes('/s/') && !location.pathname.endsWith('{id}')");
    page.wait_for(&elsewhere, PATIENCE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'two'"), PATIENCE)
        .await?;
    choose(page, "c", "Compact").await?;
    page.wait_for(
        "document.querySelector('#log').innerText.includes('a scripted summary')",
        PATIENCE,
    )
    .await?;
    page.wait_for(AT_REST, PATIENCE).await?;
    choose(page, "a", "Archive").await?;
    page.wait_for("!location.pathname.includes('/s/')", PATIENCE)
        .await?;
    page.wait_for(
        "document.querySelector('#undos li:last-child button')",
        PATIENCE,
    )
    .await?;
    page.click("#undos li:last-child button").await?;
    let rows = "document.querySelectorAll('[data-k=tree-list] > li').length === 2";
    page.wait_for(rows, PATIENCE).await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_taken_back_and_brought_back_and_the_session_is_proven() -> Result<()> {
    let (mut front, _id) = two_turns().await?;
    let page = &front.page;
    let button = "article.user:nth-of-type(3) > .more";
    page.point(page.spot(button).await?).await?;
    page.click(button).await?;
    page.wait_for(MENU_OPEN, PATIENCE).await?;
    page.click("#message-menu [data-act=revert]").await?;
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    // A dialog takes no input before it was in sight for a moment.
    pause(page, 600).await?;
    page.click("#confirm button[value=yes]").await?;
    page.wait_for("document.querySelector('.turn.reverted')", PATIENCE)
        .await?;
    page.click("#undos li:last-child button").await?;
    page.wait_for("!document.querySelector('.turn.reverted')", PATIENCE)
        .await?;

    // Compared with the service, it is the same up to a number that the details name.
    page.click("[data-k=side] [data-do=verify]").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('Same as its server')",
        PATIENCE,
    )
    .await?;
    page.wait_for("document.querySelector('[data-proof=proven]')", PATIENCE)
        .await?;
    let told: String = page
        .eval("document.querySelector('[data-proof]').innerText")
        .await?;
    ensure!(told.starts_with("Proven up to number "), "{told}");
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_outlasts_a_reload_and_what_was_said_is_found() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    prompt(page, "say the parseErrorKind is wrong").await?;
    answered(page, "the parseErrorKind is wrong").await?;
    page.fill("#text", "half a thought").await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    loaded(page).await?;
    page.wait_for(
        "document.querySelector('#text').value === 'half a thought'",
        PATIENCE,
    )
    .await?;
    until("a hit", async || {
        let answer = front.drovers.get("/api/search?q=parseErrorKind").await?;
        let hits = answer["hits"].as_array().map_or(0, Vec::len);
        Ok((hits > 0).then_some(()))
    })
    .await?;
    let page = &front.page;
    page.press("Escape").await?;
    page.press("g").await?;
    page.press("o").await?;
    page.wait_for("document.querySelector('[data-k=overview]')", PATIENCE)
        .await?;
    page.press("Control+Shift+F").await?;
    page.wait_for("document.querySelector('#search')?.open", PATIENCE)
        .await?;
    page.write("parseErrorKind").await?;
    page.wait_for(
        "document.querySelectorAll('#search-hits li').length > 0",
        PATIENCE,
    )
    .await?;
    page.press("Enter").await?;
    page.wait_for(&format!("location.pathname.endsWith('{id}')"), PATIENCE)
        .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_service_is_allowed_with_a_thumb() -> Result<()> {
    let mut front = Front::open().await?;
    let id = front
        .begun("Asks", "/w/shop", "permission ;; say allowed")
        .await?;
    front.goto(&format!("/i/{}/s/{id}", front.instance)).await?;
    let page = &front.page;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card button.main')",
        PATIENCE,
    )
    .await?;
    press_card(page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
        .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_prompt_is_sent_and_shown_from_the_stream_and_from_the_service() -> Result<()>
{
    let mut front = Front::open().await?;
    let page = &mut front.page;
    loaded(page).await?;
    paste(page, Some(("shot.png", PNG)), "").await?;
    attached(page, "shot.png").await?;
    prompt(page, "say seen").await?;
    session(page).await?;
    answered(page, "seen").await?;
    let picture = "document.querySelector('.turn.user img')?.naturalWidth === 2";
    page.wait_for(picture, PATIENCE).await?;
    front.service.cut_streams();
    page.eval::<bool>("(document.body.dataset.old = '', location.reload() ?? true)")
        .await?;
    let anew = format!("document.body.dataset.old === undefined && {picture}");
    page.wait_for(&anew, PATIENCE).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_on_the_start_page_is_answered_in_a_window_that_is_low_and_narrow() -> Result<()>
{
    let mut front = Front::open().await?;
    front
        .begun("Asks", "/w/shop", "permission ;; say allowed")
        .await?;
    front.goto("/").await?;
    let page = &mut front.page;
    page.viewport(Viewport::PHONE.sized(740, 360)).await?;
    let reject = "[data-k=needs] button[value=reject]";
    page.wait_for(&format!("document.querySelector('{reject}')"), PATIENCE)
        .await?;
    press_card(page, reject).await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] .card:not(.still)')",
        PATIENCE,
    )
    .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_another_tab_sends_leads_the_tab_it_was_written_in_to_its_session()
-> Result<()> {
    let front = Front::open().await?;
    let url = format!("{}/i/{}", front.drovers.url, front.instance);
    let here = front.browser.page().await?;
    here.goto(&url).await?;
    loaded(&front.page).await?;
    loaded(&here).await?;
    // The older tab holds the lock of the outbox, as it does while it sends.
    front
        .page
        .eval::<bool>(
            "(navigator.locks.request('drovers-outbox', () => new Promise(done => { window.release = done; })), true)",
        )
        .await?;
    prompt(&here, "say from here").await?;
    front
        .page
        .wait_for(
            "Object.keys(localStorage).some(key => key.startsWith('outbox:'))",
            PATIENCE,
        )
        .await?;
    front.page.eval::<bool>("(window.release(), true)").await?;
    here.wait_for(&format!("{LAST_TEXT} === 'from here'"), PATIENCE)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_no_changes_of_its_own_and_lists_of_long_titles_fit() -> Result<()> {
    let mut front = Front::open().await?;
    loaded(&front.page).await?;
    front.page.press("Escape").await?;
    front.page.press("d").await?;
    front
        .page
        .wait_for(
            "document.querySelector('#hint').innerText.includes('No session is selected')",
            PATIENCE,
        )
        .await?;
    let at: String = front.page.eval("location.pathname").await?;
    assert_eq!(at, format!("/i/{}", front.instance));
    let title = "New session - 2026-11-30T08:00:00.000Z";
    front
        .begun(title, "/w/shop", "permission ;; say allowed")
        .await?;
    front.goto("/").await?;
    let page = &mut front.page;
    page.wait_for("document.querySelector('.needs li.card')", PATIENCE)
        .await?;
    let widths: [u32; 2] = page
        .eval("(list => [list.scrollWidth, list.clientWidth])(document.querySelector('.needs ul'))")
        .await?;
    assert!(widths[0] <= widths[1], "{widths:?}");
    page.assert_clean().await
}

//! The start page: every session as one row, moved through, filtered, peeked at and sorted by keys.

use anyhow::Result;
use testkit::chromium::{Page, Spot, Viewport};

use crate::bench::{Bench, Drovers, PATIENCE, Stage, elsewhere, listed, named, page, run};
use crate::consent::{A_WHILE, pause, ready, reject_by_key};

/// Titles of the rows under each title of a group, as a person reads them.
const GROUPS: &str = "[...document.querySelectorAll('[data-k=overview-list] > li')]
    .filter(row => row.checkVisibility())
    .map(row => row.matches('.group') ? '# ' + row.innerText.trim() : row.querySelector('.name').innerText)";

/// The title of the row that has the focus.
const CURSOR: &str = "document.activeElement.querySelector('.name')?.innerText ?? ''";

async fn groups(page: &Page, wanted: &[&str]) -> Result<()> {
    listed(page, GROUPS, wanted).await
}

async fn cursor(page: &Page, title: &str) -> Result<()> {
    page.wait_for(&format!("({CURSOR}) === '{title}'"), PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over the whole of the list.
async fn every_session_is_a_row_that_keys_reach_peek_at_open_and_sort() -> Result<()> {
    let bench = Bench::new().await?;
    let (one, browser) = bench.server_and_browser("one").await?;
    let two = bench.server("two").await?;
    let drovers = Drovers::start(&bench, &[&one, &two]).await?;
    drovers.connected(&one).await?;
    drovers.connected(&two).await?;
    named(&drovers, &one, "Works", "bash sleep 600").await?;
    named(
        &drovers,
        &two,
        "Asks",
        "permission echo needs-permission push ;; say pushed",
    )
    .await?;
    named(&drovers, &one, "Ended", "say all is well").await?;
    let mut page = page(&browser, &drovers, "/").await?;
    let all = [
        "# Needs you 1",
        "Asks",
        "# To review 1",
        "Ended",
        "# Working 1",
        "Works",
    ];
    groups(&page, &all).await?;
    let doing = |title: &str| {
        format!(
            "[...document.querySelectorAll('li.session')].find(row => row.querySelector('.name').innerText === '{title}').querySelector('.doing').innerText"
        )
    };
    page.wait_for(
        &format!("{}.startsWith('waiting for you: run')", doing("Asks")),
        PATIENCE,
    )
    .await?;
    page.wait_for(
        &format!("/^sleep 600, \\d+ s$/.test({})", doing("Works")),
        PATIENCE,
    )
    .await?;
    assert_eq!(
        page.eval::<f64>("document.querySelector('li.session > a').getBoundingClientRect().height")
            .await?,
        32.0
    );

    // The first press shows the cursor; the next ones move it, and it stops at the ends.
    for (key, title) in [
        ("j", "Asks"),
        ("j", "Ended"),
        ("ArrowDown", "Works"),
        ("j", "Works"),
        ("k", "Ended"),
        ("k", "Asks"),
    ] {
        page.press(key).await?;
        cursor(&page, title).await?;
    }
    // Space shows the session beside the list, live, without leaving the list; the cursor takes it along.
    page.press(" ").await?;
    let peeked =
        |text: &str| format!("document.querySelector('.peek #log')?.innerText.includes('{text}')");
    page.wait_for(&peeked("needs-permission push"), PATIENCE)
        .await?;
    cursor(&page, "Asks").await?;
    // What the cursor only passes over is not looked at.
    for (keys, title, text) in [
        ("j", "Works", "sleep 600"),
        ("k", "Asks", "needs-permission push"),
    ] {
        page.press(keys).await?;
        page.press(keys).await?;
        page.wait_for(&peeked(text), PATIENCE).await?;
        cursor(&page, title).await?;
    }
    groups(&page, &all).await?;
    assert_eq!(page.eval::<String>("location.pathname").await?, "/");
    page.press("Escape").await?;
    page.wait_for(
        "!document.querySelector('.peek') && location.search === ''",
        PATIENCE,
    )
    .await?;
    cursor(&page, "Asks").await?;

    // Done, and back.
    page.press("j").await?;
    cursor(&page, "Ended").await?;
    page.press("e").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('is done')",
        PATIENCE,
    )
    .await?;
    // Its row says so, and waits in its group until the cursor leaves it.
    page.wait_for(
        "document.activeElement.querySelector('.mark').innerText === '○'",
        PATIENCE,
    )
    .await?;
    groups(&page, &all).await?;
    page.press("k").await?;
    let sorted = [
        "# Needs you 1",
        "Asks",
        "# Working 1",
        "Works",
        "# Idle 1",
        "Ended",
    ];
    groups(&page, &sorted).await?;
    page.press("u").await?;
    groups(&page, &all).await?;

    // The filter finds words of every column, and states.
    page.press("/").await?;
    page.wait_for("document.activeElement.id === 'filter'", PATIENCE)
        .await?;
    page.write("two needs").await?;
    groups(&page, &["# Needs you 1", "Asks"]).await?;
    page.write(" nothing").await?;
    page.wait_for(
        "!document.querySelector('.overview-head .nothing').hidden",
        PATIENCE,
    )
    .await?;
    page.press("Escape").await?;
    groups(&page, &all).await?;

    // Enter opens, and what is opened has the focus, so that keys go on there; back returns.
    page.press("Enter").await?;
    page.wait_for(
        "location.pathname.includes('/s/') && document.activeElement.id === 'log'",
        PATIENCE,
    )
    .await?;
    page.press("/").await?;
    page.wait_for("document.activeElement.id === 'text'", PATIENCE)
        .await?;
    page.press("Escape").await?;
    page.eval::<()>("history.back()").await?;
    groups(&page, &all).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_pointed_at_stays_until_it_is_left() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    let first = named(drovers, server, "First", "say one").await?;
    let mut page = page(browser, drovers, "/").await?;
    // One after the other, so that their order is certain.
    groups(&page, &["# To review 1", "First"]).await?;
    named(drovers, server, "Second", "say two").await?;
    groups(&page, &["# To review 2", "First", "Second"]).await?;
    let row = "li.session:nth-child(2)";
    page.point(page.spot(row).await?).await?;
    page.wait_for(
        &format!("document.querySelector('{row}').matches(':hover')"),
        PATIENCE,
    )
    .await?;
    // It works now, and belongs below the other; its mark says so where it stands.
    run(server, &first, "bash sleep 600").await?;
    page.wait_for(
        &format!("document.querySelector('{row} .mark').innerText === '◐'"),
        PATIENCE,
    )
    .await?;
    page.wait_for(
        &format!("document.querySelector('{row} .name').innerText === 'First'"),
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>(&format!(
            "document.querySelector('{row}').matches(':hover')"
        ))
        .await?
    );
    page.point(Spot { x: 700.0, y: 800.0 }).await?;
    groups(&page, &["# To review 1", "Second", "# Working 1", "First"]).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn subagents_are_folded_into_their_row_and_open_with_an_arrow() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(
        drovers,
        server,
        "Parent",
        "task { permission ;; say child ok } ;; say parent ok",
    )
    .await?;
    let mut page = page(browser, drovers, "/").await?;
    groups(&page, &["# Needs you 1", "Parent"]).await?;
    page.wait_for(
        "document.querySelector('.fold')?.innerText.includes('1')",
        PATIENCE,
    )
    .await?;
    let below = "document.querySelector('.below').checkVisibility()";
    assert!(!page.eval::<bool>(below).await?);
    page.press("j").await?;
    page.press("ArrowRight").await?;
    page.wait_for(below, PATIENCE).await?;
    page.press("j").await?;
    page.wait_for("document.activeElement.closest('.below')", PATIENCE)
        .await?;
    page.press("ArrowLeft").await?;
    page.wait_for(&format!("!({below})"), PATIENCE).await?;
    cursor(&page, "Parent").await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_session_is_retried_from_its_row_and_one_that_is_snoozed_asks_nobody() -> Result<()>
{
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(drovers, server, "Fails", "say one ;; finish length").await?;
    let mut page = page(browser, drovers, "/").await?;
    groups(&page, &["# Needs you 1", "Fails"]).await?;
    page.press("j").await?;
    page.press("s").await?;
    page.wait_for("document.querySelector('#snooze').open", PATIENCE)
        .await?;
    page.click("#snooze [data-minutes='60']").await?;
    groups(&page, &["# Snoozed 1", "Fails"]).await?;
    page.press("s").await?;
    page.click("#snooze [data-minutes='0']").await?;
    groups(&page, &["# Needs you 1", "Fails"]).await?;
    // A word that is written retries nothing, and neither does a key that is held.
    page.press("j").await?;
    page.press("r").await?;
    page.wait_for(
        "document.querySelector('#hint').textContent.includes('another key just before')",
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>("document.querySelector('.overview .act') !== null")
            .await?
    );
    pause(&page, A_WHILE).await?;
    page.hold("r", 5).await?;
    page.wait_for("!document.querySelector('.overview .act')", PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reject_with_a_reason_and_allow_always_after_a_question() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = elsewhere(server, "permission ;; say after").await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut page = page(browser, drovers, &path).await?;
    ready(&page, "[data-k=asks] .card").await?;
    // Within a word that is written it rejects nothing.
    page.press("w").await?;
    page.press("x").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('another key just before')",
        PATIENCE,
    )
    .await?;
    assert!(
        !page
            .eval::<bool>("document.querySelector('#reject').open")
            .await?
    );
    pause(&page, A_WHILE).await?;
    reject_by_key(&page, "use another way").await?;
    page.wait_for(
        "document.querySelector('#log').innerText.includes('use another way')",
        PATIENCE,
    )
    .await?;

    run(server, &session, "permission ;; say always").await?;
    ready(&page, "[data-k=asks] .card").await?;
    pause(&page, A_WHILE).await?;
    page.press("A").await?;
    page.wait_for("document.querySelector('#confirm').open && document.querySelector('#confirm-text').innerText.includes('Always')", PATIENCE).await?;
    // Enter says no: nothing is allowed by a word that is written.
    ready(&page, "#confirm").await?;
    page.press("Enter").await?;
    page.wait_for("!document.querySelector('#confirm').open", PATIENCE)
        .await?;
    ready(&page, "[data-k=asks] .card").await?;
    pause(&page, A_WHILE).await?;
    page.press("A").await?;
    ready(&page, "#confirm").await?;
    page.click("#confirm button[value=yes]").await?;
    page.wait_for("document.querySelector('#log').innerText.includes('always') && !document.querySelector('[data-k=asks] .card')", PATIENCE).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_a_row_has_two_lines_and_a_tap_opens_it() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(drovers, server, "Ended", "say all is well").await?;
    let mut page = page(browser, drovers, "/").await?;
    page.viewport(Viewport::PHONE).await?;
    groups(&page, &["# To review 1", "Ended"]).await?;
    assert_eq!(
        page.eval::<f64>("document.querySelector('li.session > a').getBoundingClientRect().height")
            .await?,
        56.0
    );
    assert!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?
    );
    page.tap(page.spot("li.session > a .name").await?).await?;
    page.wait_for("location.pathname.includes('/s/')", PATIENCE)
        .await?;
    // The sign at the top leads back.
    let height = "document.querySelector('.brand').getBoundingClientRect().height";
    assert!(page.eval::<f64>(height).await? >= 44.0);
    page.tap(page.spot(".brand").await?).await?;
    page.wait_for(
        "document.querySelector('.overview li.session .name')?.innerText === 'Ended'",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_without_a_session_begins_with_its_first_prompt() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let mut page = page(browser, drovers, "/").await?;
    page.wait_for(&format!("location.pathname === '/i/{instance}'"), PATIENCE)
        .await?;
    page.click("[data-do=example]").await?;
    page.wait_for(
        "document.activeElement.id === 'text' && document.querySelector('#text').value.length > 20",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

//! Keys, clicks and taps on cards: what grants, and what does not.

use anyhow::Result;
use testkit::chromium::Viewport;

use super::SOON;
use super::{A_WHILE, Asked, pause, press_card, ready};
use crate::bench::until;

const ASKED: &str = "permission ;; say allowed";
const FIELD: &str = "[data-k=asks] input[name=message]";
const NO_CARD: &str = "!document.querySelector('[data-k=asks] .card')";

#[tokio::test(flavor = "multi_thread")]
async fn enter_in_a_cards_field_rejects_with_what_is_written() -> Result<()> {
    for viewport in [Viewport::DESKTOP, Viewport::PHONE] {
        let mut asked = Asked::open(&[ASKED], viewport).await?;
        ready(&asked.page, FIELD).await?;
        asked
            .page
            .eval::<bool>(&format!(
                "(document.querySelector('{FIELD}').focus(), true)"
            ))
            .await?;
        // Empty, it does nothing.
        asked.page.press("Enter").await?;
        asked.page.fill(FIELD, "list them instead").await?;
        ready(&asked.page, FIELD).await?;
        asked.page.press("Enter").await?;
        asked.page.wait_for(NO_CARD, SOON).await?;
        let sent = asked.sent().await?;
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].body["reply"], "reject");
        assert_eq!(sent[0].body["message"], "list them instead");
        let state = until("the end of the tool", async || {
            let state = asked.tool(&asked.sessions[0]).await?;
            Ok((state["status"] == "error").then_some(state))
        })
        .await?;
        assert!(
            state["error"].to_string().contains("list them instead"),
            "{state}"
        );
        asked.page.assert_clean().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_held_allows_the_marked_request_and_no_other() -> Result<()> {
    let mut asked = Asked::open(&[ASKED; 4], Viewport::DESKTOP).await?;
    let page = &asked.page;
    page.press("Escape").await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    // It is below the conversation that one is marked first, and only one.
    page.wait_for("document.querySelectorAll('[data-marked]').length === 1 && document.querySelector('[data-k=asks] [data-marked][data-ready]')", SOON).await?;
    let marked: String = page
        .eval("document.querySelector('[data-marked] form').dataset.url")
        .await?;
    pause(page, A_WHILE).await?;
    page.down("a", false).await?;
    for _ in 0..30 {
        pause(page, 60).await?;
        page.down("a", true).await?;
    }
    page.up("a").await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 3",
        SOON,
    )
    .await?;
    let sent = asked.sent().await?;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(
        (&*sent[0].url, &sent[0].body["reply"]),
        (&*marked, &"once".into())
    );
    assert_eq!(sent[0].body["fingerprint"].as_str().map(str::len), Some(32));
    // The next one is marked at the side, and has to be seen for a while.
    page.wait_for(
        "document.querySelector('[data-k=needs] [data-marked][data-ready]')",
        SOON,
    )
    .await?;
    // Pressed twice, it is a word rather than an act.
    pause(page, A_WHILE).await?;
    page.press("a").await?;
    page.press("a").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('You pressed another key')",
        SOON,
    )
    .await?;
    pause(page, A_WHILE).await?;
    page.press("a").await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 2",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, ["once", "once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_allows_nothing_that_is_not_in_sight_or_while_a_word_is_written() -> Result<()> {
    let mut asked = Asked::open(&[ASKED, ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    page.wait_for("document.querySelector('[data-marked][data-ready]')", SOON)
        .await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    for key in ["w", "a", "w", "a"] {
        page.press(key).await?;
    }
    // Under a dialog, and scrolled away.
    page.press("?").await?;
    page.wait_for(
        "document.querySelector('#help').open && !document.querySelector('[data-marked]')",
        SOON,
    )
    .await?;
    page.press("a").await?;
    page.press("Escape").await?;
    let rules =
        "['[data-k=needs] { display: none !important }', '[data-k=asks] { padding-top: 3000px }']";
    page.eval::<bool>(&format!(
        "({rules}.forEach(rule => document.styleSheets[0].insertRule(rule)), true)"
    ))
    .await?;
    // Its end was followed; now a person scrolls up.
    pause(page, 100).await?;
    page.eval::<bool>(
        "(document.querySelector('#log').scrollTop = 0, document.activeElement.blur(), true)",
    )
    .await?;
    page.wait_for("!document.querySelector('[data-marked]')", SOON)
        .await?;
    pause(page, A_WHILE).await?;
    page.press("a").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('visible')",
        SOON,
    )
    .await?;
    page.eval::<bool>(
        "(document.styleSheets[0].deleteRule(0), document.styleSheets[0].deleteRule(0), true)",
    )
    .await?;
    // Nothing tells the page of such a change: it sees it when it looks again.
    pause(page, A_WHILE).await?;
    press_card(page, "[data-k=asks] button[value=reject]").await?;
    page.wait_for(NO_CARD, SOON).await?;
    assert_eq!(asked.replies().await?, ["reject"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_allows_one_request_and_nothing_slides_under_it() -> Result<()> {
    let mut asked = Asked::open(&[ASKED; 3], Viewport::DESKTOP).await?;
    let page = &asked.page;
    let allow = "[data-k=needs] li:first-child button[value=once]";
    ready(page, allow).await?;
    let at = page.spot(allow).await?;
    let second = "document.querySelectorAll('[data-k=needs] .card:not(.still)')[1].getBoundingClientRect().top";
    let before: f64 = page.eval(second).await?;
    page.clicks(at, 2).await?;
    page.wait_for(
        "document.querySelector('[data-k=needs] .place')?.innerText === 'Allowed once'",
        SOON,
    )
    .await?;
    // However often it is clicked there.
    page.clicks(at, 2).await?;
    let after: f64 = page
        .eval("document.querySelector('[data-k=needs] .card:not(.still)').getBoundingClientRect().top")
        .await?;
    assert!((before - after).abs() < 1.0, "{before} {after}");
    assert_eq!(asked.replies().await?, ["once"]);
    // It closes up once the pointer is elsewhere; then the press takes as long again to count.
    page.point(testkit::chromium::Spot { x: 900.0, y: 300.0 })
        .await?;
    page.wait_for("!document.querySelector('.place')", SOON)
        .await?;
    page.clicks(at, 1).await?;
    page.wait_for("!document.querySelector('#hint').hidden", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_taps_on_a_phone_allow_one_request() -> Result<()> {
    let mut asked = Asked::open(&[ASKED; 3], Viewport::PHONE).await?;
    let page = &asked.page;
    page.eval::<bool>("(document.body.dataset.sheet = 'left', true)")
        .await?;
    let allow = "[data-k=needs] li:first-child button[value=once]";
    ready(page, allow).await?;
    assert!(
        page.eval::<f64>(&format!(
            "document.querySelector('{allow}').getBoundingClientRect().height"
        ))
        .await?
            >= 44.0
    );
    let at = page.spot(allow).await?;
    page.tap(at).await?;
    page.tap(at).await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 2",
        SOON,
    )
    .await?;
    page.tap(at).await?;
    page.wait_for("!document.querySelector('.place')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_counts_where_it_began_and_ended() -> Result<()> {
    let mut asked = Asked::open(&[ASKED, ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    let button = |card: usize, value: &str| {
        format!("[data-k=needs] li:nth-child({card}) button[value={value}]")
    };
    ready(page, &button(1, "once")).await?;
    ready(page, &button(2, "once")).await?;
    let (first, second) = (
        page.spot(&button(1, "once")).await?,
        page.spot(&button(2, "once")).await?,
    );
    let reject = page.spot(&button(1, "reject")).await?;
    for (from, to) in [
        (first, second),
        (reject, first),
        (testkit::chromium::Spot { x: 900.0, y: 300.0 }, first),
    ] {
        page.point(from).await?;
        page.button_down(from, 1).await?;
        page.point(to).await?;
        page.button_up(to, 1).await?;
    }
    pause(page, A_WHILE).await?;
    // By keys alone, each press one answer; a button that is held repeats nothing.
    page.eval::<bool>(&format!(
        "(document.querySelector('{}').focus(), true)",
        button(1, "reject")
    ))
    .await?;
    page.hold("Enter", 20).await?;
    page.wait_for(
        "document.querySelector('[data-k=needs] .place')?.innerText === 'Rejected by you'",
        SOON,
    )
    .await?;
    assert!(
        page.eval::<bool>("document.activeElement.matches('.place')")
            .await?,
        "the focus stays"
    );
    page.hold("Enter", 5).await?;
    page.eval::<bool>(&format!(
        "(document.querySelector('{}').focus(), true)",
        button(2, "once")
    ))
    .await?;
    ready(page, &button(2, "once")).await?;
    page.hold(" ", 10).await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] .card:not(.still)')",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, ["reject", "once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_only_just_came_takes_no_input() -> Result<()> {
    let mut asked = Asked::open(&[ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    ready(page, "[data-k=asks] button[value=once]").await?;
    // It moves, and is pressed at once, all within one task.
    let pressed = "(card => {
        const button = card.querySelector('button[value=once]');
        card.style.marginTop = '40px';
        button.click();
        return true;
    })(document.querySelector('[data-k=asks] .card'))";
    page.eval::<bool>(pressed).await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('moved')",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, Vec::<String>::new());
    press_card(page, "[data-k=asks] button[value=once]").await?;
    page.wait_for(NO_CARD, SOON).await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_is_not_what_has_the_focus() -> Result<()> {
    let mut asked = Asked::open(&[ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    // Removing asks while work would end with it; its key is held.
    let ask = "(button => { button.dataset.ask = 'Remove it?'; button.focus(); return true; })(document.querySelector('.tab button[data-do=remove]'))";
    page.eval::<bool>(ask).await?;
    page.hold("Enter", 20).await?;
    page.wait_for("document.querySelector('#confirm').open", SOON)
        .await?;
    assert!(
        page.eval::<bool>("document.activeElement.value === 'no'")
            .await?
    );
    ready(page, "#confirm button[value=no]").await?;
    page.press("Enter").await?;
    page.wait_for("!document.querySelector('#confirm').open", SOON)
        .await?;
    assert!(
        page.eval::<bool>("document.querySelector('.tab') !== null")
            .await?
    );
    asked.page.assert_clean().await
}

//! Acts that look like consent and mean something else: words that are written, taps while a list becomes shorter, answers
//! that a later act takes back.

use anyhow::Result;
use testkit::chromium::Viewport;

use super::{A_WHILE, Asked, SOON, pause, press_card, ready};

const ASKED: &str = "permission ;; say allowed";
const ALLOW: &str = "[data-k=asks] button[value=once]";
const MARKED: &str = "document.querySelector('[data-k=asks] [data-marked][data-ready]')";

/// Every page comes late from now on.
const SLOW: &str = "(() => {
    const real = window.fetch;
    window.fetch = async (url, init) => {
        if (!init?.method) await new Promise(done => setTimeout(done, 1500));
        return real(url, init);
    };
    return true;
})()";

/// Waits for a mark that stood for long enough, with the focus nowhere.
async fn marked(asked: &Asked) -> Result<()> {
    let page = &asked.page;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.wait_for(MARKED, SOON).await?;
    pause(page, A_WHILE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_begins_with_the_key_allows_nothing() -> Result<()> {
    let mut asked = Asked::open(&[ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    for word in ["add", "aa", "all"] {
        marked(&asked).await?;
        for key in word.chars() {
            page.press(&key.to_string()).await?;
            pause(page, 90).await?;
        }
        let told = "document.querySelector('#hint').innerText.includes('Nothing was allowed')";
        page.wait_for(told, SOON).await?;
    }
    marked(&asked).await?;
    page.press("a").await?;
    page.click("#log").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('You pressed or clicked something else')",
        SOON,
    )
    .await?;
    pause(page, A_WHILE).await?;
    assert_eq!(asked.replies().await?, Vec::<String>::new());

    marked(&asked).await?;
    page.press("a").await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_new_session_opens_is_its_prompt() -> Result<()> {
    let mut asked = Asked::open(&[ASKED], Viewport::DESKTOP).await?;
    marked(&asked).await?;
    let page = &asked.page;
    page.eval::<bool>(SLOW).await?;
    page.press("n").await?;
    pause(page, 600).await?;
    for key in "add".chars() {
        page.press(&key.to_string()).await?;
        pause(page, 90).await?;
    }
    page.write(" a test").await?;
    page.wait_for(
        "document.activeElement.id === 'text' && document.activeElement.value === 'add a test'",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, Vec::<String>::new());
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_for_a_new_session_is_not_put_into_another_one() -> Result<()> {
    let mut asked = Asked::open(&[ASKED, ASKED], Viewport::DESKTOP).await?;
    marked(&asked).await?;
    let page = &asked.page;
    page.eval::<bool>(SLOW).await?;
    page.press("n").await?;
    page.write("add a test").await?;
    // Somebody clicks another session before the new one is there.
    let other = format!("[data-k=tree] a[href$='{}']", asked.sessions[1]);
    page.click(&other).await?;
    page.wait_for(
        &format!("location.pathname.endsWith('{}')", asked.sessions[1]),
        SOON,
    )
    .await?;
    page.wait_for("document.querySelectorAll('textarea').length === 1", SOON)
        .await?;
    assert_eq!(
        page.eval::<String>("document.querySelector('#text').value")
            .await?,
        ""
    );
    page.press("n").await?;
    page.wait_for(
        "document.activeElement.id === 'text' && document.activeElement.value === 'add a test'",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, Vec::<String>::new());
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_means_the_card_that_has_the_focus() -> Result<()> {
    let mut asked = Asked::open(&[ASKED, ASKED], Viewport::DESKTOP).await?;
    let page = &asked.page;
    let second = "[data-k=needs] li:nth-child(2) button[value=reject]";
    ready(page, second).await?;
    let focus = format!(
        "(document.querySelector('{second}').focus(), document.querySelector('{second}').form.dataset.url)"
    );
    let url: String = page.eval(&focus).await?;
    page.wait_for(
        "document.querySelector('[data-k=needs] li:nth-child(2)[data-marked][data-ready]')",
        SOON,
    )
    .await?;
    pause(page, A_WHILE).await?;
    page.press("a").await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 1",
        SOON,
    )
    .await?;
    let sent = asked.sent().await?;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(
        (&sent[0].url, &sent[0].body["reply"]),
        (&url, &"once".into())
    );
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_card_stays_away_from_a_finger_that_just_tapped() -> Result<()> {
    let mut asked = Asked::open(&[ASKED; 2], Viewport::PHONE).await?;
    let page = &asked.page;
    page.eval::<bool>("(document.body.dataset.sheet = 'left', true)")
        .await?;
    let allow = "[data-k=needs] li:first-child button[value=once]";
    ready(page, allow).await?;
    let at = page.spot(allow).await?;
    page.tap(at).await?;
    page.wait_for("document.querySelector('[data-k=needs] .place')", SOON)
        .await?;
    // As long as a person may take to tap once more.
    pause(page, 900).await?;
    let here = format!(
        "document.elementFromPoint({}, {}).closest('.place') !== null",
        at.x, at.y
    );
    assert!(page.eval::<bool>(&here).await?);
    page.tap(at).await?;
    page.wait_for("!document.querySelector('.place')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

/// Cuts this page off from the hub: what it sends is lost, and it knows.
const CUT: &str = "(window.online = window.fetch, window.fetch = () => Promise.reject(new TypeError('cut')), true)";
const WAITS: &str = "document.querySelector('[data-k=asks] [data-take-back]')";
const BACK: &str =
    "(window.fetch = window.online, window.dispatchEvent(new Event('online')), true)";

/// A page that is cut off, with a grant on it that waits.
async fn granted_while_cut_off() -> Result<Asked> {
    let asked = Asked::open(&[ASKED], Viewport::DESKTOP).await?;
    ready(&asked.page, ALLOW).await?;
    asked.page.eval::<bool>(CUT).await?;
    press_card(&asked.page, ALLOW).await?;
    asked.page.wait_for(WAITS, SOON).await?;
    Ok(asked)
}

/// Nothing waits any more; once the page is back, the request is rejected, and that is all that is sent.
async fn rejected_instead(mut asked: Asked) -> Result<()> {
    let page = &asked.page;
    page.wait_for(&format!("!{WAITS}"), SOON).await?;
    page.eval::<bool>(BACK).await?;
    press_card(page, "[data-k=asks] button[value=reject]").await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["reject"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_waits_for_the_link_is_taken_back_on_its_card() -> Result<()> {
    let asked = granted_while_cut_off().await?;
    press_card(&asked.page, "[data-k=asks] [data-take-back]").await?;
    rejected_instead(asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_drops_the_grants_that_wait_for_the_link() -> Result<()> {
    let asked = granted_while_cut_off().await?;
    asked.page.click("button.stop").await?;
    rejected_instead(asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_fingers_zoomed_out_of_sight_is_not_allowed() -> Result<()> {
    let mut asked = Asked::open(&[ASKED], Viewport::PHONE).await?;
    let page = &asked.page;
    ready(page, ALLOW).await?;
    page.zoom(4.0).await?;
    page.wait_for("visualViewport.scale > 3", SOON).await?;
    ready(page, ALLOW).await?;
    page.eval::<bool>(&format!(
        "(document.querySelector('{ALLOW}').click(), true)"
    ))
    .await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.includes('visible')",
        SOON,
    )
    .await?;
    page.zoom(1.0).await?;
    press_card(page, ALLOW).await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

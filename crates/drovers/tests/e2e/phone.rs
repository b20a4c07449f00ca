//! The one on the phone: see the truth, approve, lock.

use anyhow::Result;
use testkit::chromium::{Page, Viewport};

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, Stage, elsewhere, page};
use crate::consent::press_card;

/// Words that stick out at the right, where nobody can read them; what scrolls by itself may.
const STICKS_OUT: &str =
    "[...document.querySelectorAll('main h1, main h2, main button, main p, #left button, #left p')]
    .filter(one => !one.closest('.strip, pre') && one.getBoundingClientRect().right > innerWidth)
    .map(one => one.innerText).join(', ')";

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_granted_with_a_thumb() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = elsewhere(server, "permission ;; say allowed").await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut page = page(browser, drovers, &path).await?;
    page.viewport(Viewport::PHONE).await?;
    grant(&page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_shows_what_waits_without_a_touch() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench.server_and_browser("proj").await?;
    // It is offered on the front page, by its folder.
    let _other = bench.server(&"long-".repeat(20)).await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    // With no session at all the front page would lead to the first prompt.
    let session = elsewhere(&server, "say nothing").await?;
    drovers.path_of(&instance, &session).await?;
    let mut page = browser.page().await?;
    page.goto(&drovers.url).await?;
    page.viewport(Viewport::PHONE).await?;
    assert!(
        page.eval::<bool>("document.querySelector('.folders').innerText.includes('long-long-')")
            .await?
    );
    elsewhere(&server, "permission ;; say allowed").await?;
    grant(&page, ".needs .card:not(.still) button.main").await?;
    page.wait_for(
        "!document.querySelector('.needs .card:not(.still)')",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

/// Waits for the button, sees that a thumb finds it where the page was opened, and presses it.
async fn grant(page: &Page, button: &str) -> Result<()> {
    page.wait_for(&format!("document.querySelector('{button}')"), PATIENCE)
        .await?;
    assert_eq!(page.eval::<String>(STICKS_OUT).await?, "");
    let place = format!("document.querySelector('{button}').getBoundingClientRect()");
    assert!(
        page.eval::<bool>(&format!("{place}.height >= 44")).await?,
        "a thumb can hit it"
    );
    assert!(
        page.eval::<bool>(&format!(
            "{place}.bottom <= innerHeight && {place}.top >= 0"
        ))
        .await?,
        "it is in sight"
    );
    press_card(page, button).await
}

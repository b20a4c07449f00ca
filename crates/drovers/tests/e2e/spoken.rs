//! The language of the page: set by keyboard, followed by every device, and kept.

use anyhow::Result;
use serde_json::Value;
use testkit::chromium::Viewport;

use crate::bench::{Drovers, PATIENCE, Stage, created, page, run, until};

/// True once a page is drawn in a language, and is connected.
fn speaks(tag: &str) -> String {
    format!(
        "document.documentElement.lang === '{tag}' && !document.documentElement.hasAttribute('data-offline') \
         && document.querySelector('#bar kbd') !== null"
    )
}

/// True once the settings are open, and the choice of the language has the focus.
const CHOOSES: &str = "document.querySelector('#settings')?.open === true && document.activeElement.name === 'language'";

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from English to German and back.
async fn a_language_is_chosen_by_keyboard_and_every_device_follows_and_goes_back() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = created(server, &serde_json::json!({ "title": "Repair the parser" })).await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut desk = page(browser, drovers, &path).await?;
    let mut phone = browser.page().await?;
    phone.viewport(Viewport::PHONE).await?;
    phone.goto(&drovers.url).await?;
    phone
        .wait_for(
            "document.querySelector('.overview .session') !== null",
            PATIENCE,
        )
        .await?;
    desk.wait_for(&speaks("en"), PATIENCE).await?;
    desk.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    desk.press(",").await?;
    desk.wait_for(CHOOSES, PATIENCE).await?;
    desk.press("d").await?;

    // The page that changed it is in German, with the dialog open where the choice was made.
    desk.wait_for(&speaks("de"), PATIENCE).await?;
    desk.wait_for(CHOOSES, PATIENCE).await?;
    let heading = "document.querySelector('#settings h2').textContent === 'Einstellungen'";
    desk.wait_for(heading, PATIENCE).await?;
    // What the client writes is as well.
    let bar = "document.querySelector('#bar').textContent.includes('Prompt schreiben')";
    desk.wait_for(bar, PATIENCE).await?;
    phone
        .wait_for(
            "document.documentElement.lang === 'de' && document.querySelector('.overview-head h1')?.textContent === 'Übersicht'",
            PATIENCE,
        )
        .await?;
    let stored: Value = drovers.get("/api/settings").await?;
    assert_eq!(stored["language"], "de");
    // A change that comes over the socket is in the language of the document.
    created(server, &serde_json::json!({ "title": "Another one" })).await?;
    phone
        .wait_for(
            "[...document.querySelectorAll('.overview h2')].some(title => title.textContent.startsWith('Inaktiv'))",
            PATIENCE,
        )
        .await?;
    problems_are_in_the_language_of_who_asks(drovers).await?;
    // So is what a row says once the pointer rests on it.
    run(server, &session, "bash sleep 600").await?;
    let why = format!("{}/fragment{path}/why", drovers.url);
    until("the step in German", async || {
        let said = reqwest::Client::new().get(&why);
        let said = said.header("accept-language", "en-US").send().await?;
        let said = said.error_for_status()?.text().await?;
        Ok(said.contains("Führt `sleep 600` aus.").then_some(()))
    })
    .await?;

    desk.press("e").await?;
    desk.wait_for(&speaks("en"), PATIENCE).await?;
    phone
        .wait_for(
            "document.documentElement.lang === 'en' && document.querySelector('.overview-head h1')?.textContent === 'Overview'",
            PATIENCE,
        )
        .await?;
    desk.assert_clean().await?;
    phone.assert_clean().await
}

/// Problems are in German for a browser, whatever it prefers, and in English for a program.
async fn problems_are_in_the_language_of_who_asks(drovers: &Drovers) -> Result<()> {
    let wrong = format!("{}/api/instances/none/sessions", drovers.url);
    let program = reqwest::Client::new().get(&wrong);
    let browser = reqwest::Client::new().get(&wrong);
    let browser = browser.header("accept-language", "en-US");
    let told = browser.send().await?.json::<Value>().await?;
    assert_eq!(told["title"], "Unbekannte Instanz");
    assert_eq!(told["detail"], "es gibt keine Instanz none");
    let told = program.send().await?.json::<Value>().await?;
    assert_eq!(told["title"], "Unknown instance");
    Ok(())
}

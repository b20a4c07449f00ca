//! Passkeys in a real browser, with an authenticator that it pretends to have: one is registered in the settings, lets its browser in
//! where a link would, and ends what it opened.

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::authenticator::Authenticator;
use testkit::axe;
use testkit::chromium::{Chromium, Page};

use crate::bench::{AWAY, PATIENCE};
use crate::door::{Guarded, LOCKED};
use crate::legs::ONLINE;

/// The page of strangers has a button for passkeys, which has the focus.
const BUTTON: &str = "document.activeElement?.id === 'passkey'";

/// What that page says after an attempt.
const SAID: &str = "document.querySelector('#passkey-said')?.innerText ?? ''";

const ROWS: &str = "[...document.querySelectorAll('#passkeys li')].map(row => row.innerText)";

/// Opens the dialog of passkeys by keys and the mouse.
async fn passkeys(page: &Page) -> Result<()> {
    // Keys work once the page's script is there.
    page.wait_for(
        &format!("({ONLINE}) && document.documentElement.dataset.beat !== undefined"),
        PATIENCE,
    )
    .await?;
    settings(page).await?;
    page.click("#settings [data-do=passkeys]").await?;
    page.wait_for("document.querySelector('#passkeys')?.open", PATIENCE)
        .await
}

/// Opens the settings by their key, which is a letter while the prompt has the focus.
async fn settings(page: &Page) -> Result<()> {
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(",").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await
}

async fn log_out(page: &Page) -> Result<()> {
    settings(page).await?;
    page.click("#settings [data-do=log-out]").await?;
    page.wait_for(LOCKED, PATIENCE).await
}

/// Reasons for logins that were refused.
async fn refusals(guarded: &Guarded) -> Result<Vec<String>> {
    let entries = guarded.run(&["audit", "--json"]).await?;
    let entries = entries.lines().map(serde_json::from_str::<Value>);
    let entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
    let refused = entries.iter().filter(|entry| entry["step"] == "denied");
    let why = refused.filter_map(|entry| entry["reason"].as_str());
    Ok(why.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one passkey, from its registration to its end.
async fn a_passkey_logs_a_browser_in_until_it_is_revoked() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let named = drovers.url.replace("127.0.0.1", "localhost");
    let link = guarded
        .run(&["link"])
        .await?
        .replace("127.0.0.1", "localhost");
    let (browser, other) = (Chromium::start().await?, Chromium::start().await?);
    let mut page = browser.page().await?;
    let laptop = Authenticator::of(&page).await?;
    page.goto(&link).await?;
    passkeys(&page).await?;

    // A device that does not know its person registers nothing, and says so.
    laptop.verifies(false).await?;
    page.fill("#passkeys [data-do=register] [name=name]", "Laptop")
        .await?;
    page.press("Enter").await?;
    let cancelled = "document.querySelector('#passkeys .problem').innerText.includes('No passkey was registered')";
    page.wait_for(cancelled, PATIENCE).await?;
    assert_eq!(laptop.holds().await?, 0);
    laptop.verifies(true).await?;
    page.click("#passkeys [data-do=register] button").await?;
    page.wait_for(&format!("{ROWS}.length === 1"), PATIENCE)
        .await?;
    // The same device registers no second one.
    page.fill("#passkeys [data-do=register] [name=name]", "Again")
        .await?;
    page.press("Enter").await?;
    let already = "document.querySelector('#passkeys .problem').innerText.includes('has a passkey of this hub already')";
    page.wait_for(already, PATIENCE).await?;
    page.click("#passkeys [data-act=rename]").await?;
    page.fill("#passkeys [data-do=rename] [name=name]", "My desk")
        .await?;
    page.press("Enter").await?;
    page.wait_for(
        &format!("{ROWS}.length === 1 && {ROWS}[0].includes('My desk') && {ROWS}[0].includes('Everything')"),
        PATIENCE,
    )
    .await?;
    let barriers = axe::violations(&page).await?;
    assert!(barriers.is_empty(), "{barriers:?}");
    page.click("#passkeys form[method=dialog] button").await?;

    // A thief with a copy of it, in another browser.
    let mut thief = other.page().await?;
    let copy = Authenticator::of(&thief).await?;
    laptop.copy_to(&copy).await?;
    thief.goto(&named).await?;
    thief.wait_for(BUTTON, PATIENCE).await?;

    log_out(&page).await?;
    page.wait_for(BUTTON, PATIENCE).await?;
    laptop.verifies(false).await?;
    page.press("Enter").await?;
    page.wait_for(
        &format!("({SAID}).includes('No passkey was used')"),
        PATIENCE,
    )
    .await?;
    laptop.verifies(true).await?;
    page.press("Enter").await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    let cookies: String = page.eval("document.cookie").await?;
    assert_eq!(cookies, "");
    passkeys(&page).await?;
    page.wait_for(&format!("{ROWS}[0]?.includes('this browser')"), PATIENCE)
        .await?;
    page.click("#passkeys form[method=dialog] button").await?;

    // The copy has counted less than the original.
    let refused = format!("({SAID}).includes('does not let you in')");
    thief.press("Enter").await?;
    thief.wait_for(&refused, PATIENCE).await?;
    assert!(refusals(&guarded).await?[0].contains("there may be a copy"));

    page.eval::<bool>(
        "(window.lines = [], new MutationObserver(() => lines.push(document.querySelector('#offline').innerText))
            .observe(document.querySelector('#offline'), { childList: true, attributes: true }), true)",
    )
    .await?;
    let known: Value = serde_json::from_str(&guarded.run(&["token", "ls", "--json"]).await?)?;
    let id = known["passkeys"][0]["id"].as_str().context("a passkey")?;
    guarded.run(&["token", "revoke", "--passkey", id]).await?;
    page.wait_for(
        "document.querySelector('#offline').innerText.includes('lost its access')",
        PATIENCE,
    )
    .await?;
    let lines: Vec<String> = page.eval("lines").await?;
    assert!(
        !lines.is_empty() && lines.iter().all(|line| !line.contains("queued")),
        "{lines:?}"
    );
    page.click("#offline a").await?;
    page.wait_for(LOCKED, PATIENCE).await?;
    let offered: bool = page
        .eval("document.querySelector('#passkey') !== null")
        .await?;
    assert!(!offered, "no passkey is left");
    thief
        .eval::<bool>("(document.querySelector('#passkey-said').textContent = '', true)")
        .await?;
    thief.press("Enter").await?;
    thief.wait_for(&refused, PATIENCE).await?;
    assert!(refusals(&guarded).await?[1].contains("unknown or revoked"));
    thief.assert_clean_but(&["401"]).await?;
    page.assert_clean_but(&[&AWAY[..], &["401", "ERR_ABORTED"]].concat())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_a_number_says_where_passkeys_are() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&guarded.run(&["link"]).await?).await?;
    passkeys(&page).await?;
    let address: String = page
        .eval("document.querySelector('#passkeys p a').href")
        .await?;
    assert_eq!(
        address,
        format!("{}/", drovers.url.replace("127.0.0.1", "localhost"))
    );
    let form: bool = page
        .eval("document.querySelector('#passkeys [data-do=register]') !== null")
        .await?;
    assert!(!form, "nothing is offered that no browser does");
    page.assert_clean().await
}

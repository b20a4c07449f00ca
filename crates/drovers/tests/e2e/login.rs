//! A server that is shown already begins to ask for a password: its page takes one.

use anyhow::Result;
use testkit::chromium::Viewport;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, elsewhere, page, prompt};

const FORM: &str = "document.querySelector('.trouble form.login')";

const LINK: &str = "document.querySelector('.link').innerText";

const WHY: &str = "document.querySelector('.trouble').innerText";

/// On a desktop and on a phone, from the refusal to the next prompt.
// Longer than 70 lines: one login, step after step.
async fn logs_in(screen: Viewport) -> Result<()> {
    let bench = Bench::new().await?;
    let (mut server, browser) = bench.server_and_browser("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = elsewhere(&server, "say before the lock").await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.viewport(screen).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    page.wait_for(
        &format!("{LAST_TEXT} === 'before the lock' && !document.querySelector('[data-k=composer][data-running]')"),
        PATIENCE,
    )
    .await?;

    server.ask_for("open sesame");
    server.restart().await?;
    page.wait_for(
        &format!("{FORM} && {WHY}.includes('asks for a password')"),
        PATIENCE,
    )
    .await?;
    let out: bool = page
        .eval("document.documentElement.scrollWidth > innerWidth")
        .await?;
    assert!(!out, "nothing sticks out");

    // Every try is drawn around what is being typed.
    page.fill(".trouble form.login [name=password]", "wrong")
        .await?;
    let shown: String = page
        .eval("document.querySelector('.link [role=status]').innerText")
        .await?;
    let tried = shown.split(" in ").next().unwrap_or_default();
    let again = format!("{LINK}.match(/Retrying|Disconnected/) && !{LINK}.includes({tried:?})");
    page.wait_for(&again, PATIENCE).await?;
    let typed: String = page
        .eval(
            "document.activeElement.closest('.trouble form.login') && document.activeElement.value",
        )
        .await?;
    assert_eq!(typed, "wrong");
    page.press("Enter").await?;
    page.wait_for(
        &format!("{FORM} && {WHY}.includes('refuses the password')"),
        PATIENCE,
    )
    .await?;
    let left: String = page
        .eval(&format!("{FORM}.querySelector('[name=password]').value"))
        .await?;
    assert_eq!(left, "", "a password that was sent does not stay");
    let shown: String = page.eval(LAST_TEXT).await?;
    assert_eq!(shown, "before the lock", "what was known stays");

    page.fill(".trouble form.login [name=password]", "open sesame")
        .await?;
    page.click(".trouble form.login button").await?;
    page.wait_for(
        &format!("document.querySelector('[data-link=connected]') && !{FORM}"),
        PATIENCE,
    )
    .await?;
    prompt(&page, "say you are in").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'you are in'"), PATIENCE)
        .await?;
    let instances = drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(1), "{instances:#}");
    assert_eq!(instances[0]["id"], instance, "it is the same instance");
    let document: String = page.eval("document.documentElement.outerHTML").await?;
    assert!(!instances.to_string().contains("sesame") && !document.contains("sesame"));
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_begins_to_refuse_takes_a_password_on_its_page() -> Result<()> {
    logs_in(Viewport::DESKTOP).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_begins_to_refuse_takes_a_password_on_a_phone() -> Result<()> {
    logs_in(Viewport::PHONE).await
}

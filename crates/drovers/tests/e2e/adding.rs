//! A page adds instances by itself, and says what is wrong where it was typed.

use anyhow::Result;
use testkit::chromium::{Chromium, Page};
use testkit::real::{RealOptions, RealServer};

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, page, prompt};

const PROBLEM: &str = "document.querySelector('#add .problem')";

async fn fill(page: &Page, place: &str, password: &str) -> Result<()> {
    page.eval::<bool>("document.querySelector('#add form').reset() ?? true")
        .await?;
    page.fill("#add [name=place]", place).await?;
    page.fill("#add [name=password]", password).await
}

async fn open(page: &Page) -> Result<()> {
    page.click("header.top [data-dialog=add]").await?;
    page.wait_for("document.querySelector('#add').open", PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_place_is_explained_in_the_dialog() -> Result<()> {
    let bench = Bench::new().await?;
    let drovers = Drovers::empty(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&drovers.url).await?;
    open(&page).await?;
    let missing = bench.path("none");
    let missing = missing.to_string_lossy();
    for (place, what, next) in [
        (&*missing, "does not exist", "Check the path, or create it"),
        ("http://", "not a valid server address", "http://HOST:PORT"),
        ("ftp://127.0.0.1:21", "begin with http", "https://"),
        (
            "http://me:hush@127.0.0.1:4096",
            "must not contain",
            "their own fields",
        ),
    ] {
        fill(&page, place, "").await?;
        page.click("#add button[type=submit]").await?;
        page.wait_for(
            &format!("!{PROBLEM}.hidden && {PROBLEM}.innerText.includes({what:?})"),
            PATIENCE,
        )
        .await?;
        let told: String = page.eval(&format!("{PROBLEM}.innerText")).await?;
        assert!(told.contains(next), "{told}");
        assert!(!told.contains("hush"), "{told}");
        let kept: String = page
            .eval("document.querySelector('#add [name=place]').value")
            .await?;
        assert_eq!(kept, place, "what was typed is kept");
    }
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#add').open", PATIENCE)
        .await?;
    // What the browser itself notes of each refusal.
    page.assert_clean_but(&["status of 422"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_password_lets_in_who_has_it() -> Result<()> {
    let bench = Bench::new().await?;
    let server = RealServer::start(RealOptions {
        password: Some("open sesame".to_owned()),
        ..bench.options("proj")
    })
    .await?;
    let drovers = Drovers::empty(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&drovers.url).await?;

    for (password, reason) in [
        ("", "asks for a password"),
        ("wrong", "refuses the password"),
    ] {
        open(&page).await?;
        fill(&page, &server.url, password).await?;
        page.press("Enter").await?;
        page.wait_for(
            &format!(
                "location.pathname.startsWith('/i/') && document.querySelector('.trouble').innerText.includes({reason:?})"
            ),
            PATIENCE,
        )
        .await?;
    }
    open(&page).await?;
    fill(&page, &server.url, "open sesame").await?;
    page.press("Enter").await?;
    page.wait_for("document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    prompt(&page, "say you are in").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'you are in'"), PATIENCE)
        .await?;
    let instances = drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(1), "{instances:#}");
    let document: String = page.eval("document.documentElement.outerHTML").await?;
    assert!(!instances.to_string().contains("sesame") && !document.contains("sesame"));
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_added_by_its_host_and_port_and_named() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench.server_and_browser("proj").await?;
    let drovers = Drovers::empty(&bench).await?;
    let mut empty = browser.page().await?;
    empty.goto(&drovers.url).await?;
    open(&empty).await?;
    fill(&empty, server.url.trim_start_matches("http://"), "").await?;
    empty.fill("#add [name=name]", "the <b>bold</b>").await?;
    empty.press("Enter").await?;
    empty
        .wait_for("document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    let name = "document.querySelector('[data-k=tabs] .name').textContent";
    assert_eq!(empty.eval::<String>(name).await?, "the <b>bold</b>");
    // Whoever looks elsewhere sees the tab too.
    let instance = drovers.connected(&server).await?;
    let mut other = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    assert_eq!(other.eval::<String>(name).await?, "the <b>bold</b>");
    other.assert_clean().await?;
    empty.assert_clean().await
}

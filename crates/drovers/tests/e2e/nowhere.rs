//! A start where no server may be started: the terminal and the page say why nothing was started, and offer what can be done.

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::chromium::{Chromium, Page};

use crate::bench::{Bench, Drovers, PATIENCE, until};

const NOTICES: &str =
    "[...document.querySelectorAll('main .notice')].map(one => one.innerText).join(' ')";

/// Starts without a word in a folder, and opens the page once nothing of this machine is on it.
async fn begun(bench: &Bench, folder: &str) -> Result<(Drovers, Chromium, Page)> {
    for folder in ["home/shop/.git", folder] {
        std::fs::create_dir_all(bench.path(folder))?;
    }
    let mut command = bench.drovers();
    command
        .env("HOME", bench.path("home"))
        .current_dir(bench.path(folder))
        .stderr(std::fs::File::create(bench.path("log"))?);
    let drovers = Drovers::of(command).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    let client = reqwest::Client::new();
    // A first start attaches servers that listen on this machine, if there are any.
    until("a page without instances", async || {
        let instances = drovers.get("/api/instances").await?;
        for one in instances.as_array().context("a list")? {
            let id = one["id"].as_str().context("an id")?;
            let url = format!("{}/api/instances/{id}", drovers.url);
            client.delete(url).send().await?.error_for_status()?;
        }
        page.goto(&drovers.url).await?;
        let shown: String = page.eval(NOTICES).await?;
        Ok(shown.contains("it started no OpenCode there").then_some(()))
    })
    .await?;
    Ok((drovers, browser, page))
}

/// The page's own offer leads to a folder: its button opens the dialog, which lists what is at hand.
async fn offers(page: &Page) -> Result<()> {
    page.wait_for(
        "document.documentElement.dataset.beat !== undefined",
        PATIENCE,
    )
    .await?;
    page.click("main .home button[data-dialog=add]").await?;
    page.wait_for(
        "document.querySelector('#add').open && document.querySelector('#folders li')",
        PATIENCE,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_the_home_folder_says_why_it_starts_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, _browser, mut page) = begun(&bench, "home").await?;
    let shown: String = page.eval(NOTICES).await?;
    assert!(
        shown.contains("in your home folder") && shown.contains("all of your files"),
        "{shown}"
    );
    assert!(shown.contains("drovers FOLDER"), "{shown}");
    let said = std::fs::read_to_string(bench.path("log"))?;
    assert!(said.contains("in your home folder"), "{said}");
    offers(&page).await?;
    // The home folder itself is offered with a warning, and the project in it without.
    let home = bench.path("home").canonicalize()?;
    let state = "document.querySelector('.folders-box [role=status]').textContent";
    page.write(&format!("{}/", home.display())).await?;
    page.wait_for(
        &format!("{state}.includes('This is your home folder')"),
        PATIENCE,
    )
    .await?;
    page.write("shop/").await?;
    page.wait_for(
        &format!("{state}.includes('is a git repository')"),
        PATIENCE,
    )
    .await?;
    let instances: Value = drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(0));
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_a_folder_that_is_no_project_says_what_can_be_done() -> Result<()> {
    let bench = Bench::new().await?;
    let (_drovers, _browser, mut page) = begun(&bench, "papers").await?;
    let shown: String = page.eval(NOTICES).await?;
    assert!(shown.contains("not the top of a project"), "{shown}");
    assert!(
        shown.contains("drovers ."),
        "it can be opened all the same: {shown}"
    );
    let said = std::fs::read_to_string(bench.path("log"))?;
    assert!(said.contains("not the top of a project"), "{said}");
    offers(&page).await?;
    page.assert_clean().await
}

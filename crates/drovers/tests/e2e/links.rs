//! Links break, and heal by themselves.

use anyhow::Result;
use testkit::chromium::Chromium;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, page, prompt, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_retried_and_its_run_is_interrupted_without_a_reload() -> Result<()> {
    let bench = Bench::new().await?;
    let mut server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    prompt(&page, "echo 500 rate=20").await?;
    session(&page).await?;
    page.wait_for(
        "document.querySelector('article[data-status=streaming] .text')",
        PATIENCE,
    )
    .await?;

    server.kill9().await?;
    page.wait_for(
        "document.querySelector('.link').innerText.startsWith('Retrying')",
        PATIENCE,
    )
    .await?;
    let words: String = page
        .eval("document.querySelector('.link p').innerText")
        .await?;
    assert!(
        words.starts_with("Retrying ") && words.contains("/5 in "),
        "{words}"
    );
    server.restart().await?;
    page.wait_for(
        "document.querySelector('.link').innerText.startsWith('Connected')",
        PATIENCE,
    )
    .await?;

    page.wait_for(
        "document.querySelector('article[data-status=interrupted]')",
        PATIENCE,
    )
    .await?;
    prompt(&page, "say on we go").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'on we go'"), PATIENCE)
        .await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean().await
}

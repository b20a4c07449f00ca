//! Links break, and heal by themselves.

use anyhow::Result;

use crate::bench::{Front, LAST_TEXT, PATIENCE, prompt, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_retried_and_its_run_is_interrupted_without_a_reload() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { server, page, .. } = &mut front;
    page.eval::<bool>("window.sameDocument = true").await?;
    prompt(page, "echo 500 rate=20").await?;
    session(page).await?;
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
    prompt(page, "say on we go").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'on we go'"), PATIENCE)
        .await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean().await
}

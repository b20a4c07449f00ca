//! The page's own link: it notices by itself that nobody answers, and is right again by itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::bench::{
    AWAY, Drovers, Front, LAST_TEXT, PATIENCE, Stage, elsewhere, page, prompt, session,
};

const OFFLINE: &str = "!document.querySelector('#offline').hidden && document.documentElement.dataset.offline !== undefined \
     && getComputedStyle(document.querySelector('#app')).filter.includes('grayscale') \
     && !document.querySelector('.link').innerText.includes('Connected')";

const ONLINE: &str = "document.querySelector('#offline').hidden && document.documentElement.dataset.offline === undefined \
     && document.querySelector('[data-link=connected]')";

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_says_nothing_is_noticed_and_what_was_missed_is_shown() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { drovers, page, .. } = &mut front;
    page.eval::<bool>("window.sameDocument = true").await?;
    prompt(page, "stall 4 ;; say the end was missed").await?;
    session(page).await?;
    page.wait_for(
        "document.querySelector('article[data-status=streaming]')",
        PATIENCE,
    )
    .await?;

    drovers.signal(Signal::SIGSTOP)?;
    let stopped = Instant::now();
    // Silence is noticed after 12 s, looked for each second.
    page.wait_for(OFFLINE, Duration::from_secs(15)).await?;
    assert!(stopped.elapsed() > Duration::from_secs(6), "no false alarm");
    drovers.signal(Signal::SIGCONT)?;
    page.wait_for(ONLINE, PATIENCE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'the end was missed'"), PATIENCE)
        .await?;
    page.wait_for(
        "!document.querySelector('[data-k=composer][data-running]')",
        PATIENCE,
    )
    .await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean_but(&AWAY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hub_comes_back_under_the_page() -> Result<()> {
    let Stage {
        bench,
        server,
        mut drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    prompt(&page, "say before the fall").await?;
    session(&page).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'before the fall'"), PATIENCE)
        .await?;
    page.fill("#text", "half a thought").await?;

    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;
    page.wait_for(OFFLINE, Duration::from_secs(5)).await?;
    let meanwhile = elsewhere(&server, "say meanwhile").await?;
    let address = drovers.url.strip_prefix("http://").context("an address")?;
    let again = Drovers::of(bench.drovers_at(address)).await?;
    assert_eq!(again.url, drovers.url);

    page.wait_for(ONLINE, PATIENCE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'before the fall'"), PATIENCE)
        .await?;
    let row = format!("document.querySelector(\"[data-k=tree] a[href$='{meanwhile}']\")");
    page.wait_for(&row, PATIENCE).await?;
    assert_eq!(again.connected(&server).await?, instance);
    let draft: String = page.eval("document.querySelector('#text').value").await?;
    assert_eq!(draft, "half a thought");
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.eval::<bool>("document.querySelector('#text').focus() ?? true")
        .await?;
    prompt(&page, "say after it").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'after it'"), PATIENCE)
        .await?;
    page.assert_clean_but(&AWAY).await
}

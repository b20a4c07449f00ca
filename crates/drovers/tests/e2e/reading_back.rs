//! Reading back in a long conversation: what is before comes by itself, and nothing in sight moves.

use anyhow::Result;
use testkit::chromium::Chromium;

use crate::bench::{LAST_TEXT, PATIENCE};
use crate::hands::AT_END;

#[tokio::test(flavor = "multi_thread")]
async fn older_messages_load_by_themselves_where_a_person_reads_back() -> Result<()> {
    let source = testkit::perf::stage::Source::start(0).await?;
    let session = source.session("A long session", 400)?;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_drovers"));
    let hub = testkit::perf::stage::Hub::start(binary, source.url()).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&hub.sessions().replace("{session}", &session))
        .await?;
    let messages = "document.querySelectorAll('.turn').length";
    page.wait_for(&format!("{messages} === 100"), PATIENCE)
        .await?;
    page.wait_for(
        "document.documentElement.dataset.follows === 'end'",
        PATIENCE,
    )
    .await?;
    for more in [200, 300, 400] {
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        page.eval::<bool>(WATCH_FIRST).await?;
        page.wait_for(&format!("{messages} === {more}"), PATIENCE)
            .await?;
        // The message that was the first stays where it was, to the pixel, while what is before it comes.
        let moved: f64 = page.eval(MOVED_FIRST).await?;
        assert!(moved.abs() <= 1.0, "it moved by {moved}");
    }
    assert!(
        page.eval::<bool>("document.querySelector('.earlier').dataset.whole === ''")
            .await?
    );
    // What is on the page is the live conversation still, also after a reload.
    let turns = format!("{messages} === 402 && {AT_END}");
    page.press("G").await?;
    source.prompt(&session, "say the newest").await?;
    page.wait_for(&turns, PATIENCE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'the newest'"), PATIENCE)
        .await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(&format!("{messages} === 402"), PATIENCE)
        .await?;
    page.assert_clean().await
}

/// Remembers the first message, and where it is once it is at the upper edge.
const WATCH_FIRST: &str = "(() => {
    window.first = document.querySelector('.turn');
    document.querySelector('#log').scrollTop = 0;
    window.firstTop = window.first.getBoundingClientRect().top;
    return true;
})()";

/// Remembers a message in sight, and where it is, two screens from the beginning of what is there.
const WATCH_NEAR: &str = "(log => {
    log.scrollTop = 2 * log.clientHeight;
    const { top } = log.getBoundingClientRect();
    window.first = [...document.querySelectorAll('.turn')].find(turn => turn.getBoundingClientRect().top > top);
    window.firstTop = window.first.getBoundingClientRect().top;
    return true;
})(document.querySelector('#log'))";

/// By how many pixels it has moved since.
const MOVED_FIRST: &str = "window.first.getBoundingClientRect().top - window.firstTop";

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_open_and_scroll_as_ten_do() -> Result<()> {
    let source = testkit::perf::stage::Source::start(0).await?;
    let session = source.session("A very long session", 10_000)?;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_drovers"));
    let hub = testkit::perf::stage::Hub::start(binary, source.url()).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&hub.sessions().replace("{session}", &session))
        .await?;
    let messages = "document.querySelectorAll('.turn').length";
    page.wait_for(
        &format!("{messages} === 100 && document.documentElement.dataset.follows === 'end'"),
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    // What is before comes while the beginning is two screens away, and moves nothing that is in sight.
    for more in (200..=1000).step_by(100) {
        page.eval::<bool>(WATCH_NEAR).await?;
        page.wait_for(&format!("{messages} === {more}"), PATIENCE)
            .await?;
        let moved: f64 = page.eval(MOVED_FIRST).await?;
        assert!(moved.abs() < 1.0, "it moved by {moved} at {more} messages");
    }
    let sent: usize = page.eval(LARGEST_OLDER).await?;
    assert!(
        sent < 1_000_000,
        "a page of older messages had {sent} bytes"
    );
    page.press("G").await?;
    page.wait_for(AT_END, PATIENCE).await?;
    page.press("[").await?;
    page.wait_for(&format!("!({AT_END})"), PATIENCE).await?;
    page.assert_clean().await
}

/// Bytes of the largest reply with older messages: each has a page of them, however many are on the page.
const LARGEST_OLDER: &str = "Math.max(...performance.getEntriesByType('resource')
    .filter(entry => entry.name.includes('/older?')).map(entry => entry.decodedBodySize))";

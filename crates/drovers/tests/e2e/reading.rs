//! Where a person reads: the end is followed while it grows, and any other place stays where it is.

use anyhow::Result;
use testkit::chromium::{Page, Viewport};

use crate::bench::{LAST_TEXT, PATIENCE, Stage, elsewhere, page};

const LOG: &str = "document.querySelector('#log')";

/// The end is in sight, below what fills the screen.
const AT_END: &str = "(log => log.scrollTop > 200 && log.scrollHeight - log.clientHeight - log.scrollTop < 5)(document.querySelector('#log'))";

async fn grown(page: &Page) -> Result<()> {
    let had: usize = page.eval(&format!("{LAST_TEXT}.length")).await?;
    page.wait_for(&format!("{LAST_TEXT}.length > {had} + 400"), PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_followed_and_a_readers_place_kept() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = elsewhere(server, "echo 4000 rate=120").await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut page = page(browser, drovers, &path).await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(AT_END, PATIENCE).await?;
    for _ in 0..3 {
        grown(&page).await?;
        page.wait_for(AT_END, PATIENCE).await?;
    }

    let place = "document.querySelector('.turn').getBoundingClientRect().top";
    page.eval::<bool>(&format!("({LOG}.scrollTop = 100, true)"))
        .await?;
    let before: f64 = page.eval(place).await?;
    grown(&page).await?;
    grown(&page).await?;
    let after: f64 = page.eval(place).await?;
    assert!((after - before).abs() < 1.0, "{before} became {after}");

    page.eval::<bool>(&format!("({LOG}.scrollTop = {LOG}.scrollHeight, true)"))
        .await?;
    grown(&page).await?;
    page.wait_for(AT_END, PATIENCE).await?;
    page.viewport(Viewport::DESKTOP).await?;
    page.wait_for(AT_END, PATIENCE).await?;
    page.assert_clean().await
}

/// What a person selects of the code, what it is, and how many pieces it is shown in, if it is shown without a gap.
const CODE: &str = "(() => {
    const code = document.querySelector('.code pre code');
    getSelection().selectAllChildren(code);
    const selected = getSelection().toString();
    getSelection().removeAllRanges();
    const lines = code.textContent.split('\\n').length;
    const tall = parseFloat(getComputedStyle(code).lineHeight) * lines;
    const gapless = Math.abs(code.getBoundingClientRect().height - tall) < 1;
    return [selected, code.textContent, gapless ? code.querySelectorAll('.piece').length : -1];
})()";

#[tokio::test(flavor = "multi_thread")]
async fn long_code_in_pieces_reads_and_is_selected_as_one() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = elsewhere(server, "echo 900 rate=300 code").await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut page = page(browser, drovers, &path).await?;
    for viewport in [Viewport::DESKTOP, Viewport::PHONE] {
        page.viewport(viewport).await?;
        page.wait_for("document.querySelectorAll('.piece').length > 1", PATIENCE)
            .await?;
        let (selected, code, pieces): (String, String, i32) = page.eval(CODE).await?;
        assert!(pieces > 1, "{pieces} pieces of {code}");
        assert_eq!(selected, code.trim_end_matches('\n'));
    }
    page.assert_clean().await
}

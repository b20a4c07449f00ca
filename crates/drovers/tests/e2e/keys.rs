//! The keyboard, the way back, and drafts that stay where they were written.

use anyhow::Result;
use testkit::chromium::Page;

use crate::bench::{LAST_TEXT, PATIENCE, Stage, elsewhere, page};

const FOCUSED: &str = "document.activeElement.id === 'text'";

async fn at(page: &Page, path: &str) -> Result<()> {
    let current = format!(
        "location.pathname === '{path}' && document.documentElement.dataset.session === '{path}'.split('/s/')[1]"
    );
    page.wait_for(&current, PATIENCE).await
}

async fn draft(page: &Page) -> Result<String> {
    page.eval("document.querySelector('#text').value").await
}

async fn leave_prompt(page: &Page) -> Result<()> {
    page.press("Escape").await?;
    page.wait_for(&format!("!({FOCUSED})"), PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over the whole page.
async fn everything_is_reached_without_a_pointer() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    for text in [
        "say first",
        "say second",
        "permission ;; say allowed by a key",
    ] {
        elsewhere(server, text).await?;
    }
    let mut page = page(browser, drovers, &format!("/i/{instance}")).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=tree] li').length === 3 && document.querySelector('[data-k=needs] .card:not(.still)')",
        PATIENCE,
    )
    .await?;
    let rows = "[...document.querySelectorAll('[data-k=tree] li a')].map(a => a.pathname)";

    page.wait_for(FOCUSED, PATIENCE).await?;
    leave_prompt(&page).await?;
    page.press("/").await?;
    page.wait_for(FOCUSED, PATIENCE).await?;
    assert_eq!(draft(&page).await?, "", "the key itself is not written");
    leave_prompt(&page).await?;

    page.press("?").await?;
    page.wait_for("document.querySelector('#help').open", PATIENCE)
        .await?;
    page.press("j").await?;
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#help').open", PATIENCE)
        .await?;
    let here: String = page.eval("location.pathname").await?;
    assert_eq!(here, format!("/i/{instance}"), "a dialog keeps the keys");

    // Titles settle while the first answers come; the rows are read when they are used.
    for key in ["j", "j", "k"] {
        let before: Vec<String> = page.eval(rows).await?;
        let here: String = page.eval("location.pathname").await?;
        let now = before.iter().position(|path| *path == here);
        let next = match (key, now) {
            (_, None) => 0,
            ("j", Some(now)) => now + 1,
            (_, Some(now)) => now - 1,
        };
        page.press(key).await?;
        at(&page, &before[next]).await?;
    }

    page.wait_for(
        "document.querySelector('[data-marked][data-ready]')",
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("new Promise(quiet => setTimeout(() => quiet(true), 450))")
        .await?;
    page.press("a").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] .card:not(.still)')",
        PATIENCE,
    )
    .await?;
    page.press("n").await?;
    page.wait_for(
        &format!("location.pathname === '/i/{instance}' && {FOCUSED}"),
        PATIENCE,
    )
    .await?;
    page.fill("#text", "say by keys alone").await?;
    page.press("Enter").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'by keys alone'"), PATIENCE)
        .await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_leads_to_each_session_with_its_draft() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let mut paths = Vec::new();
    for text in ["say in one", "say in two"] {
        let session = elsewhere(server, text).await?;
        paths.push(drovers.path_of(instance, &session).await?);
    }
    let (one, two) = (&paths[0], &paths[1]);
    let mut page = page(browser, drovers, one).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'in one'"), PATIENCE)
        .await?;
    page.fill("#text", "draft of one\nin two lines").await?;
    let model = "document.querySelector('#model').value";
    let usual: String = page.eval(model).await?;
    let small = "#picker .pick[value='scripted/scripted-small']";
    page.click("#model").await?;
    page.wait_for(&format!("document.querySelector(\"{small}\")"), PATIENCE)
        .await?;
    page.click(small).await?;
    page.wait_for("!document.querySelector('#picker')", PATIENCE)
        .await?;
    assert_ne!(page.eval::<String>(model).await?, usual);

    let row = format!("[data-k=tree] a[href='{two}']");
    page.wait_for(&format!("document.querySelector(\"{row}\")"), PATIENCE)
        .await?;
    page.click(&row).await?;
    at(&page, two).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'in two'"), PATIENCE)
        .await?;
    assert_eq!(draft(&page).await?, "");
    let other: String = page.eval(model).await?;
    assert_eq!(other, usual, "a choice is for its own session");
    page.fill("#text", "draft of two").await?;

    page.eval::<bool>("history.back() ?? true").await?;
    at(&page, one).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'in one'"), PATIENCE)
        .await?;
    assert_eq!(draft(&page).await?, "draft of one\nin two lines");
    page.eval::<bool>("history.forward() ?? true").await?;
    at(&page, two).await?;
    assert_eq!(draft(&page).await?, "draft of two");
    assert!(page.eval::<bool>("window.sameDocument === true").await?);

    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(
        "window.sameDocument === undefined && document.querySelector('#text')?.value === 'draft of two'",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

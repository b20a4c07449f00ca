//! The folders of a service: groups of its sessions, names in the overview and in the terminal, and the place of a new session.

use anyhow::Result;
use testkit::chromium::Viewport;

use super::{AT_REST, Front};
use crate::bench::{LAST_TEXT, PATIENCE, listed, prompt, session};
use crate::prompting::loaded;

/// The names above the groups of the tree, and the titles below each.
const TREE: &str = "[...document.querySelectorAll('[data-k=tree-list] > li')].flatMap(row =>
    [...(row.dataset.folder === undefined ? [] : ['# ' + row.dataset.folder]), row.querySelector('.name').innerText])";

/// Title and place of each row of the overview that can be seen.
const ROWS: &str = "[...document.querySelectorAll('[data-k=overview-list] > li.session')].filter(row => row.checkVisibility())
    .map(row => row.querySelector('.name').innerText + ' in ' + row.querySelector('.where').innerText).sort()";

/// The folder in which a new session would be begun.
const PLACE: &str = "document.querySelector('#place')?.value";

#[tokio::test(flavor = "multi_thread")]
async fn sessions_stand_in_groups_by_folder_and_are_found_by_it() -> Result<()> {
    let mut front = Front::open().await?;
    front.begun("Basket", "/w/shop", "say one").await?;
    let blog = front.begun("Posts", "/w/blog", "say two").await?;
    front.begun("Checkout", "/w/shop", "say three").await?;
    front
        .goto(&format!("/i/{}/s/{blog}", front.instance))
        .await?;
    let page = &front.page;
    let groups = ["# blog", "Posts", "# shop", "Checkout", "Basket"];
    listed(page, TREE, &groups).await?;
    // Tabs have the names of their folders before them.
    let tabs = "[...document.querySelectorAll('.strip .place')].map(one => one.innerText)";
    listed(page, tabs, &["shop", "blog"]).await?;
    page.fill("#tree-filter", "/w/shop").await?;
    let shown = "[...document.querySelectorAll('[data-k=tree-list] > li')].filter(row => !row.hidden).map(row => row.querySelector('.name').innerText)";
    listed(page, shown, &["Checkout", "Basket"]).await?;
    page.press("Escape").await?;
    // The button puts all of them into one list, and the next look finds it so.
    page.click("#tree-folders").await?;
    listed(page, TREE, &["Checkout", "Posts", "Basket"]).await?;
    page.click("#tree-folders").await?;
    listed(page, TREE, &groups).await?;

    front.goto("/").await?;
    let page = &front.page;
    let rows = ["Basket in shop", "Checkout in shop", "Posts in blog"];
    listed(page, ROWS, &rows).await?;
    page.press("/").await?;
    page.write("blog").await?;
    listed(page, ROWS, &["Posts in blog"]).await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_is_begun_in_a_folder_that_is_known_or_typed() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    // No folder is known yet: any path will do.
    page.fill("#place", "/w/shop").await?;
    prompt(page, "say first").await?;
    let first = session(page).await?;
    page.wait_for(&format!("{AT_REST} && {LAST_TEXT} === 'first'"), PATIENCE)
        .await?;
    assert_eq!(
        front.theirs(&first).await?["location"]["directory"],
        "/w/shop"
    );

    // The next one begins where this one works, by the key.
    let page = &front.page;
    page.press("Escape").await?;
    page.press("n").await?;
    page.wait_for(&format!("{PLACE} === '/w/shop'"), PATIENCE)
        .await?;
    let known = "[...document.querySelectorAll('#places option')].map(one => one.value)";
    listed(page, known, &["/w/shop"]).await?;
    // On a phone the field stands above the buttons, as wide as they are.
    page.viewport(Viewport::PHONE).await?;
    let fits = "(box => box.left >= 0 && box.right <= innerWidth && box.width > 200)(document.querySelector('#place').getBoundingClientRect())";
    page.wait_for(fits, PATIENCE).await?;
    page.viewport(Viewport::DESKTOP).await?;
    page.fill("#place", "/w/blog").await?;
    prompt(page, "say second").await?;
    let second = session(page).await?;
    page.wait_for(&format!("{AT_REST} && {LAST_TEXT} === 'second'"), PATIENCE)
        .await?;
    assert_eq!(
        front.theirs(&second).await?["location"]["directory"],
        "/w/blog"
    );
    front.page.assert_clean().await
}

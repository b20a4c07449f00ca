//! The sessions of an instance as a tree: folded, sorted, filtered, unread, and its archive, by keys and by the pointer.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use crate::bench::{Front, PATIENCE, created, listed, run};

/// Titles of the rows that can be seen, from the first to the last.
pub(crate) const TITLES: &str = "[...document.querySelectorAll('[data-k=tree-list] > li')]
    .filter(row => row.checkVisibility()).map(row => row.querySelector('.name').textContent)";

pub(crate) async fn titles(page: &Page, wanted: &[&str]) -> Result<()> {
    listed(page, TITLES, wanted).await
}

pub(crate) async fn named(front: &Front, title: &str, parent: Option<&str>) -> Result<String> {
    let mut session = json!({ "title": title });
    if let Some(parent) = parent {
        session["parentID"] = json!(parent);
    }
    let id = created(&front.server, &session).await?;
    let row = format!("document.querySelector('[data-k=\"s:{id}\"]')");
    front.page.wait_for(&row, PATIENCE).await?;
    Ok(id)
}

pub(crate) fn link(id: &str) -> String {
    format!("document.querySelector('[data-k=\"s:{id}\"] > a')")
}

pub(crate) async fn focus(page: &Page, id: &str) -> Result<()> {
    page.eval::<bool>(&format!("({}.focus(), true)", link(id)))
        .await?;
    let here = format!("document.activeElement === {}", link(id));
    page.wait_for(&here, PATIENCE).await
}

/// Waits until the script of the tree runs: its one row is reached by Tab.
pub(crate) async fn tree_ready(page: &Page) -> Result<()> {
    let one = "document.querySelectorAll('[data-k=tree-list] a[tabindex=\"0\"]').length === 1";
    page.wait_for(one, PATIENCE).await
}

async fn order(page: &Page, by: &str) -> Result<()> {
    page.eval::<bool>(&format!(
        "(menu => {{ menu.value = '{by}'; menu.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }})
            (document.querySelector('#tree-order'))"
    ))
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over the whole of the tree.
async fn the_tree_is_folded_sorted_and_filtered_by_keys_and_stays_so() -> Result<()> {
    let mut front = Front::open().await?;
    let alpha = named(&front, "Alpha", None).await?;
    let below = named(&front, "Below alpha", Some(&alpha)).await?;
    let deep = named(&front, "Deep below", Some(&below)).await?;
    let zeta = named(&front, "Zeta", None).await?;
    let page = &front.page;
    tree_ready(page).await?;
    titles(page, &["Zeta", "Alpha", "Below alpha", "Deep below"]).await?;
    let roles: (String, String, String) = page
        .eval(&format!(
            "[document.querySelector('[data-k=tree-list]').role, {0}.role, {0}.ariaLevel]",
            link(&deep)
        ))
        .await?;
    assert_eq!(roles, ("tree".into(), "treeitem".into(), "3".into()));

    // → goes into what is open, ← to what is above, closes it, and → opens it again.
    focus(page, &alpha).await?;
    let expanded = |id: &str, is: &str| format!("{}.ariaExpanded === '{is}'", link(id));
    let at = |id: &str| format!("document.activeElement === {}", link(id));
    for (key, now) in [
        ("ArrowRight", at(&below)),
        ("ArrowRight", at(&deep)),
        ("ArrowRight", at(&deep)),
        ("ArrowLeft", at(&below)),
        ("ArrowLeft", expanded(&below, "false")),
        ("ArrowLeft", at(&alpha)),
        ("ArrowUp", at(&zeta)),
        ("ArrowUp", at(&zeta)),
        ("End", at(&below)),
        ("Home", at(&zeta)),
    ] {
        page.press(key).await?;
        page.wait_for(&now, PATIENCE).await?;
    }
    titles(page, &["Zeta", "Alpha", "Below alpha"]).await?;
    // A change of a row leaves it as it is.
    run(&front.server, &below, "say hello").await?;
    page.wait_for(
        &format!(
            "{}.dataset.output > {}.dataset.made",
            link(&below),
            link(&below)
        ),
        PATIENCE,
    )
    .await?;
    page.wait_for(&expanded(&below, "false"), PATIENCE).await?;

    // With the mouse, and after the page is loaded again. The end of the run makes room in the row, which moves what is pressed.
    page.wait_for(
        "!document.querySelector('[data-k=tree-list] a > .word')",
        PATIENCE,
    )
    .await?;
    page.click(&format!("[data-k=\"s:{alpha}\"] .caret"))
        .await?;
    titles(page, &["Zeta", "Alpha"]).await?;
    ensure!(
        !page
            .eval::<bool>("location.pathname.includes('/s/')")
            .await?
    );
    page.eval::<bool>("location.reload() ?? true").await?;
    titles(page, &["Zeta", "Alpha"]).await?;
    tree_ready(page).await?;
    page.click(&format!("[data-k=\"s:{alpha}\"] .caret"))
        .await?;
    titles(page, &["Zeta", "Alpha", "Below alpha"]).await?;
    page.point(testkit::chromium::Spot { x: 700.0, y: 200.0 })
        .await?;

    order(page, "title").await?;
    titles(page, &["Alpha", "Below alpha", "Zeta"]).await?;
    let mid = named(&front, "Mid", None).await?;
    let page = &front.page;
    titles(page, &["Alpha", "Below alpha", "Mid", "Zeta"]).await?;
    run(&front.server, &mid, "permission").await?;
    order(page, "urgency").await?;
    page.wait_for(&format!("{TITLES}[0] === 'Mid'"), PATIENCE)
        .await?;

    page.press("Escape").await?;
    page.press("f").await?;
    page.wait_for("document.activeElement.id === 'tree-filter'", PATIENCE)
        .await?;
    page.write("needs you").await?;
    titles(page, &["Mid"]).await?;
    page.fill("#tree-filter", "deep").await?;
    titles(page, &["Alpha", "Below alpha", "Deep below"]).await?;
    page.fill("#tree-filter", "nothing is called so").await?;
    page.wait_for("!document.querySelector('#tree-none').hidden", PATIENCE)
        .await?;
    page.press("Escape").await?;
    page.wait_for("document.activeElement.role === 'treeitem'", PATIENCE)
        .await?;
    page.wait_for(&format!("{TITLES}.length === 4"), PATIENCE)
        .await?;
    let axe = testkit::axe::violations(page).await?;
    ensure!(axe.is_empty(), "{axe:?}");
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_new_output_is_unread_until_it_was_looked_at() -> Result<()> {
    let mut front = Front::open().await?;
    let one = named(&front, "One", None).await?;
    let two = named(&front, "Two", None).await?;
    let page = &front.page;
    tree_ready(page).await?;
    page.click(&format!("[data-k=\"s:{one}\"] > a")).await?;
    let unread = |id: &str| {
        format!("document.querySelector('[data-k=\"s:{id}\"]').hasAttribute('data-unread')")
    };
    let seen = |id: &str| {
        format!(
            "JSON.parse(localStorage.getItem('seen')).at['{id}'] >= {}.dataset.output",
            link(id)
        )
    };
    page.wait_for(&seen(&one), PATIENCE).await?;
    run(&front.server, &two, "say something new").await?;
    page.wait_for(&unread(&two), PATIENCE).await?;
    let heard = format!("{}.querySelector('.fresh').checkVisibility()", link(&two));
    page.wait_for(&heard, PATIENCE).await?;

    // Passing over it is no look.
    page.press("Escape").await?;
    page.press("k").await?;
    page.wait_for(&format!("location.pathname.endsWith('{two}')"), PATIENCE)
        .await?;
    page.press("j").await?;
    page.wait_for(&format!("location.pathname.endsWith('{one}')"), PATIENCE)
        .await?;
    page.wait_for(&seen(&one), PATIENCE).await?;
    ensure!(page.eval::<bool>(&unread(&two)).await?);
    page.press("k").await?;
    page.wait_for(&format!("!{}", unread(&two)), PATIENCE)
        .await?;
    // What comes while it is in front is seen.
    run(&front.server, &two, "say more").await?;
    page.wait_for(
        "document.querySelector('#log').innerText.includes('more')",
        PATIENCE,
    )
    .await?;
    page.wait_for(&seen(&two), PATIENCE).await?;
    ensure!(!page.eval::<bool>(&unread(&two)).await?);
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_opens_at_the_end_of_the_tree_and_gives_sessions_back() -> Result<()> {
    let mut front = Front::open().await?;
    let old = named(&front, "Old work", None).await?;
    named(&front, "New work", None).await?;
    let page = &front.page;
    tree_ready(page).await?;
    let hidden = "document.querySelector('details.archived').hidden";
    ensure!(page.eval::<bool>(hidden).await?);
    let change = json!({ "time": { "archived": 1_700_000_000_000_u64 } });
    let instance: String = page
        .eval("document.documentElement.dataset.instance")
        .await?;
    let url = format!(
        "{}/api/instances/{instance}/sessions/{old}",
        front.drovers.url
    );
    let archived = reqwest::Client::new().patch(&url).json(&change).send();
    archived.await?.error_for_status()?;
    titles(page, &["New work"]).await?;
    page.wait_for(&format!("!{hidden}"), PATIENCE).await?;
    let count: String = page
        .eval("document.querySelector('.archived summary').innerText.trim()")
        .await?;
    ensure!(count.ends_with("Archived 1"), "{count}");

    page.viewport(Viewport::PHONE).await?;
    page.tap(page.spot(".head [data-sheet=left]").await?)
        .await?;
    page.wait_for(
        "document.querySelector('.archived summary').checkVisibility()",
        PATIENCE,
    )
    .await?;
    page.tap(page.spot(".archived > summary").await?).await?;
    let button = "document.querySelector('.archived button[data-restore]')";
    page.wait_for(&format!("{button}?.checkVisibility()"), PATIENCE)
        .await?;
    page.tap(page.spot(".archived button[data-restore]").await?)
        .await?;
    titles(page, &["New work", "Old work"]).await?;
    page.wait_for(hidden, PATIENCE).await?;
    let theirs: Value = reqwest::get(format!("{}/session/{old}", front.server.url))
        .await?
        .json()
        .await?;
    ensure!(theirs["time"]["archived"].as_f64().unwrap_or_default() == 0.0);
    front.page.assert_clean().await
}

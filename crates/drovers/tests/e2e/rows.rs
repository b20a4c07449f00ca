//! Rows that move by themselves: the one under the mouse stays where it is, and none takes a press that was meant for another.

use anyhow::{Result, ensure};
use testkit::chromium::Page;

use crate::bench::{Front, PATIENCE, run};
use crate::tree::{named, tree_ready};

/// Something that asks for a permission.
const ASKS: &str = "permission echo needs-permission push ;; say pushed";

/// Waits until the script that holds rows runs.
async fn rows_ready(page: &Page) -> Result<()> {
    tree_ready(page).await?;
    // The key bar is written by the script that holds rows.
    page.wait_for("document.querySelector('#bar').hasChildNodes()", PATIENCE)
        .await
}

async fn top(page: &Page, session: &str) -> Result<f64> {
    let row =
        format!("document.querySelector('[data-k=\"s:{session}\"]').getBoundingClientRect().top");
    page.eval(&row).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_under_the_mouse_stays_where_it_is_while_cards_and_rows_come() -> Result<()> {
    let mut front = Front::open().await?;
    let asks = named(&front, "Asks", None).await?;
    let alpha = named(&front, "Alpha", None).await?;
    // So many that no card reaches the row.
    for nth in 0..8 {
        named(&front, &format!("Other {nth}"), None).await?;
    }
    let beta = named(&front, "Beta", None).await?;
    let page = &front.page;
    rows_ready(page).await?;
    let row = page.spot(&format!("[data-k=\"s:{alpha}\"] > a")).await?;
    page.point(row).await?;
    page.wait_for(
        &format!("document.querySelector('[data-k=\"s:{alpha}\"]').matches(':hover')"),
        PATIENCE,
    )
    .await?;
    let before = top(page, &alpha).await?;

    // Cards come above the tree, and a row above the one that is pointed at.
    run(&front.server, &asks, ASKS).await?;
    page.wait_for(
        "document.querySelector('.needs li.card [value=once]')",
        PATIENCE,
    )
    .await?;
    let with_card = top(page, &alpha).await?;
    let newest = named(&front, "Newest", None).await?;
    let with_row = top(page, &alpha).await?;
    for now in [with_card, with_row] {
        ensure!((now - before).abs() <= 1.0, "{before} became {now}");
    }
    // Pressed there, it is the row that was there all the time.
    page.clicks(row, 1).await?;
    page.wait_for(&format!("location.pathname.endsWith('{alpha}')"), PATIENCE)
        .await?;

    // Once it is left, everything is where it belongs.
    page.point(page.spot("#text").await?).await?;
    page.wait_for(
        "!document.querySelector('[data-k=tree]').getAttribute('style')",
        PATIENCE,
    )
    .await?;
    ensure!(top(page, &newest).await? < top(page, &beta).await?);
    front.page.assert_clean().await
}

/// Presses the first row of the tree as soon as another one has come to its place. The value tells whether a hint was shown for it.
const PRESS_AT_ONCE: &str = "window.pressed = new Promise(done => {
    const list = document.querySelector('[data-k=tree-list]');
    const before = list.firstElementChild;
    const look = () => {
        const row = list.firstElementChild;
        if (row === before) return setTimeout(look, 5);
        const { left, top } = row.getBoundingClientRect();
        const at = { bubbles: true, cancelable: true, detail: 1, clientX: left + 40, clientY: top + 8 };
        row.querySelector('a').dispatchEvent(new PointerEvent('pointerdown', at));
        row.querySelector('a').dispatchEvent(new MouseEvent('click', at));
        done(!document.querySelector('#hint').hidden);
    };
    look();
}), true";

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_has_just_come_to_a_place_takes_no_press() -> Result<()> {
    let mut front = Front::open().await?;
    named(&front, "Alpha", None).await?;
    named(&front, "Beta", None).await?;
    let page = &front.page;
    rows_ready(page).await?;
    page.point(page.spot("#log").await?).await?;
    let here: String = page.eval("location.href").await?;
    page.eval::<bool>(&format!("({PRESS_AT_ONCE})")).await?;
    let newest = named(&front, "Newest", None).await?;
    ensure!(page.eval::<bool>("pressed").await?, "no hint");
    assert_eq!(page.eval::<String>("location.href").await?, here);
    // A moment later it takes it.
    page.click(&format!("[data-k=\"s:{newest}\"] > a")).await?;
    page.wait_for(&format!("location.pathname.endsWith('{newest}')"), PATIENCE)
        .await?;
    front.page.assert_clean().await
}

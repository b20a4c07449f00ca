//! How it is drawn: measured in a browser, on every kind of screen.

pub(crate) mod gallery;

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::{Front, LAST_TEXT, PATIENCE, Stage, created, page, prompt};
use gallery::Gallery;

/// A desktop's screen at four times its size.
const ZOOMED: Viewport = Viewport::DESKTOP;

/// Screens that people have.
fn screens() -> [Viewport; 6] {
    [
        Viewport::PHONE.sized(390, 844),
        Viewport::PHONE.sized(360, 640),
        Viewport::PHONE.sized(640, 360),
        Viewport::DESKTOP.sized(1024, 768),
        Viewport::DESKTOP.sized(1440, 900),
        ZOOMED.sized(320, 256),
    ]
}

/// What widens a page, or sticks out of it where nothing scrolls; empty if nothing does.
const WIDE: &str = "(() => {
    const page = document.scrollingElement;
    const wide = page.scrollWidth > innerWidth ? [`the page is ${page.scrollWidth} wide on ${innerWidth}`] : [];
    const scrolls = element => /auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX);
    for (const one of document.querySelectorAll('button, a, h1, h2, p, input, select, textarea, pre, img, .name')) {
        const box = one.getBoundingClientRect();
        if (box.width === 0 || box.right <= innerWidth + 1) continue;
        let up = one.parentElement;
        while (up && up.id !== 'app' && up !== document.body && !scrolls(up)) up = up.parentElement;
        if (!up || up.id === 'app' || up === document.body) wide.push(`${one.localName}.${one.className} ends at ${box.right}`);
    }
    return wide.join('; ');
})()";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_widens_a_page() -> Result<()> {
    let gallery = Gallery::open(&[1, 4, 30]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    let mut wide = Vec::new();
    for name in &gallery.names {
        page.goto(&gallery.url(name)).await?;
        for screen in screens() {
            page.viewport(screen).await?;
            let found: String = page.eval(WIDE).await?;
            if !found.is_empty() {
                wide.push(format!("{name} on {screen:?}: {found}"));
            }
        }
    }
    ensure!(wide.is_empty(), "{}", wide.join("\n"));
    Ok(())
}

/// Texts that are drawn over one another; empty if none are. What an opaque element covers is not drawn.
const OVERLAID: &str = "(() => {
    const texts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walk.nextNode(); text; text = walk.nextNode()) {
        const of = text.parentElement;
        if (!text.data.trim() || !of.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        for (const box of range.getClientRects()) texts.push({ of, words: text.data.trim().slice(0, 40), box });
    }
    const opaque = element => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour.startsWith('rgb(') || colour.startsWith('color(') && !colour.includes('/');
    };
    // Whether a text is what is drawn at a point, or lies below nothing but transparent elements.
    const shows = (of, stack) => {
        const at = stack.findIndex(element => element === of || of.contains(element));
        return at >= 0 && !stack.slice(0, at).some(above => !above.contains(of) && opaque(above));
    };
    const found = [];
    texts.forEach((one, index) => {
        for (const other of texts.slice(index + 1)) {
            // What is cut off is a box of its own.
            if (one.of === other.of) continue;
            const left = Math.max(one.box.left, other.box.left), right = Math.min(one.box.right, other.box.right);
            const top = Math.max(one.box.top, other.box.top), bottom = Math.min(one.box.bottom, other.box.bottom);
            if (right - left < 3 || bottom - top < 3) continue;
            const stack = document.elementsFromPoint((left + right) / 2, (top + bottom) / 2);
            if (shows(one.of, stack) && shows(other.of, stack)) found.push(`“${one.words}” over “${other.words}”`);
        }
    });
    return found.slice(0, 5).join('; ');
})()";

#[tokio::test(flavor = "multi_thread")]
async fn no_text_is_drawn_over_another() -> Result<()> {
    let gallery = Gallery::screens().await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    let mut overlaid = Vec::new();
    for name in &gallery.names {
        page.viewport(Viewport::DESKTOP).await?;
        gallery.show(&page, name).await?;
        for screen in screens() {
            page.viewport(screen).await?;
            let found: String = page.eval(OVERLAID).await?;
            if !found.is_empty() {
                overlaid.push(format!("{name} on {screen:?}: {found}"));
            }
        }
    }
    ensure!(overlaid.is_empty(), "{}", overlaid.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conversation_has_half_of_a_page_that_is_four_times_as_large() -> Result<()> {
    let gallery = Gallery::open(&[30]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.viewport(ZOOMED.sized(320, 256)).await?;
    for (name, least) in [
        ("live", 128),
        ("asks", 128),
        ("new", 128),
        ("crowd-wide-30", 128),
        // What a link that is down says takes its place too.
        ("retrying", 100),
        // Without a session, what to do about it is all there is.
        ("gone", 0),
    ] {
        page.goto(&gallery.url(name)).await?;
        let height: u32 = page
            .eval("document.querySelector('#log').clientHeight")
            .await?;
        ensure!(height >= least, "{name}: {height} of 256");
        let reconnect = "[...document.querySelectorAll('.trouble button')].every(button =>
            (box => box.right <= innerWidth && document.elementFromPoint(box.left + 8, box.top + 8) === button)(button.getBoundingClientRect()))";
        ensure!(
            page.eval::<bool>(reconnect).await?,
            "{name}: its server can be tried again"
        );
        let send = "document.querySelector('.send').getBoundingClientRect().bottom <= innerHeight";
        ensure!(page.eval::<bool>(send).await?, "{name}: it can be sent");
    }
    Ok(())
}

/// Words of cells that do not stand on one line.
const BROKEN: &str = "(() => {
    const broken = [];
    for (const cell of document.querySelectorAll('.wide :is(td, th)')) {
        const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        for (let text = walk.nextNode(); text; text = walk.nextNode()) {
            for (const { index, 0: word } of text.data.matchAll(/[^\\s]+/g)) {
                const range = document.createRange();
                range.setStart(text, index);
                range.setEnd(text, index + word.length);
                if (word.length < 40 && range.getClientRects().length > 1) broken.push(word);
            }
        }
    }
    return broken.join(', ');
})()";

#[tokio::test(flavor = "multi_thread")]
async fn cells_wrap_at_words_and_tables_scroll() -> Result<()> {
    let gallery = Gallery::open(&[1]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.goto(&gallery.url("crowd-wide-1")).await?;
    for screen in screens() {
        page.viewport(screen).await?;
        ensure!(
            page.eval::<String>(BROKEN).await?.is_empty(),
            "{screen:?}: {}",
            page.eval::<String>(BROKEN).await?
        );
        // On phones the name is a sign, as large as a fingertip.
        let brand = "(brand => brand.getClientRects().length < 2 && brand.offsetHeight <= (innerWidth > 820 ? 24 : 44))(document.querySelector('.brand'))";
        ensure!(
            page.eval::<bool>(brand).await?,
            "the name of the page stands on one line"
        );
    }
    page.viewport(Viewport::PHONE).await?;
    let scrolls = "[...document.querySelectorAll('.wide')].some(table => table.scrollWidth > table.clientWidth && table.tabIndex === 0)";
    ensure!(
        page.eval::<bool>(scrolls).await?,
        "a wide table scrolls, by keys as well"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_has_its_direction() -> Result<()> {
    let gallery = Gallery::open(&[1]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.goto(&gallery.url("crowd-wide-1")).await?;
    let directions: Vec<String> = page
        .eval("[...document.querySelectorAll('.text')][0].querySelectorAll(':scope > div').values().map(div => getComputedStyle(div).direction).toArray()")
        .await?;
    assert_eq!(directions, ["ltr", "rtl", "rtl", "ltr", "rtl"]);
    let strong: Vec<String> = page
        .eval("[...document.querySelectorAll('.text strong')].map(strong => strong.textContent)")
        .await?;
    assert_eq!(strong, ["「重点」", "「重要」"]);
    let code = "getComputedStyle(document.querySelector('.text li code')).direction";
    assert_eq!(page.eval::<String>(code).await?, "ltr");
    let link = "document.querySelector('.text a').href";
    assert_eq!(page.eval::<String>(link).await?, "http://localhost:3000/");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_in_sight_while_their_row_is_folded() -> Result<()> {
    let gallery = Gallery::open(&[1]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.goto(&gallery.url("crowd-wide-1")).await?;
    for selector in [".turn.user img", ".tool[data-pictures]:not([open]) img"] {
        let seen = format!(
            "(img => (img.scrollIntoView(), img.complete && img.naturalWidth > 0 && img.checkVisibility()
                && img.getBoundingClientRect().width <= 480))(document.querySelector('{selector}'))"
        );
        page.wait_for(&seen, PATIENCE).await?;
    }
    let folded = "document.querySelector('.tool[data-pictures] > [data-k$=\":in\"]').getClientRects().length";
    assert_eq!(page.eval::<usize>(folded).await?, 0, "the rest is not");
    let told = "document.querySelector('.tool[data-pictures] > summary').innerText.includes('2 files, 1.2 MB')";
    ensure!(page.eval::<bool>(told).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_instances_are_reached_by_list_wheel_and_keys() -> Result<()> {
    let gallery = Gallery::open(&[30]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    for screen in [Viewport::PHONE, Viewport::DESKTOP] {
        page.viewport(screen).await?;
        page.goto(&gallery.url("crowd-last-30")).await?;
        page.wait_for("document.documentElement.dataset.follows", PATIENCE)
            .await?;
        let wheel = "(tabs => { tabs.scrollLeft = 0;
            tabs.firstElementChild.dispatchEvent(new WheelEvent('wheel', { deltaY: 300, bubbles: true, cancelable: true }));
            return tabs.scrollLeft; })(document.querySelector('.tabs'))";
        // What listens for a wheel is loaded once the page stands.
        page.wait_for(&format!("({wheel}) === 300"), PATIENCE)
            .await?;
        // Nothing serves the gallery's live feed, which the page says.
        page.eval::<bool>("document.querySelector('#offline').remove() ?? true")
            .await?;
        page.click("[data-do=menu]").await?;
        let seen = "(all => all.length === 30 && all.every(link => (link.scrollIntoView({ block: 'nearest' }),
            (box => document.elementFromPoint(box.left + 40, (box.top + box.bottom) / 2)?.closest('a') === link)(link.getBoundingClientRect()))))
            ([...document.querySelectorAll('.tab a')])";
        ensure!(
            page.eval::<bool>(seen).await?,
            "each can be pressed on {screen:?}"
        );
        ensure!(page.eval::<String>(WIDE).await?.is_empty());
        key(&page, "End").await?;
        let last = "document.activeElement === [...document.querySelectorAll('.tab a')].at(-1)";
        ensure!(page.eval::<bool>(last).await?, "End goes to the last");
        key(&page, "ArrowUp").await?;
        ensure!(!page.eval::<bool>(last).await?);
        key(&page, "Escape").await?;
        let shut = "document.body.dataset.menu === undefined && document.activeElement.dataset.do === 'menu'";
        ensure!(page.eval::<bool>(shut).await?, "Escape closes it");
        let links = "[...document.querySelectorAll('.tab a')].map(link => link.pathname)";
        let links: Vec<String> = page.eval(links).await?;
        let here = "[...document.querySelectorAll('.tab a')].findIndex(link => link.ariaCurrent === 'page')";
        let here: usize = page.eval(here).await?;
        key(&page, "l").await?;
        // Nothing is there, which the page goes to nevertheless.
        let there = format!("location.pathname === '{}'", links[here + 1]);
        page.wait_for(&there, PATIENCE).await?;
    }
    Ok(())
}

async fn key(page: &Page, key: &str) -> Result<()> {
    let press = format!(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }})) || true"
    );
    page.eval::<bool>(&press).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_you_stays_in_sight_while_the_sessions_scroll() -> Result<()> {
    let gallery = Gallery::open(&[4]).await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.goto(&gallery.url("crowd-wide-4")).await?;
    for (screen, open) in [
        (Viewport::DESKTOP.sized(1024, 500), "true"),
        (
            Viewport::PHONE,
            "(document.body.dataset.sheet = 'left', true)",
        ),
    ] {
        page.viewport(screen).await?;
        page.eval::<bool>(open).await?;
        let there = "(left => {
            const row = document.querySelector('.tree li');
            for (let n = 0; n < 60; n += 1) row.parentElement.append(row.cloneNode(true));
            left.scrollTop = 1e6;
            const box = document.querySelector('.needs h2').getBoundingClientRect();
            return left.scrollTop > 100 && box.top >= left.getBoundingClientRect().top - 1 && box.bottom < innerHeight;
        })(document.querySelector('#left'))";
        ensure!(page.eval::<bool>(there).await?, "{screen:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_prints_as_in_a_terminal() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { server, page, .. } = &mut front;
    fs::write(
        server.folder().join("print.sh"),
        "printf '\\033[32mgreen\\033[0m \\033]0;title\\007plain\\n10 %%\\r100 %%\\nab\\bc\\nhttp://localhost:5173/\\n'",
    )?;
    prompt(page, "bash sh print.sh ;; say it is over").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'it is over'"), PATIENCE)
        .await?;
    let out: String = page
        .eval("document.querySelector('.tool .out').textContent")
        .await?;
    assert_eq!(
        out.trim_end(),
        "green plain\n100 %\nac\nhttp://localhost:5173/"
    );
    let green = "document.querySelector('.tool .out .s-f2').textContent";
    assert_eq!(page.eval::<String>(green).await?, "green");
    let link = "document.querySelector('.tool .out a').href";
    assert_eq!(page.eval::<String>(link).await?, "http://localhost:5173/");
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_survives_its_tab_and_the_browsers_other_tabs_know_it() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = created(server, &json!({})).await?;
    let path = drovers.path_of(instance, &session).await?;
    let text = "document.querySelector('#text').value";
    let first = page(browser, drovers, &path).await?;
    first.fill("#text", "half a thought").await?;
    let second = page(browser, drovers, &path).await?;
    assert_eq!(second.eval::<String>(text).await?, "half a thought");
    first.fill("#text", "a whole thought").await?;
    second
        .wait_for(
            &format!("{text} === 'a whole thought'"),
            Duration::from_secs(5),
        )
        .await?;
    first.inner().clone().close().await?;
    second.inner().clone().close().await?;
    let mut third = page(browser, drovers, &path).await?;
    assert_eq!(third.eval::<String>(text).await?, "a whole thought");
    third.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_followed_after_what_is_in_sight_became_shorter() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { page, .. } = &mut front;
    page.viewport(Viewport::DESKTOP.sized(1024, 500)).await?;
    prompt(page, "markdown rate=0 ;; say it is over").await?;
    page.wait_for(&format!("{LAST_TEXT}.endsWith('it is over')"), PATIENCE)
        .await?;
    let end = "(log => log.scrollHeight - log.clientHeight - log.scrollTop < 4)(document.querySelector('#log'))";
    page.wait_for(end, PATIENCE).await?;
    // As when the server ends: a line goes, the head says why, and what comes later is longer again.
    page.eval::<bool>(
        "new Promise(done => {
            const [log, turns] = [document.querySelector('#log'), document.querySelector('.turns')];
            const gone = turns.appendChild(document.createElement('p'));
            gone.style.height = '90px';
            setTimeout(() => { gone.remove(); log.getBoundingClientRect(); void log.scrollTop; document.querySelector('.head').style.paddingBottom = '60px'; }, 100);
            setTimeout(() => { for (let n = 0; n < 40; n += 1) turns.appendChild(document.createElement('p')).textContent = 'more'; }, 300);
            setTimeout(() => done(true), 600);
        })",
    )
    .await?;
    page.wait_for(end, Duration::from_secs(5)).await?;
    ensure!(
        page.eval::<String>("document.documentElement.dataset.follows")
            .await?
            == "end"
    );
    page.assert_clean().await
}

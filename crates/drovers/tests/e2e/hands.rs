//! The hands of a person: the palette, keys, settings, notifications, and what is beside a conversation.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use crate::bench::{
    Bench, Drovers, Front, LAST_TEXT, PATIENCE, Stage, created, elsewhere, page, run,
};
use crate::consent::{Asked, SOON, press_card};

/// What the palette offers, as a person reads it.
const OFFERED: &str =
    "[...document.querySelectorAll('#found li .name')].map(name => name.textContent)";

#[tokio::test(flavor = "multi_thread")]
async fn the_palette_finds_sessions_of_every_instance_and_runs_actions() -> Result<()> {
    let bench = Bench::new().await?;
    let (near, browser) = bench.server_and_browser("near").await?;
    let far = bench.server("far").await?;
    let drovers = Drovers::start(&bench, &[&near, &far]).await?;
    let instance = drovers.connected(&near).await?;
    let other = drovers.connected(&far).await?;
    let session = created(&far, &json!({ "title": "Repair the parser" })).await?;
    let path = drovers.path_of(&other, &session).await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    page.wait_for("document.activeElement.id === 'text'", PATIENCE)
        .await?;

    page.press("Control+k").await?;
    let open = "document.querySelector('#palette').open && document.activeElement.id === 'find'";
    page.wait_for(open, PATIENCE).await?;
    page.write("rep pars").await?;
    page.wait_for(&format!("{OFFERED}[0] === 'Repair the parser'"), PATIENCE)
        .await?;
    page.press("Enter").await?;
    let there = format!(
        "location.pathname === '{path}' && document.documentElement.dataset.session === '{session}'"
    );
    page.wait_for(&there, PATIENCE).await?;

    // An action, by the other way in; every one that can be chosen is offered with its key.
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(":").await?;
    page.wait_for(open, PATIENCE).await?;
    let offered: Vec<String> = page.eval(OFFERED).await?;
    for name in [
        "Overview",
        "Stop everything",
        "Settings",
        "New session",
        "Remove this instance",
    ] {
        ensure!(offered.iter().any(|one| one == name), "{name}: {offered:?}");
    }
    page.write("settings").await?;
    page.wait_for(&format!("{OFFERED}[0] === 'Settings'"), PATIENCE)
        .await?;
    page.press("Enter").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#settings').open", PATIENCE)
        .await?;

    // A tab leads back to the session that was in front last.
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("g").await?;
    page.press("o").await?;
    page.wait_for("location.pathname === '/'", PATIENCE).await?;
    page.wait_for("document.querySelector('[data-k=overview]')", PATIENCE)
        .await?;
    page.click(&format!(".tab a[href='/i/{other}']")).await?;
    page.wait_for(&there, PATIENCE).await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_for_allowing_in_the_palette_allows_nothing() -> Result<()> {
    let mut asked = Asked::open(&["permission"], Viewport::DESKTOP).await?;
    let page = &asked.page;
    page.wait_for("document.querySelector('[data-marked][data-ready]')", SOON)
        .await?;
    page.press("Control+k").await?;
    page.wait_for("document.querySelector('#palette').open", SOON)
        .await?;
    page.write("allow the marked").await?;
    page.wait_for(&format!("{OFFERED}[0]?.startsWith('Allow')"), SOON)
        .await?;
    page.press("Enter").await?;
    page.wait_for("document.activeElement.matches('li.card')", SOON)
        .await?;
    assert!(asked.replies().await?.is_empty());
    press_card(page, "[data-k=asks] button[value=once]").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] .card:not(.still)')",
        SOON,
    )
    .await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

const SCROLL: &str = "document.querySelector('#log').scrollTop";
pub(crate) const AT_END: &str = "(log => log.scrollHeight - log.clientHeight - log.scrollTop < 5)(document.querySelector('#log'))";

/// The text of the prompt at the upper edge.
const TOP_PROMPT: &str = "[...document.querySelectorAll('.turn.user')]
    .find(turn => Math.abs(turn.getBoundingClientRect().top - document.querySelector('#log').getBoundingClientRect().top - 12) < 3)
    ?.querySelector('.parts').textContent.trim()";

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk over all keys that scroll.
async fn keys_move_in_a_conversation_and_what_is_new_is_counted() -> Result<()> {
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
    let mut page = page(browser, drovers, &path).await?;
    page.viewport(Viewport::DESKTOP.sized(1280, 500)).await?;
    let turns = "document.querySelectorAll('.turn.assistant[data-status=complete]').length";
    for nth in 0..4 {
        run(
            server,
            &session,
            &format!("echo 120 rate=0 ;; say end {nth}"),
        )
        .await?;
        page.wait_for(
            &format!("{turns} > {nth} && {LAST_TEXT}.endsWith('end {nth}')"),
            PATIENCE,
        )
        .await?;
    }
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.wait_for(AT_END, PATIENCE).await?;
    page.wait_for(
        "document.querySelectorAll('#rail button').length === 4",
        PATIENCE,
    )
    .await?;

    page.press("[").await?;
    page.press("[").await?;
    page.wait_for(&format!("{TOP_PROMPT}?.includes('end 2')"), PATIENCE)
        .await?;
    page.press("]").await?;
    page.wait_for(
        &format!("{TOP_PROMPT}?.includes('end 3') || {AT_END}"),
        PATIENCE,
    )
    .await?;
    page.press("Home").await?;
    page.wait_for(&format!("{SCROLL} === 0"), PATIENCE).await?;
    page.press("PageDown").await?;
    page.wait_for(&format!("{SCROLL} > 100"), PATIENCE).await?;
    page.press("PageUp").await?;
    page.wait_for(&format!("{SCROLL} === 0"), PATIENCE).await?;
    page.press("G").await?;
    page.wait_for(AT_END, PATIENCE).await?;
    page.press("g").await?;
    page.press("g").await?;
    page.wait_for(&format!("{SCROLL} === 0"), PATIENCE).await?;
    // They scroll it also while the prompt has the focus, as long as it has no use for them.
    page.eval::<bool>("(document.querySelector('#text').focus(), true)")
        .await?;
    page.press("PageDown").await?;
    page.wait_for(&format!("{SCROLL} > 100"), PATIENCE).await?;
    page.press("Home").await?;
    page.wait_for(&format!("{SCROLL} === 0"), PATIENCE).await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;

    run(server, &session, "say later").await?;
    let newer = "document.querySelector('#newer')";
    page.wait_for(
        &format!("!{newer}.hidden && {newer}.textContent === '2 new ↓'"),
        PATIENCE,
    )
    .await?;
    page.click("#newer").await?;
    page.wait_for(&format!("{AT_END} && {newer}.hidden"), PATIENCE)
        .await?;
    page.click("#rail button").await?;
    page.wait_for(&format!("{TOP_PROMPT}?.includes('end 0')"), PATIENCE)
        .await?;
    page.assert_clean().await
}

/// Opens the settings and chooses in one of their menus.
async fn set(page: &Page, name: &str, value: &str) -> Result<()> {
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(",").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    page.eval::<bool>(&format!(
        "(menu => {{ menu.value = '{value}'; menu.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }})
            (document.querySelector('#settings [name={name}]'))"
    ))
    .await?;
    page.wait_for(
        &format!("document.documentElement.dataset.{name} === '{value}'"),
        PATIENCE,
    )
    .await?;
    page.press("Escape").await
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_hold_for_every_page_at_once_and_at_the_first_paint() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let mut one = page(browser, drovers, &format!("/i/{instance}")).await?;
    let mut two = page(browser, drovers, "/").await.or(browser.page().await)?;
    two.goto(&drovers.url).await?;
    let background = "getComputedStyle(document.documentElement).backgroundColor";
    set(&one, "theme", "light").await?;
    two.wait_for(&format!("{background} === 'rgb(252, 250, 246)'"), PATIENCE)
        .await?;
    set(&one, "theme", "dark").await?;
    two.wait_for(&format!("{background} === 'rgb(22, 18, 13)'"), PATIENCE)
        .await?;
    set(&one, "size", "largest").await?;
    two.wait_for(
        "parseFloat(getComputedStyle(document.body).fontSize) > 16",
        PATIENCE,
    )
    .await?;
    // A limit that is too large is refused with what it can be, and stores nothing.
    one.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    one.press(",").await?;
    one.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    one.fill("#settings [name=day_cost]", "100000000").await?;
    one.press("Tab").await?;
    let problem = "document.querySelector('#settings .problem:not([hidden])')?.innerText";
    one.wait_for(&format!("{problem}?.includes('$1,000,000')"), PATIENCE)
        .await?;
    one.press("Escape").await?;
    // What the hub sends has it, before any script runs.
    let html = reqwest::get(&drovers.url).await?.text().await?;
    assert!(html.contains("data-theme=\"dark\"") && html.contains("data-size=\"largest\""));
    assert!(html.contains("<meta name=\"color-scheme\" content=\"dark\">"));
    let stored: Value = drovers.get("/api/settings").await?;
    assert_eq!(stored["theme"], "dark");
    let refused = reqwest::Client::new()
        .put(format!("{}/api/settings", drovers.url))
        .json(&json!({ "theme": "plaid" }))
        .send()
        .await?;
    assert!(refused.status().is_client_error());
    assert_eq!(drovers.get("/api/settings").await?, stored);
    one.assert_clean().await?;
    two.assert_clean().await
}

/// Stands in for the browser's notifications, and for a person who is elsewhere.
const NOTED: &str = "(() => {
    window.told = [];
    window.away = false;
    window.Notification = class {
        static permission = 'granted';
        static requestPermission = async () => 'granted';
        constructor(title, { body, tag }) { Object.assign(this, { title, body, tag }); told.push(this); }
        close() { this.closed = true; }
    };
    Object.defineProperty(document, 'hidden', { get: () => away });
    return true;
})()";

async fn goes(page: &Page, away: bool) -> Result<()> {
    let go =
        format!("(away = {away}, document.dispatchEvent(new Event('visibilitychange')), true)");
    page.eval::<bool>(&go).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_nobody_sees_notifies_of_what_comes_and_a_click_lands_on_it() -> Result<()> {
    let mut front = Front::open().await?;
    let Front { server, page, .. } = &mut front;
    elsewhere(server, "permission ;; say known before").await?;
    let waiting = "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 1";
    page.wait_for(waiting, PATIENCE).await?;
    page.eval::<bool>(NOTED).await?;
    page.eval::<bool>("(document.querySelector('#offer').hidden = false, true)")
        .await?;
    page.click("#offer [data-yes]").await?;
    page.wait_for("document.querySelector('#offer').hidden", PATIENCE)
        .await?;
    goes(page, true).await?;
    // The hub was told by the time that a beat came.
    page.eval::<bool>("new Promise(passed => setTimeout(() => passed(true), 1500))")
        .await?;
    let session = elsewhere(server, "permission ;; say then").await?;
    page.wait_for("told.length === 1", PATIENCE).await?;
    let title: String = page.eval("told[0].title").await?;
    assert!(title.starts_with("Needs you: "), "{title}");
    assert!(page.eval::<bool>("told[0].body.length > 4").await?);
    page.wait_for("document.title.startsWith('(2)')", PATIENCE)
        .await?;
    page.wait_for(
        "document.querySelector('link[rel=icon]').href.includes('need')",
        PATIENCE,
    )
    .await?;

    page.eval::<bool>("(away = false, told[0].onclick(), document.dispatchEvent(new Event('visibilitychange')), true)")
        .await?;
    page.wait_for(
        &format!("location.pathname.endsWith('/s/{session}') && document.activeElement.matches('li.card')"),
        PATIENCE,
    )
    .await?;
    front.page.assert_clean().await
}

/// Windows in which little is in sight: zoomed to 200 % and 400 %, a phone that lies, and one whose keyboard is open.
const LOW: [(u32, u32); 4] = [(640, 400), (320, 200), (844, 390), (390, 420)];

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_seen_whole_and_allowed_in_every_low_window() -> Result<()> {
    for (width, height) in LOW {
        let window = Viewport::DESKTOP.sized(width, height);
        let mut asked = Asked::open(&["permission ;; say done"], window).await?;
        let page = &asked.page;
        let once = "[data-k=asks] button[value=once]";
        page.wait_for(&format!("document.querySelector('{once}')"), SOON)
            .await?;
        page.wait_for(
            &format!("(button => {{ const ask = button.closest('.ask'); ask.closest('li').scrollIntoView({{block: 'start'}}); ask.scrollTop = ask.scrollHeight;
                const at = ask.getBoundingClientRect(), log = document.querySelector('#log').getBoundingClientRect();
                return at.top >= log.top - 2 && at.bottom <= log.bottom + 2; }})(document.querySelector('{once}'))"),
            SOON,
        )
        .await?;
        ensure!(
            page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
                .await?,
            "{width} by {height} scrolls sideways"
        );
        press_card(page, once).await?;
        page.wait_for(
            "!document.querySelector('[data-k=needs] .card:not(.still)')",
            SOON,
        )
        .await?;
        assert_eq!(asked.replies().await?, ["once"], "{width} by {height}");
        asked.page.assert_clean().await?;
    }
    Ok(())
}

/// Controls in sight that act, each by what it does, unless the focus gets to them by Tab: walks once around.
const CONTROLS: &str = "[...document.querySelectorAll('[data-do]')]
    .filter(one => !one.matches('form') && one.getClientRects().length > 0 && !one.disabled && getComputedStyle(one).visibility === 'visible')";

async fn unreached(page: &Page) -> Result<Vec<String>> {
    page.eval::<bool>("(window.reached = new Set(), document.activeElement.blur(), true)")
        .await?;
    let count: usize = page.eval("document.querySelectorAll('a, button, input, select, textarea, summary, [tabindex]').length").await?;
    for _ in 0..count + 8 {
        page.press("Tab").await?;
        page.eval::<bool>("(reached.add(document.activeElement), true)")
            .await?;
    }
    page.eval(&format!("{CONTROLS}.filter(one => !reached.has(one)).map(one => one.dataset.do + ' ' + (one.ariaLabel ?? one.textContent))")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_acts_is_reached_by_keyboard() -> Result<()> {
    let mut asked = Asked::open(&["permission ;; say then"], Viewport::DESKTOP).await?;
    let page = &asked.page;
    let session: String = page.eval("location.pathname").await?;
    for place in ["/", &format!("/i/{}", asked.instance), &session] {
        page.goto(&format!("{}{place}", asked.drovers.url)).await?;
        page.wait_for(
            "document.querySelector('[data-k=needs] .card:not(.still)[data-ready]')",
            SOON,
        )
        .await?;
        let left = unreached(page).await?;
        // Out of the tab order on purpose: the palette removes the instance in front, the key `.` opens a menu.
        let other: Vec<_> = left
            .iter()
            .filter(|one| {
                !["remove ", "session-menu "]
                    .iter()
                    .any(|own| one.starts_with(own))
            })
            .collect();
        ensure!(
            other.is_empty(),
            "{place}: not reached by keyboard: {other:?}"
        );
    }
    for (key, dialog) in [
        ("?", "help"),
        ("+", "add"),
        (",", "settings"),
        (":", "palette"),
    ] {
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        page.press(key).await?;
        page.wait_for(&format!("document.getElementById('{dialog}')?.open"), SOON)
            .await?;
        page.press("Escape").await?;
        page.wait_for(&format!("!document.getElementById('{dialog}').open"), SOON)
            .await?;
    }
    // The way past everything, from the beginning of the document.
    page.eval::<bool>(
        "(document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex'), true)",
    )
    .await?;
    page.press("Tab").await?;
    assert_eq!(
        page.eval::<String>("document.activeElement.dataset.do")
            .await?,
        "skip"
    );
    page.press("Enter").await?;
    assert_eq!(
        page.eval::<String>("document.activeElement.id").await?,
        "log"
    );
    asked.page.assert_clean().await
}

/// The heights of tool rows, what a row says that tells of no time, and how far title, text and prompt are apart at their left edge.
const SPACING: &str = "(() => {
    const rows = [...document.querySelectorAll('.tool > summary')];
    const left = selector => document.querySelector(selector).getBoundingClientRect().left;
    const log = document.querySelector('#log').getBoundingClientRect();
    return [
        [...new Set(rows.map(row => row.getBoundingClientRect().height))],
        rows.filter(row => row.innerText.includes('0.0 s')).length,
        [left('.head .title'), left('.turn.assistant .text'), left('#text')],
        document.querySelector('.turn').getBoundingClientRect().top - log.top,
    ];
})()";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_even_and_everything_begins_on_one_line() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let session = elsewhere(
        server,
        "bash true ;; bash exit 3 ;; reason 5 rate=0 ;; bash sleep 0.3 ;; say done",
    )
    .await?;
    let path = drovers.path_of(instance, &session).await?;
    let mut page = page(browser, drovers, &path).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'done'"), PATIENCE)
        .await?;
    for width in [1000, 1280, 1920] {
        page.viewport(Viewport::DESKTOP.sized(width, 800)).await?;
        page.eval::<bool>("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))").await?;
        let (heights, empty, edges, void): (Vec<f64>, usize, Vec<f64>, f64) =
            page.eval(SPACING).await?;
        assert_eq!((heights, empty), (vec![32.0], 0));
        assert!(
            edges.iter().all(|edge| (edge - edges[0]).abs() < 1.0),
            "{width}: {edges:?}"
        );
        assert!(void <= 24.0, "{width}: {void} pixels above the first turn");
    }
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_a_subagent_is_in_the_row_of_its_task() -> Result<()> {
    let mut front = Front::open().await?;
    let Front {
        server,
        page,
        drovers,
        ..
    } = &mut front;
    let session = elsewhere(
        server,
        "task { bash true ;; bash sleep 8 ;; say found } ;; say over",
    )
    .await?;
    let instance: String = page
        .eval("document.documentElement.dataset.instance")
        .await?;
    let path = drovers.path_of(&instance, &session).await?;
    page.goto(&format!("{}{path}", drovers.url)).await?;
    page.wait_for(
        "/sleep 8.* · 2 tools · \\d+ s/.test(document.querySelector('.subtask .child')?.innerText)",
        PATIENCE,
    )
    .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'over'"), PATIENCE)
        .await?;
    assert_eq!(
        page.eval::<String>("document.querySelector('.subtask .child').innerText")
            .await?,
        "Open session"
    );
    page.click(".subtask .child").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'found'"), PATIENCE)
        .await?;
    front.page.assert_clean().await
}

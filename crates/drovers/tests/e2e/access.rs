//! Nothing on the main pages stands in the way of people who do not see them, or see them badly: as axe-core finds it.

use std::path::Path;

use anyhow::{Result, ensure};
use testkit::axe;
use testkit::chromium::{Chromium, Page, Scheme, Viewport};
use testkit::perf::stage::{Hub, Source};

use crate::bench::PATIENCE;
use crate::consent::{A_WHILE, pause};
use crate::drawing::gallery::Gallery;

/// What a session shows at most: thoughts, markdown, a tool, a change, and something to decide.
const SCRIPT: &str = "reason 20 rate=0 ;; markdown rate=0 ;; bash seq 1 5 ;; edit a.rs let a => let b ;; todo One, Two ;; \
    permission git push";

/// Dialogs, and the keys that open them.
const DIALOGS: [(&str, &str); 6] = [
    ("?", "help"),
    ("+", "add"),
    (",", "settings"),
    (":", "palette"),
    ("x", "reject"),
    ("s", "snooze"),
];

/// Shows what is said of the page itself, all at once.
const LOUD: &str = "(() => {
    delete document.body.dataset.sheet;
    for (const id of ['offline', 'hint', 'newer', 'offer']) Object.assign(document.getElementById(id), { hidden: false });
    for (const id of ['offline', 'hint']) document.getElementById(id).textContent = 'Something is said of the page';
    return true;
})()";

/// Opens what a session has beside its dialogs: what is done, what is in front then, and what closes it.
const OPENED: [(&str, &str, &str); 3] = [
    (
        "document.querySelector('.head [data-do=session-menu]').click()",
        "#session-menu:popover-open",
        "Escape",
    ),
    (
        "document.querySelector('[data-do=message-menu]').click()",
        "#message-menu:popover-open",
        "Escape",
    ),
    (
        "document.querySelector('#model').click()",
        "#picker[open]",
        "Escape",
    ),
];

/// Screens, and the colours that people prefer.
const LOOKS: [(&str, Viewport, Scheme); 4] = [
    ("desktop", Viewport::DESKTOP, Scheme::Light),
    ("desktop", Viewport::DESKTOP, Scheme::Dark),
    ("phone", Viewport::PHONE, Scheme::Light),
    ("phone", Viewport::PHONE, Scheme::Dark),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shuts_anybody_out() -> Result<()> {
    let source = Source::start(0).await?;
    let session = source.session("Some work", 6)?;
    let hub = Hub::start(Path::new(env!("CARGO_BIN_EXE_drovers")), source.url()).await?;
    let _reply = source.prompt(&session, SCRIPT).await?;
    let browser = Chromium::start().await?;
    let front = hub.sessions().replace("{session}", &session);
    for (screen, viewport, scheme) in LOOKS {
        let place = |name: &str| format!("{screen}, {scheme:?}, {name}");
        let mut page = browser.page().await?;
        page.viewport(viewport).await?;
        page.scheme(scheme).await?;
        page.goto(&hub.url).await?;
        passes(&page, &place("overview")).await?;
        // A phone has no room for a session beside the list.
        if screen == "desktop" {
            page.press("j").await?;
            page.press(" ").await?;
            page.wait_for(
                "document.querySelector('.peek [data-k=asks] .card')",
                PATIENCE,
            )
            .await?;
            passes(&page, &place("peek")).await?;
        }
        page.goto(&front).await?;
        page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
            .await?;
        passes(&page, &place("session")).await?;
        dialogs(&page, &place).await?;
        opened(&page, &place).await?;
        suggested(&page, &place).await?;
        for sheet in ["left", "right"] {
            page.eval::<bool>(&format!("(document.body.dataset.sheet = '{sheet}', true)"))
                .await?;
            passes(&page, &place(sheet)).await?;
        }
        page.eval::<bool>(LOUD).await?;
        passes(&page, &place("all that is said of the page")).await?;
        page.assert_clean().await?;
    }
    Ok(())
}

async fn dialogs(page: &Page, place: &impl Fn(&str) -> String) -> Result<()> {
    for (key, dialog) in DIALOGS {
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        // The key of a refusal counts only after a moment without input.
        pause(page, A_WHILE).await?;
        page.press(key).await?;
        let open = format!("document.getElementById('{dialog}')?.open");
        page.wait_for(&open, PATIENCE).await?;
        passes(page, &place(dialog)).await?;
        page.press("Escape").await?;
        page.wait_for(&format!("!{open}"), PATIENCE).await?;
    }
    Ok(())
}

async fn opened(page: &Page, place: &impl Fn(&str) -> String) -> Result<()> {
    for (open, what, close) in OPENED {
        page.eval::<bool>(&format!("({open}, true)")).await?;
        let shown = format!("document.querySelector('{what}')");
        page.wait_for(&shown, PATIENCE).await?;
        passes(page, &place(what)).await?;
        page.press(close).await?;
        page.wait_for(&format!("!{shown}"), PATIENCE).await?;
    }
    Ok(())
}

/// Answers requests for completions as a server with a command, a file, a folder and a subagent does.
const SUGGESTS: &str = "(() => {
    const real = window.fetch;
    const found = [['command', 'review', 'Review the changes', '$1'], ['file', 'src/main.rs', '', ''], ['folder', 'src/', '', ''],
        ['agent', 'explore', 'Reads and searches', '']].map(([kind, name, detail, hint]) => ({ kind, name, detail, hint }));
    window.fetch = (url, init) => String(url).includes('/completions?')
        ? Promise.resolve(new Response(JSON.stringify(found.filter(one => (one.kind === 'command') === String(url).includes('kind=command')))))
        : real(url, init);
    return true;
})()";

/// Goes through what the prompt suggests behind a slash and an at sign.
async fn suggested(page: &Page, place: &impl Fn(&str) -> String) -> Result<()> {
    page.eval::<bool>(SUGGESTS).await?;
    for (sign, many) in [("/", 1), ("@", 3)] {
        page.eval::<bool>("(document.querySelector('#text').focus(), true)")
            .await?;
        page.write(sign).await?;
        let shown =
            format!("document.querySelectorAll('#completions [role=option]').length === {many}");
        page.wait_for(&shown, PATIENCE).await?;
        passes(page, &place(&format!("suggestions for {sign}"))).await?;
        page.press("Escape").await?;
        page.wait_for("document.querySelector('#completions').hidden", PATIENCE)
            .await?;
        page.press("Backspace").await?;
    }
    page.wait_for("document.querySelector('#text').value === ''", PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_of_a_page_shuts_anybody_out() -> Result<()> {
    let gallery = Gallery::screens().await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    for (screen, viewport, scheme) in LOOKS {
        page.viewport(viewport).await?;
        page.scheme(scheme).await?;
        for name in &gallery.names {
            page.goto(&gallery.url(name)).await?;
            // What the page of a review fetches.
            page.wait_for(
                "!document.querySelector('#review[aria-busy=true]')",
                PATIENCE,
            )
            .await?;
            passes(&page, &format!("{screen}, {scheme:?}, {name}")).await?;
        }
    }
    Ok(())
}

async fn passes(page: &Page, place: &str) -> Result<()> {
    let violations = axe::violations(page).await?;
    ensure!(violations.is_empty(), "{place}:\n{}", violations.join("\n"));
    Ok(())
}

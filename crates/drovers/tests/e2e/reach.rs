//! Every control is reached without a pointer: by Tab, or by a key that is tried here. What takes the focus is in sight.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::PATIENCE;
use crate::drawing::gallery::Gallery;

/// Steps of a walk after which it does not end.
const STEPS: usize = 1000;

/// Notes what takes the focus, and what of that nobody can see until the focus goes on: the page may scroll for some frames.
const WALK: &str = "(() => {
    window.reached = new Set();
    window.unseen = [];
    window.begun = undefined;
    window.steps = 0;
    window.sought = null;
    document.querySelectorAll('details').forEach(one => { one.open = true; });
    if (!document.querySelector('dialog[open]')) document.activeElement.blur();
    const inSight = target => [...target.getClientRects()].some(({ left, right, top, bottom }) =>
        [[(left + right) / 2, (top + bottom) / 2], [left + 2, top + 2], [right - 2, bottom - 2]].some(([x, y]) => {
            const at = document.elementFromPoint(x, y);
            return at !== null && (target.contains(at) || at.contains(target));
        }));
    const seek = target => {
        if (window.sought !== target) return;
        if (inSight(target)) window.sought = null;
        else requestAnimationFrame(() => seek(target));
    };
    addEventListener('focusin', ({ target }) => {
        reached.add(target);
        // What passes the focus on at once is not looked for.
        if (window.sought && performance.now() - window.since > 100) unseen.push(window.sought.outerHTML.slice(0, 120));
        [window.sought, window.since] = [target, performance.now()];
        requestAnimationFrame(() => seek(target));
    });
    return true;
})()";

/// Whether the walk has come round, once what has the focus is in sight, or half a second later. Behind the last stop the browser's own
/// come, which the page does not see.
const ROUND: &str = "new Promise(drawn => {
    const end = performance.now() + 500;
    const look = () => {
        if (window.sought && performance.now() < end) return requestAnimationFrame(look);
        const here = document.activeElement;
        const round = here === window.begun;
        if (here !== document.body) window.begun ??= here;
        // Where nothing takes the focus, a walk ends soon.
        window.steps = (window.steps ?? 0) + 1;
        if (round && window.sought) unseen.push(window.sought.outerHTML.slice(0, 120));
        drawn(round || (window.begun === undefined && window.steps > 3));
    };
    requestAnimationFrame(() => requestAnimationFrame(look));
})";

/// Shows what comes by itself. The way to the end is hidden where it would cover a card.
const LOUD: &str = "(() => {
    document.getElementById('offer')?.removeAttribute('hidden');
    if (!document.querySelector('[data-k=asks] li')) document.getElementById('newer')?.removeAttribute('hidden');
    return true;
})()";

/// What a walk came to.
#[derive(Debug, Deserialize)]
struct Walk {
    /// Names of the controls that are there.
    there: Vec<String>,
    /// Those that took no focus.
    missed: Vec<String>,
    /// What had the focus and was covered, or outside of the window.
    unseen: Vec<String>,
}

/// Controls out of the tab order, each with its key.
struct Keyed {
    /// What it matches.
    control: &'static str,
    /// The screen where the key is tried.
    screen: &'static str,
    /// What has the focus.
    focus: &'static str,
    /// What is pressed, one after the other; words are written.
    keys: &'static [&'static str],
    /// What is so then.
    done: &'static str,
}

const KEYED: [Keyed; 4] = [
    Keyed {
        control: ".tree [data-do=session-menu]",
        screen: "live",
        focus: ".tree li:nth-child(2) > a",
        keys: &["."],
        done: "document.querySelector('#session-menu').matches(':popover-open')",
    },
    Keyed {
        control: ".overview [data-do=unfold]",
        screen: "overview",
        focus: ".overview li:has(> .fold) > a",
        keys: &["ArrowRight"],
        done: "document.querySelector('.fold').ariaExpanded === 'true' && document.querySelector('.below').checkVisibility()",
    },
    Keyed {
        control: ".tab [data-do=remove]",
        screen: "live",
        focus: "#log",
        keys: &[":", "remove this", "Enter"],
        done: "document.querySelector('#confirm').open",
    },
    Keyed {
        control: ".overview .act",
        screen: "overview",
        focus: ".overview li:has(> .act) > a",
        keys: &["r"],
        done: "window.sent?.endsWith('/continue')",
    },
];

/// Dialogs, and the keys that open them on a screen.
const DIALOGS: [(&str, &str, &str); 8] = [
    ("live", "?", "#help"),
    ("live", "+", "#add"),
    ("live", ":", "#palette"),
    ("live", "s", "#snooze"),
    ("live", "x", "#reject"),
    ("overview", "+", "#add"),
    ("review", "m", "#commit"),
    ("live", "Control+Shift+F", "#search"),
];

/// Controls of documents that the hub makes on demand, and of servers with an inbox, beside what is walked through here: plain buttons in
/// the tab order.
const ON_DEMAND: [&str; 7] = [
    "keep",
    "reread",
    "run-parallel",
    "sessions",
    "since-close",
    "steer-held",
    "unkeep",
];

/// Notes what is posted, and sends nothing.
const NOTE: &str = "(() => {
    const real = window.fetch;
    window.fetch = (url, init) => init?.method === 'POST' ? (window.sent = String(url), new Promise(() => undefined)) : real(url, init);
    return true;
})()";

/// Shows a screen that sends nothing.
async fn shown(page: &Page, gallery: &Gallery, name: &str) -> Result<()> {
    gallery.show(page, name).await?;
    page.eval::<bool>(NOTE).await?;
    Ok(())
}

/// Goes through a screen by Tab, until it comes to where it began.
async fn walked(page: &Page, within: &str) -> Result<Walk> {
    page.eval::<bool>(WALK).await?;
    for step in 0.. {
        ensure!(step < STEPS, "the focus does not come round");
        page.press("Tab").await?;
        if page.eval::<bool>(ROUND).await? {
            break;
        }
    }
    let keyed: Vec<&str> = KEYED.iter().map(|one| one.control).collect();
    page.eval(&format!(
        "(() => {{
            const all = [...document.querySelectorAll('{within} [data-do]')].filter(one => one.checkVisibility({{ visibilityProperty: true }}) && !one.disabled);
            const has = one => one.matches('form') ? [...one.elements].some(field => reached.has(field)) : reached.has(one);
            const missed = all.filter(one => !has(one) && !one.matches('{}'));
            return {{ there: all.map(one => one.dataset.do), missed: missed.map(one => one.outerHTML.slice(0, 160)), unseen }};
        }})()",
        keyed.join(", ")
    ))
    .await
}

/// Names of the handlers in the client: what a control can be.
fn handlers() -> Result<BTreeSet<String>> {
    let file = testkit::workspace().join("crates/page/client/main.ts");
    let source = std::fs::read_to_string(file)?;
    let mut names = BTreeSet::new();
    for table in ["const clicks", "const forms"] {
        let table = source.split(table).nth(1).context("a table of handlers")?;
        let table = table.split("\n};").next().unwrap_or_default();
        for line in table.lines().skip(1) {
            let entry = line
                .strip_prefix("  ")
                .filter(|rest| !rest.starts_with([' ', '/', '}']));
            let name = entry.and_then(|entry| entry.split([':', ',', '(']).next());
            names.extend(name.map(|name| name.trim_matches('"').to_owned()));
        }
    }
    Ok(names)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_is_reached_by_tab_or_by_a_key() -> Result<()> {
    let gallery = Gallery::screens().await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    let mut there = BTreeSet::new();
    let mut faults = Vec::new();
    let mut note = |place: &str, walk: Walk| {
        there.extend(walk.there);
        faults.extend(
            walk.missed
                .iter()
                .map(|one| format!("{place}: not reached: {one}")),
        );
        faults.extend(
            walk.unseen
                .iter()
                .map(|one| format!("{place}: not in sight: {one}")),
        );
    };
    for (screen, viewport) in [
        ("desktop", Viewport::DESKTOP),
        ("narrow", Viewport::DESKTOP.sized(640, 512)),
    ] {
        page.viewport(viewport).await?;
        for name in &gallery.names {
            shown(&page, &gallery, name).await?;
            page.eval::<bool>(LOUD).await?;
            let place = format!("{screen}, {name}");
            note(&place, walked(&page, "body").await.context(place.clone())?);
        }
    }
    page.viewport(Viewport::DESKTOP).await?;
    for (name, key, dialog) in DIALOGS {
        shown(&page, &gallery, name).await?;
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        page.press(key).await?;
        page.wait_for(
            &format!("document.querySelector('{dialog}')?.open"),
            PATIENCE,
        )
        .await?;
        note(dialog, walked(&page, dialog).await.context(dialog)?);
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    there.extend(ON_DEMAND.map(str::to_owned));
    let missing: Vec<_> = handlers()?.difference(&there).cloned().collect();
    ensure!(
        missing.is_empty(),
        "no screen here has these controls: {missing:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_the_tab_order_has_a_key() -> Result<()> {
    let gallery = Gallery::screens().await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    for Keyed {
        control,
        screen,
        focus,
        keys,
        done,
    } in KEYED
    {
        shown(&page, &gallery, screen).await?;
        let there = format!("document.querySelector('{control}') !== null");
        ensure!(
            page.eval::<bool>(&there).await?,
            "{screen} has no {control}"
        );
        let focus = format!("(document.querySelector('{focus}').focus(), true)");
        page.eval::<bool>(&focus).await?;
        for key in keys {
            // A name of a key is one sign, or begins with a capital.
            let is_key = key.len() == 1 || key.starts_with(char::is_uppercase);
            if is_key {
                page.press(key).await?
            } else {
                page.write(key).await?
            }
            if *key == ":" {
                page.wait_for("document.activeElement.id === 'find'", PATIENCE)
                    .await?;
            }
        }
        page.wait_for(done, PATIENCE)
            .await
            .with_context(|| format!("{control} by {keys:?}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_stop_leads_past_everything_to_the_conversation() -> Result<()> {
    let gallery = Gallery::screens().await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    for (name, to) in [("live", "log"), ("overview", "main")] {
        shown(&page, &gallery, name).await?;
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        page.press("Tab").await?;
        let skip = "document.activeElement.matches('.skip') && getComputedStyle(document.activeElement).clipPath === 'none'";
        page.wait_for(skip, PATIENCE).await?;
        page.press("Enter").await?;
        page.wait_for(&format!("document.activeElement.id === '{to}'"), PATIENCE)
            .await?;
    }
    Ok(())
}

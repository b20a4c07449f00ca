//! Each control that changes something, pressed twice as fast as can be and held down: it takes effect once, and nothing else does.
//!
//! A permission's *Allow once* and *Reject* are in `consent::guarded` (twice, and held by Enter and Space) and `consent::property`
//! (any order of presses); equal requests and *Retry with another model*, pressed twice, and *Done* by its held key are in `needing`,
//! *Retry* and *Continue* by their held key in `overview`.

use std::fs;

use anyhow::{Result, ensure};
use testkit::chromium::{Chromium, Page};

use crate::bench::{
    Bench, Drovers, Front, LAST_TEXT, PATIENCE, Stage, git, named, page, prompt, repository,
    session,
};
use crate::consent::{A_WHILE, pause, ready};
use crate::prompting::{AT_REST, loaded};

/// Notes each request of the page that may change something, and what its body says of it.
const NOTE: &str = "(() => {
    window.writes = [];
    const real = window.fetch;
    window.fetch = (url, init) => {
        const { pathname } = new URL(String(url), location.href);
        const body = typeof init?.body === 'string' && init.body.startsWith('{') ? JSON.parse(init.body) : {};
        const act = body.done === true ? 'done' : body.do;
        if ((init?.method ?? 'GET') !== 'GET') writes.push([init.method, pathname, act].filter(Boolean).join(' '));
        return real(url, init);
    };
    return true;
})()";

/// All that the page has begun to send, but for drafts of prompts and what was looked at, which it keeps by itself.
const WRITES: &str = "navigator.locks.request('drovers-outbox', () => null).then(() => writes.filter(one => !/\\/(draft|reviewed)$/.test(one)))";

/// How a control is pressed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// By two clicks of a double click.
    Twice,
    /// By this key, which is held while the control has the focus.
    Held(&'static str),
}

/// A control, in its place on a page.
struct Control<'a> {
    name: &'a str,
    /// Where it is.
    at: &'a str,
    /// The beginning and the end of the one request that it makes.
    makes: (&'a str, &'a str),
    /// What shows that it took effect.
    shows: &'a str,
}

/// Presses a control in a way, and holds that exactly one request was made.
async fn once(page: &Page, control: &Control<'_>, way: Way) -> Result<()> {
    let Control {
        name,
        at,
        makes: (begins, ends),
        shows,
    } = control;
    page.wait_for(
        &format!("document.querySelector(\"{at}\")?.checkVisibility()"),
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("(writes.length = 0, true)").await?;
    match way {
        Way::Twice => page.clicks(page.spot(at).await?, 2).await?,
        Way::Held(key) => {
            page.eval::<bool>(&format!("(document.querySelector(\"{at}\").focus(), true)"))
                .await?;
            page.hold(key, 10).await?;
        }
    }
    page.wait_for(shows, PATIENCE).await?;
    // As long as anything that the second press began would need.
    pause(page, A_WHILE).await?;
    let writes: Vec<String> = page.eval(WRITES).await?;
    ensure!(
        writes.len() == 1 && writes[0].starts_with(begins) && writes[0].ends_with(ends),
        "{name}, {way:?}: {writes:?}"
    );
    Ok(())
}

/// A session of its own in front, which has answered once.
async fn fresh(front: &Front, instance: &str) -> Result<String> {
    let page = &front.page;
    if page.eval::<bool>("window.writes === undefined").await? {
        loaded(page).await?;
        page.eval::<bool>(NOTE).await?;
    } else {
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        page.press("n").await?;
    }
    let begins =
        format!("location.pathname === '{instance}' && document.activeElement.id === 'text'");
    page.wait_for(&begins, PATIENCE).await?;
    prompt(page, "say one").await?;
    let id = session(page).await?;
    page.wait_for(&format!("{AT_REST} && {LAST_TEXT} === 'one'"), PATIENCE)
        .await?;
    Ok(id)
}

async fn instance_of(front: &Front) -> Result<String> {
    front.page.eval("location.pathname").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_sent_and_a_run_stopped_once() -> Result<()> {
    let mut front = Front::open().await?;
    let instance = instance_of(&front).await?;
    let text = "#text";
    for (way, at) in [
        (Way::Twice, "#prompt button[type=submit]"),
        (Way::Held("Enter"), text),
    ] {
        fresh(&front, &instance).await?;
        front.page.fill(text, "say two").await?;
        let send = Control {
            name: "Send",
            at,
            makes: ("POST ", "/prompt"),
            shows: &format!("{AT_REST} && {LAST_TEXT} === 'two'"),
        };
        once(&front.page, &send, way).await?;
        let said = "document.querySelectorAll('.turn.user').length";
        assert_eq!(front.page.eval::<u32>(said).await?, 2, "{way:?}");
    }
    for way in [Way::Twice, Way::Held("Enter"), Way::Held(" ")] {
        fresh(&front, &instance).await?;
        prompt(&front.page, "bash sleep 600").await?;
        front
            .page
            .wait_for(
                "document.querySelector('#log .tool[data-status=running]')",
                PATIENCE,
            )
            .await?;
        let stop = Control {
            name: "Stop",
            at: "[data-k=composer] .stop",
            makes: ("POST ", "/abort"),
            shows: AT_REST,
        };
        once(&front.page, &stop, way).await?;
    }
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_and_a_queued_prompt_changed_once() -> Result<()> {
    let mut front = Front::open().await?;
    let instance = instance_of(&front).await?;
    for way in [Way::Twice, Way::Held("Enter")] {
        fresh(&front, &instance).await?;
        let page = &front.page;
        prompt(page, "permission ;; say asked").await?;
        ready(page, "[data-k=asks] button[value=reject]").await?;
        let edit = "[data-k=queue] [data-act=edit]";
        page.fill("#text", "say three").await?;
        page.press("Alt+Enter").await?;
        page.wait_for(&format!("document.querySelector('{edit}')"), PATIENCE)
            .await?;
        page.click(edit).await?;
        page.wait_for("document.querySelector('#queued[open] textarea')", PATIENCE)
            .await?;
        page.fill("#queued textarea", "say four").await?;
        let change = Control {
            name: "Queue edit",
            at: "#queued button.main",
            makes: ("PATCH ", ""),
            shows: "document.querySelector('[data-k=queue] li .what')?.textContent === 'say four' && !document.querySelector('#queued[open]')",
        };
        once(page, &change, way).await?;
        ready(page, "[data-k=asks] button[value=reject]").await?;
        let reject = Control {
            name: "Reject",
            at: "[data-k=asks] button[value=reject]",
            makes: ("POST ", ""),
            shows: "!document.querySelector('[data-k=asks] .card')",
        };
        once(page, &reject, way).await?;
    }
    for way in [Way::Twice, Way::Held("Enter")] {
        fresh(&front, &instance).await?;
        let page = &front.page;
        prompt(page, "question Which colour?").await?;
        let option = "[data-k=asks] .option input";
        ready(page, option).await?;
        page.click(option).await?;
        ready(page, "[data-k=asks] .card button.main").await?;
        let answer = Control {
            name: "Answer",
            at: "[data-k=asks] .card button.main",
            makes: ("POST ", ""),
            shows: "!document.querySelector('[data-k=asks] .card')",
        };
        once(page, &answer, way).await?;
    }
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: each act of the menu, in each way.
async fn each_act_of_a_sessions_menu_takes_effect_once() -> Result<()> {
    let mut front = Front::open().await?;
    let instance = instance_of(&front).await?;
    let noted = "document.querySelector('#undos:not([hidden]) li')";
    let begun = "writes.some(one => !/\\/(draft|reviewed)$/.test(one))";
    let acts = [
        ("archive", ("PATCH ", ""), begun),
        ("compact", ("POST ", "/compact"), begun),
        (
            "fork",
            ("POST ", "/fork"),
            "!location.pathname.endsWith(window.was)",
        ),
    ];
    for way in [Way::Twice, Way::Held("Enter"), Way::Held(" ")] {
        for (act, makes, shows) in acts {
            let id = fresh(&front, &instance).await?;
            let page = &front.page;
            page.eval::<bool>(&format!("(window.was = '{id}', true)"))
                .await?;
            open_menu(page).await?;
            let at = format!("#session-menu [data-act={act}]");
            let line = Control {
                name: act,
                at: &at,
                makes,
                shows,
            };
            once(page, &line, way).await?;
        }
        // A deletion leaves time to undo it: gone from the page, and once from its server.
        let id = fresh(&front, &instance).await?;
        let page = &front.page;
        open_menu(page).await?;
        page.eval::<bool>("(document.querySelectorAll('#undos li').forEach(note => note.remove()), writes.length = 0, true)").await?;
        let at = "#session-menu [data-act=delete]";
        match way {
            Way::Twice => page.clicks(page.spot(at).await?, 2).await?,
            Way::Held(key) => {
                page.eval::<bool>(&format!("(document.querySelector('{at}').focus(), true)"))
                    .await?;
                page.hold(key, 10).await?;
            }
        }
        page.wait_for(noted, PATIENCE).await?;
        let notes: u32 = page
            .eval("document.querySelectorAll('#undos li').length")
            .await?;
        assert_eq!(notes, 1, "{way:?}");
        page.wait_for(
            "writes.filter(one => one.startsWith('DELETE')).length > 0",
            PATIENCE,
        )
        .await?;
        pause(page, A_WHILE).await?;
        let writes: Vec<String> = page.eval(WRITES).await?;
        ensure!(
            writes.len() == 1 && writes[0].ends_with(&id),
            "Delete, {way:?}: {writes:?}"
        );
    }
    // A new title is given by Enter, which may be held.
    fresh(&front, &instance).await?;
    open_menu(&front.page).await?;
    front.page.click("#session-menu [data-act=rename]").await?;
    front
        .page
        .wait_for("document.activeElement.matches('#rename input')", PATIENCE)
        .await?;
    front.page.write("Mended").await?;
    let rename = Control {
        name: "Rename",
        at: "#rename input",
        makes: ("PATCH ", ""),
        shows: "document.querySelector('h1').innerText.includes('Mended')",
    };
    once(&front.page, &rename, Way::Held("Enter")).await?;
    front.page.assert_clean().await
}

/// Opens the menu of the session in front.
async fn open_menu(page: &Page) -> Result<()> {
    page.press("Escape").await?;
    page.click(".head [data-do=session-menu]").await?;
    page.wait_for(
        "document.querySelector('#session-menu:popover-open')",
        PATIENCE,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_is_put_off_and_done_once() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    // With a session there is an overview.
    named(drovers, server, "Idle", "say one").await?;
    let mut page = page(browser, drovers, "/").await?;
    page.eval::<bool>(NOTE).await?;
    let titles = ["Later", "Done"];
    for title in titles {
        named(drovers, server, title, "say one ;; finish length").await?;
    }
    let [later, done] = titles.map(|title| format!("[data-k=needs] li[data-title='{title}']"));
    page.wait_for(
        &format!("document.querySelector(\"{later}\") && document.querySelector(\"{done}\")"),
        PATIENCE,
    )
    .await?;
    ready(&page, &format!("{done} [data-do=done]")).await?;
    let (at, shows) = (
        format!("{done} [data-do=done]"),
        format!("!document.querySelector(\"{done}\")"),
    );
    let control = Control {
        name: "Done",
        at: &at,
        makes: ("POST ", "/reviewed done"),
        shows: &shows,
    };
    once(&page, &control, Way::Twice).await?;
    let open = format!("{later} [data-do=put-off]");
    ready(&page, &open).await?;
    page.clicks(page.spot(&open).await?, 1).await?;
    page.wait_for("document.querySelector('#snooze').open", PATIENCE)
        .await?;
    let shows = format!("!document.querySelector(\"{later}\")");
    let control = Control {
        name: "Snooze",
        at: "#snooze [data-minutes='60']",
        makes: ("POST ", "/snooze"),
        shows: &shows,
    };
    once(&page, &control, Way::Twice).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one repository, from the change to the merge.
async fn changes_are_staged_committed_accepted_and_merged_once() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    repository(&folder, &[("a.txt", "one\n")])?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "say ready").await?;
    let session = session(&page).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'ready'"), PATIENCE)
        .await?;
    let review = format!(
        "{}/i/{instance}/s/{session}/review?of=uncommitted",
        drovers.url
    );
    let listed = "document.querySelector('#review .file [data-loaded]')";
    for (nth, way) in [Way::Twice, Way::Held("Enter")].into_iter().enumerate() {
        fs::write(folder.join("a.txt"), format!("one\n{nth}\n"))?;
        page.goto(&review).await?;
        page.eval::<bool>(NOTE).await?;
        page.wait_for(listed, PATIENCE).await?;
        // A key that is held stages once, and what was staged is not unstaged by it.
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        pause(&page, A_WHILE).await?;
        page.press("n").await?;
        pause(&page, A_WHILE).await?;
        page.hold("s", 10).await?;
        page.wait_for(
            "document.querySelector('#review .file[data-staged]')",
            PATIENCE,
        )
        .await?;
        pause(&page, A_WHILE).await?;
        let writes: Vec<String> = page.eval(WRITES).await?;
        ensure!(
            writes.len() == 1 && writes[0].ends_with("/git stage"),
            "Stage: {writes:?}"
        );
        page.press("m").await?;
        page.wait_for("document.querySelector('#commit').open", PATIENCE)
            .await?;
        page.fill("#commit textarea", &format!("Change {nth}"))
            .await?;
        let commit = Control {
            name: "Commit",
            at: "#commit button[value=commit]",
            makes: ("POST ", "/git commit"),
            shows: "!document.querySelector('#commit')?.open",
        };
        once(&page, &commit, way).await?;
        let log = git(&folder, &["log", "--format=%s", "main"])?;
        assert_eq!(log.lines().count(), nth + 2, "{way:?}: {log}");
        fs::write(folder.join("b.txt"), format!("{nth}\n"))?;
        page.goto(&review).await?;
        page.eval::<bool>(NOTE).await?;
        page.wait_for(listed, PATIENCE).await?;
        let accept = Control {
            name: "Accept",
            at: "[data-do=review-accept]",
            makes: ("POST ", "/reviewed done"),
            shows: "document.querySelector('#undos')?.innerText.includes('Accepted')",
        };
        once(&page, &accept, way).await?;
        let notes: u32 = page
            .eval("document.querySelectorAll('#undos li').length")
            .await?;
        assert_eq!(notes, 1, "{way:?}");
        fs::remove_file(folder.join("b.txt"))?;
    }
    for (nth, way) in [Way::Twice, Way::Held("Enter")].into_iter().enumerate() {
        let name = format!("tree-{nth}");
        let tree = folder.with_file_name(&name);
        let at = tree.to_string_lossy().into_owned();
        git(&folder, &["worktree", "add", "--quiet", "-b", &name, &at])?;
        fs::write(tree.join(format!("{name}.txt")), "new\n")?;
        git(&tree, &["add", "--all"])?;
        git(&tree, &["commit", "--quiet", "--message", &name])?;
        page.goto(&format!("{}/i/{instance}/s/{session}", drovers.url))
            .await?;
        page.eval::<bool>(NOTE).await?;
        page.eval::<bool>("(document.activeElement.blur(), true)")
            .await?;
        pause(&page, A_WHILE).await?;
        page.press("g").await?;
        page.press("w").await?;
        let merge = format!("#worktrees [data-branch='{name}'] [data-act=merge]");
        // Pressed twice, it tries once and asks once; the second press confirms nothing.
        let tried = Control {
            name: "Merge",
            at: &merge,
            makes: ("POST ", "/act check"),
            shows: "document.querySelector('#confirm[open]')",
        };
        once(&page, &tried, way).await?;
        ready(&page, "#confirm button[value=yes]").await?;
        let merged = Control {
            name: "Merge, confirmed",
            at: "#confirm button[value=yes]",
            makes: ("POST ", "/act merge"),
            shows: &format!(
                "document.querySelector('#undos')?.innerText.includes('{name} is in main now')"
            ),
        };
        once(&page, &merged, way).await?;
        ensure!(folder.join(format!("{name}.txt")).exists());
    }
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restarts_once() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    loaded(&page).await?;
    page.eval::<bool>(NOTE).await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("g").await?;
    page.press("s").await?;
    let restart = Control {
        name: "Restart the server",
        at: "#process .restarts",
        makes: ("POST ", "/restart"),
        shows: "document.querySelector('#hint').innerText.includes('The server restarts')",
    };
    once(&page, &restart, Way::Twice).await?;
    page.assert_clean().await
}

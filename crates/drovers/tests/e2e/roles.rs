//! A browser that may not do everything shows what it may do, and why the rest is missing: no control that is left is refused.

use anyhow::{Context, Result};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page};

use crate::bench::{Drovers, PATIENCE, until};
use crate::consent::{A_WHILE, pause};
use crate::door::Guarded;
use crate::legs::ONLINE;

/// What controls that are in sight do: of buttons, fields and forms that the page acts on.
const CONTROLS: &str = "[...new Set([...document.querySelectorAll('#app :is(button, textarea, input, select), #app [data-do]')]
    .filter(one => one.checkVisibility() && getComputedStyle(one).pointerEvents !== 'none')
    .map(one => one.id === 'text' ? 'prompt' : (one.closest('[data-do]')?.dataset.do ?? one.id ?? '') + (one.value && one.tagName === 'BUTTON' ? ':' + one.value : '')))].sort()";

/// Those that only look at something.
const LOOKS: [&str; 29] = [
    "",
    "close",
    "copy",
    "dialog",
    "end",
    "filter",
    "menu",
    "message-menu",
    "notify",
    "palette",
    "permission",
    "question",
    "review-file",
    "review-fold",
    "review-gap",
    "review-more",
    "review-scope",
    "review-space",
    "review-split",
    "session-menu",
    "sessions",
    "settings",
    "sheet",
    "since-close",
    "skip",
    "tree-filter",
    "tree-order",
    "unfold",
    "verify",
];

/// Everything that a session in need of an answer has to offer, on a hub that others reach.
struct Scene {
    guarded: Guarded,
    _fake: FakeServer,
    _drovers: Drovers,
    path: String,
}

impl Scene {
    async fn begin() -> Result<Self> {
        let guarded = Guarded::new().await?;
        let fake = FakeServer::start(FakeOptions::default()).await?;
        let session = fake.seed_session("Needs an answer")?;
        let mut command = guarded.outside().await?;
        command.args(["--attach", &fake.url]);
        let drovers = Drovers::of(command).await?;
        let instance = until("a connection", async || {
            let listed: Value = serde_json::from_str(&guarded.run(&["ls", "--json"]).await?)?;
            let instance = &listed["instances"][0];
            let id = instance["id"].as_str();
            let id = id.filter(|_| instance["status"] == "connected");
            Ok(id.map(str::to_owned))
        })
        .await?;
        let url = format!("{}/session/{session}", fake.url);
        let prompt = json!({ "parts": [{ "type": "text", "text": "permission git push" }] });
        let sent = reqwest::Client::new().post(format!("{url}/prompt_async"));
        sent.json(&prompt).send().await?.error_for_status()?;
        Ok(Self {
            guarded,
            _fake: fake,
            _drovers: drovers,
            path: format!("/i/{instance}/s/{session}"),
        })
    }

    /// The session's page in a browser that has these roles.
    async fn page(&self, browser: &Chromium, roles: &[&str]) -> Result<Page> {
        let mut pair = vec!["pair", "--json"];
        for role in roles {
            pair.extend(["--role", role]);
        }
        let paired: Value = serde_json::from_str(&self.guarded.run(&pair).await?)?;
        let link = paired["link"].as_str().context("a link")?;
        let page = browser.page().await?;
        page.take_every_certificate().await?;
        page.goto(&format!("{link}{}", self.path)).await?;
        page.wait_for(
            &format!("({ONLINE}) && document.querySelector('[data-k=asks] .card')"),
            PATIENCE,
        )
        .await?;
        // What the later style sheet has.
        page.wait_for(
            "document.documentElement.dataset.beat !== undefined",
            PATIENCE,
        )
        .await?;
        Ok(page)
    }
}

async fn controls(page: &Page) -> Result<Vec<String>> {
    let all: Vec<String> = page.eval(CONTROLS).await?;
    let acts = all.into_iter().filter(|one| !LOOKS.contains(&one.as_str()));
    Ok(acts.collect())
}

const NOTICE: &str = "document.querySelector('main .notice[data-role]')?.innerText ?? ''";

/// The names that the palette offers.
const OFFERED: &str =
    "[...document.querySelectorAll('#found li .name')].map(one => one.textContent)";

/// What keys and the palette are not to do for a browser that may only watch, and what is said instead.
// Longer than 70 lines: one walk over the keys, the palette and the list of keys.
async fn keys_do_nothing(page: &Page) -> Result<()> {
    page.eval::<bool>(
        "(() => {
            window.writes = [];
            const real = window.fetch;
            window.fetch = (url, init) => ((init?.method ?? 'GET') !== 'GET' && writes.push(String(url)), real(url, init));
            return true;
        })()",
    )
    .await?;
    for (key, said) in [
        ("a", "may not answer"),
        ("x", "may not answer"),
        ("W", "may not send prompts"),
        ("A", "may not answer"),
        ("s", "may not send prompts"),
    ] {
        page.eval::<bool>("(document.querySelector('#hint').textContent = '', document.activeElement.blur(), true)")
            .await?;
        pause(page, A_WHILE).await?;
        page.press(key).await?;
        page.wait_for(
            &format!("document.querySelector('#hint').textContent.includes('{said}')"),
            PATIENCE,
        )
        .await?;
        assert!(
            page.eval::<bool>("!document.querySelector('dialog[open]')")
                .await?,
            "{key}"
        );
    }
    page.press(":").await?;
    page.wait_for("document.querySelector('#palette')?.open", PATIENCE)
        .await?;
    let offered: Vec<String> = page.eval(OFFERED).await?;
    for name in [
        "Stop everything",
        "Continue all interrupted sessions",
        "Allow the marked request once",
        "Reject a request, with a reason",
        "New session",
        "Add an instance",
    ] {
        assert!(
            !offered.iter().any(|one| one == name),
            "{name}: {offered:?}"
        );
    }
    assert!(offered.iter().any(|one| one == "Overview"), "{offered:?}");
    page.press("Escape").await?;
    // The field of a closed dialog has the focus until the next frame.
    page.wait_for(
        "!document.querySelector('#palette').open && document.activeElement === document.body",
        PATIENCE,
    )
    .await?;
    page.press("?").await?;
    page.wait_for("document.querySelector('#help')?.open", PATIENCE)
        .await?;
    let keys: String = page
        .eval("document.querySelector('#keys').innerText")
        .await?;
    assert!(!keys.contains("Allow the marked request once"), "{keys}");
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#help').open", PATIENCE)
        .await?;
    let writes: Vec<String> = page.eval("writes").await?;
    assert!(
        writes
            .iter()
            .all(|one| one.ends_with("/page-errors") || one.contains("/verify")),
        "{writes:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: a page for each role.
async fn what_a_role_may_not_do_is_not_shown_and_why_is_said() -> Result<()> {
    let scene = Scene::begin().await?;
    let browsers = [Chromium::start().await?, Chromium::start().await?];
    let mut watcher = scene.page(&browsers[0], &["watch"]).await?;
    let shown: String = watcher.eval(NOTICE).await?;
    assert!(
        shown.contains("may only watch") && shown.contains("Devices"),
        "{shown}"
    );
    let left = controls(&watcher).await?;
    assert!(left.is_empty(), "{left:?}");
    keys_do_nothing(&watcher).await?;
    // The request itself can be read.
    let card: String = watcher
        .eval("document.querySelector('[data-k=asks] .card').innerText")
        .await?;
    assert!(card.contains("git push"), "{card}");
    // Nor do dialogs offer what is refused.
    watcher.press(",").await?;
    watcher
        .wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    let offered: Vec<String> = watcher
        .eval("[...document.querySelectorAll('#settings :is(button, input, select)')].filter(one => one.checkVisibility()).map(one => one.dataset.do ?? one.name)")
        .await?;
    assert_eq!(offered, ["passkeys", "log-out", "close"]);
    watcher.press("Escape").await?;
    watcher.click(".head [data-do=session-menu]").await?;
    watcher
        .wait_for(
            "document.querySelector('#session-menu:popover-open')",
            PATIENCE,
        )
        .await?;
    let lines: Vec<String> = watcher
        .eval("[...document.querySelectorAll('#session-menu [data-act]')].filter(one => one.checkVisibility()).map(one => one.dataset.act)")
        .await?;
    let drives = [
        "rename", "fork", "compact", "parallel", "worktree", "archive", "delete",
    ];
    assert!(
        !lines.iter().any(|line| drives.contains(&line.as_str())),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line == "link"), "{lines:?}");
    watcher.press("Escape").await?;
    // The overview as well.
    watcher.click("a.brand").await?;
    watcher
        .wait_for(
            "document.documentElement.dataset.overview !== undefined",
            PATIENCE,
        )
        .await?;
    let left = controls(&watcher).await?;
    assert!(left.is_empty(), "{left:?}");
    assert!(
        watcher
            .eval::<String>(NOTICE)
            .await?
            .contains("may only watch")
    );
    // The browser has no worker over a certificate that it does not know.
    watcher.assert_clean_but(&["SSL certificate error"]).await?;

    let mut answerer = scene.page(&browsers[1], &["answer"]).await?;
    let shown: String = answerer.eval(NOTICE).await?;
    assert!(shown.contains("watch and answer"), "{shown}");
    let left = controls(&answerer).await?;
    assert!(
        left.contains(&"reply:once".to_owned()) && !left.contains(&"prompt".to_owned()),
        "{left:?}"
    );
    answerer.assert_clean().await?;
    drop(answerer);

    let third = Chromium::start().await?;
    let mut whole = scene.page(&third, &["admin"]).await?;
    assert_eq!(whole.eval::<String>(NOTICE).await?, "");
    let all = controls(&whole).await?;
    for control in ["prompt", "reply:once", "reply:reject", "remove"] {
        assert!(all.contains(&control.to_owned()), "{control}: {all:?}");
    }
    whole.assert_clean().await
}

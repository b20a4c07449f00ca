//! The installed page of a phone: the service worker and what it stores, a hub that is away, and what is pushed.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use crate::bench::{AWAY, Drovers, LAST_TEXT, PATIENCE, Stage, elsewhere, page, prompt, until};
use crate::legs::{OFFLINE, ONLINE};

/// The worker is there, and answers for this page.
const CONTROLLED: &str = "navigator.serviceWorker.controller?.state === 'activated'";

/// The page that is shown while the hub is away.
const AWAY_PAGE: &str = "document.body.innerText.includes('Drovers cannot be reached')";

/// The addresses of all that is stored, and whether any of it has a text.
const STORED: &str = "(async () => {
    const all = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
            const text = await (await cache.match(request)).clone().text();
            all.push([new URL(request.url).pathname, text.includes('SECRET')]);
        }
    }
    return all;
})()";

/// Looks again and again for the notifications that stand.
const WATCH: &str = "(setInterval(async () => {
    const all = await (await navigator.serviceWorker.ready).getNotifications();
    window.standing = all.map(({ title, tag, actions }) => ({ title, tag, actions: (actions ?? []).map((one) => one.action) }));
}, 100), true)";

async fn installed(stage: &Stage, path: &str) -> Result<Page> {
    let page = page(&stage.browser, &stage.drovers, path).await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(CONTROLLED, PATIENCE).await?;
    Ok(page)
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one phone, from its installation through a hub that is away and comes back.
async fn an_installed_page_opens_while_the_hub_is_away_and_sends_once_what_was_written()
-> Result<()> {
    let mut stage = Stage::begin().await?;
    let session = elsewhere(&stage.server, "say SECRET").await?;
    let path = stage.drovers.path_of(&stage.instance, &session).await?;
    let mut page = installed(&stage, &path).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'SECRET'"), PATIENCE)
        .await?;

    // What a browser asks for before it offers to install a page.
    let manifest: Value = page
        .eval("fetch(document.querySelector('link[rel=manifest]').href).then((answer) => answer.json())")
        .await?;
    assert_eq!(manifest["display"], "standalone");
    assert_eq!(manifest["start_url"], "/");
    let icons = manifest["icons"].as_array().context("icons")?;
    for (sizes, purpose) in [
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    ] {
        let wanted = |icon: &&Value| icon["sizes"] == sizes && icon["purpose"] == purpose;
        let icon = icons.iter().find(wanted).context("an icon")?;
        let width: String = page
            .eval(&format!(
                "new Promise((done) => {{ const icon = new Image(); icon.onload = () => done(`${{icon.naturalWidth}}x${{icon.naturalHeight}}`); icon.src = {}; }})",
                icon["src"]
            ))
            .await?;
        assert_eq!(width, sizes);
    }

    // The shell is stored, and nothing that a session said.
    let stored: Vec<(String, bool)> = page.eval(STORED).await?;
    assert!(stored.len() > 20, "{stored:?}");
    for (path, has_text) in &stored {
        assert!(path.starts_with("/assets/") || path == "/offline", "{path}");
        assert!(!has_text, "{path}");
    }

    // The hub goes: the last state stays, grey, with its time; what is written stays, too.
    stage.drovers.signal(Signal::SIGKILL)?;
    stage.drovers.ended().await?;
    page.wait_for(OFFLINE, PATIENCE).await?;
    page.wait_for(
        r"/This is the state of \d\d:\d\d\./.test(document.querySelector('#offline').innerText)",
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>(&format!("{LAST_TEXT} === 'SECRET'"))
            .await?
    );
    prompt(&page, "say once").await?;
    page.wait_for("document.querySelector('#outbox li')", PATIENCE)
        .await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(AWAY_PAGE, PATIENCE).await?;
    page.wait_for("!document.querySelector('#waiting').hidden", PATIENCE)
        .await?;
    assert_eq!(page.eval::<String>("location.pathname").await?, path);

    // It opens by itself once the hub is back.
    let address = stage.drovers.url.strip_prefix("http://");
    let again = Drovers::of(stage.bench.drovers_at(address.context("an address")?)).await?;
    assert_eq!(again.connected(&stage.server).await?, stage.instance);
    page.wait_for(ONLINE, PATIENCE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'once'"), PATIENCE)
        .await?;
    page.wait_for("!document.querySelector('#outbox li')", PATIENCE)
        .await?;
    let url = format!("{}/session/{session}/message", stage.server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    let sent = messages.as_array().into_iter().flatten();
    let sent = sent.filter(|message| message["parts"][0]["text"] == "say once");
    assert_eq!(sent.count(), 1);
    page.assert_clean_but(&AWAY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_shown_leads_to_its_card_and_is_withdrawn() -> Result<()> {
    let stage = Stage::begin().await?;
    stage.browser.allow_notifications().await?;
    let session = elsewhere(&stage.server, "permission ;; say allowed").await?;
    let path = stage.drovers.path_of(&stage.instance, &session).await?;
    let mut page = installed(&stage, "/").await?;
    let requests = format!("/api/instances/{}/permissions", stage.instance);
    let key = until("a request", async || {
        let waiting = stage.drovers.get(&requests).await?;
        Ok(waiting[0]["id"].as_str().map(str::to_owned))
    })
    .await?;
    let shown = json!({
        "t": "show", "tag": key, "key": key, "title": "Needs you: t", "body": "$ echo", "path": path, "needs": 1,
        "answer": { "url": "/nowhere", "fingerprint": "f", "allow": "Allow once", "reject": "Reject", "failed": "Not sent." },
    });
    // Whoever sees the page needs no notification.
    page.push(&shown).await?;
    let other = json!({ "t": "close", "tag": "none", "needs": 0 });
    page.push(&other).await?;
    page.eval::<bool>(WATCH).await?;
    page.wait_for("window.standing?.length === 0", PATIENCE)
        .await?;

    // Another page is in front: this one is hidden.
    let front = stage.browser.page().await?;
    page.pretend(false).await?;
    front.pretend(false).await?;
    front.front().await?;
    page.wait_for("document.hidden", PATIENCE).await?;
    page.push(&shown).await?;
    page.wait_for("window.standing.length === 1", PATIENCE)
        .await?;
    let standing: Value = page.eval("window.standing").await?;
    assert_eq!(standing[0]["title"], "Needs you: t");
    assert_eq!(standing[0]["tag"], key.as_str());
    assert_eq!(standing[0]["actions"], json!(["allow", "reject"]));

    // A press leads to the card.
    let worker = format!("{}/sw.js", stage.drovers.url);
    let press = "(async () => {
        const [notification] = await registration.getNotifications();
        dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    })()";
    stage.browser.run_in_worker(&worker, press).await?;
    page.wait_for(
        &format!("location.pathname === '{path}' && document.activeElement.matches('li.card')"),
        PATIENCE,
    )
    .await?;
    page.wait_for("window.standing.length === 0", PATIENCE)
        .await?;
    // A withdrawal right after its notification does not overtake it.
    for _ in 0..20 {
        page.push(&shown).await?;
        page.push(&json!({ "t": "close", "tag": key, "needs": 0 }))
            .await?;
    }
    page.push(&shown).await?;
    page.wait_for("window.standing.length === 1", PATIENCE)
        .await?;
    page.push(&json!({ "t": "close", "tag": key, "needs": 0 }))
        .await?;
    page.wait_for("window.standing.length === 0", PATIENCE)
        .await?;
    page.assert_clean().await
}

/// Stands in for a push service of the browser's maker, which no test asks.
const SUBSCRIBES: &str = "(async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
    const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    const text = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const bytes = (of) => Uint8Array.from(atob(of.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
    let standing = null;
    PushManager.prototype.getSubscription = async () => standing;
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
        const keys = { p256dh: text(raw), auth: text(new Uint8Array(16)) };
        standing = {
            options: { applicationServerKey: bytes(applicationServerKey).buffer },
            unsubscribe: async () => { standing = null; return true; },
            toJSON: () => ({ endpoint: 'https://push.invalid/secret', keys }),
        };
        return standing;
    };
    return true;
})()";

/// The proof that the worker has for its answers: nothing, or what the page has.
const SHARED: &str = "new Promise((done) => {
    const opening = indexedDB.open('drovers', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
    opening.onsuccess = () => {
        const read = opening.result.transaction('keys').objectStore('keys').get('proof');
        read.onsuccess = () => { opening.result.close(); done(read.result ?? null); };
    };
})";

async fn devices(drovers: &Drovers, many: usize) -> Result<()> {
    until("the devices", async || {
        let known = drovers.get("/api/push/targets").await?;
        Ok((known.as_array().map(Vec::len) == Some(many)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_the_settings_subscribes_this_device_and_another_gives_it_buttons() -> Result<()>
{
    let stage = Stage::begin().await?;
    stage.browser.allow_notifications().await?;
    let mut page = installed(&stage, "/").await?;
    page.viewport(Viewport::DESKTOP).await?;
    page.eval::<bool>(SUBSCRIBES).await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(",").await?;
    page.wait_for(
        "document.querySelector('#settings[open] [name=push_buttons]:disabled')",
        PATIENCE,
    )
    .await?;
    devices(&stage.drovers, 0).await?;
    page.click("[name=push]").await?;
    devices(&stage.drovers, 1).await?;
    page.wait_for(
        "!document.querySelector('[name=push_buttons]').disabled",
        PATIENCE,
    )
    .await?;
    // Without buttons the worker can answer nothing.
    assert_eq!(page.eval::<Option<String>>(SHARED).await?, None);
    page.click("[name=push_buttons]").await?;
    page.wait_for("localStorage.getItem('push') === 'buttons'", PATIENCE)
        .await?;
    until("the proof", async || {
        page.eval::<Option<String>>(SHARED).await
    })
    .await?;
    devices(&stage.drovers, 1).await?;
    page.click("[name=push]").await?;
    devices(&stage.drovers, 0).await?;
    page.wait_for("localStorage.getItem('push') === null", PATIENCE)
        .await?;
    assert_eq!(page.eval::<Option<String>>(SHARED).await?, None);
    page.assert_clean().await
}

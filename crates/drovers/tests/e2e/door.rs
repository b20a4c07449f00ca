//! The door in a real browser: a link lets it in once, its cookie keeps it in over a restart of the hub, pages of others
//! get nothing by it, and whoever is sent away sees so.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use nix::sys::signal::Signal;
use scripted::home::Home;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::chromium::{Chromium, Page};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::bench::{AWAY, Bench, Drovers, PATIENCE, until};
use crate::consent::{press_card, ready};
use crate::legs::{OFFLINE, ONLINE};

/// A home, and the binary in it that asks who comes.
pub(crate) struct Guarded {
    home: TempDir,
    pub(crate) fake: FakeServer,
}

impl Guarded {
    pub(crate) async fn new() -> Result<Self> {
        Ok(Self {
            home: TempDir::new()?,
            fake: FakeServer::start(FakeOptions::default()).await?,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.path("data"))
            .current_dir(self.home.path());
        command
    }

    pub(crate) async fn start(&self, address: &str) -> Result<Drovers> {
        let args = [
            "up",
            "--no-open",
            "--listen",
            address,
            "--attach",
            &self.fake.url,
        ];
        Drovers::of(self.command(&args)).await
    }

    /// The binary, which listens on another address than that of this machine's own programs, and so with TLS.
    pub(crate) async fn outside(&self) -> Result<Command> {
        let (certificate, key) = (self.path("own.crt"), self.path("own.key"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=127.0.0.2", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .await?;
        ensure!(made.status.success(), "{made:?}");
        let mut command = self.command(&["up", "--no-open", "--listen", "127.0.0.2:0"]);
        command
            .arg("--tls-cert")
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&key);
        Ok(command)
    }

    /// A link that lets a browser in, to the page of the one instance.
    pub(crate) async fn link(&self) -> Result<String> {
        let listed: Value = serde_json::from_str(&self.run(&["ls", "--json"]).await?)?;
        let id = listed["instances"][0]["id"]
            .as_str()
            .context("an instance")?;
        Ok(format!("{}/i/{id}", self.run(&["link"]).await?))
    }

    /// What a command prints.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<String> {
        let done = self.command(args).output().await?;
        ensure!(done.status.success(), "{args:?}: {done:?}");
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }
}

/// The page says how to get in, and nothing else.
pub(crate) const LOCKED: &str =
    "document.body.innerText.includes('drovers link') && !document.querySelector('#app')";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_a_browser_in_and_its_cookie_keeps_it_in() -> Result<()> {
    let guarded = Guarded::new().await?;
    let mut drovers = guarded.start("127.0.0.1:0").await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&drovers.url).await?;
    page.wait_for(LOCKED, PATIENCE).await?;

    let link = guarded.link().await?;
    page.goto(&link).await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    let left: String = page.eval("location.href + document.cookie").await?;
    assert!(
        left.starts_with(&format!("{}/i/", drovers.url)) && !left.contains("drovers_"),
        "{left}"
    );
    page.eval::<bool>("window.sameDocument = true").await?;

    let address = drovers.url.trim_start_matches("http://").to_owned();
    drovers.signal(Signal::SIGTERM)?;
    assert_eq!(drovers.ended().await?, Some(0));
    page.wait_for(OFFLINE, PATIENCE).await?;
    let _again = guarded.start(&address).await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    assert!(page.eval::<bool>("sameDocument === true").await?);

    // Of another browser, the same link is good for nothing.
    let other = Chromium::start().await?;
    let stranger = other.page().await?;
    stranger.goto(&link).await?;
    stranger.wait_for(LOCKED, PATIENCE).await?;

    let known: Value = serde_json::from_str(&guarded.run(&["token", "ls", "--json"]).await?)?;
    let id = known["pages"][0]["id"].as_str().context("a page")?;
    guarded.run(&["token", "revoke", "--page", id]).await?;
    page.wait_for(
        "document.querySelector('#offline').innerText.includes('lost its access')",
        PATIENCE,
    )
    .await?;
    page.goto(&format!("http://{address}/")).await?;
    page.wait_for(LOCKED, PATIENCE).await?;
    page.assert_clean_but(&[&AWAY[..], &["401", "ERR_ABORTED"]].concat())
        .await
}

/// Tries everything that a page can try at the hub, and tells what came of it.
const ATTACK: &str = "(async hub => {
    const tried = {};
    const ways = {
        read: () => fetch(hub + '/api/instances', { credentials: 'include' }),
        blind: () => fetch(hub + '/api/instances', { credentials: 'include', mode: 'no-cors' }).then(answer => answer.type),
        write: () => fetch(hub + '/api/instances', { method: 'POST', credentials: 'include', body: '{}',
            headers: { 'content-type': 'application/json' } }),
        post: () => fetch(hub + '/api/continue', { method: 'POST', credentials: 'include', mode: 'no-cors' }).then(() => 'sent'),
        socket: () => new Promise((open, failed) => {
            const socket = new WebSocket(hub.replace('http', 'ws') + '/api/live');
            socket.onopen = () => open('open'); socket.onerror = () => failed(new Error('refused'));
        }),
        script: () => new Promise((ran, failed) => {
            const script = document.createElement('script');
            script.src = hub + '/api/instances'; script.onload = () => ran('ran'); script.onerror = failed;
            document.body.append(script);
        }),
    };
    for (const [name, way] of Object.entries(ways)) tried[name] = await way().then(String, () => 'refused');
    return tried;
})";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_port_gets_nothing_by_the_cookie() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let browser = Chromium::start().await?;
    let page = browser.page().await?;
    page.goto(&guarded.link().await?).await?;
    page.wait_for(ONLINE, PATIENCE).await?;

    let router = Router::new().route("/", get(async || Html("<!doctype html><body>evil</body>")));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let evil = format!("http://{}/", listener.local_addr()?);
    let _serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let other = browser.page().await?;
    other.goto(&evil).await?;
    let attack = format!("{ATTACK}({:?})", drovers.url);
    let tried: Value = other.eval(&attack).await?;
    for (way, outcome) in [
        ("read", "refused"),
        ("blind", "refused"),
        ("write", "refused"),
        ("post", "refused"),
        ("socket", "refused"),
        ("script", "refused"),
    ] {
        assert_eq!(tried[way], outcome, "{way}: {tried}");
    }
    // The hub's own page still has its link.
    page.wait_for(ONLINE, PATIENCE).await
}

/// Writes a folder into the dialog and adds it.
async fn add(page: &Page, folder: &Path) -> Result<()> {
    page.click("header.top [data-dialog=add]").await?;
    page.wait_for("document.querySelector('#add').open", PATIENCE)
        .await?;
    page.fill("#add [name=place]", &folder.to_string_lossy())
        .await?;
    page.click("#add button[type=submit]").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_added_once_a_person_trusts_it() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let folder = guarded.path("project");
    std::fs::create_dir_all(folder.join(".opencode/plugin"))?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&guarded.link().await?).await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    let asks = "document.querySelector('#confirm').open \
        && document.querySelector('#confirm').innerText.includes('.opencode/plugin')";

    add(&page, &folder).await?;
    page.wait_for(asks, PATIENCE).await?;
    ready(&page, "#confirm button[value=no]").await?;
    page.press("Enter").await?;
    page.wait_for("!document.querySelector('#confirm').open", PATIENCE)
        .await?;
    let trusted = guarded.path("data/trusted.json");
    ensure!(!trusted.exists(), "Enter does not say yes");

    page.click("#add button[type=submit]").await?;
    page.wait_for(asks, PATIENCE).await?;
    press_card(&page, "#confirm button[value=yes]").await?;
    page.wait_for("!document.querySelector('#add').open", PATIENCE)
        .await?;
    ensure!(trusted.exists());
    let listed = guarded.run(&["ls", "--json"]).await?;
    ensure!(listed.contains("project"), "{listed}");
    drop(drovers);
    page.assert_clean_but(&[&AWAY[..], &["status of 409"]].concat())
        .await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one attack, way after way.
async fn an_agents_own_tools_get_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let drovers = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
        command.args(args).arg("--data-dir").arg(bench.path("data"));
        command.current_dir(bench.dir.path());
        command
    };
    let up = drovers(&["up", "--no-open", "--listen", "127.0.0.1:0"]);
    let mut up = bench.owning(up, "proj", &bench.path("log")).await?;
    // It may fetch what it likes.
    let allowed = json!({"webfetch": "allow", "bash": "allow"});
    Home::at(bench.path("home")).prepare(&bench.model.base_url(), &allowed)?;
    up.env("DROVERS_PASSWORD", "hush-hush");
    let hub = Drovers::of(up).await?;
    let made = drovers(&["token", "add", "test", "--role", "admin"])
        .output()
        .await?;
    let token = String::from_utf8(made.stdout)?.trim().to_owned();
    let client = reqwest::Client::new();
    let ask = async |path: &str| -> Result<Value> {
        let request = client
            .get(format!("{}/api/{path}", hub.url))
            .bearer_auth(&token);
        Ok(request.send().await?.error_for_status()?.json().await?)
    };
    let instance = until("a connection", async || {
        let instances = ask("instances").await?;
        let live = instances[0]["status"] == "connected";
        Ok(instances[0]["id"]
            .as_str()
            .filter(|_| live)
            .map(str::to_owned))
    })
    .await?;
    let sessions = format!("{}/api/instances/{instance}/sessions", hub.url);
    let session = client.post(&sessions).bearer_auth(&token).json(&json!({}));
    let session: Value = session.send().await?.error_for_status()?.json().await?;
    let id = session["id"].as_str().context("an id")?;

    let api = format!("{}/api/instances", hub.url);
    let fetch = json!({"url": api, "format": "text"});
    let script = format!(
        "bash curl -s {api} ;; bash curl -s -X POST -d {{}} {api}/{instance}/sessions/{id}/prompt ;; \
         tool webfetch {fetch} ;; bash env ;; say over"
    );
    until("the session", async || {
        Ok(ask(&format!("instances/{instance}/sessions/{id}"))
            .await
            .ok())
    })
    .await?;
    let sent = drovers(&["send", id, &script, "--wait"]).output().await?;
    ensure!(sent.status.success(), "{sent:?}");
    let messages = ask(&format!("instances/{instance}/sessions/{id}/messages")).await?;
    let parts = messages.as_array().into_iter().flatten();
    let parts = parts.flat_map(|message| message["parts"].as_array().into_iter().flatten());
    let states: Vec<String> = parts
        .filter(|part| part["type"] == "tool")
        .map(|part| part["state"].to_string())
        .collect();
    let [read, prompt, fetched, environment] = &states[..] else {
        bail!("other tools ran: {states:?}");
    };
    for refused in [read, prompt] {
        ensure!(refused.contains("unknown-caller"), "{refused}");
    }
    ensure!(fetched.contains("401"), "{fetched}");
    ensure!(environment.contains("PATH="), "{environment}");
    for secret in ["DROVERS_", "hush-hush", &token] {
        ensure!(!states.concat().contains(secret), "{secret} in {states:?}");
    }
    Ok(())
}

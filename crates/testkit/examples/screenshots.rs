//! Takes the pictures in `docs/screenshots`: the demo on a desktop and on a phone, in both colours.
//!
//! `cargo run -p testkit --example screenshots`; `DROVERS_BINARY` names a ready binary, else one is built.

use std::path::{Path, PathBuf};
use std::process::Command as Build;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::hub::Program;
use chromiumoxide::cdp::browser_protocol::network::CookieParam;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page, Scheme, Viewport};
use tokio::process::Command;
use tokio::time::timeout;

/// Names a ready binary.
const OVERRIDE: &str = "DROVERS_BINARY";

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the session in front is called.
const TITLE: &str = "Prove that settle() is fixed";

/// What it is asked to do: it ends with something to decide.
const PROMPT: &str = "Prove that settle() is fixed, then publish it.\n\
    reason 60 ;; say I read the ledger first. ;; todo Read the ledger, Run the proof, Publish ;; \
    bash cat ledger.rs ;; bash echo running 12 tests && echo all passed ;; markdown rate=0 ;; \
    permission git push origin settle ;; say Pushed.";

/// The largest picture that a page of documentation should have to load, in bytes.
const LARGEST: u64 = 250_000;

#[tokio::main]
async fn main() -> Result<()> {
    let binary = tokio::task::spawn_blocking(binary).await??;
    let demo = Demo::start(&binary).await?;
    let session = demo.prepare().await?;
    let chromium = Chromium::start().await?;
    let folder = testkit::workspace().join("docs/screenshots");
    std::fs::create_dir_all(&folder)?;
    // Where there is room, what waits stands at the side as well, so that the work itself can be looked at.
    for (screen, viewport, show) in [
        (
            "desktop",
            Viewport::DESKTOP,
            "(log => (log.scrollBy(0, log.querySelector('.code').getBoundingClientRect().top - log.getBoundingClientRect().top - 96), true))(document.querySelector('#log'))",
        ),
        ("phone", Viewport::PHONE.scaled(2.0), "true"),
    ] {
        for (colours, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
            let mut page = chromium.page().await?;
            page.viewport(viewport).await?;
            page.scheme(scheme).await?;
            page.inner().set_cookie(demo.cookie()).await?;
            page.goto(&session).await?;
            settle(&page, show).await?;
            let file = folder.join(format!("{screen}-{colours}.png"));
            page.screenshot(&file).await?;
            page.assert_clean().await?;
            let size = std::fs::metadata(&file)?.len();
            ensure!(size <= LARGEST, "{} is too large", file.display());
        }
    }
    Ok(())
}

/// Waits for what every picture shows, and for the fonts and the frame that show it.
async fn settle(page: &Page, show: &str) -> Result<()> {
    page.wait_for(
        "document.querySelector('[data-link=connected]') && document.querySelector('[data-k=asks] .card') \
         && document.querySelector('[data-role=assistant] table')",
        PATIENCE,
    )
    .await?;
    page.eval::<bool>(show).await?;
    page.eval::<bool>(
        "document.fonts.ready.then(() => new Promise(shown => requestAnimationFrame(() => requestAnimationFrame(() => shown(true)))))",
    )
    .await?;
    Ok(())
}

/// A running demo; killed on drop.
struct Demo {
    url: String,
    /// What lets a browser in: its cookie's name and value.
    cookie: (String, String),
    /// What a command shows beside it.
    proof: String,
    _program: Program,
}

impl Demo {
    async fn start(binary: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["demo", "--fake", "--no-open", "--listen", "127.0.0.1:0"]);
        let mut program = Program::start(&mut command).await?;
        let url = program.url.clone();
        let link = program.next_line().await?;
        let (_, key) = link.split_once('#').context("a key in the link")?;
        let key = key.split(' ').next().unwrap_or_default();
        let enter = reqwest::Client::new().post(format!("{url}/enter"));
        let entered = enter.json(&json!({ "key": key })).send().await?;
        let cookie = entered.error_for_status_ref()?.headers().get("set-cookie");
        let cookie = cookie.context("a cookie")?.to_str()?;
        let (name, rest) = cookie.split_once('=').context("a cookie")?;
        let value = rest.split(';').next().unwrap_or_default();
        let cookie = (name.to_owned(), value.to_owned());
        let kept: Value = entered.json().await?;
        let proof = kept["proof"].as_str().context("a proof")?.to_owned();
        Ok(Self {
            url,
            cookie,
            proof,
            _program: program,
        })
    }

    /// The cookie, for a browser.
    fn cookie(&self) -> CookieParam {
        let (name, value) = self.cookie.clone();
        let mut cookie = CookieParam::new(name, value);
        cookie.url = Some(self.url.clone());
        cookie
    }

    /// Asks as that browser.
    fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let (name, value) = &self.cookie;
        let request = reqwest::Client::new().request(method, url);
        let request = request.header("cookie", format!("{name}={value}"));
        request.header("x-drovers-proof", &self.proof)
    }

    async fn post(&self, url: &str, body: Value) -> Result<Value> {
        let answer = self.request(Method::POST, url).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Has a session at a good moment, and gives its page's address.
    async fn prepare(&self) -> Result<String> {
        let instance = self.instance().await?;
        let sessions = format!("{}/api/instances/{instance}/sessions", self.url);
        let made = self.post(&sessions, json!({ "title": TITLE })).await?;
        let session = made["id"].as_str().context("an id")?;
        self.post(
            &format!("{sessions}/{session}/prompt"),
            json!({ "text": PROMPT }),
        )
        .await?;
        Ok(format!("{}/i/{instance}/s/{session}", self.url))
    }

    async fn instance(&self) -> Result<String> {
        let connected = async {
            let mut again = tokio::time::interval(Duration::from_millis(50));
            loop {
                again.tick().await;
                let url = format!("{}/api/instances", self.url);
                let answer = self.request(Method::GET, &url).send().await?;
                let instances: Vec<Value> = answer.json().await?;
                let ready = instances.iter().find(|one| one["status"] == "connected");
                if let Some(id) = ready.and_then(|one| one["id"].as_str()) {
                    return anyhow::Ok(id.to_owned());
                }
            }
        };
        timeout(PATIENCE, connected).await?
    }
}

/// The binary: the given one, or one that is built beside this program.
fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(OVERRIDE) {
        return Ok(given.into());
    }
    let built = Build::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "drovers"])
        .current_dir(testkit::workspace())
        .status()?;
    ensure!(built.success(), "drovers cannot be built");
    let this = std::env::current_exe()?;
    let profile = this
        .ancestors()
        .nth(2)
        .context("it is in a target folder")?;
    Ok(profile.join("drovers"))
}

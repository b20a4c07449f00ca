//! Takes every picture in `docs/screenshots` of the demo: the overview on a desktop and on a phone in both colours, a session beside
//! it, and an interrupted session.
//!
//! `cargo run -p testkit --example screenshots`; `DROVERS_BINARY` names a ready binary, else one is built.

use std::path::{Path, PathBuf};
use std::process::Command as Build;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::hub::Program;
use chromiumoxide::cdp::browser_protocol::network::CookieParam;
use serde_json::json;
use testkit::chromium::{Chromium, Page, Scheme, Viewport};
use tokio::process::Command;

/// Names a ready binary.
const OVERRIDE: &str = "DROVERS_BINARY";

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// The largest picture that a page of documentation should have to load, in bytes.
const LARGEST: u64 = 250_000;

/// Titles that the demo gives its sessions.
const ASKS: &str = "Publish release 0.2.0";
const CUT: &str = "Integration tests for orders";

/// The moment of the demo that the pictures show: a subagent asks, a server came back with what it interrupted, and a change waits
/// for its review.
const MOMENT: &str = "[...document.querySelectorAll('.overview .session > a > .mark')].map(mark => mark.textContent).join('').replaceAll(/[^◆⚡✓]/g, '').match(/^◆⚡⚡⚡✓+$/) \
    && document.querySelectorAll('[data-k=needs] form[data-do=permission]').length === 1";

#[tokio::main]
async fn main() -> Result<()> {
    let binary = tokio::task::spawn_blocking(binary).await??;
    let demo = Demo::start(&binary).await?;
    let chromium = Chromium::start().await?;
    let mut desk = demo
        .page(&chromium, Viewport::DESKTOP.sized(1440, 900))
        .await?;
    desk.wait_for(MOMENT, PATIENCE).await?;
    for (name, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
        desk.scheme(scheme).await?;
        take(&mut desk, &format!("desktop-{name}")).await?;
    }
    // The first row is the one that asks.
    desk.press("j").await?;
    desk.press(" ").await?;
    let peek = format!(
        "document.querySelector('.peek h1')?.textContent.includes('{ASKS}') && document.querySelector('.peek .asks .card[data-marked]')"
    );
    desk.wait_for(&peek, PATIENCE).await?;
    take(&mut desk, "peek").await?;
    let open = format!(
        "([...document.querySelectorAll('.overview .session')].find(row => row.innerText.includes('{CUT}')).querySelector('a').click(), true)"
    );
    desk.eval::<bool>(&open).await?;
    let cut = "document.querySelector('main > .head h1') && document.querySelector('.after [data-url$=\"/continue\"]') \
        && document.querySelector('.facts') && document.querySelector('.tree li')";
    desk.wait_for(cut, PATIENCE).await?;
    take(&mut desk, "interrupted").await?;

    let mut phone = demo.page(&chromium, Viewport::PHONE.scaled(2.0)).await?;
    phone.wait_for(MOMENT, PATIENCE).await?;
    for (name, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
        phone.scheme(scheme).await?;
        take(&mut phone, &format!("phone-{name}")).await?;
    }
    Ok(())
}

/// Takes a picture of a page as it is once its fonts are there and a frame shows them, and the mouse is over nothing.
async fn take(page: &mut Page, name: &str) -> Result<()> {
    page.eval::<bool>(
        "document.fonts.ready.then(() => new Promise(shown => requestAnimationFrame(() => requestAnimationFrame(() => shown(true)))))",
    )
    .await?;
    let folder = testkit::workspace().join("docs/screenshots");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.png"));
    page.screenshot(&file).await?;
    page.assert_clean().await?;
    let size = std::fs::metadata(&file)?.len();
    ensure!(size <= LARGEST, "{} is too large", file.display());
    Ok(())
}

/// A running demo; killed on drop.
struct Demo {
    url: String,
    /// What lets a browser in: its cookie's name and value.
    cookie: (String, String),
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
        Ok(Self {
            url,
            cookie,
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

    /// A page of the demo's overview, on a screen.
    async fn page(&self, chromium: &Chromium, viewport: Viewport) -> Result<Page> {
        let page = chromium.page().await?;
        page.viewport(viewport).await?;
        page.scheme(Scheme::Dark).await?;
        page.inner().set_cookie(self.cookie()).await?;
        page.goto(&self.url).await?;
        Ok(page)
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

//! A headless Chromium on a fresh profile, that calls nobody but the pages it is sent to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chromiumoxide::browser::{Browser, BrowserConfig};
use futures_util::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use crate::hands::Spot;
pub use crate::page::{Page, Scheme, Viewport};

/// Names a ready binary.
const OVERRIDE: &str = "DROVERS_TEST_CHROMIUM";

const PLACES: [&str; 5] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/snap/bin/chromium",
];

/// A machine without a screen has no mouse either; a desktop does. Types as in Blink's `PointerType`, `HoverType`.
const MOUSE: &str = "blink-settings=primaryPointerType=4,availablePointerTypes=4,primaryHoverType=2,availableHoverTypes=2";

/// A start may take this long on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A command to the browser may take this long.
const COMMAND: Duration = Duration::from_secs(60);

/// A running browser. Killed when dropped.
#[derive(Debug)]
pub struct Chromium {
    browser: Browser,
    handler: JoinHandle<()>,
    process: Option<Pid>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser, installing it first if this machine has none.
    ///
    /// # Errors
    /// When there is no Chromium and none can be installed, or it does not start in a minute.
    pub async fn start() -> Result<Self> {
        let executable = tokio::task::spawn_blocking(executable).await??;
        let profile = TempDir::new()?;
        let config = BrowserConfig::builder()
            .chrome_executable(executable)
            .user_data_dir(profile.path())
            .no_sandbox()
            .new_headless_mode()
            .viewport(None)
            .launch_timeout(START)
            .request_timeout(COMMAND)
            .args([
                "disable-gpu",
                "disable-quic",
                "disable-component-update",
                "no-default-browser-check",
                "no-proxy-server",
                MOUSE,
            ])
            .build()
            .map_err(|error| anyhow!(error))?;
        let (mut browser, mut events) = Browser::launch(config)
            .await
            .context("Chromium did not start")?;
        // Messages of a newer protocol are none of our business.
        let handler = tokio::spawn(async move { while events.next().await.is_some() {} });
        let id = browser
            .get_mut_child()
            .map(|child| child.as_mut_inner().id());
        let process = id
            .flatten()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        Ok(Self {
            browser,
            handler,
            process,
            _profile: profile,
        })
    }

    /// Opens an empty page that collects its errors from the first moment.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn page(&self) -> Result<Page> {
        Page::new(self.browser.new_page("about:blank").await?).await
    }

    /// The browser itself, for what only few tests need.
    pub(crate) fn inner(&self) -> &Browser {
        &self.browser
    }

    /// The same page once more, with a copy of what the first keeps for its session, as a duplicated tab has.
    ///
    /// # Errors
    /// When the browser opens none within its time for a command.
    pub async fn duplicate(&self, page: &Page) -> Result<Page> {
        let known: Vec<_> = self.browser.pages().await?;
        let known: Vec<_> = known.iter().map(|page| page.target_id().clone()).collect();
        page.gesture("Boolean(window.open(location.href))").await?;
        let opened = async {
            loop {
                let mut pages = self.browser.pages().await?.into_iter();
                if let Some(new) = pages.find(|page| !known.contains(page.target_id())) {
                    return Page::new(new).await;
                }
            }
        };
        timeout(COMMAND, opened)
            .await
            .context("no page was opened")?
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            // A browser that is gone already is as good.
            let _ = kill(process, Signal::SIGKILL);
        }
        self.handler.abort();
    }
}

/// The browser's binary: the one named in `DROVERS_TEST_CHROMIUM`, or a known place; installed with apt when
/// there is none and we are root.
///
/// # Errors
/// When there is none and it cannot be installed.
pub fn executable() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(OVERRIDE) {
        return Ok(given.into());
    }
    crate::lock::once("chromium", || known().is_some(), install)?;
    known().context("Chromium was installed, but is in none of the known places")
}

fn known() -> Option<PathBuf> {
    PLACES
        .iter()
        .map(Path::new)
        .find(|place| place.exists())
        .map(Path::to_owned)
}

fn install() -> Result<()> {
    let advice = format!("the tests need Chromium: install it, or name a binary in {OVERRIDE}");
    if !nix::unistd::geteuid().is_root() {
        bail!(advice);
    }
    let output = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends", "chromium"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context(advice.clone())?;
    if !output.status.success() {
        bail!(
            "{advice}\napt-get failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

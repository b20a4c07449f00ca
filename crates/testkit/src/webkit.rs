//! WebKitGTK over WebDriver: the engine of Safari, and of every browser on iOS. It needs a screen, which is a virtual one.
//!
//! A few calls of the protocol (<https://www.w3.org/TR/webdriver2/>) are all that tests need.

use std::path::{Path, PathBuf};
use std::process::{Command as Install, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::waiting::{self, Driven};

/// The driver and the virtual screen, with the packages of Debian that have them.
const DRIVER: &str = "/usr/bin/WebKitWebDriver";
const SCREEN: &str = "/usr/bin/Xvfb";
const PACKAGES: [&str; 2] = ["webkit2gtk-driver", "xvfb"];

/// A start may take this long on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// Size of the window, in CSS pixels.
const SIZE: (u32, u32) = (1280, 800);

/// The name under which WebDriver refers to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Collects the errors of a document from now on.
const COLLECT: &str = "(() => {
    window.problems = [];
    addEventListener('error', event => problems.push(String(event.message)));
    addEventListener('unhandledrejection', event => problems.push(String(event.reason)));
    addEventListener('securitypolicyviolation', event => problems.push(`refused by the policy: ${event.violatedDirective} ${event.blockedURI}`));
    return true;
})()";

/// A running browser with one page. Killed when dropped, with its screen.
#[derive(Debug)]
pub struct WebKit {
    client: reqwest::Client,
    /// URL of the session at the driver.
    session: String,
    groups: Vec<Pid>,
    _processes: Vec<Child>,
    _home: TempDir,
}

impl WebKit {
    /// Starts a browser, and installs it first where this machine has none.
    ///
    /// # Errors
    /// When it cannot be installed, or does not start in a minute.
    pub async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(installed).await??;
        let home = TempDir::new()?;
        let (screen, display) = screen().await?;
        // The driver takes no port of its own choice.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let driver = driver(port, &display, home.path())?;
        let processes = vec![driver, screen];
        let groups = processes.iter().filter_map(group).collect();
        let mut made = Self {
            client: reqwest::Client::builder().no_proxy().build()?,
            session: format!("http://127.0.0.1:{port}/session"),
            groups,
            _processes: processes,
            _home: home,
        };
        let session = timeout(START, made.begin())
            .await
            .context("WebKitGTK did not start")??;
        made.session = format!("{}/{session}", made.session);
        let (width, height) = SIZE;
        made.post("window/rect", &json!({ "width": width, "height": height }))
            .await?;
        made.post("timeouts", &json!({ "script": 60_000, "pageLoad": 60_000 }))
            .await?;
        Ok(made)
    }

    /// Begins a session, once the driver listens.
    async fn begin(&self) -> Result<String> {
        let wanted = json!({ "capabilities": { "alwaysMatch": { "acceptInsecureCerts": false } } });
        loop {
            let asked = self.client.post(&self.session).json(&wanted).send().await;
            let Ok(answer) = asked else {
                sleep(LOOK).await;
                continue;
            };
            let answer: Value = answer.json().await?;
            let id = answer["value"]["sessionId"].as_str();
            return Ok(id
                .with_context(|| format!("no session: {answer}"))?
                .to_owned());
        }
    }

    async fn post(&self, command: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/{command}", self.session);
        let answer = self.client.post(url).json(body).send().await?;
        value(answer).await.with_context(|| command.to_owned())
    }

    /// Goes to a URL, waits until it is loaded, and collects its errors from then on.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).await?;
        self.eval::<bool>(COLLECT).await?;
        Ok(())
    }

    /// The value of a JavaScript expression; promises are waited for.
    ///
    /// # Errors
    /// When it throws, or is not such a value.
    pub async fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            Promise.resolve().then(() => ({expression})).then(value => done({{ value: value ?? null }}), error => done({{ error: String(error) }}));"
        );
        let answer = self
            .post("execute/async", &json!({ "script": script, "args": [] }))
            .await?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{expression} threw {error}");
        }
        serde_json::from_value(answer["value"].clone())
            .with_context(|| format!("{expression} is something else"))
    }

    /// Waits until a JavaScript expression is truthy. It may throw meanwhile.
    ///
    /// # Errors
    /// When it is not by the deadline.
    pub async fn wait_for(&self, condition: &str, deadline: Duration) -> Result<()> {
        waiting::wait_for(self, condition, deadline).await
    }

    /// Clicks the middle of the first element that matches and is drawn, as a mouse does.
    ///
    /// # Errors
    /// When there is none for five seconds, or something lies over it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        waiting::click(self, selector).await
    }

    /// Presses and releases keys one after the other, as what has the focus gets them.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn write(&self, text: &str) -> Result<()> {
        let acts: Vec<Value> = text
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|act| json!({ "type": act, "value": key.to_string() }))
            })
            .collect();
        let keys = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": acts }] });
        self.post("actions", &keys).await?;
        Ok(())
    }

    /// Presses a key by its name in `KeyboardEvent.key`.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.write(&code(key)?.to_string()).await
    }

    /// Takes a picture of the page, as PNG.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let url = format!("{}/screenshot", self.session);
        let picture = value(self.client.get(url).send().await?).await?;
        let picture = picture.as_str().context("a picture")?;
        tokio::fs::write(file, STANDARD.decode(picture)?).await?;
        Ok(())
    }

    /// Nothing went wrong in the document since it was loaded.
    ///
    /// # Errors
    /// With all that did.
    pub async fn assert_clean(&self) -> Result<()> {
        let problems: Vec<String> = self.eval("problems").await?;
        if !problems.is_empty() {
            bail!("the page has problems:\n{}", problems.join("\n"));
        }
        Ok(())
    }
}

impl Driven for WebKit {
    async fn value<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        self.eval(expression).await
    }

    async fn is_met(&self, condition: &str) -> bool {
        let met = self.eval::<bool>(&format!("Boolean({condition})")).await;
        if !matches!(met, Ok(true)) {
            sleep(LOOK).await;
        }
        met.unwrap_or(false)
    }

    async fn press_mouse(&self, selector: &str) -> Result<()> {
        let found = json!({ "using": "css selector", "value": selector });
        let found = self.post("element", &found).await?;
        let id = found[ELEMENT].as_str().context("an element")?;
        self.post(&format!("element/{id}/click"), &json!({}))
            .await?;
        Ok(())
    }
}

impl Drop for WebKit {
    fn drop(&mut self) {
        for group in &self.groups {
            // A process that is gone already is as good.
            let _ = killpg(*group, Signal::SIGKILL);
        }
    }
}

/// The process group that a child leads, with what it started.
fn group(child: &Child) -> Option<Pid> {
    let id = child.id()?;
    Some(Pid::from_raw(i32::try_from(id).ok()?))
}

/// Starts a virtual screen on a free display, and gives its name.
async fn screen() -> Result<(Child, String)> {
    let mut screen = Command::new(SCREEN)
        .args(["-displayfd", "1", "-screen", "0", "1400x1000x24"])
        .args(["-nolisten", "tcp", "-noreset"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {SCREEN}"))?;
    let mut lines = BufReader::new(screen.stdout.take().context("piped")?).lines();
    let number = timeout(START, lines.next_line()).await??;
    let number = number.context("the screen ended before it was there")?;
    Ok((screen, format!(":{number}")))
}

fn driver(port: u16, display: &str, home: &Path) -> Result<Child> {
    let mut driver = Command::new(DRIVER);
    driver
        .args(["--host=127.0.0.1", &format!("--port={port}")])
        .env("DISPLAY", display)
        .env("GDK_BACKEND", "x11")
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        // No bus, no accessibility bridge, and no graphics card: each would be waited for.
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        .env("NO_AT_BRIDGE", "1")
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
        .env_remove("WAYLAND_DISPLAY")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    driver
        .spawn()
        .with_context(|| format!("cannot run {DRIVER}"))
}

/// The value of an answer of the driver.
async fn value(answer: reqwest::Response) -> Result<Value> {
    let mut answer: Value = answer.json().await?;
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str() {
        bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
    }
    Ok(value)
}

/// The code point by which WebDriver knows a key.
fn code(key: &str) -> Result<char> {
    Ok(match key {
        "Enter" => '\u{e007}',
        "Escape" => '\u{e00c}',
        "Tab" => '\u{e004}',
        "Backspace" => '\u{e003}',
        "ArrowUp" => '\u{e013}',
        "ArrowDown" => '\u{e015}',
        "ArrowLeft" => '\u{e012}',
        "ArrowRight" => '\u{e014}',
        _ => {
            let mut letters = key.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => letter,
                _ => bail!("no key {key}"),
            }
        }
    })
}

/// Installs what is missing, with apt when we are root.
fn installed() -> Result<()> {
    let ready = || {
        [DRIVER, SCREEN]
            .iter()
            .all(|file| PathBuf::from(file).exists())
    };
    crate::lock::once("webkit", ready, install)
}

fn install() -> Result<()> {
    let advice = format!(
        "the tests need WebKitGTK: install {}",
        PACKAGES.join(" and ")
    );
    if !nix::unistd::geteuid().is_root() {
        bail!(advice);
    }
    let output = Install::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context(advice.clone())?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{advice}\napt-get failed: {errors}");
    }
    Ok(())
}

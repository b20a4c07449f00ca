//! What every test needs: a scripted model, real servers, the binary, and a page that looks at it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use scripted::model::{Model, ModelOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::chromium::Chromium;
use testkit::chromium::Page;
use testkit::real::{RealOptions, RealServer};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long anything may take that has no deadline of its own, on a machine with other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A model, a home for servers, and room for data.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Result<Self> {
        let options = ModelOptions {
            rate: 30.0,
            ..ModelOptions::default()
        };
        Ok(Self {
            model: Model::start(options).await?,
            dir: TempDir::new()?,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A server in a folder of its own; all share one home, and so one database.
    pub(crate) async fn server(&self, folder: &str) -> Result<RealServer> {
        RealServer::start(RealOptions {
            home: self.path("home"),
            folder: self.path(folder),
            password: None,
            model_url: self.model.base_url(),
            port: None,
        })
        .await
    }
}

/// The running binary; killed on drop.
pub(crate) struct Drovers {
    pub(crate) url: String,
    _process: Child,
}

impl Drovers {
    /// Starts it with servers attached, and waits for the line that says where it listens.
    pub(crate) async fn start(bench: &Bench, servers: &[&RealServer]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(["--no-open", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(bench.path("data"));
        for server in servers {
            command.args(["--attach", &server.url]);
        }
        let mut process = command
            .current_dir(bench.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("piped")?).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await??
            .context("it ended before it listened")?;
        let url = line
            .strip_prefix("drovers listening on ")
            .with_context(|| format!("printed {line}"))?
            .to_owned();
        Ok(Self {
            url,
            _process: process,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(reqwest::get(format!("{}{path}", self.url))
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// The instance of a server, once it is connected.
    pub(crate) async fn connected(&self, server: &RealServer) -> Result<String> {
        let find = async {
            loop {
                let instances = self.get("/api/instances").await?;
                let is_it = |instance: &&Value| {
                    let url = instance["url"].as_str().unwrap_or_default();
                    url.trim_end_matches('/') == server.url && instance["status"] == "connected"
                };
                if let Some(found) = instances.as_array().into_iter().flatten().find(is_it) {
                    return Ok(found["id"].as_str().context("an id")?.to_owned());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, find)
            .await
            .context("the server was not connected")?
    }
}

/// A page on a running hub.
pub(crate) async fn page(browser: &Chromium, drovers: &Drovers, path: &str) -> Result<Page> {
    let page = browser.page().await?;
    page.goto(&format!("{}{path}", drovers.url)).await?;
    page.wait_for("document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    Ok(page)
}

/// Writes a prompt and sends it as a person would.
pub(crate) async fn prompt(page: &Page, text: &str) -> Result<()> {
    page.fill("#text", text).await?;
    page.click("#prompt button[type=submit]").await?;
    Ok(())
}

/// The session that the page is on, once it is on one.
pub(crate) async fn session(page: &Page) -> Result<String> {
    page.wait_for("location.pathname.includes('/s/')", PATIENCE)
        .await?;
    page.eval("location.pathname.split('/s/')[1]").await
}

/// What a server says of a session's last answer.
pub(crate) async fn answer(server: &RealServer, session: &str) -> Result<String> {
    let url = format!("{}/session/{session}/message", server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    let Some(last) = messages.as_array().and_then(|messages| messages.last()) else {
        bail!("no messages")
    };
    let texts = last["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|part| part["type"] == "text");
    Ok(texts.filter_map(|part| part["text"].as_str()).collect())
}

/// A text as a page shows it: runs of white space are one space.
pub(crate) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asks a server to run a prompt, as another client would.
pub(crate) async fn elsewhere(server: &RealServer, text: &str) -> Result<String> {
    let client = reqwest::Client::new();
    let created = client
        .post(format!("{}/session", server.url))
        .json(&json!({}))
        .send()
        .await?;
    let session: Value = created.error_for_status()?.json().await?;
    let id = session["id"].as_str().context("an id")?.to_owned();
    let body = json!({ "parts": [{ "type": "text", "text": text }] });
    let sent = client
        .post(format!("{}/session/{id}/prompt_async", server.url))
        .json(&body)
        .send()
        .await?;
    sent.error_for_status()?;
    Ok(id)
}

/// The last answer on the page, as plain text.
pub(crate) const LAST_TEXT: &str = "[...document.querySelectorAll('article[data-role=assistant] .text')].at(-1).textContent.split(/\\s+/).join(' ').trim()";

//! A scripted OpenCode with a long session, and the binary that shows it.

use std::path::{Path, PathBuf};
use std::process::{Command as Build, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::seed;

/// Names a ready binary.
const OVERRIDE: &str = "DROVERS_BINARY";

/// Nothing here takes longer by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of replies.
pub struct Source {
    server: FakeServer,
    client: reqwest::Client,
}

/// A running binary that looks at a source; killed on drop.
pub struct Hub {
    /// Where it is.
    pub url: String,
    /// The source's instance.
    pub instance: String,
    _process: Child,
    _data: TempDir,
}

/// A reply being said.
pub struct Reply {
    events: reqwest::Response,
}

impl Source {
    /// Starts one on a port, or on any at zero.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(port: u16) -> Result<Self> {
        let options = FakeOptions {
            port,
            ..FakeOptions::default()
        };
        Ok(Self {
            server: FakeServer::start(options).await?,
            client: reqwest::Client::new(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Makes a session of so many messages.
    ///
    /// # Errors
    /// When there is no room.
    pub fn session(&self, title: &str, messages: usize) -> Result<String> {
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let id = self.server.seed_session(title)?;
        self.server
            .seed_messages(&id, seed::conversation(messages, now))?;
        Ok(id)
    }

    /// Has a session say what a script says.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn prompt(&self, session: &str, script: &str) -> Result<Reply> {
        let events = self
            .client
            .get(format!("{}/global/event", self.url()))
            .send()
            .await?
            .error_for_status()?;
        let body = json!({ "parts": [{ "type": "text", "text": script }] });
        let url = format!("{}/session/{session}/prompt_async", self.url());
        let sent = self.client.post(url).json(&body).send().await?;
        sent.error_for_status()?;
        Ok(Reply { events })
    }
}

impl Reply {
    /// Waits until the server has sent this text as an increment, and gives the moment in milliseconds since 1970.
    ///
    /// # Errors
    /// When it is not said in time.
    pub async fn said(&mut self, text: &str, deadline: Duration) -> Result<f64> {
        let events = &mut self.events;
        let hear = async {
            let mut line = Vec::new();
            while let Some(bytes) = events.chunk().await? {
                for byte in bytes {
                    if byte != b'\n' {
                        line.push(byte);
                        continue;
                    }
                    let heard = std::mem::take(&mut line);
                    let heard = String::from_utf8_lossy(&heard);
                    if heard.contains("message.part.delta") && heard.contains(text) {
                        return now();
                    }
                }
            }
            anyhow::bail!("the server ended")
        };
        timeout(deadline, hear)
            .await
            .with_context(|| format!("{text} was not said in {deadline:?}"))?
    }
}

impl Hub {
    /// Starts the binary, and waits until it is connected to a source.
    ///
    /// # Errors
    /// When it does not start or connect in a minute.
    pub async fn start(binary: &Path, source: &str) -> Result<Self> {
        let data = TempDir::new()?;
        let mut process = Command::new(binary)
            .args([
                "--no-open",
                "--no-auth",
                "--listen",
                "127.0.0.1:0",
                "--attach",
                source,
                "--data-dir",
            ])
            .arg(data.path().join("data"))
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let mut lines = BufReader::new(process.stdout.take().context("piped")?).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let url = line
            .as_deref()
            .and_then(|line| line.strip_prefix("drovers listening on "));
        let url = url.with_context(|| format!("it said {line:?}"))?.to_owned();
        let instance = timeout(PATIENCE, connected(&url)).await??;
        Ok(Self {
            url,
            instance,
            _process: process,
            _data: data,
        })
    }

    /// The address of a session's page; `{session}` stands for the session.
    #[must_use]
    pub fn sessions(&self) -> String {
        format!("{}/i/{}/s/{{session}}", self.url, self.instance)
    }
}

/// The instance that is connected, once there is one.
async fn connected(url: &str) -> Result<String> {
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        again.tick().await;
        let answer = reqwest::get(format!("{url}/api/instances")).await?;
        let instances: Vec<Value> = answer.json().await?;
        let ready = instances.iter().find(|one| one["status"] == "connected");
        if let Some(id) = ready.and_then(|one| one["id"].as_str()) {
            return Ok(id.to_owned());
        }
    }
}

/// The binary to measure: the one named in `DROVERS_BINARY`, else a release build of this checkout.
///
/// # Errors
/// When it cannot be built.
pub fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(OVERRIDE) {
        return Ok(given.into());
    }
    let built = Build::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["build", "--release", "--quiet", "-p", "drovers"])
        .current_dir(crate::workspace())
        .status()?;
    ensure!(built.success(), "drovers cannot be built");
    Ok(crate::workspace().join("target/release/drovers"))
}

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0)
}

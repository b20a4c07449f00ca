//! A scripted OpenCode with a long session, and the binary that shows it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::json;
use tokio::time::timeout;

use super::seed;

/// Names a ready binary.
const OVERRIDE: &str = "DROVERS_BINARY";

/// A scripted OpenCode server whose replies are measured.
pub struct Source {
    server: FakeServer,
    client: reqwest::Client,
}

/// A running hub that is connected to a source. It ends with this.
pub struct Hub {
    /// Its address, without a slash at its end.
    pub url: String,
    /// Id of the source's instance.
    pub instance: String,
    _process: bench::hub::Hub,
}

/// A reply that the source streams.
pub struct Reply {
    events: reqwest::Response,
}

impl Source {
    /// Starts a source on a port, or on a free one if the port is 0.
    ///
    /// # Errors
    /// The port is in use.
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

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Creates a session with this number of messages.
    ///
    /// # Errors
    /// The source has reached its number of sessions.
    pub fn session(&self, title: &str, messages: usize) -> Result<String> {
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let id = self.server.seed_session(title)?;
        self.server
            .seed_messages(&id, seed::conversation(messages, now))?;
        Ok(id)
    }

    /// Prompts a session with a script, which is the reply.
    ///
    /// # Errors
    /// The source refuses the prompt.
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

    /// Ends what a session says.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn stop(&self, session: &str) -> Result<()> {
        let url = format!("{}/session/{session}/abort", self.url());
        let stopped = self.client.post(url).send().await?;
        stopped.error_for_status()?;
        Ok(())
    }
}

impl Reply {
    /// Waits until the server has sent this text as an increment, and returns the time in milliseconds since 1970.
    ///
    /// # Errors
    /// The text is not sent before the deadline.
    pub async fn sent(&mut self, text: &str, deadline: Duration) -> Result<f64> {
        let events = &mut self.events;
        let sent = async {
            let mut line = Vec::new();
            while let Some(bytes) = events.chunk().await? {
                for byte in bytes {
                    if byte != b'\n' {
                        line.push(byte);
                        continue;
                    }
                    let event = std::mem::take(&mut line);
                    let event = String::from_utf8_lossy(&event);
                    if event.contains("message.part.delta") && event.contains(text) {
                        return now();
                    }
                }
            }
            anyhow::bail!("the server ended")
        };
        timeout(deadline, sent)
            .await
            .with_context(|| format!("{text} was not sent within {deadline:?}"))?
    }
}

impl Hub {
    /// Starts the binary, and waits until it is connected to a source.
    ///
    /// # Errors
    /// The binary does not start, or does not connect.
    pub async fn start(binary: &Path, source: &str) -> Result<Self> {
        let mut process = bench::hub::Hub::start(binary, &[source.to_owned()]).await?;
        let instances = process.connected(1).await?;
        let instance = instances.first().context("an instance")?.id.clone();
        Ok(Self {
            url: process.url().to_owned(),
            instance,
            _process: process,
        })
    }

    /// The address of a session's page; `{session}` stands for the session.
    #[must_use]
    pub fn sessions(&self) -> String {
        format!("{}/i/{}/s/{{session}}", self.url, self.instance)
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
    let built = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["build", "--release", "--quiet", "-p", "drovers"])
        .current_dir(crate::workspace())
        .status()?;
    ensure!(built.success(), "drovers cannot be built");
    Ok(crate::workspace().join("target/release/drovers"))
}

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0)
}

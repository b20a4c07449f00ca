//! The hub that is measured: the built program, in a folder of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::measure::{self, Memory};
use crate::view::{Look, Site};

/// How long a hub may take for anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is asked.
const AGAIN: Duration = Duration::from_millis(5);

const LISTENING: &str = "drovers listening on ";

/// A running hub. It ends with this.
pub(crate) struct Hub {
    pub(crate) site: Site,
    pub(crate) started: Started,
    pid: u32,
    instances: Vec<Instance>,
    _process: Child,
    _folder: TempDir,
}

/// How long a start took, from the process on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) began: Instant,
    /// Until the line that tells its address.
    pub(crate) listening: Duration,
}

#[derive(Clone, Debug, Deserialize)]
struct Instance {
    id: String,
    url: Option<String>,
    status: String,
}

impl Hub {
    /// Starts the program on servers that run already, and waits until it listens.
    pub(crate) async fn start(program: &Path, servers: &[String]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let began = Instant::now();
        let mut process = Command::new(program)
            .args(["up", "--no-open", "--no-auth"])
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(servers.iter().flat_map(|url| ["--attach", url]))
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let pid = process.id().context("it has ended")?;
        let out = process.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .context("the hub does not listen")??
            .context("the hub has ended")?;
        let listening = began.elapsed();
        let Some(url) = line.strip_prefix(LISTENING) else {
            bail!("the hub printed {line}");
        };
        Ok(Self {
            site: Site {
                url: url.parse()?,
                // Connections that are kept cost the hub memory, which is not the viewers' that are measured.
                http: reqwest::Client::builder()
                    .no_proxy()
                    .pool_max_idle_per_host(0)
                    .build()?,
            },
            started: Started { began, listening },
            pid,
            instances: Vec::new(),
            _process: process,
            _folder: folder,
        })
    }

    /// Waits until so many servers are connected.
    pub(crate) async fn connected(&mut self, servers: usize) -> Result<()> {
        let all = async {
            loop {
                self.instances = self.get("/api/instances").await?;
                let connected = self
                    .instances
                    .iter()
                    .filter(|one| one.status == "connected");
                if connected.count() == servers {
                    return Ok(());
                }
                sleep(AGAIN).await;
            }
        };
        timeout(PATIENCE, all)
            .await
            .context("not every server is connected")?
    }

    /// A look at a session of the server at an address.
    pub(crate) fn look(&self, server: &str, session: String) -> Result<Look> {
        let of = |one: &&Instance| {
            let url = one.url.as_deref().unwrap_or_default();
            url.trim_end_matches('/') == server
        };
        let found = self.instances.iter().find(of);
        Ok(Look {
            instance: found.context("no such instance")?.id.clone(),
            session,
        })
    }

    /// CPU time so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        measure::cpu(self.pid)
    }

    /// Memory now.
    pub(crate) fn memory(&self) -> Result<Memory> {
        measure::memory(self.pid)
    }

    /// The log feed, from now on.
    pub(crate) fn log(&self) -> Result<Url> {
        Ok(self.site.url.join("/api/log?after=now")?)
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let answer = self.site.http.get(self.site.url.join(path)?).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Waits until it has answered a request; tells the body as it came over the wire, compressed.
    pub(crate) async fn body(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.site.http.get(self.site.url.join(path)?);
        let answer = request.header("accept-encoding", "br").send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// True if its journal works.
    pub(crate) async fn stores(&self) -> Result<bool> {
        let health: serde_json::Value = serde_json::from_str(&self.text("/api/health").await?)?;
        Ok(health["journal"]["status"] == "ok")
    }

    /// A body as text.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let answer = self.site.http.get(self.site.url.join(path)?).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

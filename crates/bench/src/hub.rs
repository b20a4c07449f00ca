//! The hub that is measured: the built program, in a folder of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::measure::{self, Memory};
use crate::page;
use crate::view::{Look, Site};

/// Deadline for everything that a hub is waited for.
const DEADLINE: Duration = Duration::from_secs(120);

/// Time between two requests while a state of the hub is awaited.
const AGAIN: Duration = Duration::from_millis(5);

/// How long the index of all sessions may take.
const INDEXED: Duration = Duration::from_secs(600);

/// How often it is asked how far the index is.
const INDEXED_AGAIN: Duration = Duration::from_millis(500);

/// How far the index of the search is.
#[derive(Debug, Deserialize)]
struct Progress {
    indexed: usize,
    waiting: usize,
    changed: usize,
}

/// An answer of the search.
#[derive(Debug, Deserialize)]
struct Found {
    progress: Progress,
}

const LISTENING: &str = "drovers listening on ";

/// A running program that printed the address at which it listens. It is killed on drop.
pub struct Program {
    /// The address, without a slash at its end.
    pub url: String,
    lines: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Program {
    /// Starts a program and waits until it listens.
    ///
    /// # Errors
    /// The program cannot be started, ends, or prints something else first.
    pub async fn start(command: &mut Command) -> Result<Self> {
        // No server outlives what is measured.
        let mut process = command
            .env("DROVERS_KEEP_SERVERS", "false")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{:?} cannot be started", command.as_std().get_program()))?;
        let out = process.stdout.take().context("its output is piped")?;
        let mut program = Self {
            url: String::new(),
            lines: BufReader::new(out).lines(),
            process,
        };
        let line = program.next_line().await?;
        let url = line.strip_prefix(LISTENING);
        program.url = url
            .with_context(|| format!("the program printed {line}"))?
            .to_owned();
        Ok(program)
    }

    /// The next line that the program prints.
    ///
    /// # Errors
    /// The program ends, or prints nothing for two minutes.
    pub async fn next_line(&mut self) -> Result<String> {
        timeout(DEADLINE, self.lines.next_line())
            .await
            .context("the program prints nothing")??
            .context("the program has ended")
    }
}

/// A running hub. It ends with this.
pub struct Hub {
    pub(crate) site: Site,
    pub(crate) started: Started,
    pid: u32,
    instances: Vec<Instance>,
    program: Program,
    _folder: TempDir,
}

/// Duration of a start, from the creation of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) began: Instant,
    /// Until the line with the hub's address.
    pub(crate) listening: Duration,
}

/// An instance as the hub lists it.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    /// Id of the instance.
    pub id: String,
    url: Option<String>,
    status: String,
}

impl Hub {
    /// Starts the program on servers that run already, and waits until it listens.
    ///
    /// # Errors
    /// The program cannot be started, or does not listen within two minutes.
    pub async fn start(program: &Path, servers: &[String]) -> Result<Self> {
        let attached: Vec<&OsStr> = servers
            .iter()
            .flat_map(|url| ["--attach".as_ref(), url.as_ref()])
            .collect();
        Self::start_with(program, &attached).await
    }

    /// Starts the program with these arguments, and waits until it listens.
    ///
    /// # Errors
    /// The program cannot be started, or does not listen within two minutes.
    pub async fn start_with(program: &Path, arguments: &[&OsStr]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let began = Instant::now();
        let mut command = Command::new(program);
        command
            .args(["up", "--no-open", "--no-auth"])
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null());
        let program = Program::start(&mut command).await?;
        let listening = began.elapsed();
        Ok(Self {
            site: Site {
                url: program.url.parse()?,
                // An idle connection costs the hub memory that does not belong to the measured viewers.
                http: reqwest::Client::builder()
                    .no_proxy()
                    .pool_max_idle_per_host(0)
                    .build()?,
            },
            started: Started { began, listening },
            pid: program.process.id().context("the hub has ended")?,
            instances: Vec::new(),
            program,
            _folder: folder,
        })
    }

    /// The hub's address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.program.url
    }

    /// Waits until this number of servers is connected, and returns the instances.
    ///
    /// # Errors
    /// Not all of them are connected within two minutes.
    pub async fn connected(&mut self, servers: usize) -> Result<&[Instance]> {
        let all = async {
            loop {
                self.instances = self.get("/api/instances").await?;
                let connected = self
                    .instances
                    .iter()
                    .filter(|one| one.status == "connected");
                if connected.count() == servers {
                    return anyhow::Ok(());
                }
                sleep(AGAIN).await;
            }
        };
        timeout(DEADLINE, all)
            .await
            .context("not every server is connected")??;
        Ok(&self.instances)
    }

    /// Waits until every session was indexed for the search, which is work of the first minutes and not of events.
    ///
    /// # Errors
    /// The hub does not answer, or sessions still wait after ten minutes.
    pub async fn indexed(&self) -> Result<()> {
        let all = async {
            loop {
                let found: Found = self.get("/api/search?q=indexed").await?;
                let Progress {
                    indexed,
                    waiting,
                    changed,
                } = found.progress;
                // It knows of no session before it begins.
                if waiting == 0 && indexed + changed > 0 {
                    return anyhow::Ok(());
                }
                sleep(INDEXED_AGAIN).await;
            }
        };
        timeout(INDEXED, all)
            .await
            .context("not every session is indexed")?
    }

    /// The viewport of a session of the server at an address.
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

    /// Sends a request and returns the body as it came over the wire, compressed by brotli.
    pub(crate) async fn body(&self, path: &str) -> Result<Vec<u8>> {
        let url = self.site.url.join(path)?;
        page::compressed(&self.site.http, url.as_str(), "*/*").await
    }

    /// Sends a request and returns the body as text.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let answer = self.site.http.get(self.site.url.join(path)?).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// True if its journal works.
    pub(crate) async fn stores(&self) -> Result<bool> {
        let health: serde_json::Value = self.get("/api/health").await?;
        Ok(health["journal"]["status"] == "ok")
    }
}

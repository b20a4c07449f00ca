//! The real OpenCode, on a home of its own and off the network, with a scripted model behind it.
//!
//! Never touches the person's own OpenCode: home, configuration, data and port are the test's.

mod install;
mod isolate;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

pub use install::{VERSION, binary};

/// How long a start may take, from the process to its first answer.
const START: Duration = Duration::from_secs(60);

/// How long one probe of a starting server waits: it swallows connections just after it listens.
const PROBE: Duration = Duration::from_secs(1);

/// Free ports that are tried.
const PORTS: usize = 3;

/// How to run a real OpenCode.
#[derive(Debug, Clone)]
pub struct RealOptions {
    /// Its home: configuration and database. Two servers on one home share their sessions.
    pub home: PathBuf,
    /// The folder it works in; made a git repository if it is not there.
    pub folder: PathBuf,
    /// Password of the user `opencode`, if any.
    pub password: Option<String>,
    /// Base URL of the model, such as [`scripted::model::Model::base_url`].
    pub model_url: String,
    /// Port, or `None` for a free one.
    pub port: Option<u16>,
}

/// Prepares a home and a folder, and gives a command the environment of those who live there: an OpenCode that it
/// starts is as the ones started here. Password and port of the options are for servers of our own; leave them out.
///
/// # Errors
/// When home or folder cannot be made.
pub async fn isolate(command: &mut Command, options: &RealOptions) -> Result<()> {
    isolate::prepare(options).await?;
    isolate::environment(command, options);
    Ok(())
}

/// A running OpenCode. Its whole process group is killed on drop.
#[derive(Debug)]
pub struct RealServer {
    /// Where it is, without a trailing slash.
    pub url: String,
    port: u16,
    options: RealOptions,
    binary: PathBuf,
    child: Option<Child>,
}

impl RealServer {
    /// Starts a server and waits for its first answer, installing OpenCode if needed. Another program may take a free port before
    /// OpenCode does: then another one is tried.
    ///
    /// # Errors
    /// When OpenCode cannot be had, or does not answer in a minute.
    pub async fn start(options: RealOptions) -> Result<Self> {
        let binary = tokio::task::spawn_blocking(install::binary).await??;
        isolate::prepare(&options).await?;
        for left in (0..PORTS).rev() {
            let port = options.port.map_or_else(free_port, Ok)?;
            let started = Self::start_at(port, options.clone(), binary.clone()).await;
            let is_free = || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            if started.is_ok() || options.port.is_some() || left == 0 || is_free() {
                return started;
            }
        }
        bail!("no port was tried")
    }

    async fn start_at(port: u16, options: RealOptions, binary: PathBuf) -> Result<Self> {
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self {
            url,
            port,
            options,
            binary,
            child: None,
        };
        server.spawn().await?;
        Ok(server)
    }

    /// The folder it works in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// Kills it as a crash would: no warning, no last word.
    ///
    /// # Errors
    /// When it cannot be killed or waited for.
    pub async fn kill9(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        kill_group(&child)?;
        child.wait().await?;
        Ok(())
    }

    /// Starts it again on the same port and home, killing it first if it still runs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.kill9().await?;
        self.spawn().await
    }

    /// Asks for this password from its next start on.
    pub fn ask_for(&mut self, password: &str) {
        self.options.password = Some(password.to_owned());
    }

    async fn spawn(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        let mut command = Command::new(&self.binary);
        isolate::environment(&mut command, &self.options);
        command
            .args([
                "serve",
                "--hostname",
                "127.0.0.1",
                "--port",
                &self.port.to_string(),
            ])
            .current_dir(&self.options.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.binary.display()))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        self.child = Some(child);
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let line = timeout_at(deadline, lines.next_line())
                .await
                .context("OpenCode did not say that it listens")??;
            match line {
                Some(line) if line.contains("listening on") => break,
                Some(_) => {}
                None => bail!("OpenCode ended before it listened"),
            }
        }
        // Whoever writes to a full pipe stops: read on, to nowhere.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.answers(deadline).await
    }

    async fn answers(&self, deadline: Instant) -> Result<()> {
        let client = reqwest::Client::new();
        while Instant::now() < deadline {
            let mut request = client.get(format!("{}/global/health", self.url));
            if let Some(password) = &self.options.password {
                request = request.basic_auth("opencode", Some(password));
            }
            match timeout(PROBE, request.send()).await {
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(()),
                Ok(Ok(answer)) => bail!("OpenCode answered {}", answer.status()),
                Ok(Err(_)) => tokio::task::yield_now().await,
                Err(_) => {}
            }
        }
        bail!("OpenCode did not answer in {START:?}")
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // A group that is gone already is as good.
            let _ = kill_group(&child);
        }
    }
}

/// A port nobody uses at this moment, and never OpenCode's own.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn kill_group(child: &Child) -> Result<()> {
    if let Some(id) = child.id() {
        killpg(Pid::from_raw(i32::try_from(id)?), Signal::SIGKILL)?;
    }
    Ok(())
}

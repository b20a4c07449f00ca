//! A hub in this process: from its data directory to its last request.
//!
//! Every shutdown is graceful: viewers' streams end first, then the servers that the hub started, if they do not outlive it.

mod reach;
mod successor;

use std::io;
use std::path::Path;
use std::sync::Arc;

use hub::access::{Access, DEFAULT_PORT, Keyring, Listen};
use hub::datadir::DataDir;
use hub::http::{self, Options};
use hub::workspace::{GuardCommand, Launcher};
use hub::{Hub, HubOptions};
use model::plain;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::api::Api;
use crate::fault::Fault;
use crate::{limits, out};
use reach::Listeners;
pub(crate) use reach::{Reach, Wanted};
pub(crate) use successor::{Ended, RESTARTED, Successor, remember_program, restarted_at};

/// The command that this program gives itself: see [`hub::workspace::guard`].
pub(crate) const GUARD: &str = "guard";

/// Folder of the data directory with what is needed to find servers again that outlived a hub.
pub(crate) const KEPT: &str = "kept";

/// A hub that listens.
pub(crate) struct Serving {
    hub: Hub,
    url: Url,
    signals: Signals,
    cancel: CancellationToken,
    /// Cancelled once somebody asks for a restart.
    restart: CancellationToken,
    server: JoinHandle<io::Result<()>>,
    /// Last, so that the lock is held until all else has ended.
    dir: DataDir,
}

/// Whether a hub authenticates its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The hub authenticates its callers.
    Everybody,
    /// The hub does not authenticate its callers: `--no-auth`.
    Nobody,
}

impl Asks {
    fn access(self, dir: &DataDir, options: &HubOptions) -> Result<Access, Fault> {
        if self == Self::Nobody {
            return Ok(Access::Anybody);
        }
        let keyring = Keyring::open(dir, options.clock.clone());
        Ok(Access::Keys(keyring.map_err(Fault::cannot_start)?))
    }
}

/// Signal that asks a hub to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored, as `nohup` has it.
    hang_up: Option<Signal>,
}

/// Start command of servers: this program as their guard.
pub(crate) fn launcher(opencode: Option<std::path::PathBuf>) -> Result<Launcher, Fault> {
    let guard = GuardCommand::this_program(GUARD).map_err(|error| {
        Fault::cannot_start(format!(
            "cannot find the path of this program: {error}. Reinstall Drovers"
        ))
    })?;
    Ok(Launcher::new(guard, opencode))
}

/// Lets the process hold as many sockets as it may: each viewer and each server takes one, and the usual soft limit of
/// 1024 is below the number of viewers that the hub allows. Where it cannot be raised, later connections are refused.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(limits::OPEN_FILES, |most| most.min(limits::OPEN_FILES));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}

/// What a hub is to people: notices about it, and whether they can restart it.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// True if it can be replaced by another process.
    pub(crate) restarts: bool,
    /// Those that hold until the hub ends.
    pub(crate) always: Vec<Arc<str>>,
    /// One that holds as long as there is no instance.
    pub(crate) while_empty: Option<Arc<str>>,
}

impl Serving {
    /// Starts a hub and tells where it listens, on one line of stdout and in its data directory.
    ///
    /// # Errors
    /// The address or the data directory is not available.
    pub(crate) async fn start(
        mut dir: DataDir,
        reach: Reach,
        options: HubOptions,
        notices: Notices,
        asks: Asks,
    ) -> Result<Self, Fault> {
        raise_open_files();
        let signals = Signals::new().map_err(|error| {
            Fault::cannot_start(format!("cannot install signal handlers: {error}"))
        })?;
        let Listeners { inside, outside } = reach.listen(&dir, &options.clock).await?;
        let address = inside.local_addr().map_err(Fault::cannot_start)?;
        let url = Url::parse(&format!("http://{address}")).map_err(Fault::cannot_start)?;
        let access = asks.access(&dir, &options)?;
        let restart = CancellationToken::new();
        let options_of_http = Options {
            access: access.clone(),
            notices: notices.always,
            while_empty: notices.while_empty,
            restart: notices.restarts.then(|| restart.clone()),
        };
        let hub = Hub::start(&dir, options)
            .await
            .map_err(Fault::cannot_start)?;
        let cancel = CancellationToken::new();
        let known = outside.as_ref().map(|(_, outside)| outside.clone());
        let (one, two) = (hub.clone(), cancel.clone());
        let served = http::serve_both(inside, outside, one, options_of_http, two);
        let server = tokio::spawn(served);
        dir.publish_runtime(&url).map_err(Fault::cannot_start)?;
        let serving = Self {
            hub,
            url,
            signals,
            cancel,
            restart,
            server,
            dir,
        };
        announce(&serving.url)?;
        if let Some(outside) = &known {
            reach::say(outside);
        }
        match access {
            Access::Keys(keyring) => {
                let key = keyring.link();
                let link = format!("{}enter#{}", serving.url, key.reveal());
                print_link(&link, serving.dir.path())?;
            }
            Access::Anybody => out::note(
                "--no-auth: every program and user on this machine can read, prompt, and allow agents' requests. \
                 It is meant for tests",
            ),
        }
        Ok(serving)
    }

    /// The hub itself.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A way to ask it, as any other program would.
    pub(crate) fn api(&self) -> Result<Api, Fault> {
        Api::at(self.url.clone(), Keyring::command_line(self.dir.path()))
    }

    /// Serves until a signal asks it to end, or somebody to restart, then ends. A second signal cuts the end short: what is still left of its
    /// servers is then for their guards to end.
    ///
    /// # Errors
    /// The listener failed.
    pub(crate) async fn until_asked_to_end(mut self) -> Result<Ended, Fault> {
        let served = tokio::select! {
            () = self.signals.next() => None,
            () = self.restart.cancelled() => None,
            served = &mut self.server => Some(served),
            why = self.hub.failed() => return self.give_up(&why).await,
        };
        if let Some(served) = served {
            self.hub.shutdown().await;
            return match served {
                Ok(Ok(())) => Ok(Ended::Over),
                Ok(Err(error)) => Err(Fault::failed(format!("the hub stopped serving: {error}"))),
                Err(error) => Err(Fault::failed(format!("the hub failed: {error}"))),
            };
        }
        self.cancel.cancel();
        let end = async { tokio::join!(&mut self.server, self.hub.shutdown()) };
        tokio::select! {
            _ended = tokio::time::timeout(limits::END, end) => {}
            () = self.signals.next() => {}
        }
        Ok(match self.restart.is_cancelled() {
            true => Ended::Replaced(Successor::of(self.url)),
            false => Ended::Over,
        })
    }
}

impl Serving {
    /// Ends a hub after a fatal error. Viewers are notified first; servers that the hub started end with it if they do not outlive it.
    async fn give_up(self, why: &str) -> Result<Ended, Fault> {
        self.cancel.cancel();
        let end = async { tokio::join!(self.server, self.hub.shutdown()) };
        let _ended = tokio::time::timeout(limits::END, end).await;
        Err(Fault::failed(format!(
            "the hub failed: {why}. Start it again: sessions are safe on their servers, and queued prompts are stored"
        )))
    }
}

/// The one line that says a hub is ready.
pub(crate) fn announce(url: &Url) -> Result<(), Fault> {
    say(&format!(
        "drovers listening on {}",
        url.as_str().trim_end_matches('/')
    ))
}

/// Line with a link that gives a browser access to the hub of a data directory.
pub(crate) fn print_link(link: &str, data_dir: &Path) -> Result<(), Fault> {
    say(&format!(
        "open {link} (works once, within ten minutes; `{}` prints another)",
        command_for("drovers link", data_dir)
    ))
}

/// A command for the hub of a data directory, which is named where it is not the usual one.
pub(crate) fn command_for(command: &str, data_dir: &Path) -> String {
    let usual = DataDir::default_path().is_ok_and(|usual| usual == data_dir);
    match usual {
        true => command.to_owned(),
        false => format!(
            "{command} --data-dir {}",
            plain::argument(&data_dir.to_string_lossy())
        ),
    }
}

fn say(line: &str) -> Result<(), Fault> {
    match out::line(line) {
        // A hub whose starter does not read what it says is a hub all the same.
        Err(Fault::OutputClosed) => Ok(()),
        line => line,
    }
}

async fn bind(listen: Listen) -> Result<TcpListener, Fault> {
    let last = DEFAULT_PORT + limits::PORTS - 1;
    for port in DEFAULT_PORT..=last {
        let address = listen.address(port);
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if listen.port().is_some() {
                    return Err(Fault::cannot_start(format!(
                        "{address} is already in use. Choose another port with `--listen`, \
                         or leave it out to take the next free one"
                    )));
                }
            }
            Err(error) => {
                return Err(Fault::cannot_start(format!(
                    "the hub cannot listen on {address}: {error}. Choose another address with `--listen`"
                )));
            }
        }
    }
    Err(Fault::cannot_start(format!(
        "ports {DEFAULT_PORT} to {last} are all in use. Let the system choose one with `--listen 127.0.0.1:0`"
    )))
}

impl Signals {
    fn new() -> io::Result<Self> {
        let hang_up = (!hang_up_is_ignored()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// True if the parent process set SIGHUP to be ignored, as `nohup` does; catching the signal would undo that. Only Linux reports it.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Signal 1 is the lowest bit.
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

//! A whole OpenCode server that plays scripts: the wire of 1.18 in the parts a hub uses.
//!
//! Prompts are scripts (see [`crate::script`]); the server needs neither a model nor OpenCode. It listens on
//! loopback, keeps everything in memory, and runs nothing. For tests it also misbehaves on request: cuts its
//! event streams, goes silent, refuses, dies without a word and comes back on the same port.
//!
//! Unlike the real server it subscribes an event stream before greeting it, and cuts a reader that is too
//! far behind instead of buffering without end.

mod acting;
mod asks;
mod event;
mod history;
mod http;
mod ids;
mod phases;
mod run;
mod shapes;
mod shared;
mod stream;
mod tools;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::serve::Listener;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::model::DefaultReply;
use crate::net::{self, Loopback};

/// How a scripted OpenCode is set up.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// The folder it works in, as far as it tells.
    pub directory: String,
    /// Password of the user `opencode`, if it asks for one.
    pub password: Option<String>,
    /// Port, or zero for a free one.
    pub port: u16,
    /// Tokens a second where the script does not say; zero: as fast as possible.
    pub rate: f64,
    /// What it says to prompts that are no script.
    pub voice: DefaultReply,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Half the wait before the first retry of a failed model call; it doubles each time.
    pub retry: Duration,
    /// Seed of its ids.
    pub seed: u64,
    /// Seconds by which its clock is ahead of this machine's; behind it, where less than zero.
    pub clock_ahead: i64,
}

/// A running scripted OpenCode. Stops when dropped.
pub struct FakeServer {
    /// Where it is, without a trailing slash.
    pub url: String,
    addr: SocketAddr,
    shared: Arc<shared::Shared>,
    serving: Mutex<Option<Serving>>,
}

/// Event streams of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open now.
    pub open: usize,
    /// Ever opened.
    pub ever: u64,
}

/// Why something cannot be put into a server's memory.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The bound on sessions is reached.
    #[error("no room for another session")]
    Full,
    /// There is no such session.
    #[error("no session {0}")]
    NoSession(String),
    /// A message is not `{"info": {…}, "parts": […]}`.
    #[error("a message needs an object `info` and an array `parts`")]
    Malformed,
}

struct Serving {
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            directory: "/scripted/project".into(),
            password: None,
            port: 0,
            rate: 50.0,
            voice: DefaultReply::Plain,
            heartbeat: Duration::from_secs(10),
            retry: Duration::from_secs(1),
            seed: 0,
            clock_ahead: 0,
        }
    }
}

impl FakeServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(options: FakeOptions) -> io::Result<Self> {
        let listener = net::bind(options.port).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(shared::Shared::new(options));
        let serving = serve(listener, &shared);
        Ok(Self {
            url: format!("http://{addr}"),
            addr,
            shared,
            serving: Mutex::new(Some(serving)),
        })
    }

    /// The event streams of its clients.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections {
            open: self.shared.open.load(Ordering::Relaxed),
            ever: self.shared.opened.load(Ordering::Relaxed),
        }
    }

    /// Breaks off all open event streams; new ones are welcome.
    pub fn cut_streams(&self) {
        self.shared.cut_streams();
    }

    /// From now on accepts connections and says nothing, on open streams as well; or, with `false`, goes on.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.send_replace(stalled);
    }

    /// Refuses every new request with this HTTP status; with `None` answers again.
    pub fn refuse(&self, status: Option<u16>) {
        self.shared
            .refused
            .store(status.unwrap_or(0), Ordering::Relaxed);
    }

    /// Sends a frame with exactly this data on every open event stream, JSON or not.
    pub fn emit_raw(&self, data: &str) {
        // Nobody listening is no failure.
        let _ = self.shared.events.send(event::Frame::raw(data));
    }

    /// Puts a session into its memory, without telling anyone. Gives its id.
    ///
    /// # Errors
    /// When there is no room.
    pub fn seed_session(&self, title: &str) -> Result<String, SeedError> {
        let directory = &self.shared.options.directory;
        self.shared
            .with(|world| world.seed(directory, Some(title), None))
            .map_err(|_| SeedError::Full)
    }

    /// Puts an idle session below another one, without telling anyone.
    ///
    /// # Errors
    /// There is no such session, or no room for another one.
    pub fn seed_child(&self, parent: &str, title: &str) -> Result<String, SeedError> {
        let directory = &self.shared.options.directory;
        self.shared.with(|world| {
            if !world.sessions.contains_key(parent) {
                return Err(SeedError::NoSession(parent.to_owned()));
            }
            world
                .seed(directory, Some(title), Some(parent))
                .map_err(|_| SeedError::Full)
        })
    }

    /// Puts messages, as `GET /session/{id}/message` lists them, at the end of a session, without telling
    /// anyone. They keep their ids but belong to this session from now on.
    ///
    /// # Errors
    /// When the session or a message's form is wrong; then nothing is kept of that message and those after it.
    pub fn seed_messages(&self, session: &str, messages: Vec<Value>) -> Result<(), SeedError> {
        self.shared.with(|world| {
            let found = world.sessions.get_mut(session);
            let found = found.ok_or_else(|| SeedError::NoSession(session.to_owned()))?;
            for message in messages {
                found.messages.push(seeded(session, message)?);
            }
            Ok(())
        })
    }

    /// Dies without a word: every connection breaks, every run ends with its message left open. Text that was sent
    /// stays in memory for [`Self::restart`].
    pub async fn shutdown(&self) {
        let serving = self
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(serving) = serving else { return };
        serving.stop.cancel();
        self.shared.kill_runs();
        self.shared.with(world::World::crash);
        self.shared.cut_streams();
        let stuck = serving.task.abort_handle();
        // Its end is what matters; a client in the middle of a request may not hold it up.
        if tokio::time::timeout(limits::SHUTDOWN, serving.task)
            .await
            .is_err()
        {
            stuck.abort();
        }
    }

    /// Comes back on the same port, with its sessions and messages; nothing is busy. Shuts down first if needed.
    ///
    /// # Errors
    /// When somebody else took the port.
    pub async fn restart(&self) -> io::Result<()> {
        self.shutdown().await;
        let listener = net::bind(self.addr.port()).await?;
        let serving = serve(listener, &self.shared);
        self.serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(serving);
        Ok(())
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        let serving = self
            .serving
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(serving) = serving {
            serving.stop.cancel();
        }
        self.shared.kill_runs();
        self.shared.cut_streams();
    }
}

fn serve(listener: Loopback, shared: &Arc<shared::Shared>) -> Serving {
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let server =
        axum::serve(listener, http::router(Arc::clone(shared))).with_graceful_shutdown(stopped);
    Serving {
        stop,
        task: tokio::spawn(async move { server.await }),
    }
}

fn seeded(session: &str, mut message: Value) -> Result<world::Message, SeedError> {
    let mut info = message["info"].take();
    let Value::Array(mut parts) = message["parts"].take() else {
        return Err(SeedError::Malformed);
    };
    for object in std::iter::once(&mut info).chain(&mut parts) {
        let fields = object.as_object_mut().ok_or(SeedError::Malformed)?;
        fields.insert("sessionID".into(), session.into());
    }
    Ok(world::Message { info, parts })
}

#[cfg(test)]
mod tests;

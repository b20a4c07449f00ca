//! A whole OpenCode 2 service that plays scripts, from the contract of 2.1.2 (`docs/opencode-2.md`): nobody has seen it beside a real one.
//!
//! Prompts are scripts (see [`crate::script`]). It listens on loopback, keeps everything in memory, and runs nothing. Rows, inboxes and
//! messages are projections of its own durable events, which have numbers with holes. The process is a pure state machine whose time is
//! given to it; HTTP is a thin layer around it. For tests it also misbehaves on request: cuts its streams, goes silent, refuses, dies
//! without a word, and comes back with another process id, port and password.

mod asks;
mod commands;
mod http;
mod lists;
mod machine;
mod project;
mod rehearsal;
mod run;
mod shapes;
mod shared;
mod speech;
mod steps;
mod store;
mod stream;
mod tools;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::serve::Listener;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::limits;
use crate::model::DefaultReply;
use crate::net;

use machine::{Machine, Manner, Timer};
pub use rehearsal::{Rehearsal, SessionTruth, Truth};
use shared::Shared;
use store::Store;

/// The path at which a service says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `/api/info`, since 2.1.
    Info,
    /// `/api/status`, of 2.0.5 to 2.0.7.
    Status,
    /// `/api/health`, of the previews.
    Health,
}

/// How a scripted service is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of requests that name none.
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
    /// The wait before the first repetition of a failed step; it doubles each time.
    pub retry: Duration,
    /// Seed of its ids.
    pub seed: u64,
    /// Whether it keeps its events, so that logs have more than the watermark. A packaged server does not.
    pub persist: bool,
    /// Titles of version 1's sessions, which are copied one by one without an event. The last one first.
    pub legacy: Vec<String>,
    /// Time between two of them.
    pub migration: Duration,
    /// Where it says what it is.
    pub probe: Probe,
    /// Whether paths that do not exist have the web page; otherwise 404.
    pub page: bool,
    /// The process id that it tells; otherwise one that no process of this machine has. Clients may end the process of that id.
    pub pid: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            directory: "/scripted/project".into(),
            password: None,
            port: 0,
            rate: 50.0,
            voice: DefaultReply::Plain,
            heartbeat: limits::HEARTBEAT_2,
            retry: Duration::from_secs(1),
            seed: 0,
            persist: false,
            legacy: Vec::new(),
            migration: Duration::from_millis(50),
            probe: Probe::Info,
            page: true,
            pid: None,
        }
    }
}

/// A running scripted service. Stops when dropped, without a word.
pub struct Server {
    options: Options,
    shared: Arc<Shared>,
    addr: SocketAddr,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// The first process id, above those that systems give. Each next process has a larger one.
const FIRST_PID: u32 = 5_000_001;

impl Server {
    /// Starts a service with a database of its own.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        let store = database(&options);
        let pid = options.pid.unwrap_or(FIRST_PID);
        Self::on(options, Arc::new(Mutex::new(store)), pid).await
    }

    /// Starts a second process on the same database. Both list the same sessions; events, runs and requests are of one alone.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn beside(&self, options: Options) -> io::Result<Self> {
        let store = Arc::clone(&self.shared.store);
        Self::on(options, store, self.shared.pid + 1).await
    }

    async fn on(options: Options, store: Arc<Mutex<Store>>, pid: u32) -> io::Result<Self> {
        let listener = net::bind(options.port).await?;
        let addr = listener.local_addr()?;
        let machine = process(&options, &store);
        let url = format!("http://{addr}");
        let clock = Arc::new(shared::now);
        let shared = Arc::new(Shared::new(&options, machine, store, pid, url, clock));
        let router = http::router(&shared);
        let stopped = shared.stop.clone().cancelled_owned();
        let serving = async move {
            // How it ended is of no interest: it is stopped, or dropped.
            let _ended = axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await;
        };
        let tasks = vec![
            tokio::spawn(serving),
            tokio::spawn(Arc::clone(&shared).play()),
        ];
        Ok(Self {
            options,
            shared,
            addr,
            tasks: Mutex::new(tasks),
        })
    }

    /// Where it is, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The lines that it prints when it listens.
    #[must_use]
    pub fn first_lines(&self) -> String {
        format!("server listening on {}\n", self.shared.url)
    }

    /// Its process id, as far as it tells.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// The content of its `service.json`.
    #[must_use]
    pub fn registration(&self) -> Value {
        let mut file = json!({
            "id": format!("svc_{}", self.shared.pid), "version": commands::VERSION, "url": self.shared.url,
            "pid": self.shared.pid,
        });
        if let Some(password) = &self.shared.password {
            file["password"] = password.as_str().into();
        }
        file
    }

    /// The number of its open streams.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Breaks off all open streams; new ones are welcome.
    pub fn cut_streams(&self) {
        self.shared.cut_streams();
    }

    /// From now on accepts connections and says nothing, on open streams as well; or, with `false`, goes on.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.send_replace(stalled);
    }

    /// Refuses every new request with this HTTP status; with `None` answers again.
    pub fn refuse(&self, status: Option<u16>) {
        let status = status.unwrap_or(0);
        self.shared.refused.store(status, Ordering::Relaxed);
    }

    /// Sends a frame with exactly this data on every open stream, JSON or not.
    pub fn emit_raw(&self, data: &str) {
        self.shared.emit_raw(data);
    }

    /// Puts the services of a folder down, as after an hour without use: its requests are void, its runs go on.
    pub fn shut_folder(&self, directory: &str) {
        self.shared.with(|world| world.shut(directory));
    }

    /// Ends as a service does that is stopped or replaced: runs are interrupted, which events say, and streams end.
    pub async fn stop(&self) {
        self.shared.interrupt_all();
        self.shared.end_streams();
        self.end().await;
    }

    /// Dies without a word: every connection breaks, and steps stay open in the database.
    pub async fn kill(&self) {
        self.shared.with(|world| world.machine.runs.clear());
        self.shared.cut_streams();
        self.end().await;
    }

    async fn end(&self) {
        self.shared.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for mut task in tasks {
            // Its end is what matters; a client in the middle of a request may not hold it up.
            if tokio::time::timeout(limits::SHUTDOWN, &mut task)
                .await
                .is_err()
            {
                task.abort();
            }
        }
    }

    /// Comes back on the same database with another process id, and with this port and password. Stops first, if it has to.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn restart(self, port: u16, password: Option<String>) -> io::Result<Self> {
        if !self.shared.stop.is_cancelled() {
            self.stop().await;
        }
        let options = Options {
            port,
            password,
            ..self.options.clone()
        };
        self.beside(options).await
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.cut_streams();
    }
}

/// A new process on a database.
fn process(options: &Options, store: &Mutex<Store>) -> Machine {
    let manner = Manner {
        directory: options.directory.clone(),
        rate: options.rate,
        voice: options.voice,
        retry: millis(options.retry),
        migration: millis(options.migration),
    };
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    // Processes on one database make different ids; the first one's are the seed's alone.
    let before = store.processes();
    let mut machine = Machine::new(manner, options.seed.wrapping_add(before));
    if !store.legacy.is_empty() {
        machine.timers.push((0, Timer::Migrate));
    }
    machine
}

/// A new database.
fn database(options: &Options) -> Store {
    Store {
        persist: options.persist,
        legacy_total: options.legacy.len(),
        legacy: options.legacy.clone(),
        ..Store::default()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

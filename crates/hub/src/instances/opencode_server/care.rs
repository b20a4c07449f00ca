//! The process of a server that the hub runs: what it printed, and how often it ended by itself.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use model::state::ReasonKind;
use model::time::Timestamp;
use tokio::time::Instant;

use super::ServerSource;
use crate::ingest::upstream::UpstreamError;
use crate::instances::MemoryUse;
use crate::limits;
use crate::registry::Origin;
use crate::workspace::{Exit, LaunchOptions, Printed, Restarts, Running};

/// What is known of the processes of a server since the hub started.
#[derive(Debug, Default)]
pub(super) struct Care {
    restarts: Restarts,
    /// Number of the newest process.
    run: u64,
    /// How the last process ended, and what it had printed.
    last: Option<(Exit, Printed)>,
    /// The last restart that was wanted.
    wanted: Option<WantedRestart>,
    /// Launch options of before, whose values a process may still print.
    before: VecDeque<LaunchOptions>,
}

/// A restart of a server that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedRestart {
    /// Its time.
    pub at: Timestamp,
    /// The memory that the server used, if that was the reason; otherwise a person asked.
    pub memory: Option<MemoryUse>,
}

/// The process of a server, with lines that it printed.
#[derive(Clone, Debug, Default)]
pub struct ServerProcess {
    /// Its process id; `None` if it does not run.
    pub pid: Option<u32>,
    /// True if it outlives the hub.
    pub kept: bool,
    /// Number of the process: 1 is the first since the hub started. Lines are numbered in each.
    pub run: u64,
    /// How often the server ended by itself since the hub started.
    pub ends: u64,
    /// How it ended; `None` while it runs.
    pub end: Option<String>,
    /// True if it ended so often that only a person starts it again.
    pub paused: bool,
    /// The last restart that was wanted.
    pub wanted: Option<WantedRestart>,
    /// Bytes of memory that it may use; beyond it is restarted when idle.
    pub memory_limit: Option<u64>,
    /// Lines of its output.
    pub printed: Printed,
}

impl ServerSource {
    /// The process of a server that the hub runs, and its output from a line of a run on. `None` if the server runs elsewhere.
    ///
    /// While the server starts it has no process id and no output yet.
    pub fn process(&self, run: u64, from: u64) -> Option<ServerProcess> {
        let Origin::Folder(_) = &self.origin else {
            return None;
        };
        let running = self.running.try_lock().ok();
        let running = running.as_ref().and_then(|running| running.as_ref());
        // A server that has ended stays here until the next connection is made.
        let unnoted = running.and_then(|server| server.exited().now_or_never());
        let care = self.care();
        let from = if run == care.run { from } else { 0 };
        let printed = match (running, &care.last) {
            (Some(server), _) => server.printed(from),
            (None, Some((_, printed))) => printed.clone().from(from),
            (None, None) => Printed::default(),
        };
        let end = match (running, unnoted, &care.last) {
            (Some(_), exit, _) => exit,
            (None, _, Some((exit, _))) => Some(*exit),
            (None, _, None) => None,
        };
        let alive = running.filter(|_| unnoted.is_none());
        Some(ServerProcess {
            pid: alive.map(Running::pid),
            kept: self.launcher.keeps() && alive.is_some_and(Running::is_kept),
            run: care.run,
            ends: care.restarts.total() + u64::from(unnoted.is_some()),
            end: end.map(|exit| exit.to_string()),
            paused: care.restarts.paused(Instant::now()).is_some(),
            wanted: care.wanted,
            memory_limit: self.launch().memory,
            printed: self.without_secrets(printed, &care),
        })
    }

    /// Lines without the values of variables that a person set for the server.
    fn without_secrets(&self, mut printed: Printed, care: &Care) -> Printed {
        let now = self.launch();
        let all = care.before.iter().chain([&now]);
        for options in all.filter(|options| !options.env.is_empty()) {
            for line in &mut printed.lines {
                *line = options.hide(line);
            }
        }
        printed
    }

    /// Hides the values of these options in what the server prints from now on as well.
    pub(super) fn retain_hidden(&self, options: &LaunchOptions) {
        let mut care = self.care();
        if options.env.is_empty() || care.before.contains(options) {
            return;
        }
        care.before.push_back(options.clone());
        if care.before.len() > limits::LAUNCHES_HIDDEN {
            care.before.pop_front();
        }
    }

    /// Ends the process, so that the next connection starts another one; `memory` is the reason where no person asked. `let_go` is awaited
    /// before, while nobody can start one: it ends the connection.
    pub(in crate::instances) async fn end_process(
        &self,
        memory: Option<MemoryUse>,
        let_go: impl Future<Output = ()>,
    ) {
        let mut running = self.running.lock().await;
        let_go.await;
        if let Some(server) = running.take() {
            server.stop().await;
            let at = self.clock.now();
            self.care().wanted = Some(WantedRestart { at, memory });
        }
    }

    /// Lets a server start again that ended too often: a person asks for it.
    pub(in crate::instances) fn forgive(&self) {
        self.care().restarts.forgive();
        self.may_start.store(true, Ordering::Relaxed);
    }

    /// Notes that the server ended although nobody stopped it.
    pub(super) fn note_end(&self, server: &Running, exit: Exit) {
        let mut care = self.care();
        care.restarts.ended(Instant::now());
        care.last = Some((exit, server.printed(0)));
    }

    /// Notes a start.
    pub(super) fn note_start(&self) {
        let mut care = self.care();
        care.run += 1;
        care.last = None;
    }

    /// Refuses a start after too many ends.
    pub(super) fn check_restarts(&self) -> Result<(), UpstreamError> {
        let care = self.care();
        let Some(left) = care.restarts.paused(Instant::now()) else {
            return Ok(());
        };
        let minutes = left.as_secs().div_ceil(60);
        let how = care.last.as_ref().map(|(exit, _)| exit.to_string());
        let text = format!(
            "OpenCode ended by itself too often (it {}), and is not started for {minutes} min. Retry now starts it; `drovers logs` \
             shows its output",
            how.as_deref().unwrap_or("ended")
        );
        Err(UpstreamError::down(ReasonKind::NotStarted, text))
    }

    fn care(&self) -> std::sync::MutexGuard<'_, Care> {
        self.care.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

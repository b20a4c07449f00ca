//! What the handlers, runs and streams of one server share: the world behind a lock, and the way out for its
//! events. The lock is never held across a wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::FakeOptions;
use super::event::Frame;
use super::world::World;
use crate::limits;

/// Shared by everything in one server.
pub(super) struct Shared {
    pub(super) options: FakeOptions,
    pub(super) events: broadcast::Sender<Frame>,
    pub(super) opened: AtomicU64,
    pub(super) open: AtomicUsize,
    /// Whether the server accepts and says nothing.
    pub(super) stalled: watch::Sender<bool>,
    /// The status every request is refused with; zero: none.
    pub(super) refused: AtomicU16,
    world: Mutex<World>,
    cut: Mutex<CancellationToken>,
    runs: Mutex<HashMap<String, Run>>,
}

/// A session's run under way.
struct Run {
    stop: CancellationToken,
    /// Absent for a subagent's run, which is part of its parent's.
    task: Option<AbortHandle>,
}

impl Shared {
    pub(super) fn new(options: FakeOptions) -> Self {
        Self {
            world: Mutex::new(World::new(options.seed)),
            options,
            events: broadcast::Sender::new(limits::EVENTS_BEHIND),
            opened: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            stalled: watch::Sender::new(false),
            refused: AtomicU16::new(0),
            cut: Mutex::default(),
            runs: Mutex::default(),
        }
    }

    /// Reads or changes the world, now; events leave in the order they happen.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = lock(&self.world);
        world.set_now(self.now());
        let result = change(&mut world);
        for event in world.take_events() {
            // Nobody listening is no failure.
            let _ = self.events.send(Frame::new(&event, &world.project));
        }
        result
    }

    /// Its time: milliseconds of the Unix epoch.
    pub(super) fn now(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        now.saturating_add_signed(self.options.clock_ahead.saturating_mul(1000))
    }

    /// Ends when the open event streams shall break off.
    pub(super) fn cut_token(&self) -> CancellationToken {
        lock(&self.cut).clone()
    }

    /// Breaks off the open event streams.
    pub(super) fn cut_streams(&self) {
        std::mem::take(&mut *lock(&self.cut)).cancel();
    }

    /// Notes a run, and gives the token that stops it.
    pub(super) fn begin_run(&self, session: &str) -> CancellationToken {
        let stop = CancellationToken::new();
        let run = Run {
            stop: stop.clone(),
            task: None,
        };
        lock(&self.runs).insert(session.to_owned(), run);
        stop
    }

    pub(super) fn attach_task(&self, session: &str, task: AbortHandle) {
        if let Some(run) = lock(&self.runs).get_mut(session) {
            run.task = Some(task);
        }
    }

    pub(super) fn end_run(&self, session: &str) {
        lock(&self.runs).remove(session);
    }

    /// Stops a session's run; false if none is under way.
    pub(super) fn stop_run(&self, session: &str) -> bool {
        let runs = lock(&self.runs);
        let run = runs.get(session);
        run.inspect(|run| run.stop.cancel()).is_some()
    }

    /// Ends every run without a word.
    pub(super) fn kill_runs(&self) {
        for (_, run) in lock(&self.runs).drain() {
            if let Some(task) = run.task {
                task.abort();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle to the shared parts.
pub(super) type Handle = Arc<Shared>;

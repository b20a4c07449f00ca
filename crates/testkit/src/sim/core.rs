//! What everything simulated shares: time, chance, the trace, and what was found wrong.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display, Write};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hub::clock::Clock;
use model::time::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

/// The wall clock at the beginning, in milliseconds since 1970.
const BEGAN_AT: i64 = 1_790_000_000_000;

/// Lines of the trace that a failure shows.
const LAST_LINES: usize = 60;

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The hub's state is the servers' state.
    State,
    /// What is known of an open text is true, and nothing is put together across a hole.
    Text,
    /// A viewer's page is what a fresh one would be.
    View,
    /// The log has every event once and in order, or says where it has not.
    Log,
    /// No status says what is not so.
    Status,
    /// What waits for a person is what waits on the servers.
    Needs,
    /// Nothing grows beyond its bound.
    Bounds,
    /// Servers are connected to by the policy, once at a time.
    Pace,
    /// What people send arrives once and in order, and an answer that is reported to count does.
    Sent,
    /// What was deleted is in no journal.
    Purged,
    /// What a person stopped is refused, until somebody gives it a prompt.
    Stopped,
    /// Everything is shown in time once nothing goes wrong any more.
    Convergence,
}

impl Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}").to_lowercase();
        f.pad(&name)
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When, since the beginning.
    pub at: Duration,
    /// What was found.
    pub what: String,
}

/// What happened, counted.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Frames that servers sent.
    pub events: u64,
    /// Times that a supervisor connected.
    pub connects: u64,
    /// Times that a viewer's link was opened.
    pub links: u64,
    /// Batches that viewers applied.
    pub batches: u64,
    /// Prompts that people wrote and whose outcome was reported.
    pub prompts: u64,
    /// Answers to permission requests, the same.
    pub answers: u64,
    /// Single checks of an invariant.
    pub checks: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The longest time from the last fault until everything was shown.
    pub convergence: Duration,
}

/// Shared by everything in one simulation.
pub(super) struct Core {
    seed: u64,
    began: Instant,
    jump: AtomicI64,
    jumped: Mutex<Instant>,
    engine_fails: AtomicBool,
    ended: AtomicBool,
    lossy: AtomicBool,
    trace: Mutex<Trace>,
    stats: Mutex<Stats>,
    violation: Mutex<Option<Violation>>,
}

struct Trace {
    hash: u64,
    lines: u64,
    last: VecDeque<String>,
    print: bool,
    line: String,
}

impl Core {
    /// The beginning of a simulation. `print` shows its trace.
    pub(super) fn new(seed: u64, print: bool) -> Arc<Self> {
        let trace = Trace {
            hash: 0xcbf2_9ce4_8422_2325,
            lines: 0,
            last: VecDeque::new(),
            print,
            line: String::new(),
        };
        Arc::new(Self {
            seed,
            began: Instant::now(),
            jump: AtomicI64::new(0),
            jumped: Mutex::new(Instant::now()),
            engine_fails: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            lossy: AtomicBool::new(false),
            trace: Mutex::new(trace),
            stats: Mutex::default(),
            violation: Mutex::default(),
        })
    }

    /// Chance for one actor: the same in every run of this seed, whatever others draw.
    pub(super) fn random(&self, actor: &str) -> StdRng {
        let mut seed = self.seed ^ 0x9e37_79b9_7f4a_7c15;
        fold(&mut seed, actor.as_bytes());
        StdRng::seed_from_u64(seed)
    }

    /// Simulated time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The servers' time of day, in milliseconds since 1970.
    pub(super) fn server_time(&self) -> i64 {
        BEGAN_AT + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The hub's time of day, which can jump.
    pub(super) fn clock(self: &Arc<Self>) -> Clock {
        let core = self.clone();
        Clock::new(move || Timestamp(core.server_time() + core.jump.load(Ordering::SeqCst)))
    }

    /// Moves the hub's time of day.
    pub(super) fn jump(&self, milliseconds: i64) {
        self.jump.fetch_add(milliseconds, Ordering::SeqCst);
        *lock(&self.jumped) = Instant::now();
    }

    /// When the hub's time of day last jumped, and by how much it is ahead of the true time since, in milliseconds.
    pub(super) fn jumped(&self) -> (Instant, i64) {
        (*lock(&self.jumped), self.jump.load(Ordering::SeqCst))
    }

    /// The time of day as an engine reads it, whose first reader is the engine itself: once it is to fail, reading the time fails
    /// there, and nowhere else.
    pub(super) fn engine_clock(self: &Arc<Self>) -> Clock {
        let (core, clock, engine) = (self.clone(), self.clock(), OnceLock::new());
        Clock::new(move || {
            let here = tokio::task::try_id();
            let is_engine = *engine.get_or_init(|| here) == here;
            if is_engine && core.engine_fails.swap(false, Ordering::SeqCst) {
                panic!("{} an engine panic", super::ports::SIMULATED);
            }
            clock.now()
        })
    }

    /// Has the engine fail at its next input.
    pub(super) fn fail_engine(&self) {
        self.engine_fails.store(true, Ordering::SeqCst);
    }

    /// Notes an event.
    pub(super) fn trace(&self, event: impl Display) {
        let at = self.elapsed();
        let mut trace = lock(&self.trace);
        let mut line = std::mem::take(&mut trace.line);
        line.clear();
        let _infallible = write!(line, "{:>9.3} {event}", at.as_secs_f64());
        fold(&mut trace.hash, line.as_bytes());
        fold(&mut trace.hash, b"\n");
        trace.lines += 1;
        if trace.print {
            #[allow(clippy::print_stdout)]
            {
                println!("{line}");
            }
        }
        if trace.last.len() >= LAST_LINES {
            trace.line = trace.last.pop_front().unwrap_or_default();
        }
        trace.last.push_back(line);
    }

    /// Names the trace: two runs with the same events have the same.
    pub(super) fn trace_hash(&self) -> u64 {
        lock(&self.trace).hash
    }

    /// The newest lines of the trace.
    pub(super) fn last_lines(&self) -> Vec<String> {
        lock(&self.trace).last.iter().cloned().collect()
    }

    /// Counts a fault.
    pub(super) fn fault(&self, kind: &'static str, what: impl Display) {
        *lock(&self.stats).faults.entry(kind).or_default() += 1;
        self.trace(format_args!("fault {kind}: {what}"));
    }

    /// Counts something else.
    pub(super) fn count(&self, count: impl FnOnce(&mut Stats)) {
        count(&mut lock(&self.stats));
    }

    /// What was counted.
    pub(super) fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    /// Notes that an invariant was looked at, and what is wrong with it.
    pub(super) fn check(&self, invariant: Invariant, found: Option<String>) {
        lock(&self.stats).checks += 1;
        if let Some(what) = found {
            self.trace(format_args!("VIOLATED {invariant}: {what}"));
            let at = self.elapsed();
            lock(&self.violation).get_or_insert(Violation {
                invariant,
                at,
                what,
            });
        }
    }

    /// Judges a state that has to converge: true once it has, or is too late. `found` is what is wrong after `took`.
    pub(super) fn has_converged(
        &self,
        found: Result<(), (Invariant, String)>,
        took: Duration,
    ) -> bool {
        match found {
            Ok(()) => {
                self.trace(format_args!("all is shown after {took:?}"));
                self.count(|stats| {
                    stats.checks += 1;
                    stats.convergence = stats.convergence.max(took);
                });
                true
            }
            Err((invariant, what)) if took > super::CONVERGENCE => {
                self.check(invariant, Some(what));
                true
            }
            Err(_) => false,
        }
    }

    /// The first invariant that did not hold.
    pub(super) fn violation(&self) -> Option<Violation> {
        lock(&self.violation).clone()
    }

    /// True once actors should stop acting.
    pub(super) fn is_calm(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// True once something happened that the log may have lost entries by.
    pub(super) fn may_lose(&self) -> bool {
        self.lossy.load(Ordering::SeqCst)
    }

    /// Something happens that the log may lose entries by.
    pub(super) fn lose(&self) {
        self.lossy.store(true, Ordering::SeqCst);
    }

    /// Has actors stop, or go on.
    pub(super) fn calm(&self, calm: bool) {
        self.ended.store(calm, Ordering::SeqCst);
    }
}

/// A lock that a panic elsewhere leaves usable: the simulation fails by that panic anyway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// FNV-1a.
fn fold(hash: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
}

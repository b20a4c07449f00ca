//! Many seeds, a table of what they came to, and how to see a failure again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::core::lock;
use super::{Outcome, Stats, simulate};

/// Which seeds, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Seeds at once, each on a thread of its own.
    pub jobs: usize,
    /// Stops at the first failure.
    pub stop: bool,
    /// Tells of every hundredth of the way.
    pub progress: bool,
}

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Simulated time of all.
    pub simulated: Duration,
    /// Time that it took.
    pub took: Duration,
    /// Viewers of all.
    pub viewers: u64,
    /// What happened in all.
    pub stats: Stats,
    /// Seeds in which something did not hold.
    pub failures: Vec<Outcome>,
}

/// Runs seeds, in any order, and sums them up.
#[must_use]
pub fn run(options: Options) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(options.from);
    let end = options.from + options.seeds;
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let failed = !lock(&summary).failures.is_empty();
                    if seed >= end || (options.stop && failed) {
                        return;
                    }
                    let outcome = simulate(seed, false);
                    lock(&summary).take(outcome, options, began);
                }
            });
        }
    });
    let mut summary = lock(&summary);
    summary.took = began.elapsed();
    summary.failures.sort_by_key(|failure| failure.seed);
    std::mem::take(&mut summary)
}

impl Summary {
    fn take(&mut self, outcome: Outcome, options: Options, began: Instant) {
        self.seeds += 1;
        self.simulated += outcome.elapsed;
        self.viewers += outcome.viewers as u64;
        let Stats {
            events,
            connects,
            links,
            batches,
            prompts,
            answers,
            checks,
            faults,
            convergence,
        } = &outcome.stats;
        self.stats.events += events;
        self.stats.connects += connects;
        self.stats.links += links;
        self.stats.batches += batches;
        self.stats.prompts += prompts;
        self.stats.answers += answers;
        self.stats.checks += checks;
        self.stats.convergence = self.stats.convergence.max(*convergence);
        for (kind, count) in faults {
            *self.stats.faults.entry(kind).or_default() += count;
        }
        if outcome.violation.is_some() {
            tell(&failure(&outcome));
            self.failures.push(outcome);
        }
        if options.progress && self.seeds.is_multiple_of((options.seeds / 10).max(1)) {
            let took = began.elapsed().as_secs_f64();
            tell(&format!("{:>6} seeds, {took:.0} s", self.seeds));
        }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |name: &str, value: String| {
            let _infallible = writeln!(table, "{name:<28}{value:>16}");
        };
        let stats = &self.stats;
        row("seeds", self.seeds.to_string());
        row(
            "simulated hours",
            format!("{:.1}", self.simulated.as_secs_f64() / 3600.0),
        );
        row("events", stats.events.to_string());
        row("streams opened", stats.connects.to_string());
        row("viewers", self.viewers.to_string());
        row("viewer links opened", stats.links.to_string());
        row("batches applied", stats.batches.to_string());
        row("prompts sent", stats.prompts.to_string());
        row("permissions answered", stats.answers.to_string());
        for (kind, count) in &stats.faults {
            row(&format!("fault: {kind}"), count.to_string());
        }
        row(
            "longest convergence",
            format!("{:.1} s", stats.convergence.as_secs_f64()),
        );
        row("checks made", stats.checks.to_string());
        row("failures", self.failures.len().to_string());
        let speed = self.seeds as f64 / self.took.as_secs_f64().max(0.001);
        row("seeds per second", format!("{speed:.1}"));
        let kinds: BTreeMap<String, usize> =
            self.failures
                .iter()
                .fold(BTreeMap::new(), |mut kinds, failure| {
                    if let Some(violation) = &failure.violation {
                        *kinds.entry(violation.invariant.to_string()).or_default() += 1;
                    }
                    kinds
                });
        for (kind, count) in kinds {
            row(&format!("failed: {kind}"), count.to_string());
        }
        table
    }
}

/// A failure, and how to see it again.
#[must_use]
pub fn failure(outcome: &Outcome) -> String {
    let what = outcome
        .violation
        .as_ref()
        .map_or_else(String::new, |found| {
            format!(
                "{} at {:.3} s: {}",
                found.invariant,
                found.at.as_secs_f64(),
                found.what
            )
        });
    format!(
        "seed {} failed: {what}\n  again: cargo run -p testkit -- sim --seed {} --trace",
        outcome.seed, outcome.seed
    )
}

#[allow(clippy::print_stdout)]
fn tell(text: &str) {
    println!("{text}");
}

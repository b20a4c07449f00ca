//! When to try again. A value: it is told what happened and answers with a delay; it never waits itself.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::limits;

/// The policy: waits of `base × 2ⁿ`, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The first wait.
    pub base: Duration,
    /// How many tries in a row.
    pub attempts: u32,
    /// Random part at most, in percent of the wait.
    pub jitter_percent: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            base: limits::BACKOFF_BASE,
            attempts: limits::BACKOFF_ATTEMPTS,
            jitter_percent: limits::BACKOFF_JITTER_PERCENT,
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after `delay`; it will be the `attempt`-th try in a row.
    Retry {
        /// Counted from one.
        attempt: u32,
        /// How long to wait.
        delay: Duration,
    },
    /// Enough tries failed.
    GiveUp,
}

/// Failures in a row under a policy.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Policy,
    failed: u32,
    nudged: Option<Instant>,
}

impl Backoff {
    /// No failure yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            failed: 0,
            nudged: None,
        }
    }

    /// Tries that are due or under way since the last health.
    pub fn attempt(&self) -> u32 {
        self.failed
    }

    /// Counts a failure.
    pub fn failed(&mut self, random: &mut impl Rng) -> Next {
        if self.failed >= self.policy.attempts {
            return Next::GiveUp;
        }
        let delay = self.policy.base * 2_u32.saturating_pow(self.failed);
        self.failed += 1;
        let jitter = random.random_range(0..=self.policy.jitter_percent);
        Next::Retry {
            attempt: self.failed,
            delay: delay + delay * jitter / 100,
        }
    }

    /// The machine woke, or its network changed: true if that is cause for a try at once. It leaves one further try
    /// after that, at the longest wait, so that no storm of causes makes a server hear of us more often than once in
    /// [`limits::NUDGE_PACE`] for long.
    pub fn nudged(&mut self, now: Instant) -> bool {
        let soon = |before: Instant| now < before + limits::NUDGE_PACE;
        if self.nudged.is_some_and(soon) {
            return false;
        }
        self.nudged = Some(now);
        self.resume();
        true
    }

    /// A server that was given up may be back: it gets a try at once, and one more.
    pub fn resume(&mut self) {
        self.failed = self.failed.min(self.policy.attempts.saturating_sub(1));
    }

    /// The link has proven healthy, or a person asked to begin anew.
    pub fn reset(&mut self) {
        self.failed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_waits_of_doubling_length_and_no_more() {
        let mut backoff = Backoff::new(Policy {
            jitter_percent: 0,
            ..Policy::default()
        });
        let waits: Vec<_> = (0..7).map(|_| backoff.failed(&mut rand::rng())).collect();
        let retry = |attempt, seconds| Next::Retry {
            attempt,
            delay: Duration::from_secs(seconds),
        };
        assert_eq!(
            waits,
            [
                retry(1, 1),
                retry(2, 2),
                retry(3, 4),
                retry(4, 8),
                retry(5, 16),
                Next::GiveUp,
                Next::GiveUp
            ]
        );
        backoff.reset();
        assert_eq!(backoff.failed(&mut rand::rng()), retry(1, 1));
    }

    #[test]
    fn nudges_are_paced_and_leave_one_try() {
        let mut backoff = Backoff::new(Policy {
            jitter_percent: 0,
            ..Policy::default()
        });
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        while backoff.failed(&mut rand::rng()) != Next::GiveUp {}
        assert!(backoff.nudged(began));
        assert!(!backoff.nudged(after(9)), "too soon");
        let last = Next::Retry {
            attempt: 5,
            delay: Duration::from_secs(16),
        };
        assert_eq!(backoff.failed(&mut rand::rng()), last);
        assert_eq!(backoff.failed(&mut rand::rng()), Next::GiveUp);
        assert!(backoff.nudged(after(10)));
        assert_eq!(backoff.failed(&mut rand::rng()), last);
    }

    #[test]
    fn jitter_only_adds_and_at_most_a_fifth() {
        for _ in 0..1000 {
            let mut backoff = Backoff::new(Policy::default());
            for seconds in [1, 2, 4, 8, 16] {
                let Next::Retry { delay, .. } = backoff.failed(&mut rand::rng()) else {
                    panic!("gave up early");
                };
                let base = Duration::from_secs(seconds);
                assert!((base..=base * 6 / 5).contains(&delay), "{delay:?}");
            }
        }
    }
}

//! The backoff policy for reconnecting. A value: it receives outcomes and returns delays; it never waits itself.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::limits;

/// The policy: delays of `base × 2ⁿ`, and the maximum number of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The first delay.
    pub base: Duration,
    /// Maximum number of consecutive attempts.
    pub attempts: u32,
    /// Maximum random part, in percent of the delay.
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

/// The action after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after `delay`, as the `attempt`-th consecutive attempt.
    Retry {
        /// Number of the attempt, from one.
        attempt: u32,
        /// Time until the attempt.
        delay: Duration,
    },
    /// The maximum number of attempts failed.
    GiveUp,
}

/// Consecutive failures under a policy.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Policy,
    failed: u32,
    nudged: Option<Instant>,
}

impl Backoff {
    /// A counter without failures.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            failed: 0,
            nudged: None,
        }
    }

    /// Number of attempts that are due or running since the link was last healthy.
    pub fn attempt(&self) -> u32 {
        self.failed
    }

    /// Counts a failure, and returns the next action.
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

    /// The machine woke, or its network changed: true if that justifies an immediate attempt. After that attempt one
    /// more remains, at the longest delay, so that a burst of causes contacts a server no more often than once in
    /// [`limits::NUDGE_PACE`].
    pub fn nudged(&mut self, now: Instant) -> bool {
        let soon = |before: Instant| now < before + limits::NUDGE_PACE;
        if self.nudged.is_some_and(soon) {
            return false;
        }
        self.nudged = Some(now);
        self.resume();
        true
    }

    /// Resumes after giving up, because the server may be back: one immediate attempt, and one more.
    pub fn resume(&mut self) {
        self.failed = self.failed.min(self.policy.attempts.saturating_sub(1));
    }

    /// Resets the failures: the link was healthy, or a person requested a reconnect.
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

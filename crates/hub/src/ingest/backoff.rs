//! When to try again. A value: it is told what happened and answers with a delay; it never waits itself.

use std::time::Duration;

use rand::Rng;

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
}

impl Backoff {
    /// No failure yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, failed: 0 }
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

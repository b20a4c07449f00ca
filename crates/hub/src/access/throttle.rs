//! Rate limiting of invalid keys.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use crate::limits;

/// Delays responses to invalid keys, and no others: a valid key is never delayed, so that guessing locks nobody out.
/// All attempts share one counter: a key cannot be guessed, and nobody with a valid one waits.
#[derive(Debug)]
pub struct Throttle {
    wrong: Mutex<Wrong>,
    places: Semaphore,
}

#[derive(Debug, Default)]
struct Wrong {
    count: u32,
    last: Option<Instant>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            wrong: Mutex::default(),
            places: Semaphore::new(limits::WRONG_WAITING),
        }
    }
}

impl Throttle {
    /// Counts an invalid attempt and waits for the delay of its response. False if too many attempts wait already: then
    /// the request is rejected at once.
    pub async fn wrong(&self) -> bool {
        let delay = self.delay();
        if delay.is_zero() {
            return true;
        }
        let Some(_place) = self.place() else {
            return false;
        };
        sleep(delay).await;
        true
    }

    fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    fn delay(&self) -> Duration {
        let mut wrong = self.lock();
        let now = Instant::now();
        let quiet = |last| now.duration_since(last) >= limits::WRONG_FORGOTTEN;
        if wrong.last.is_some_and(quiet) {
            wrong.count = 0;
        }
        wrong.last = Some(now);
        wrong.count = wrong.count.saturating_add(1);
        let beyond = wrong.count.saturating_sub(limits::WRONG_FREE);
        grown(beyond, limits::WRONG_MOST)
    }

    fn lock(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap_or_else(|bad| bad.into_inner())
    }
}

/// The delay of an attempt that is `beyond` those without one: each is twice as long as the one before.
pub(super) fn grown(beyond: u32, most: Duration) -> Duration {
    match beyond.checked_sub(1) {
        None => Duration::ZERO,
        Some(doubled) => limits::WRONG_FIRST
            .saturating_mul(2_u32.saturating_pow(doubled))
            .min(most),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wrong_attempt_waits_longer_until_there_was_quiet() {
        let throttle = Throttle::default();
        let mut waits = Vec::new();
        for _ in 0..limits::WRONG_FREE + 10 {
            let began = Instant::now();
            assert!(throttle.wrong().await);
            waits.push(began.elapsed());
        }
        let free = usize::try_from(limits::WRONG_FREE).unwrap();
        assert!(waits[..free].iter().all(Duration::is_zero));
        assert!(waits[free] >= limits::WRONG_FIRST && waits[free] < limits::WRONG_FIRST * 2);
        assert!(waits.is_sorted() && *waits.last().unwrap() >= limits::WRONG_MOST);
        sleep(limits::WRONG_FORGOTTEN).await;
        let began = Instant::now();
        assert!(throttle.wrong().await && began.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait() {
        let throttle = Throttle::default();
        for _ in 0..limits::WRONG_FREE {
            assert!(throttle.wrong().await);
        }
        let all = (0..limits::WRONG_WAITING * 2).map(|_| throttle.wrong());
        let answers = futures_util::future::join_all(all).await;
        let refused = answers.iter().filter(|waited| !**waited).count();
        assert_eq!(refused, limits::WRONG_WAITING);
    }
}

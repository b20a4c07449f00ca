//! How often a server that ends by itself is started again: a value with injected time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::workspace::limits;

/// The ends of a server that nobody asked for.
#[derive(Debug, Default)]
pub struct Restarts {
    ends: VecDeque<Instant>,
    /// All of them, since the hub started.
    total: u64,
}

impl Restarts {
    /// Notes that the server ended by itself.
    pub fn ended(&mut self, at: Instant) {
        self.ends.push_back(at);
        self.total += 1;
        while self.ends.len() > limits::RESTARTS {
            self.ends.pop_front();
        }
    }

    /// The time until which the server is not started by itself, if it ended too often.
    pub fn paused(&self, now: Instant) -> Option<Duration> {
        let first = *self.ends.front()?;
        let over = first + limits::RESTART_WINDOW;
        (self.ends.len() == limits::RESTARTS && over > now).then(|| over - now)
    }

    /// Forgets the ends: a person starts the server.
    pub fn forgive(&mut self) {
        self.ends.clear();
    }

    /// Number of ends since the hub started.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_too_often_is_paused_until_the_window_is_over() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut restarts = Restarts::default();
        for end in 0..4 {
            restarts.ended(at(end));
            assert_eq!(restarts.paused(at(end)), None);
        }
        restarts.ended(at(4));
        assert_eq!(restarts.paused(at(4)), Some(Duration::from_secs(596)));
        assert_eq!(restarts.paused(at(600)), None);
        // The window begins with the oldest of the last five ends.
        restarts.ended(at(600));
        assert_eq!(restarts.paused(at(600)), Some(Duration::from_secs(1)));
        assert_eq!(restarts.total(), 6);
    }

    #[test]
    fn a_person_starts_it_at_any_time() {
        let began = Instant::now();
        let mut restarts = Restarts::default();
        for _ in 0..limits::RESTARTS {
            restarts.ended(began);
        }
        assert!(restarts.paused(began).is_some());
        restarts.forgive();
        assert_eq!(restarts.paused(began), None);
        assert_eq!(restarts.total(), 5);
    }
}

//! Whether a hub connects to a server as its policy says: judged from the server's side, by what cannot be otherwise.

use std::time::Duration;

use hub::limits;
use tokio::time::Instant;

/// What a server has seen of connecting.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// Tries in a row that failed, or lived too short.
    failed: u32,
    /// When the last one ended, and whether it has.
    ended: Option<Instant>,
    /// So many tries were asked for by a person, or by a probe that found the server.
    asked: u32,
    /// Streams open now.
    open: u32,
}

impl Pace {
    /// A try begins. What is wrong with that, if anything.
    pub(super) fn begins(&mut self, now: Instant) -> Option<String> {
        let since = self.ended.map(|ended| now - ended);
        let least = limits::BACKOFF_BASE * 2_u32.pow(self.failed.saturating_sub(1).min(8));
        let asked = self.asked > 0;
        self.asked = self.asked.saturating_sub(1);
        if asked {
            self.failed = 0;
        }
        if self.open > 1 {
            return Some(format!("{} streams are open beside a new one", self.open));
        }
        match since {
            Some(since)
                if !asked && self.failed > 0 && since + Duration::from_millis(2) < least =>
            {
                Some(format!(
                    "connected {since:?} after failure {}, not {least:?}",
                    self.failed
                ))
            }
            _ => None,
        }
    }

    /// A stream opened.
    pub(super) fn opened(&mut self) {
        self.open += 1;
    }

    /// A try failed before it was a stream.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failed += 1;
        self.ended = Some(now);
    }

    /// A stream is closed that lived so long.
    pub(super) fn closed(&mut self, now: Instant, lived: Duration) {
        self.open = self.open.saturating_sub(1);
        self.ended = Some(now);
        self.failed = if lived >= limits::HEALTHY_AFTER {
            1
        } else {
            self.failed + 1
        };
    }

    /// Trying at once is right now: a person asked, or the server answered a probe.
    pub(super) fn may_try(&mut self) {
        self.asked += 1;
    }
}

//! Speaks a flow at its pace. Never drifts: each token is due at its own moment after the start.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::script::{Flow, Piece};

/// How many tokens are sent without pause before others get their turn.
const BURST: usize = 64;

/// A flow being spoken.
pub(crate) struct Paced {
    flow: Flow,
    start: Instant,
    sent: usize,
    since_yield: usize,
}

impl Paced {
    /// Begins to speak now.
    pub(crate) fn new(flow: Flow) -> Self {
        Self {
            flow,
            start: Instant::now(),
            sent: 0,
            since_yield: 0,
        }
    }

    /// The next piece when it is due; `None` once the last one had its time.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        if self.flow.rate > 0.0 {
            sleep_until(self.start + due(self.sent, self.flow.rate)).await;
        } else if self.since_yield >= BURST {
            self.since_yield = 0;
            tokio::task::yield_now().await;
        }
        let (piece, count) = self.flow.next_chunk()?;
        self.sent += count;
        self.since_yield += count;
        Some(piece)
    }

    /// Tokens sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent as u64
    }
}

fn due(sent: usize, rate: f64) -> Duration {
    // A count below a million is exact in f64.
    #[allow(clippy::cast_precision_loss)]
    let seconds = sent as f64 / rate;
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(crate::limits::PAUSE)
        .min(crate::limits::PAUSE)
}

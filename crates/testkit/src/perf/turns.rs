//! What a page costs by itself, and how often it is ready to be drawn, in turns: to count frames is to ask for them.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::meter::{Counters, Metered};

/// How long a turn is.
const TURN: Duration = Duration::from_secs(2);

/// What was counted in turns; times are milliseconds per second.
#[derive(Debug, Default)]
pub struct Turns {
    alone: Vec<Counters>,
    with_frames: Vec<Counters>,
}

impl Turns {
    /// Measures until something is done. The page itself has the first turn.
    ///
    /// # Errors
    /// When that fails, or the page is gone.
    pub async fn until<T>(
        metered: &Metered,
        done: impl Future<Output = Result<T>>,
    ) -> Result<Self> {
        let mut turns = Self::default();
        let mut done = pin!(done);
        let mut counting = false;
        loop {
            metered.count_frames(counting).await?;
            let from = metered.counters().await?;
            let last = tokio::select! {
                result = &mut done => Some(result?),
                () = sleep(TURN) => None,
            };
            let spent = metered.counters().await?.since(from);
            let kind = if counting {
                &mut turns.with_frames
            } else {
                &mut turns.alone
            };
            kind.push(spent);
            if last.is_some() {
                metered.count_frames(false).await?;
                return Ok(turns);
            }
            counting = !counting;
        }
    }

    /// What the page by itself took.
    pub fn alone(&self, of: impl Fn(&Counters) -> f64) -> f64 {
        mean(&self.alone, of)
    }

    /// What it took while it was asked for every frame.
    pub fn with_frames(&self, of: impl Fn(&Counters) -> f64) -> f64 {
        mean(&self.with_frames, of)
    }

    /// Frames a second, of those that were counted.
    pub fn frames(&self, counted: f64) -> f64 {
        counted / seconds(&self.with_frames)
    }

    /// How long all of it took, in seconds.
    pub fn seconds(&self) -> f64 {
        seconds(&self.alone) + seconds(&self.with_frames)
    }
}

/// The moment of a difference is how long it took.
fn seconds(turns: &[Counters]) -> f64 {
    turns.iter().map(|turn| turn.at).sum()
}

fn mean(turns: &[Counters], of: impl Fn(&Counters) -> f64) -> f64 {
    let all: f64 = turns.iter().map(|turn| of(turn) * turn.at).sum();
    all / seconds(turns)
}

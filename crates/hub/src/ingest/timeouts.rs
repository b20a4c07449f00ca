//! Timeouts for a silent stream. A value: it receives the time and returns the meaning of the silence; it never waits.

use std::time::Duration;

use model::state::{Reason, ReasonKind};
use tokio::time::Instant;

use crate::limits;

/// Durations of silence, counted from the last received byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    stale: Duration,
    dead: Duration,
}

/// The reason why timeouts are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeoutsError {
    /// A healthy server would be shown as stale between two heartbeats.
    #[error(
        "the time until a link is stale must be at least {} s: a healthy server sends a heartbeat every 10 s",
        limits::LEAST_STALE_AFTER.as_secs()
    )]
    TooShort,
    /// The link would reconnect before it is shown as stale.
    #[error("the time until reconnecting must be longer than the time until the link is stale")]
    DeadBeforeStale,
    /// A dead link would be shown as live for too long.
    #[error("the time until reconnecting must be at most {} minutes", limits::MOST_DEAD_AFTER.as_secs() / 60)]
    TooLong,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            stale: limits::STALE_AFTER,
            dead: limits::DEAD_AFTER,
        }
    }
}

impl Timeouts {
    /// A link is shown as stale after `stale`, and reconnected after `dead`.
    ///
    /// # Errors The durations are too short, too long, or in the wrong order.
    pub fn new(stale: Duration, dead: Duration) -> Result<Self, TimeoutsError> {
        if stale < limits::LEAST_STALE_AFTER {
            Err(TimeoutsError::TooShort)
        } else if dead <= stale {
            Err(TimeoutsError::DeadBeforeStale)
        } else if dead > limits::MOST_DEAD_AFTER {
            Err(TimeoutsError::TooLong)
        } else {
            Ok(Self { stale, dead })
        }
    }
}

/// The silence of one open stream.
#[derive(Debug)]
pub(super) struct Silence {
    timeouts: Timeouts,
    last_received: Instant,
    stale: bool,
    /// Deadline for the next byte, because the machine slept or its network changed.
    proof: Option<Instant>,
    /// Time until that deadline.
    proof_after: Duration,
}

/// The meaning of a silence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The displayed state may be out of date.
    Stale,
    /// The stream is considered lost.
    Dead(Reason),
}

impl Silence {
    pub(super) fn new(timeouts: Timeouts, proof_after: Duration, now: Instant) -> Self {
        Self {
            proof_after,
            // A server that is silent for as long between two heartbeats is not stale by that.
            timeouts: Timeouts {
                stale: timeouts.stale.max(proof_after),
                dead: timeouts.dead.max(proof_after),
            },
            last_received: now,
            stale: false,
            proof: None,
        }
    }

    /// Bytes arrived. True if the link was stale until now.
    pub(super) fn broken(&mut self, now: Instant) -> bool {
        self.last_received = now;
        self.proof = None;
        std::mem::take(&mut self.stale)
    }

    /// The connection may be lost without notice: it must receive bytes soon.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.proof.get_or_insert(now + self.proof_after);
    }

    /// The time at which the silence changes its meaning. Staleness applies only to a link that is `shown` as
    /// connected.
    pub(super) fn due(&self, shown: bool) -> Instant {
        let stale = (shown && !self.stale).then(|| self.last_received + self.timeouts.stale);
        let dead = self.last_received + self.timeouts.dead;
        [stale, self.proof]
            .into_iter()
            .flatten()
            .fold(dead, Instant::min)
    }

    /// The meaning of the silence, at or after [`Self::due`].
    pub(super) fn passed(&mut self, now: Instant, shown: bool) -> Option<Verdict> {
        if now >= self.last_received + self.timeouts.dead {
            return Some(Verdict::Dead(silent(self.timeouts.dead, "")));
        }
        if self.proof.is_some_and(|proof| now >= proof) {
            let cause = " after this machine woke or its network changed";
            return Some(Verdict::Dead(silent(self.proof_after, cause)));
        }
        if shown && !self.stale && now >= self.last_received + self.timeouts.stale {
            self.stale = true;
            return Some(Verdict::Stale);
        }
        None
    }
}

fn silent(time: Duration, cause: &str) -> Reason {
    let text = format!(
        "no data was received for {} s{cause}: the connection is half open, or the server is stuck",
        time.as_secs()
    );
    Reason::new(ReasonKind::Silent, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        use TimeoutsError as E;
        for (stale, dead, expected) in [
            (25, 45, Ok(())),
            (12, 13, Ok(())),
            (11, 45, Err(E::TooShort)),
            (25, 25, Err(E::DeadBeforeStale)),
            (45, 25, Err(E::DeadBeforeStale)),
            (25, 3601, Err(E::TooLong)),
        ] {
            let made = Timeouts::new(s(stale), s(dead)).map(|_| ());
            assert_eq!(made, expected, "{stale} {dead}");
        }
        assert_eq!(Timeouts::new(s(25), s(45)), Ok(Timeouts::default()));
    }

    #[test]
    fn silence_is_stale_then_dead_and_bytes_break_it() {
        let began = Instant::now();
        let mut silence = Silence::new(Timeouts::default(), limits::NUDGE_PROOF, began);
        assert_eq!(silence.due(true), began + s(25));
        assert_eq!(silence.passed(began + s(24), true), None);
        assert_eq!(silence.passed(began + s(25), true), Some(Verdict::Stale));
        assert_eq!(silence.due(true), began + s(45));
        assert!(silence.broken(began + s(30)));
        assert!(!silence.broken(began + s(31)));
        assert_eq!(silence.due(true), began + s(56));
        let dead = silence.passed(began + s(76), true);
        assert!(matches!(dead, Some(Verdict::Dead(_))));
    }

    #[test]
    fn before_it_is_shown_a_link_is_not_stale_but_may_die() {
        let began = Instant::now();
        let mut silence = Silence::new(Timeouts::default(), limits::NUDGE_PROOF, began);
        assert_eq!(silence.due(false), began + s(45));
        assert_eq!(silence.passed(began + s(30), false), None);
        assert!(matches!(
            silence.passed(began + s(45), false),
            Some(Verdict::Dead(_))
        ));
    }

    #[test]
    fn a_doubted_link_has_to_be_heard_soon() {
        let began = Instant::now();
        let mut silence = Silence::new(Timeouts::default(), limits::NUDGE_PROOF, began);
        silence.doubt(began + s(1));
        silence.doubt(began + s(9));
        assert_eq!(silence.due(true), began + s(13));
        assert!(matches!(
            silence.passed(began + s(13), true),
            Some(Verdict::Dead(_))
        ));
        silence.broken(began + s(12));
        assert_eq!(silence.due(true), began + s(37));
    }
}

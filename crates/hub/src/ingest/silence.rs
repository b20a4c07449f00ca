//! How long a stream may be silent. A value: it is told the time and answers what the silence means; it never waits.

use std::time::Duration;

use model::state::{Reason, ReasonKind};
use tokio::time::Instant;

use crate::limits;

/// Silences that mean something, counted from the last byte of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    stale: Duration,
    dead: Duration,
}

/// Why silences make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatienceError {
    /// A healthy server would be shown as stale between two signs of life.
    #[error(
        "a link cannot be stale after less than {} s: a healthy server shows a sign of life every 10 s",
        limits::LEAST_STALE_AFTER.as_secs()
    )]
    TooShort,
    /// A link would be made anew before it is shown as stale.
    #[error("the time until a link is made anew has to be longer than the time until it is stale")]
    DeadBeforeStale,
    /// A dead link would be taken for a live one for too long.
    #[error("a silent link has to be made anew within {} minutes", limits::MOST_DEAD_AFTER.as_secs() / 60)]
    TooLong,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stale: limits::STALE_AFTER,
            dead: limits::DEAD_AFTER,
        }
    }
}

impl Patience {
    /// A link is shown as stale after `stale`, and made anew after `dead`.
    ///
    /// # Errors
    /// Times that are too short, too long, or in the wrong order.
    pub fn new(stale: Duration, dead: Duration) -> Result<Self, PatienceError> {
        if stale < limits::LEAST_STALE_AFTER {
            Err(PatienceError::TooShort)
        } else if dead <= stale {
            Err(PatienceError::DeadBeforeStale)
        } else if dead > limits::MOST_DEAD_AFTER {
            Err(PatienceError::TooLong)
        } else {
            Ok(Self { stale, dead })
        }
    }
}

/// The silence of one open stream.
#[derive(Debug)]
pub(super) struct Silence {
    patience: Patience,
    heard: Instant,
    stale: bool,
    /// Something must be heard until then, as the machine slept or its network changed.
    proof: Option<Instant>,
}

/// What a silence has come to mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What is shown may be old.
    Stale,
    /// The stream is as good as gone.
    Dead(Reason),
}

impl Silence {
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self {
            patience,
            heard: now,
            stale: false,
            proof: None,
        }
    }

    /// Bytes arrived. True if the link was stale until now.
    pub(super) fn broken(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.proof = None;
        std::mem::take(&mut self.stale)
    }

    /// The connection may have been lost without a word: it has to prove itself soon.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.proof.get_or_insert(now + limits::NUDGE_PROOF);
    }

    /// When the silence will mean something. Staleness is told only of a link that is `shown` as connected.
    pub(super) fn due(&self, shown: bool) -> Instant {
        let stale = (shown && !self.stale).then(|| self.heard + self.patience.stale);
        let dead = self.heard + self.patience.dead;
        [stale, self.proof]
            .into_iter()
            .flatten()
            .fold(dead, Instant::min)
    }

    /// What it means, once [`Self::due`].
    pub(super) fn passed(&mut self, now: Instant, shown: bool) -> Option<Meaning> {
        if now >= self.heard + self.patience.dead {
            return Some(Meaning::Dead(silent(self.patience.dead, "")));
        }
        if self.proof.is_some_and(|proof| now >= proof) {
            let cause = " after this machine woke or its network changed";
            return Some(Meaning::Dead(silent(limits::NUDGE_PROOF, cause)));
        }
        if shown && !self.stale && now >= self.heard + self.patience.stale {
            self.stale = true;
            return Some(Meaning::Stale);
        }
        None
    }
}

fn silent(time: Duration, cause: &str) -> Reason {
    let text = format!(
        "nothing was heard for {} s{cause}: the connection is half open, or the server is stuck",
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
        use PatienceError as E;
        for (stale, dead, expected) in [
            (25, 45, Ok(())),
            (12, 13, Ok(())),
            (11, 45, Err(E::TooShort)),
            (25, 25, Err(E::DeadBeforeStale)),
            (45, 25, Err(E::DeadBeforeStale)),
            (25, 3601, Err(E::TooLong)),
        ] {
            let made = Patience::new(s(stale), s(dead)).map(|_| ());
            assert_eq!(made, expected, "{stale} {dead}");
        }
        assert_eq!(Patience::new(s(25), s(45)), Ok(Patience::default()));
    }

    #[test]
    fn silence_is_stale_then_dead_and_bytes_break_it() {
        let began = Instant::now();
        let mut silence = Silence::new(Patience::default(), began);
        assert_eq!(silence.due(true), began + s(25));
        assert_eq!(silence.passed(began + s(24), true), None);
        assert_eq!(silence.passed(began + s(25), true), Some(Meaning::Stale));
        assert_eq!(silence.due(true), began + s(45));
        assert!(silence.broken(began + s(30)));
        assert!(!silence.broken(began + s(31)));
        assert_eq!(silence.due(true), began + s(56));
        let dead = silence.passed(began + s(76), true);
        assert!(matches!(dead, Some(Meaning::Dead(_))));
    }

    #[test]
    fn before_it_is_shown_a_link_is_not_stale_but_may_die() {
        let began = Instant::now();
        let mut silence = Silence::new(Patience::default(), began);
        assert_eq!(silence.due(false), began + s(45));
        assert_eq!(silence.passed(began + s(30), false), None);
        assert!(matches!(
            silence.passed(began + s(45), false),
            Some(Meaning::Dead(_))
        ));
    }

    #[test]
    fn a_doubted_link_has_to_be_heard_soon() {
        let began = Instant::now();
        let mut silence = Silence::new(Patience::default(), began);
        silence.doubt(began + s(1));
        silence.doubt(began + s(9));
        assert_eq!(silence.due(true), began + s(13));
        assert!(matches!(
            silence.passed(began + s(13), true),
            Some(Meaning::Dead(_))
        ));
        silence.broken(began + s(12));
        assert_eq!(silence.due(true), began + s(37));
    }
}

//! How far a server's clock is from ours, by the times that its replies tell. Pure: moments come from outside.
//!
//! A reply that says `date` was written between the moment at which it was asked for and the one at which it arrived, and `date`
//! is cut to the second. So each reply gives an interval in which the difference lies; those of one connection are intersected.

use model::time::Timestamp;

/// `Date` is cut to the second: the moment itself is up to this much later, in milliseconds.
const CUT: i64 = 999;

/// What one reply tells: times in milliseconds, `asked` and `answered` by our clock, `date` by the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// What it said.
    pub date: Timestamp,
    /// When it was asked for.
    pub asked: Timestamp,
    /// When it had arrived.
    pub answered: Timestamp,
}

/// What is known of a server's clock since its connection began.
#[derive(Clone, Debug, Default)]
pub struct ServerClock {
    within: Option<(i64, i64)>,
    told: Option<i64>,
}

impl ServerClock {
    /// Takes what one more reply tells. Gives by how many milliseconds the server's clock is ahead of ours (behind it: less than
    /// zero), if that is other than it was told before.
    ///
    /// Clocks that may be the same are: the difference is zero then. A difference is told anew only once it is proven wrong, so that
    /// times which are shown do not shift with every reply.
    pub fn heard(&mut self, reply: Dated) -> Option<i64> {
        let (date, asked, answered) = (reply.date.0, reply.asked.0, reply.answered.0);
        // Our own clock went back meanwhile: the reply tells nothing.
        if answered < asked {
            return None;
        }
        let low = date.saturating_sub(answered);
        let high = date.saturating_add(CUT).saturating_sub(asked);
        let (low, high) = match self.within {
            Some((lowest, highest)) if lowest.max(low) <= highest.min(high) => {
                (lowest.max(low), highest.min(high))
            }
            // The first, or one of the clocks was set.
            _ => (low, high),
        };
        self.within = Some((low, high));
        let holds = |ahead: i64| (low..=high).contains(&ahead);
        if self.told.is_some_and(holds) {
            return None;
        }
        let ahead = if holds(0) { 0 } else { low.midpoint(high) };
        self.told = Some(ahead);
        Some(ahead)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reply of a server whose clock is `ahead`: asked for at `at`, written and arrived so many milliseconds later.
    fn reply(at: i64, ahead: i64, written: i64, arrived: i64) -> Dated {
        let date = (at + written + ahead).div_euclid(1000) * 1000;
        Dated {
            date: Timestamp(date),
            asked: Timestamp(at),
            answered: Timestamp(at + written + arrived),
        }
    }

    const NOW: i64 = 1_790_000_000_000;
    const HOUR: i64 = 3_600_000;

    proptest! {
        /// However far the clocks are apart, and however long replies take: what is told is off by no more than a reply's own
        /// time and half of the second to which it is cut.
        #[test]
        fn the_difference_is_found(
            ahead in -48 * HOUR..48 * HOUR,
            replies in prop::collection::vec((0..60_000i64, 0..400i64, 0..400i64), 1..20),
        ) {
            let (mut clock, mut at, mut told) = (ServerClock::default(), NOW, None);
            for (pause, written, arrived) in replies {
                at += pause;
                told = clock.heard(reply(at, ahead, written, arrived)).or(told);
                at += written + arrived;
                let told = told.unwrap_or(i64::MAX);
                prop_assert!((told - ahead).abs() <= CUT + written + arrived + 800, "{told} for {ahead}");
            }
        }

        /// Servers of this machine have its clock: nothing of theirs is ever shifted.
        #[test]
        fn the_same_clock_is_the_same(replies in prop::collection::vec((0..60_000i64, 0..400i64, 0..400i64), 1..20)) {
            let (mut clock, mut at) = (ServerClock::default(), NOW);
            for (nth, (pause, written, arrived)) in replies.into_iter().enumerate() {
                at += pause;
                let told = clock.heard(reply(at, 0, written, arrived));
                prop_assert_eq!(told, (nth == 0).then_some(0));
                at += written + arrived;
            }
        }

        /// A clock that is set while it is followed is followed.
        #[test]
        fn a_clock_that_is_set_is_followed(before in -HOUR..HOUR, after in -HOUR..HOUR) {
            prop_assume!((before - after).abs() > 5_000);
            let mut clock = ServerClock::default();
            let told = clock.heard(reply(NOW, before, 1, 1));
            prop_assert!(told.is_some_and(|told| (told - before).abs() <= 1_001));
            let told = clock.heard(reply(NOW + 60_000, after, 1, 1));
            prop_assert!(told.is_some_and(|told| (told - after).abs() <= 1_001));
        }
    }

    #[test]
    fn further_replies_narrow_it_and_what_holds_is_not_told_again() {
        let mut clock = ServerClock::default();
        let ahead = 2 * HOUR + 400;
        let first = clock.heard(reply(NOW, ahead, 0, 0));
        assert!(first.is_some_and(|told| (told - ahead).abs() <= 1000));
        let others = (1..50).map(|n| clock.heard(reply(NOW + n * 1_037, ahead, 0, 0)));
        let last = others.flatten().last().or(first);
        assert!(
            last.is_some_and(|told| (told - ahead).abs() <= 100),
            "{last:?}"
        );
    }

    #[test]
    fn a_reply_over_which_our_own_clock_was_set_back_tells_nothing() {
        let mut clock = ServerClock::default();
        let mut odd = reply(NOW, HOUR, 1, 1);
        odd.answered = Timestamp(NOW - 1);
        assert_eq!(clock.heard(odd), None);
        assert_eq!(clock.heard(reply(NOW, 0, 1, 1)), Some(0));
    }
}

//! Estimates the offset between a server's clock and the hub's, from the `date` header of replies. Pure: times are
//! arguments.
//!
//! A reply with `date` was written between the times of the request and the reply, and `date` is truncated to seconds.
//! Each reply therefore gives an interval for the offset; the intervals of one connection are intersected.

use model::time::Timestamp;

/// `Date` is truncated to seconds: the exact time is up to this much later, in milliseconds.
const CUT: i64 = 999;

/// One sample: times in milliseconds, `asked` and `answered` by the hub's clock, `date` by the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSample {
    /// The `date` header.
    pub date: Timestamp,
    /// Time of the request.
    pub asked: Timestamp,
    /// Time at which the reply had arrived.
    pub answered: Timestamp,
}

/// The estimate of a server's clock since its connection began.
#[derive(Clone, Debug, Default)]
pub struct ServerClock {
    within: Option<(i64, i64)>,
    reported: Option<i64>,
}

impl ServerClock {
    /// Adds a sample. Returns the number of milliseconds by which the server's clock is ahead of the hub's (negative if
    /// behind), if that differs from the last returned value.
    ///
    /// The offset is zero where the clocks may agree. A new offset is returned only once the previous one is disproved,
    /// so that displayed times do not change with every reply.
    pub fn sampled(&mut self, reply: ClockSample) -> Option<i64> {
        let (date, asked, answered) = (reply.date.0, reply.asked.0, reply.answered.0);
        // The hub's clock was set back in the meantime: the sample is useless.
        if answered < asked {
            return None;
        }
        let low = date.saturating_sub(answered);
        let high = date.saturating_add(CUT).saturating_sub(asked);
        let (low, high) = match self.within {
            Some((lowest, highest)) if lowest.max(low) <= highest.min(high) => {
                (lowest.max(low), highest.min(high))
            }
            // The first sample, or one of the clocks was set.
            _ => (low, high),
        };
        self.within = Some((low, high));
        let holds = |ahead: i64| (low..=high).contains(&ahead);
        if self.reported.is_some_and(holds) {
            return None;
        }
        let ahead = if holds(0) { 0 } else { low.midpoint(high) };
        self.reported = Some(ahead);
        Some(ahead)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reply of a server whose clock is `ahead`: asked for at `at`, written and arrived so many milliseconds later.
    fn reply(at: i64, ahead: i64, written: i64, arrived: i64) -> ClockSample {
        let date = (at + written + ahead).div_euclid(1000) * 1000;
        ClockSample {
            date: Timestamp(date),
            asked: Timestamp(at),
            answered: Timestamp(at + written + arrived),
        }
    }

    const NOW: i64 = 1_790_000_000_000;
    const HOUR: i64 = 3_600_000;

    proptest! {
        /// For any offset and any delay of replies: the estimate is off by at most the round trip of one reply and half
        /// of the second to which `date` is truncated.
        #[test]
        fn the_difference_is_found(
            ahead in -48 * HOUR..48 * HOUR,
            replies in prop::collection::vec((0..60_000i64, 0..400i64, 0..400i64), 1..20),
        ) {
            let (mut clock, mut at, mut reported) = (ServerClock::default(), NOW, None);
            for (pause, written, arrived) in replies {
                at += pause;
                reported = clock.sampled(reply(at, ahead, written, arrived)).or(reported);
                at += written + arrived;
                let reported = reported.unwrap_or(i64::MAX);
                prop_assert!((reported - ahead).abs() <= CUT + written + arrived + 800, "{reported} for {ahead}");
            }
        }

        /// Servers on the same machine share its clock: their times are never shifted.
        #[test]
        fn the_same_clock_is_the_same(replies in prop::collection::vec((0..60_000i64, 0..400i64, 0..400i64), 1..20)) {
            let (mut clock, mut at) = (ServerClock::default(), NOW);
            for (nth, (pause, written, arrived)) in replies.into_iter().enumerate() {
                at += pause;
                let reported = clock.sampled(reply(at, 0, written, arrived));
                prop_assert_eq!(reported, (nth == 0).then_some(0));
                at += written + arrived;
            }
        }

        /// The estimate follows a clock that is set during a connection.
        #[test]
        fn a_clock_that_is_set_is_followed(before in -HOUR..HOUR, after in -HOUR..HOUR) {
            prop_assume!((before - after).abs() > 5_000);
            let mut clock = ServerClock::default();
            let reported = clock.sampled(reply(NOW, before, 1, 1));
            prop_assert!(reported.is_some_and(|reported| (reported - before).abs() <= 1_001));
            let reported = clock.sampled(reply(NOW + 60_000, after, 1, 1));
            prop_assert!(reported.is_some_and(|reported| (reported - after).abs() <= 1_001));
        }
    }

    #[test]
    fn further_replies_narrow_it_and_what_holds_is_not_told_again() {
        let mut clock = ServerClock::default();
        let ahead = 2 * HOUR + 400;
        let first = clock.sampled(reply(NOW, ahead, 0, 0));
        assert!(first.is_some_and(|reported| (reported - ahead).abs() <= 1000));
        let others = (1..50).map(|n| clock.sampled(reply(NOW + n * 1_037, ahead, 0, 0)));
        let last = others.flatten().last().or(first);
        assert!(
            last.is_some_and(|reported| (reported - ahead).abs() <= 100),
            "{last:?}"
        );
    }

    #[test]
    fn a_reply_over_which_our_own_clock_was_set_back_tells_nothing() {
        let mut clock = ServerClock::default();
        let mut odd = reply(NOW, HOUR, 1, 1);
        odd.answered = Timestamp(NOW - 1);
        assert_eq!(clock.sampled(odd), None);
        assert_eq!(clock.sampled(reply(NOW, 0, 1, 1)), Some(0));
    }
}

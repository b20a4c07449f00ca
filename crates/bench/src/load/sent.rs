//! When each word was sent, for viewers in this process: a ring of times per streaming session, written by the generator
//! and read by anyone, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::token::Token;

/// Words of a session whose times are stored. A viewer that is further behind gets none, and counts it.
const RING: u32 = 4096;

/// Bits of an entry that are its time, in microseconds: twelve days.
const TIME_BITS: u32 = 40;

/// The times.
#[derive(Debug)]
pub(crate) struct Sent {
    begin: Instant,
    begin_wall: u64,
    entries: Box<[AtomicU64]>,
}

impl Sent {
    /// Times of the first `slots` sessions.
    pub(crate) fn new(slots: usize) -> Self {
        let entries = (0..slots * RING as usize).map(|_| AtomicU64::new(u64::MAX));
        Self {
            begin: Instant::now(),
            begin_wall: wall(),
            entries: entries.collect(),
        }
    }

    /// Microseconds since this began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes that a word is sent at `now`.
    pub(crate) fn note(&self, slot: u32, number: u32, now: u64) {
        if let Some(entry) = self.entry(slot, number) {
            let tag = u64::from(number / RING) << TIME_BITS;
            entry.store(tag | (now & ((1 << TIME_BITS) - 1)), Ordering::Relaxed);
        }
    }

    /// When a word was sent, by this clock.
    pub(crate) fn of(&self, token: Token) -> Option<u64> {
        if let Some(wall) = token.sent {
            return wall.checked_sub(self.begin_wall);
        }
        let value = self
            .entry(token.slot, token.number)?
            .load(Ordering::Relaxed);
        let tag = u64::from(token.number / RING) & ((1 << (64 - TIME_BITS)) - 1);
        (value >> TIME_BITS == tag).then_some(value & ((1 << TIME_BITS) - 1))
    }

    fn entry(&self, slot: u32, number: u32) -> Option<&AtomicU64> {
        self.entries
            .get(slot as usize * RING as usize + (number % RING) as usize)
    }
}

/// The time of day in microseconds.
pub(crate) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_was_overwritten_is_not_taken_for_another_words() {
        let sent = Sent::new(2);
        sent.note(1, 5, 77);
        let word = |number| Token {
            slot: 1,
            number,
            sent: None,
        };
        assert_eq!(sent.of(word(5)), Some(77));
        assert_eq!(sent.of(word(5 + RING)), None);
        sent.note(1, 5 + RING, 99);
        assert_eq!(sent.of(word(5)), None);
        assert_eq!(sent.of(word(5 + RING)), Some(99));
    }
}

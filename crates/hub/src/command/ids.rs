//! Ids in OpenCode's own form, so that what we name sorts among what it names.
//!
//! After the prefix come the low 48 bits of `milliseconds × 4096 + counter` in hex, then 14 random letters and digits
//! (OpenCode 1.18).

use std::sync::{Mutex, PoisonError};

use model::time::Timestamp;
use rand::Rng;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;

const RANDOM: usize = 14;

/// Makes ids; each is greater than those before it (until the time wraps, every 2.2 years).
#[derive(Debug)]
pub(super) struct Ids(Mutex<Made>);

#[derive(Debug)]
struct Made {
    last: u64,
    random: StdRng,
}

impl Ids {
    /// Ids whose letters are drawn from `random`.
    pub(super) fn new(random: StdRng) -> Self {
        Self(Mutex::new(Made { last: 0, random }))
    }

    /// An id of a message.
    pub(super) fn message(&self, now: Timestamp) -> String {
        self.next("msg", now)
    }

    /// An id of a part.
    pub(super) fn part(&self, now: Timestamp) -> String {
        self.next("prt", now)
    }

    /// The mark of a session that is to be made: its own id is the server's choice.
    pub(super) fn mark(&self, now: Timestamp) -> String {
        self.next("new", now)
    }

    fn next(&self, prefix: &str, now: Timestamp) -> String {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = u64::try_from(now.0).unwrap_or(0) << 12;
        made.last = time.max(made.last) + 1;
        let last = made.last;
        let random: String = (&mut made.random)
            .sample_iter(Alphanumeric)
            .take(RANDOM)
            .map(char::from)
            .collect();
        format!("{prefix}_{:012x}{random}", last & 0xffff_ffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn ids_have_opencodes_form_and_order() {
        let ids = Ids::new(StdRng::seed_from_u64(1));
        let now = Timestamp(1_758_000_000_000);
        let made = [
            ids.message(now),
            ids.message(now),
            ids.message(Timestamp(now.0 - 5)),
            ids.message(Timestamp(now.0 + 1)),
        ];
        // 1758000000000 × 4096 + 1, of which the low 48 bits.
        assert!(made[0].starts_with("msg_950f72c00001"), "{}", made[0]);
        assert!(made.is_sorted());
        assert!(made.iter().all(|id| id.len() == 4 + 12 + RANDOM));
        assert!(ids.part(now).starts_with("prt_"));
    }
}

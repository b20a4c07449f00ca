//! Ids in OpenCode's own form, so that what we name sorts among what it names.
//!
//! After the prefix come the low 48 bits of `milliseconds × 4096 + counter` in hex, then 14 random letters and digits
//! (OpenCode 1.18).

use std::sync::{Mutex, PoisonError};

use model::time::Timestamp;
use rand::Rng;
use rand::distr::Alphanumeric;

const RANDOM: usize = 14;

/// Makes ids; each is greater than those before it (until the time wraps, every 2.2 years).
#[derive(Debug, Default)]
pub(super) struct Ids {
    last: Mutex<u64>,
}

impl Ids {
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
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let time = u64::try_from(now.0).unwrap_or(0) << 12;
        *last = time.max(*last) + 1;
        let random: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(RANDOM)
            .map(char::from)
            .collect();
        format!("{prefix}_{:012x}{random}", *last & 0xffff_ffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_opencodes_form_and_order() {
        let ids = Ids::default();
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

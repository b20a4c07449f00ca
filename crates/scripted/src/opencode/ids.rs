//! Identifiers in OpenCode's shape: a prefix, twelve hex digits of time and count, fourteen random letters.
//! Repeatable: the letters come from a seed. Session ids descend, as OpenCode's do.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TAIL: usize = 14;
const HEX_MASK: u64 = 0xffff_ffff_ffff;

/// Makes ids.
#[derive(Debug)]
pub(super) struct Ids {
    random: StdRng,
    millis: u64,
    count: u64,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            millis: 0,
            count: 0,
        }
    }

    /// A new id, larger than the ones before it (until the digits wrap).
    pub(super) fn ascending(&mut self, prefix: &str, now: u64) -> String {
        let digits = self.digits(now);
        self.id(prefix, digits)
    }

    /// A new id, smaller than the ones before it.
    pub(super) fn descending(&mut self, prefix: &str, now: u64) -> String {
        let digits = !self.digits(now);
        self.id(prefix, digits)
    }

    fn digits(&mut self, now: u64) -> u64 {
        if now > self.millis {
            (self.millis, self.count) = (now, 0);
        }
        self.count += 1;
        (self.millis << 12) + self.count
    }

    fn id(&mut self, prefix: &str, digits: u64) -> String {
        let tail: String = (0..TAIL)
            .map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())]))
            .collect();
        format!("{prefix}_{:012x}{tail}", digits & HEX_MASK)
    }
}

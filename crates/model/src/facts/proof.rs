//! Proof that a conversation is the same as its server's.

use crate::time::Timestamp;

/// The number up to which a server has written something in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watermark {
    /// Nothing that has a number yet.
    Empty,
    /// Up to this one.
    At(u64),
}

/// A conversation was the same as its server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Up to where.
    pub upto: Watermark,
    /// When that was found, by the hub's clock.
    pub at: Timestamp,
}

/// What is known of whether a conversation is its server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// It was read from the server or compared with it, and what came since is from its stream. No number proves it: the server tells none,
    /// wrote during the read, or a comparison found a difference.
    AsOfStream,
    /// It was the same as the server's up to a number.
    Proven {
        /// Up to where.
        upto: Watermark,
        /// True if more has come on the stream since.
        more: bool,
    },
}

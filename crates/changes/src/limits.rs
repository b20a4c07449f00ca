//! Every bound of what is compared, and what happens at it.

/// Bytes of a line whose words are compared. A longer one is marked as changed whole.
pub const WORDS_BYTES: usize = 2 << 10;
/// Percent of a line's characters that must be unchanged for its words to be marked. Below it the whole line counts as changed: marks on
/// nearly every word say nothing.
pub const WORDS_SAME_PERCENT: usize = 30;
/// Lines around a comment that are stored to find its place again. Further ones do not help.
pub const ANCHOR_CONTEXT: usize = 3;
/// Lines that a comment covers at most. The rest of a larger range is not quoted, and not looked for.
pub const ANCHOR_LINES: usize = 200;
/// Bytes of a line that an anchor stores. The rest is not compared.
pub const ANCHOR_LINE_BYTES: usize = 400;
/// Lines on either side that are compared by their histogram. Longer files are compared by the algorithm of Myers, whose time is bounded.
pub const HISTOGRAM_LINES: usize = 20_000;
/// Bytes of a name that is made of a prompt. Further words are left out.
pub const NAME_BYTES: usize = 40;
/// Patterns of files that are copied into a new work tree. Further ones are left out, with their number.
pub const INCLUDE_PATTERNS: usize = 200;

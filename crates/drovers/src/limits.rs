//! Every bound of the command line, and what happens at it.

/// Bytes of a recording read at once. A file of any size is folded in this much memory and its state.
pub(crate) const READ_BYTES: usize = 64 << 10;
/// Characters of a stranger's text on one line. The rest is cut off.
pub(crate) const LINE_CHARS: usize = 160;

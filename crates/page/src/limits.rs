//! Every bound of what is drawn, and what happens at it.

/// Bytes of rendered HTML kept. Beyond it what was drawn longest ago is forgotten: its next change is sent whole.
pub(crate) const CACHE_BYTES: usize = 8 << 20;
/// Renders kept of one thing, for viewers that are a few ticks behind. One further behind gets the thing whole.
pub(crate) const RING: usize = 8;
/// Bytes of one fragment on the socket. A larger one is only named there, and fetched.
pub(crate) const SOCKET_FRAGMENT_BYTES: usize = 16 << 10;
/// Bytes of the key of the element that grew last, which is kept for each viewer so that the next change of the same need not
/// name it. A longer one is named each time.
pub(crate) const SPLICED_KEY_BYTES: usize = 256;
/// Bytes of one tool's output, input or error shown at once. Beyond it the end (of a running tool) or the beginning and
/// the end (of an ended one) are shown, with a link to all of it.
pub(crate) const OUTPUT_BYTES: usize = 16 << 10;
/// Bytes by which the beginning of a running tool's shown output moves on, so that most changes only append.
pub(crate) const OUTPUT_STEP: usize = 4 << 10;
/// Bytes of one text drawn at once. Beyond it only its end is, with a link to all of it.
pub(crate) const TEXT_BYTES: usize = 256 << 10;
/// Bytes by which the beginning of such a text moves on.
pub(crate) const TEXT_STEP: usize = 64 << 10;
/// Bytes of a code block that is still being written up to which it is highlighted. Beyond it, it stays plain until it
/// ends.
pub(crate) const OPEN_CODE_BYTES: usize = 8 << 10;
/// Bytes of a finished code block up to which it is highlighted. A longer one stays plain: a phone would stand still while
/// it styles so many words.
pub(crate) const CODE_BYTES: usize = 32 << 10;
/// Lines on either side of an edit up to which it is shown as a diff; a larger one is shown as its two texts.
pub(crate) const DIFF_LINES: usize = 2000;
/// Folders offered when one is to be opened.
pub(crate) const RECENT_FOLDERS: usize = 12;

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
/// Lines at the end of an output that a program may still write over. What was before them stays.
pub(crate) const SCREEN_LINES: usize = 64;
/// Columns that an output may move to. Beyond it a program writes in the last of them; text that is written goes on.
pub(crate) const SCREEN_COLUMNS: usize = 256;
/// Columns of a line that is written. What follows them goes on in the next line, as at the edge of a terminal.
pub(crate) const SCREEN_LINE: usize = 16 << 10;
/// Bytes of an output that is drawn with its colours. A larger one, which is only drawn when all of it is asked for, has none.
pub(crate) const COLOURED_OUTPUT_BYTES: usize = 1 << 20;
/// Bytes of what a server told of a failure that are shown below its sentence. The rest is cut off.
pub(crate) const RAW_ERROR_BYTES: usize = 4 << 10;
/// Bytes of one text drawn at once. Beyond it only its end is, with a link to all of it.
pub(crate) const TEXT_BYTES: usize = 256 << 10;
/// Bytes by which the beginning of such a text moves on.
pub(crate) const TEXT_STEP: usize = 64 << 10;
/// Bytes of one text that are drawn as markdown, from its beginning. What follows is plain.
pub(crate) const MARKDOWN_BYTES: usize = 256 << 10;
/// What the wall may do for a text: one for each tag, two for each character that it escapes; 40 ms of a slow machine. It is plain from the block on that has more.
pub(crate) const TEXT_WORK: usize = 40_000;
/// Words, marks and line ends that the parser may make of one block. A text is plain from the block on that has more.
pub(crate) const BLOCK_EVENTS: usize = 200_000;
/// Elements of markdown in each other. A text is plain from the block on that has more.
pub(crate) const TEXT_DEPTH: usize = 32;
/// Quotes and list items that a line of markdown may be in, as far as its beginning shows. A text is plain from such a line on,
/// as the parser looks at each of them for each line that follows.
pub(crate) const LINE_LEVELS: usize = 64;
/// Bytes of code that are coloured, from its beginning. What follows is plain: a phone would stand still while it styles so
/// many words.
pub(crate) const CODE_BYTES: usize = 32 << 10;
/// Bytes of a line of code up to which it is coloured. A longer one is plain: nobody wrote it by hand.
pub(crate) const CODE_LINE_BYTES: usize = 2 << 10;
/// Coloured words of a block of code. What follows the line in which there are more is plain.
pub(crate) const CODE_TOKENS: usize = 8000;
/// Bytes that a scan of code looks at, each time that it does: sixteen for each that it may colour. No text is known that
/// takes half of that. Beyond it the block goes on plainly.
pub(crate) const CODE_STEPS: usize = 16 * CODE_BYTES;
/// Comments, strings and code inside of strings that are open at once in code. What opens more does not count.
pub(crate) const CODE_NESTING: usize = 16;
/// Bytes of a word that ends a string and was named where it began. One with a longer name is no such string.
pub(crate) const CODE_END_BYTES: usize = 32;
/// Lines on either side of an edit up to which it is shown as a diff; a larger one is shown as its two texts.
/// Two texts of so many lines that have nothing, or everything in another order, in common take 16 ms. Of a patch so many lines are
/// shown, with a sentence about the rest.
pub(crate) const DIFF_LINES: usize = 2000;
/// Bytes on either side of an edit, or of a patch, up to which it is shown as a diff; a larger one is shown as its ends.
pub(crate) const DIFF_BYTES: usize = 256 << 10;
/// Bytes of a tool's input up to which its values are written on lines of their own, which may make a hundred bytes of one. A
/// larger one is shown as it came.
pub(crate) const INPUT_BYTES: usize = 64 << 10;
/// Files that a tool gave back, of which each is shown. Of more their number is told.
pub(crate) const FILES: usize = 16;
/// Characters of a tool's name, title or file that are shown.
pub(crate) const TITLE_CHARS: usize = 200;
/// Folders offered when one is to be opened.
pub(crate) const RECENT_FOLDERS: usize = 12;
/// Bytes of what a permission would run up to which a card shows it below the conversation. A longer one cannot be allowed from
/// the page: nobody reads that much in a card.
pub(crate) const CARD_BYTES: usize = 64 << 10;
/// Lines of it; the same happens beyond.
pub(crate) const CARD_LINES: usize = DIFF_LINES;
/// Bytes of it up to which a card at the side shows it. A longer one is allowed below the conversation of its session.
pub(crate) const SMALL_CARD_BYTES: usize = 2 << 10;
/// Lines of it; the same happens beyond.
pub(crate) const SMALL_CARD_LINES: usize = 40;

/// Bytes of a name that a viewer may look at: eight times those of the longest that OpenCode makes. What has a longer one is
/// taken for something that does not exist.
pub const NAME_BYTES: usize = 256;

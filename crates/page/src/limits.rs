//! Every bound of what is drawn, and what happens at it.

/// Bytes of cached HTML. Beyond it the least recently used is dropped: its next change is sent whole.
pub(crate) const CACHE_BYTES: usize = 8 << 20;
/// Versions cached of one fragment, for viewers that are a few ticks behind. A viewer further behind gets the fragment
/// whole.
pub(crate) const RING: usize = 8;
/// Bytes of one fragment on the socket. A larger one is only named there, and fetched.
pub(crate) const SOCKET_FRAGMENT_BYTES: usize = 16 << 10;
/// Bytes of the key of the element that grew last, which is stored for each viewer so that its next change needs no name. A
/// longer key is sent each time.
pub(crate) const SPLICED_KEY_BYTES: usize = 256;
/// Bytes of one tool's output, input or error that are shown. Beyond it the end (of a running tool) or the beginning and the
/// end (of an ended one) are shown, with a link to the whole.
pub(crate) const OUTPUT_BYTES: usize = 16 << 10;
/// Bytes by which the beginning of a running tool's shown output advances, so that most changes only append.
pub(crate) const OUTPUT_STEP: usize = 4 << 10;
/// Lines at the end of an output that a program may still overwrite. Earlier lines are final.
pub(crate) const SCREEN_LINES: usize = 64;
/// Columns to which an output may move the cursor. Beyond it the cursor stays in the last one; written text continues.
pub(crate) const SCREEN_COLUMNS: usize = 256;
/// Columns of a written line. What follows continues in the next line, as at the edge of a terminal.
pub(crate) const SCREEN_LINE: usize = 16 << 10;
/// Bytes of an output that is shown with its colours. A larger one, which is only shown when a person requests all of it,
/// has none.
pub(crate) const COLOURED_OUTPUT_BYTES: usize = 1 << 20;
/// Bytes of a server's error text that are shown below its sentence. The rest is cut off.
pub(crate) const RAW_ERROR_BYTES: usize = 4 << 10;
/// Bytes of one text that are drawn. Beyond it only its end is drawn, with a link to the whole.
pub(crate) const TEXT_BYTES: usize = 256 << 10;
/// Bytes by which the beginning of such a text advances.
pub(crate) const TEXT_STEP: usize = 64 << 10;
/// Bytes of one text that are drawn as markdown, from its beginning. What follows is plain.
pub(crate) const MARKDOWN_BYTES: usize = 256 << 10;
/// Work of the sanitizer for one text: one for each tag, two for each character that it escapes; 40 ms of a slow machine.
/// The text is plain from the block on that exceeds it.
pub(crate) const TEXT_WORK: usize = 40_000;
/// Events of the markdown parser for one block. A text is plain from the block on that has more.
pub(crate) const BLOCK_EVENTS: usize = 200_000;
/// Nested elements of markdown. A text is plain from the block on that has more.
pub(crate) const TEXT_DEPTH: usize = 32;
/// Quotes and list items around a line of markdown, as far as its beginning shows. A text is plain from such a line on, as
/// the parser checks each of them for each line that follows.
pub(crate) const LINE_LEVELS: usize = 64;
/// Bytes of code that are highlighted, from the beginning. The rest is plain: a phone would block while it styles so many
/// words.
pub(crate) const CODE_BYTES: usize = 32 << 10;
/// Bytes of a line of code that is highlighted. A longer one is plain: nobody wrote it by hand.
pub(crate) const CODE_LINE_BYTES: usize = 2 << 10;
/// Highlighted words of a block of code. What follows the line that exceeds it is plain.
pub(crate) const CODE_TOKENS: usize = 8000;
/// Bytes that the highlighter visits in one block, each visit counted: sixteen for each that it may highlight. No text is
/// known that takes half of that. Beyond it the block is plain.
pub(crate) const CODE_STEPS: usize = 16 * CODE_BYTES;
/// Comments, strings and code inside of strings that are open at the same time in code. Further ones are ignored.
pub(crate) const CODE_NESTING: usize = 16;
/// Bytes of the word that ends a string and is named at its beginning. A string with a longer one is not recognized.
pub(crate) const CODE_END_BYTES: usize = 32;
/// Lines on either side of an edit that is shown as a diff; a larger one is shown as its two texts. The diff of two texts of
/// this size without a common line takes 16 ms. Of a patch this number of lines is shown, with a sentence about the rest.
pub(crate) const DIFF_LINES: usize = 2000;
/// Bytes on either side of an edit, or of a patch, that is shown as a diff; a larger one is shown as its ends.
pub(crate) const DIFF_BYTES: usize = 256 << 10;
/// Bytes of a tool's input whose values are shown on lines of their own, which may make a hundred bytes of one. A larger one
/// is shown as received.
pub(crate) const INPUT_BYTES: usize = 64 << 10;
/// Files of a tool that are shown. Of more their number is shown.
pub(crate) const FILES: usize = 16;
/// Characters of a tool's name, title or file that are shown. The rest is cut off.
pub(crate) const TITLE_CHARS: usize = 200;
/// Pages of older messages that are loaded for a link to a message. Beyond it the person is asked to scroll back from there.
pub(crate) const LINK_PAGES: u32 = 20;
/// Folders offered when a person adds one. Older ones are left out.
pub(crate) const RECENT_FOLDERS: usize = 12;
/// Bytes of a permission's content that a card below the conversation shows. A longer one cannot be allowed from the page:
/// nobody reads that much in a card.
pub(crate) const CARD_BYTES: usize = 64 << 10;
/// Lines of a permission's content that such a card shows. A longer one cannot be allowed from the page.
pub(crate) const CARD_LINES: usize = DIFF_LINES;
/// Bytes of a permission's content that a card at the side shows. A longer one is allowed below the conversation of its
/// session.
pub(crate) const SMALL_CARD_BYTES: usize = 2 << 10;
/// Lines of a permission's content that a card at the side shows. A longer one is allowed below the conversation of its
/// session.
pub(crate) const SMALL_CARD_LINES: usize = 40;

/// Equal requests that one card answers. Beyond it further ones have a card of their own.
pub(crate) const EQUAL_REQUESTS: usize = 20;

/// Bytes of an id in a viewer's viewport: eight times those of the longest that OpenCode makes. An object with a longer one
/// counts as unknown.
pub const NAME_BYTES: usize = 256;

/// Instances without notifications. Settings with more are rejected.
pub const MUTED: usize = 256;

/// US cents of a limit of cost. Settings with more are rejected.
pub const BUDGET_CENTS: u64 = 100_000_000;

/// Minutes of a limit of time: a year. Settings with more are rejected.
pub const BUDGET_MINUTES: u64 = 525_600;
/// Lines around each change of a review. The page shows the others when a person asks for them.
pub(crate) const REVIEW_CONTEXT: usize = 3;
/// Lines of a file that a review draws at once. The next ones are drawn when a person comes near them.
pub(crate) const REVIEW_ROWS: usize = 1000;
/// Characters of a line that a review shows. The rest is cut off.
pub(crate) const REVIEW_LINE_CHARS: usize = 4000;
/// Characters of a file's path that are shown. The rest is cut off.
pub(crate) const PATH_CHARS: usize = 400;
/// Edits of one call that are shown as diffs. A call with more is shown as it came.
pub(crate) const EDITS: usize = 100;
/// Items of a list, questions or choices that a call is given and that are shown. The rest is counted.
pub(crate) const TODOS: usize = 100;
/// Arguments of an unknown tool that are shown by name. A call with more is shown as it came.
pub(crate) const ARGUMENTS: usize = 24;
/// Bytes of such an argument. A call with a longer one is shown as it came.
pub(crate) const ARGUMENT_BYTES: usize = 2 << 10;
/// Characters of a line of a notification that is pushed. The rest is cut off.
pub(crate) const PUSHED_CHARS: usize = 160;
/// Lines of a notification that is pushed for many items. Further items are counted in its title only.
pub(crate) const PUSHED_LINES: usize = 5;
/// Rows of a request whose whole content a notification shows, with buttons. A longer request is answered on its card.
pub(crate) const PUSHED_ROWS: usize = 4;
/// Characters of such a row. A longer line counts as several rows.
pub(crate) const PUSHED_COLUMNS: usize = 36;
/// Characters of an answer that a server takes where none is given; the rest is cut.
pub(crate) const PRESET_CHARS: usize = 120;
/// Changed lines of a file beyond which a review shows it folded, with its size.
pub(crate) const REVIEW_FOLDED_LINES: u64 = 2000;
/// Staged files that the dialog of a commit names.
pub(crate) const REVIEW_STAGED: usize = 20;
/// Characters of the title of the session that gets the comments of a review, on the button that sends them.
pub(crate) const REVIEW_AGENT_CHARS: usize = 40;

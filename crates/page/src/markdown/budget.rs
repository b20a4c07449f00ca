//! The budget of a text: the part that is drawn as markdown. The rest is plain.
//!
//! The time of the parser and the sanitizer grows with their output, except for nesting: a line of containers costs as
//! much as it opens, and so does each line below it. Nesting and length are therefore bounded before the parser sees the text, by one
//! pass over the text, and the output of the parser is bounded before the sanitizer sees it. All bounds depend on the text alone.

use std::sync::Arc;

use crate::limits;
use crate::words::escape;

/// The cost of drawing a text so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    spent: usize,
    /// Bytes of text that were parsed.
    bytes: usize,
}

impl Work {
    /// Takes work from the rest of the budget; returns false, and takes nothing, if the rest is too small.
    pub(super) fn spend(&mut self, work: usize) -> bool {
        let fits = self.spent + work <= limits::TEXT_WORK;
        if fits {
            self.spent += work;
        }
        fits
    }

    pub(super) fn spent(&self) -> usize {
        self.spent
    }
}

/// Work of a block, or of the lines of code in one, beside its content: each is a run of the sanitizer.
pub(super) const BLOCK_WORK: usize = 4;
/// Bytes of plain text that take the sanitizer as long as a tag.
const TEXT_OF_A_TAG: usize = 256;

/// The first byte of a no-break space, which the sanitizer escapes.
const NO_BREAK: u8 = 0xc2;
/// Work of a character that the sanitizer reads or writes by itself.
const ESCAPED_WORK: usize = 2;

/// Work of the sanitizer for a block: its tags and escaped characters, and a little for its text.
pub(super) fn work(html: &str) -> usize {
    BLOCK_WORK + line_work(html) + html.len() / TEXT_OF_A_TAG
}

/// Work of the sanitizer for a line of code.
pub(super) fn line_work(html: &str) -> usize {
    let work = html.bytes().map(|byte| match byte {
        b'<' => 1,
        b'&' | NO_BREAK | 0 => ESCAPED_WORK,
        _ => 0,
    });
    work.sum()
}

/// True if a block is nested too deeply, or has too many events.
pub(super) fn is_too_much(depth: usize, events: usize) -> bool {
    depth > limits::TEXT_DEPTH || events > limits::BLOCK_EVENTS
}

impl Work {
    /// The beginning of a text that may be parsed: up to the first line that could open too many containers, within the
    /// remaining bytes.
    pub(super) fn head<'a>(&mut self, text: &'a str) -> &'a str {
        let most = limits::MARKDOWN_BYTES - self.bytes;
        let head = &text[..too_deep(text, most).unwrap_or_else(|| whole_lines(text, most))];
        self.bytes += head.len();
        head
    }
}

/// The beginning of the first line that could open too many containers, if it is within this number of bytes.
fn too_deep(text: &str, most: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(most)];
    let mut start = 0;
    while levels(&bytes[start..]) <= limits::LINE_LEVELS {
        let mut rest = bytes[start..].iter();
        start += 1 + rest.position(|byte| matches!(byte, b'\n' | b'\r'))?;
    }
    Some(start)
}

/// The end of the last complete line within this number of bytes; of the last character if there is no complete line.
fn whole_lines(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let line = text.as_bytes()[..most]
        .iter()
        .rposition(|byte| *byte == b'\n');
    let mut end = line.map_or(most, |at| at + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Upper bound of the containers of a line: its quotes, its list markers, and one for each two columns of white space
/// before its text, which a list item needs.
fn levels(line: &[u8]) -> usize {
    let (mut levels, mut columns) = (0, 0);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 4,
            b'>' => levels += 1,
            b'-' | b'+' | b'*' | b'.' | b')' => {
                let next = line.get(at + 1).copied().unwrap_or(b' ');
                levels += usize::from(next.is_ascii_whitespace());
            }
            b'0'..=b'9' => {}
            _ => break,
        }
        if levels + columns / 2 > limits::LINE_LEVELS {
            break;
        }
    }
    levels + columns / 2
}

/// The plain rest of a text, with a sentence about it; nothing if all of the text is drawn as markdown.
pub(super) fn plain(text: &str) -> Option<Arc<str>> {
    if text.trim().is_empty() {
        return None;
    }
    let text = text
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\0', "\u{fffd}");
    let html = format!(
        "<p class=\"quiet\">The rest is shown as it was written: it is too long or nested too deeply to be drawn.</p>\
         <div class=\"said\">{}</div>",
        escape(&text)
    );
    Some(html.into())
}

//! How much of a text is drawn as markdown. What follows is plain.
//!
//! The parser and the wall take time that grows with what a text becomes, but for what is nested: a line of containers costs as
//! much as it opens, and so does each line below it. Both are therefore bounded before the parser sees the text, by one
//! pass over it, and what it became is before the wall does. All of it depends on the text alone.

use std::sync::Arc;

use crate::limits;
use crate::words::escape;

/// What drawing a text has cost.
#[derive(Debug, Default)]
pub(super) struct Work {
    spent: usize,
    /// Bytes of text that the parser saw.
    bytes: usize,
}

impl Work {
    /// Takes work from what is left; false, and nothing is taken, if that is not enough.
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

/// What a block, or the lines of code in one, are worth beside what is in them: the wall begins anew for each.
pub(super) const BLOCK_WORK: usize = 4;
/// Bytes of plain text that take the wall as long as a tag.
const TEXT_OF_A_TAG: usize = 256;

/// What a space begins with that no line breaks at. The wall escapes it.
const NO_BREAK: u8 = 0xc2;
/// What a character is worth that the wall reads or writes by itself.
const ESCAPED_WORK: usize = 2;

/// What the wall has to do for a block: its tags and escaped characters, and a little for its text.
pub(super) fn work(html: &str) -> usize {
    BLOCK_WORK + line_work(html) + html.len() / TEXT_OF_A_TAG
}

/// The same for a line of code.
pub(super) fn line_work(html: &str) -> usize {
    let work = html.bytes().map(|byte| match byte {
        b'<' => 1,
        b'&' | NO_BREAK | 0 => ESCAPED_WORK,
        _ => 0,
    });
    work.sum()
}

/// Whether a block is nested too deeply, or becomes too many events.
pub(super) fn is_too_much(depth: usize, events: usize) -> bool {
    depth > limits::TEXT_DEPTH || events > limits::BLOCK_EVENTS
}

impl Work {
    /// The beginning of a text that the parser may see: up to the first line that could open too many containers, and as
    /// far as there are bytes left.
    pub(super) fn head<'a>(&mut self, text: &'a str) -> &'a str {
        let most = limits::MARKDOWN_BYTES - self.bytes;
        let head = &text[..too_deep(text, most).unwrap_or_else(|| whole_lines(text, most))];
        self.bytes += head.len();
        head
    }
}

/// Where the first line begins that could open too many containers, if that is among so many bytes.
fn too_deep(text: &str, most: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(most)];
    let mut start = 0;
    while levels(&bytes[start..]) <= limits::LINE_LEVELS {
        let mut rest = bytes[start..].iter();
        start += 1 + rest.position(|byte| matches!(byte, b'\n' | b'\r'))?;
    }
    Some(start)
}

/// Where the last complete line of so many bytes ends; any character if the line is endless.
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

/// Containers that a line may be in, at most: its quotes, its list markers, and one for each two columns of white space
/// before its text, as an item needs them.
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

/// What is not drawn as markdown, with a sentence that says so; nothing if all of the text was.
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

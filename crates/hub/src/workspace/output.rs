//! The output of a server process: split into lines, sanitized, the last lines retained.
//!
//! Pure and bounded; never retains the server's password, nor control sequences that could act on a terminal.

use std::collections::VecDeque;

use crate::secret::Secret;

use super::limits;

/// Cuts a stream of bytes into lines of at most [`limits::LINE_BYTES`].
#[derive(Default)]
pub(super) struct Lines {
    open: Vec<u8>,
}

impl Lines {
    /// Feeds bytes, and passes each completed line to `line`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = limits::LINE_BYTES - self.open.len();
            self.open.extend_from_slice(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                self.end(&mut line);
            }
        }
    }

    /// Passes the text after the last line break, if any.
    pub(super) fn finish(mut self, mut line: impl FnMut(&str)) {
        if !self.open.is_empty() {
            self.end(&mut line);
        }
    }

    fn end(&mut self, line: &mut impl FnMut(&str)) {
        line(&plain(&String::from_utf8_lossy(&self.open)));
        self.open.clear();
    }
}

/// Lines of a server's output, numbered from 0 since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Number of the first of them.
    pub first: u64,
    /// The lines, without control characters and without the server's password.
    pub lines: Vec<String>,
}

impl Printed {
    /// Those from the one with the number `from`.
    pub fn from(mut self, from: u64) -> Self {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let skip = skip.min(self.lines.len());
        self.lines.drain(..skip);
        self.first += skip as u64;
        self
    }
}

/// The last lines, at most [`limits::LOG_LINES`] and [`limits::LOG_BYTES`].
pub(super) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    /// Number of dropped lines.
    dropped: u64,
    hidden: Secret,
}

impl Tail {
    /// An empty tail that redacts `hidden`.
    pub(super) fn new(hidden: Secret) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            hidden,
        }
    }

    /// Appends a line. Empty lines are ignored.
    pub(super) fn push(&mut self, line: &str) {
        let line = line.trim_end().replace(self.hidden.reveal(), "***");
        if line.is_empty() {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > limits::LOG_LINES || self.bytes > limits::LOG_BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
            self.dropped += 1;
        }
    }

    /// The last of the retained lines for a reason, oldest first: [`limits::OUTPUT_LINES`] and [`limits::OUTPUT_BYTES`] at most.
    pub(super) fn text(&self) -> String {
        let mut left = limits::OUTPUT_BYTES;
        let newest = self.lines.iter().rev().take(limits::OUTPUT_LINES);
        let fit = newest.take_while(|line| {
            let fits = line.len() <= left;
            left = left.saturating_sub(line.len());
            fits
        });
        let mut lines: Vec<_> = fit.map(String::as_str).collect();
        lines.reverse();
        lines.join("\n")
    }

    /// The retained lines from the one with the number `from`.
    pub(super) fn from(&self, from: u64) -> Printed {
        let skipped = from.saturating_sub(self.dropped);
        let skip = usize::try_from(skipped).unwrap_or(usize::MAX);
        let skip = skip.min(self.lines.len());
        Printed {
            first: self.dropped + skip as u64,
            lines: self.lines.iter().skip(skip).cloned().collect(),
        }
    }
}

/// `text` without escape sequences and control characters.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            skip_escape(&mut chars);
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

/// Skips the rest of an ECMA-48 sequence: `[`, parameters, and a final byte from `@` to `~`; or one character.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    if chars.next() == Some('[') {
        chars.find(|c| ('@'..='~').contains(c));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut out = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(line.to_owned()));
        }
        lines.finish(|line| out.push(line.to_owned()));
        out
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let text = "one\r\ntw\u{f6}\n\nlast".as_bytes();
        let whole = lines(&[text]);
        assert_eq!(whole, ["one", "tw\u{f6}", "", "last"]);
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let long = vec![b'x'; 3 * limits::LINE_BYTES];
        let got = lines(&[&long, &long, b"\nnext\n"]);
        assert_eq!(got[0].len(), limits::LINE_BYTES);
        assert_eq!(got[1..], ["next"]);
    }

    #[test]
    fn escape_sequences_are_removed() {
        assert_eq!(
            plain("\u{1b}[91m\u{1b}[1mError\u{1b}[0m: \u{7}no\u{1b}c"),
            "Error: no"
        );
    }

    #[test]
    fn the_tail_keeps_the_last_lines_and_hides_the_password() {
        let mut tail = Tail::new(Secret::new("hush"));
        for n in 0..200 {
            tail.push(&format!("line {n} hush"));
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), limits::OUTPUT_LINES);
        assert!(text.ends_with("line 199 ***") && !text.contains("hush"));
        for _ in 0..40 {
            tail.push(&"y".repeat(limits::LINE_BYTES));
        }
        assert!(tail.text().len() <= limits::OUTPUT_BYTES + limits::OUTPUT_LINES);
    }

    #[test]
    fn lines_are_read_from_a_number_on() {
        let mut tail = Tail::new(Secret::new("hunter2"));
        let read = |tail: &Tail, from| {
            let Printed { first, lines } = tail.from(from);
            (first, lines.len())
        };
        assert_eq!(read(&tail, 0), (0, 0));
        for line in 0..limits::LOG_LINES + 10 {
            tail.push(&format!("line {line}"));
        }
        assert_eq!(read(&tail, 0), (10, limits::LOG_LINES));
        assert_eq!(tail.from(1009).lines, ["line 1009"]);
        assert_eq!(read(&tail, 1010), (1010, 0));
        // Numbers of an earlier server.
        assert_eq!(read(&tail, 5000), (1010, 0));
    }
}

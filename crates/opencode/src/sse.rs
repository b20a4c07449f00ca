//! Parser of event-stream bytes to frames, conforming to the WHATWG specification (HTML, 9.2.6 "Interpreting an event
//! stream").
//!
//! Does no IO, never reconnects and never parses the data. Memory is bounded: an event above the limit is skipped to
//! its end and counted, and the stream continues.

use std::borrow::Cow;
use std::time::Duration;

use memchr::memchr2;

use crate::limits::{KEPT_BUFFER_BYTES, MAX_EVENT_BYTES};

/// A dispatched event. Borrows from the chunk wherever the event is contiguous in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `event` field, empty when there was none (which means `message`).
    pub event: &'a str,
    /// The `data` lines joined by LF, invalid UTF-8 replaced by U+FFFD.
    pub data: &'a str,
    /// The last event id of the stream so far, empty when there is none.
    pub id: &'a str,
}

/// The parser of one connection. A new connection takes a new parser.
#[derive(Debug)]
pub struct Parser {
    max_event_bytes: usize,
    mark: ByteOrderMark,
    /// True if the last chunk ended in CR: an LF at the start of the next one belongs to it.
    after_cr: bool,
    /// A line that began in an earlier chunk.
    line: Vec<u8>,
    /// True if the rest of the line is dropped: the line is longer than an event may be.
    line_dropped: bool,
    /// Data lines of the open event, as far as they could not stay in the chunk.
    data: Vec<u8>,
    has_data: bool,
    oversized: bool,
    event: String,
    id: String,
    retry: Option<Duration>,
    skipped: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrderMark {
    /// Number of bytes of the byte order mark seen at the start of the stream.
    Seen(u8),
    Passed,
}

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl Default for Parser {
    fn default() -> Self {
        Self::new(MAX_EVENT_BYTES)
    }
}

impl Parser {
    /// A parser that skips events larger than `max_event_bytes`.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            mark: ByteOrderMark::Seen(0),
            after_cr: false,
            line: Vec::new(),
            line_dropped: false,
            data: Vec::new(),
            has_data: false,
            oversized: false,
            event: String::new(),
            id: String::new(),
            retry: None,
            skipped: 0,
        }
    }

    /// Feeds bytes, split anywhere, and passes every completed event to `out`.
    pub fn feed(&mut self, chunk: &[u8], mut out: impl FnMut(Frame<'_>)) {
        let mut rest = self.skip_mark(chunk);
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        // The only data line of the open event, while it can be borrowed from the chunk.
        let mut whole: Option<&[u8]> = None;
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let line = &rest[..end];
            let ending = if rest[end] == b'\r' && rest.get(end + 1) == Some(&b'\n') {
                2
            } else {
                1
            };
            self.after_cr = rest[end] == b'\r' && end + 1 == rest.len();
            rest = &rest[end + ending..];
            if self.line.is_empty() && !self.line_dropped {
                self.take_line(line, &mut whole, &mut out);
            } else {
                self.finish_line(line);
            }
        }
        if let Some(value) = whole {
            self.data.extend_from_slice(value);
        }
        self.keep_partial(rest);
    }

    /// The reconnection time that the stream requested, if any.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Number of events above the limit.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn skip_mark<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let mut rest = chunk;
        while let ByteOrderMark::Seen(seen) = self.mark {
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            if byte != BYTE_ORDER_MARK[usize::from(seen)] {
                // Not a byte order mark: these bytes begin the first line.
                self.line
                    .extend_from_slice(&BYTE_ORDER_MARK[..usize::from(seen)]);
                self.mark = ByteOrderMark::Passed;
            } else {
                rest = after;
                self.mark = if seen == 2 {
                    ByteOrderMark::Passed
                } else {
                    ByteOrderMark::Seen(seen + 1)
                };
            }
        }
        rest
    }

    /// Returns a line that is complete in the chunk.
    fn take_line<'a>(
        &mut self,
        line: &'a [u8],
        whole: &mut Option<&'a [u8]>,
        out: &mut impl FnMut(Frame<'_>),
    ) {
        if line.is_empty() {
            self.dispatch(whole.take(), out);
            return;
        }
        if self.data.len() + whole.map_or(0, <[u8]>::len) + line.len() > self.max_event_bytes {
            *whole = None;
            self.give_up_event();
            return;
        }
        match field(line) {
            (b"data", value) if !self.has_data && !self.oversized => {
                self.has_data = true;
                *whole = Some(value);
            }
            (name, value) => {
                if let Some(first) = whole.take() {
                    self.data.extend_from_slice(first);
                }
                self.apply(name, value);
            }
        }
    }

    /// Completes a line that began in an earlier chunk.
    fn finish_line(&mut self, end: &[u8]) {
        self.keep_partial(end);
        if std::mem::take(&mut self.line_dropped) {
            self.line.clear();
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        let (name, value) = field(&line);
        self.apply(name, value);
        line.clear();
        if line.capacity() <= KEPT_BUFFER_BYTES {
            self.line = line;
        }
    }

    fn keep_partial(&mut self, part: &[u8]) {
        if part.is_empty() || self.line_dropped {
            return;
        }
        if self.data.len() + self.line.len() + part.len() > self.max_event_bytes {
            self.line_dropped = true;
            self.line = Vec::new();
            self.give_up_event();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn give_up_event(&mut self) {
        self.oversized = true;
        self.has_data = false;
        self.data = Vec::new();
    }

    fn apply(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"data" if !self.oversized => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => replace_lossy(&mut self.event, value),
            b"id" if !value.contains(&0) => replace_lossy(&mut self.id, value),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let millis = std::str::from_utf8(value)
                    .ok()
                    .and_then(|digits| digits.parse().ok());
                self.retry = millis.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
    }

    /// Handles a blank line: dispatches the open event, if there is one, and begins the next.
    fn dispatch(&mut self, whole: Option<&[u8]>, out: &mut impl FnMut(Frame<'_>)) {
        if std::mem::take(&mut self.oversized) {
            self.skipped += 1;
        } else if self.has_data {
            let data = text_of(whole.unwrap_or(&self.data));
            out(Frame {
                event: &self.event,
                data: &data,
                id: &self.id,
            });
        }
        self.has_data = false;
        self.event.clear();
        self.data.clear();
        if self.data.capacity() > KEPT_BUFFER_BYTES {
            self.data = Vec::new();
        }
    }
}

/// Name and value of a line; a comment has the empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    if let Some(value) = line.strip_prefix(b"data:") {
        return (b"data", value.strip_prefix(b" ").unwrap_or(value));
    }
    match memchr::memchr(b':', line) {
        None => (line, b""),
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

fn replace_lossy(text: &mut String, value: &[u8]) {
    text.clear();
    text.push_str(&text_of(value));
}

/// /Validation is several times as fast as the lossy conversion.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

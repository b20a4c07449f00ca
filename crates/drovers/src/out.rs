//! Terminal output in one place: lines, colours, columns.
//!
//! Titles and answers come from models, and a terminal obeys what it is sent. A stranger's text gets into a line through
//! [`one_line`]; and whatever is printed goes through [`model::plain`] as a whole, apart from our own colours and, as JSON,
//! with what is not shown as itself in JSON's escapes. Without a terminal, or with `NO_COLOR`, there is no colour.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use model::plain;
use serde::Serialize;
use serde_json::ser::Formatter;
use unicode_width::UnicodeWidthChar;

use crate::fault::Fault;
use crate::limits;

/// Style of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Well.
    Green,
    /// Wants a look.
    Yellow,
    /// Bad.
    Red,
    /// Aside.
    Dim,
    /// The name of something.
    Bold,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Dim => "2",
            Self::Bold => "1",
        }
    }
}

/// Prints a line on stdout at once.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn line(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", coloured(text, *COLOURS))
        .and_then(|()| out.flush())
        .map_err(|error| Fault::output(&error))
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Fault> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write_json(&mut out, value)
        .and_then(|()| out.flush())
        .map_err(|error| Fault::output(&error))
}

/// Writes a value as one line of JSON, with whatever a terminal would obey or a person not see in escapes of JSON's own.
///
/// # Errors
/// The output cannot be written.
pub(crate) fn write_json(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut *to, Shown))?;
    to.write_all(b"\n")
}

/// JSON whose texts are shown as they are.
struct Shown;

impl Formatter for Shown {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        escape(to, fragment)
    }

    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        escape(to, fragment)
    }
}

/// Writes a piece of JSON. Outside of texts it has no character to escape but white space, which stays.
fn escape<W: ?Sized + Write>(to: &mut W, fragment: &str) -> io::Result<()> {
    let hidden = |c: char| !(plain::is_shown(c) || matches!(c, '\n' | '\r' | '\t'));
    let mut rest = fragment;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| hidden(*c)) {
        to.write_all(&rest.as_bytes()[..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(to, "\\u{unit:04x}")?;
        }
        rest = &rest[at + c.len_utf8()..];
    }
    to.write_all(rest.as_bytes())
}

/// Prints a model's text with its lines, made safe for a terminal. The JSON output has the verbatim text.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn answer(text: &str) -> Result<(), Fault> {
    line(text)
}

/// Prints a text of our own as it is, such as a shell's script.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn script(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Fault::output(&error))
}

/// Prints lines in place of everything on the terminal's screen; below what is there where no terminal is.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn screen(lines: &[String]) -> Result<(), Fault> {
    let mut text = String::new();
    if is_terminal() {
        // To the first cell, then each line and the rest of the screen anew: clearing it first would flicker.
        text.push_str("\x1b[H");
    }
    for line in lines {
        text.push_str(&coloured(line, *COLOURS));
        text.push_str(if is_terminal() { "\x1b[K\n" } else { "\n" });
    }
    text.push_str(if is_terminal() { "\x1b[J" } else { "\n" });
    script(&text)
}

/// Columns and rows of the terminal; none where stdout is no terminal.
pub(crate) fn size() -> Option<(usize, usize)> {
    if !is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let (columns, rows) = size.unwrap_or_default();
    Some(match columns {
        0 => (limits::TERMINAL_COLUMNS, usize::MAX),
        columns => (columns, rows.max(2)),
    })
}

/// A line cut to so many columns of a terminal, with our own colours kept and ended.
pub(crate) fn cut(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut cut = String::new();
    let (mut used, mut rest) = (0, line);
    while let Some(c) = rest.chars().next() {
        let colour = colour_len(rest);
        if colour > 0 {
            cut.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        cut.push(c);
        rest = &rest[c.len_utf8()..];
    }
    cut.push('…');
    if line.contains("\x1b[") {
        cut.push_str("\x1b[0m");
    }
    cut
}

/// Columns that a line takes, its colours aside.
pub(crate) fn width(line: &str) -> usize {
    let (mut used, mut rest) = (0, line);
    while let Some(c) = rest.chars().next() {
        let colour = colour_len(rest);
        if colour == 0 {
            used += c.width().unwrap_or(0);
        }
        rest = &rest[colour.max(c.len_utf8())..];
    }
    used
}

/// Bytes of the colour that a text begins with, 0 if none.
fn colour_len(text: &str) -> usize {
    let Some(code) = text.strip_prefix("\x1b[") else {
        return 0;
    };
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    match code.as_bytes().get(digits) {
        Some(b'm') => 2 + digits + 1,
        _ => 0,
    }
}

/// Tells the person something on stderr.
pub(crate) fn note(text: &str) {
    // A stderr that nobody reads is no reason to stop.
    let _unread = writeln!(io::stderr().lock(), "drovers: {}", plain::block(text));
}

/// True if stdout is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

static COLOURS: LazyLock<bool> = LazyLock::new(|| {
    is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
});

/// The text in a colour, where there are colours.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    if *COLOURS {
        format!("\x1b[{}m{text}\x1b[0m", colour.code())
    } else {
        text.to_owned()
    }
}

/// A stranger's text as one short line that moves no cursor and turns no text around.
pub(crate) fn one_line(text: &str) -> String {
    plain::line(text, limits::LINE_CHARS)
}

/// A text with nothing in it that commands a terminal but colours, where there are colours.
fn coloured(text: &str, colours: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while colours && let Some(at) = rest.find("\x1b[") {
        let digits = rest[at + 2..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let end = at + 2 + digits + 1;
        let colour = digits < 3 && rest.as_bytes().get(end - 1) == Some(&b'm');
        let end = if colour { end } else { at + 1 };
        shown.push_str(&plain::block(&rest[..at]));
        match colour {
            true => shown.push_str(&rest[at..end]),
            false => shown.push_str(&plain::block(&rest[at..end])),
        }
        rest = &rest[end..];
    }
    shown + &plain::block(rest)
}

/// Standard error for log entries; each entry stays on one line.
pub(crate) struct Log {
    form: LogForm,
}

enum LogForm {
    Text { colours: bool },
    Json,
}

impl Log {
    /// For entries that people read.
    pub(crate) fn text(colours: bool) -> Self {
        Self {
            form: LogForm::Text { colours },
        }
    }

    /// For entries that are JSON.
    pub(crate) fn json() -> Self {
        Self {
            form: LogForm::Json,
        }
    }
}

impl Write for Log {
    /// Takes a whole entry, as the subscriber gives it.
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let text = text.trim_end_matches('\n');
        let mut to = io::stderr().lock();
        match self.form {
            LogForm::Text { colours } => {
                writeln!(to, "{}", coloured(text, colours).replace('\n', "␊"))?;
            }
            LogForm::Json => {
                escape(&mut to, text)?;
                writeln!(to)?;
            }
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Rows under each other, their columns aligned, two spaces between; the last column is as it is.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let wide = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| width(cell)).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or_default())
        .map(wide)
        .collect();
    let lay = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(at, (cell, widest))| match at == last {
                true => cell.clone(),
                false => cell.clone() + &" ".repeat(widest.saturating_sub(width(cell))),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(lay).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_all_that_a_terminal_obeys() {
        let text = "\x1b[1ma\x1b[0m \x1b[2Jb\x1b[31\x1b[999m\x1b[m\x1b";
        let kept = "\x1b[1ma\x1b[0m ␛[2Jb␛[31␛[999m\x1b[m␛";
        assert_eq!(coloured(text, true), kept);
        assert_eq!(coloured(text, false), text.replace('\x1b', "␛"));
    }

    #[test]
    fn json_says_the_same_in_escapes() {
        let text = "a\x1b[2J\u{9b}\u{7f}\u{202e}é\u{e0041}\u{200b}\n";
        let raw = "{\"a\": \"\u{9b}\u{202e}é\",\n\"b\":\"\\u001b\"}".to_owned();
        let raw = serde_json::value::RawValue::from_string(raw);
        let mut json = Vec::new();
        write_json(&mut json, &(text, raw.unwrap())).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(
            json.contains(r"\u009b\u007f\u202eé\udb40\udc41\u200b\n"),
            "{json}"
        );
        let shown = |c: char| plain::is_shown(c) || c == '\n';
        assert!(json.chars().all(shown), "{json}");
        let (back, raw): (String, serde_json::Value) = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (back.as_str(), &raw["a"]),
            (text, &"\u{9b}\u{202e}é".into())
        );
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = one_line(&"é".repeat(limits::LINE_CHARS + 1));
        assert_eq!(line.chars().count(), limits::LINE_CHARS + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn a_line_is_cut_by_the_columns_that_it_takes() {
        assert_eq!(cut("héllo", 5), "héllo");
        assert_eq!(cut("héllo!", 5), "héll…");
        assert_eq!(cut("修复登录", 8), "修复登录");
        assert_eq!(cut("修复登录!", 8), "修复登…");
        assert_eq!(cut("\x1b[1mbold\x1b[0m", 4), "\x1b[1mbold\x1b[0m");
        assert_eq!(cut("\x1b[1mbolder\x1b[0m", 4), "\x1b[1mbol…\x1b[0m");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            columns(&[row(["é", "x"]), row(["long", "y z"])]),
            ["é     x", "long  y z"]
        );
        let wide = columns(&[row(["修复", "x"]), row(["ab", "y"])]);
        assert_eq!(wide, ["修复  x", "ab    y"]);
    }
}

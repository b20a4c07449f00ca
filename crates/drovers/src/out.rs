//! What goes to the terminal, in one place: lines, colours, columns.
//!
//! Titles and answers come from models, and a terminal obeys what it is sent: nothing of theirs gets here but through
//! [`one_line`] or [`block`]. Without a terminal, or with `NO_COLOR`, there is no colour.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use serde::Serialize;

use crate::fault::Fault;
use crate::limits;

/// How a word looks.
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
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Fault::output(&error))
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Fault> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|error| Fault::output(&error))
}

/// Prints a model's text: for a person without what a terminal would obey, for a program as it is.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(crate) fn answer(text: &str) -> Result<(), Fault> {
    if is_terminal() {
        line(&block(text))
    } else {
        line(text)
    }
}

/// Tells the person something on stderr.
pub(crate) fn note(text: &str) {
    // A stderr that nobody reads is no reason to stop.
    let _unread = writeln!(io::stderr().lock(), "drovers: {text}");
}

/// Whether people read stdout.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The text in a colour, where there are colours.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    static COLOURS: LazyLock<bool> = LazyLock::new(|| {
        is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    });
    if *COLOURS {
        format!("\x1b[{}m{text}\x1b[0m", colour.code())
    } else {
        text.to_owned()
    }
}

/// A stranger's text as one short line that moves no cursor and turns no text around.
pub(crate) fn one_line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || is_command(c))
        .filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if let Some((end, _)) = line.char_indices().nth(limits::LINE_CHARS) {
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

/// A stranger's text with its lines kept, and nothing in it that commands a terminal.
pub(crate) fn block(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !is_command(*c))
        .collect()
}

/// Control characters, and those that change the direction of what follows.
fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Rows under each other, their columns aligned, two spaces between; the last column is as it is.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let wide = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or_default())
        .map(wide)
        .collect();
    let lay = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(lay).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        let hostile = "a\x1b[2Jb\u{9b}31mc\r\nd\u{202e}e\x07 f";
        assert_eq!(one_line(hostile), "a [2Jb 31mc d e f");
        assert_eq!(block(hostile), "a[2Jb31mc\nde f");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = one_line(&"é".repeat(limits::LINE_CHARS + 1));
        assert_eq!(line.chars().count(), limits::LINE_CHARS + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            columns(&[row(["é", "x"]), row(["long", "y z"])]),
            ["é     x", "long  y z"]
        );
    }
}

//! What programs print, as a terminal shows it: colours, lines that are written over, and no control sequence.
//!
//! It is no whole terminal: only the newest lines can be written over, and what clears a screen clears nothing that was read.
//! A sequence ends with its line at the latest, so that none hides what follows.

mod style;

use anstyle_parse::{Params, Parser, Perform};

use crate::limits;
use crate::words::{linked, shown};
use style::Style;

/// Draws an output as the content of a `pre`.
///
/// Only what a command printed may move about in it: a lone return in any other text is the end of a line.
pub(crate) fn draw(text: &str, command: bool) -> String {
    if text
        .bytes()
        .all(|byte| byte >= b' ' || matches!(byte, b'\n' | b'\t'))
    {
        return linked(&shown(text));
    }
    let mut screen = Screen {
        command,
        colours: text.len() <= limits::COLOURED_OUTPUT_BYTES,
        ..Screen::default()
    };
    for line in text.split_inclusive('\n') {
        let mut parser = Parser::<anstyle_parse::Utf8Parser>::new();
        let text = line.trim_end_matches('\n');
        for byte in text.strip_suffix('\r').unwrap_or(text).bytes() {
            parser.advance(&mut screen, byte);
        }
        if line.ends_with('\n') {
            screen.new_line();
        }
    }
    screen.finish()
}

/// A character and its style.
#[derive(Clone, Copy, Debug)]
struct Cell {
    c: char,
    style: Style,
}

/// The lines that can be written over, and what was drawn of those before them.
#[derive(Debug, Default)]
struct Screen {
    drawn: String,
    lines: Vec<Vec<Cell>>,
    row: usize,
    column: usize,
    style: Style,
    command: bool,
    colours: bool,
}

impl Screen {
    /// The line that is being written.
    fn line(&mut self) -> &mut Vec<Cell> {
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
        &mut self.lines[self.row]
    }

    fn new_line(&mut self) {
        self.line();
        self.column = 0;
        self.row += 1;
        if self.row < limits::SCREEN_LINES {
            self.line();
            return;
        }
        let oldest = self.lines.remove(0);
        push_line(&mut self.drawn, &oldest);
        self.drawn.push('\n');
        self.row -= 1;
        self.line();
    }

    fn finish(mut self) -> String {
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                self.drawn.push('\n');
            }
            push_line(&mut self.drawn, line);
        }
        self.drawn
    }

    fn write(&mut self, c: char) {
        if self.column >= limits::SCREEN_LINE {
            self.new_line();
        }
        let (column, style) = (self.column, self.style);
        let line = self.line();
        let blank = Cell {
            c: ' ',
            style: Style::default(),
        };
        while line.len() < column {
            line.push(blank);
        }
        match line.get_mut(column) {
            Some(cell) => *cell = Cell { c, style },
            None => line.push(Cell { c, style }),
        }
        self.column += 1;
    }

    fn move_to_column(&mut self, column: usize) {
        self.column = column.min(limits::SCREEN_COLUMNS);
    }

    fn move_to_row(&mut self, row: usize) {
        self.row = row.min(self.lines.len().saturating_sub(1));
    }

    fn erase_line(&mut self, which: u16) {
        let column = self.column;
        let line = self.line();
        match which {
            0 => line.truncate(column),
            1 => {
                for cell in line.iter_mut().take(column + 1) {
                    *cell = Cell {
                        c: ' ',
                        style: Style::default(),
                    };
                }
            }
            _ => line.clear(),
        }
    }

    /// What is below is erased; a screen that is cleared as a whole begins anew below what was read.
    fn erase_screen(&mut self, which: u16) {
        match which {
            0 => {
                self.erase_line(0);
                self.lines.truncate(self.row + 1);
            }
            2 | 3 => {
                self.row = self.lines.len().saturating_sub(1);
                if !self.line().is_empty() {
                    self.new_line();
                }
            }
            _ => {}
        }
    }

    fn moves(&mut self, action: u8, n: u16, times: usize) {
        match action {
            b'A' => self.move_to_row(self.row.saturating_sub(times)),
            b'B' => self.move_to_row(self.row + times),
            b'C' => self.move_to_column(self.column + times),
            b'D' => self.move_to_column(self.column.saturating_sub(times)),
            b'E' => (self.move_to_row(self.row + times), self.move_to_column(0)).1,
            b'F' => {
                (
                    self.move_to_row(self.row.saturating_sub(times)),
                    self.move_to_column(0),
                )
                    .1
            }
            b'G' | b'`' => self.move_to_column(times - 1),
            b'K' => self.erase_line(n),
            b'J' => self.erase_screen(n),
            b'P' => {
                let column = self.column;
                let line = self.line();
                let end = line.len().min(column + times);
                line.drain(column.min(end)..end);
            }
            b'X' => {
                let column = self.column;
                for cell in self.line().iter_mut().skip(column).take(times) {
                    cell.c = ' ';
                }
            }
            _ => {}
        }
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        if c != '\u{7f}' {
            self.write(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => self.write('\t'),
            b'\r' if self.command => self.column = 0,
            b'\x08' if self.command => self.column = self.column.saturating_sub(1),
            b'\r' | b'\x0b' | b'\x0c' => self.new_line(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let n = params
            .iter()
            .next()
            .and_then(|param| param.first())
            .copied();
        let n = n.unwrap_or_default();
        match action {
            b'm' if self.colours => self.style.apply(params),
            b'm' => {}
            action if self.command => self.moves(action, n, usize::from(n.max(1))),
            _ => {}
        }
    }
}

/// Draws a line: one element for each run of characters with the same style.
fn push_line(to: &mut String, line: &[Cell]) {
    for group in line.chunk_by(|a, b| a.style == b.style) {
        let text: String = group.iter().map(|cell| cell.c).collect();
        let text = linked(&shown(&text));
        match group.first().map(|cell| cell.style.classes()) {
            Some(classes) if !classes.is_empty() => {
                to.extend(["<span class=\"", &classes, "\">", &text, "</span>"]);
            }
            _ => to.push_str(&text),
        }
    }
}

#[cfg(test)]
mod tests;

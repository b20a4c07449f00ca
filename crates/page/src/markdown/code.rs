//! Highlighted code blocks.

use super::budget;
use super::lex::{Lines, highlight};
use super::sanitizer::{self, CODE_PLACE, COPY_PLACE};
use crate::limits;
use crate::words::{escape, shown};

/// Lines of code in one element. A browser lays an element out again when a word is appended to it.
const PIECE_LINES: usize = 20;

/// The class of a piece of code after the first.
pub(super) const PIECE_CLASS: &str = "piece";

/// The end of the code of a block. A text cannot contain it.
const CODE_END: &str = "</code>";

/// The drawn complete lines of a growing code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coloured {
    language: Box<str>,
    source: String,
    /// The highlighted lines, sanitized.
    html: String,
    /// The state of the highlighter at the next line.
    lines: Lines,
    /// The work of its lines, of the text's budget.
    work: usize,
}

/// Code blocks of a growing text, in order: their state before and after this render.
#[derive(Debug, Default)]
pub(super) struct Growing<'a> {
    known: &'a [Coloured],
    drawn: Vec<Coloured>,
    /// The work of these blocks, of the text's budget, in this render or an earlier one.
    work: usize,
    /// The content of the placeholder in each of them.
    places: Vec<Box<str>>,
}

impl Coloured {
    pub(super) fn bytes(&self) -> usize {
        self.language.len() + self.source.capacity() + self.html.capacity() + self.lines.bytes()
    }

    fn new(language: &str) -> Self {
        Self {
            language: language.into(),
            source: String::new(),
            html: String::new(),
            lines: Lines::new(language),
            work: budget::BLOCK_WORK,
        }
    }

    /// Draws the lines after the known ones, each with its line end, and returns the work of all lines. `before` is the work of
    /// earlier code. Lines beyond the budget are not stored, as they will not be shown.
    fn grow(&mut self, lines: &str, before: usize) -> usize {
        if lines.is_empty() {
            return self.work;
        }
        let mut drawn = String::new();
        // Line by line, so that the result does not depend on the increments.
        for line in lines.split_inclusive('\n') {
            let html = self.lines.draw(&shown(line));
            self.work += budget::line_work(&html);
            drawn += &html;
        }
        let work = self.work;
        if before + work > limits::TEXT_WORK {
            *self = Self::new(&self.language);
            return work;
        }
        self.html += &sanitizer::clean(&drawn);
        self.source += lines;
        work
    }

    #[cfg(test)]
    pub(super) fn recoloured(&mut self, from: &str, to: &str) {
        self.html = self.html.replace(from, to);
    }

    #[cfg(test)]
    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

impl<'a> Growing<'a> {
    pub(super) fn new(known: &'a [Coloured]) -> Self {
        Self {
            known,
            drawn: Vec::new(),
            work: 0,
            places: Vec::new(),
        }
    }

    pub(super) fn work(&self) -> usize {
        self.work
    }

    pub(super) fn into_drawn(self) -> Vec<Coloured> {
        self.drawn
    }

    /// The code of a block that is still to be sanitized: the incomplete line, and a placeholder for the lines before it,
    /// which were sanitized when they ended.
    ///
    /// A complete line is highlighted once. The incomplete line stays plain: its words would change colour with
    /// every letter.
    fn place(&mut self, language: &str, text: &str) -> String {
        let (lines, rest) = text.split_at(text.rfind('\n').map_or(0, |at| at + 1));
        let known = self.known.get(self.drawn.len());
        let same =
            |known: &&Coloured| *known.language == *language && lines.starts_with(&known.source);
        let known = known.filter(same).cloned();
        let mut coloured = known.unwrap_or_else(|| Coloured::new(language));
        self.work += coloured.grow(&lines[coloured.source.len()..], self.work);
        let html = match rest {
            "" => without_end(&coloured.html),
            _ => &coloured.html,
        };
        self.places.push(html.into());
        self.drawn.push(coloured);
        format!("{CODE_PLACE}{}", escape(&shown(rest)))
    }

    /// Replaces the placeholders in sanitized HTML by the highlighted lines.
    pub(super) fn fill(&self, html: &str) -> String {
        let mut parts = html.split(CODE_PLACE);
        let mut out = String::from(parts.next().unwrap_or_default());
        let mut places = self.places.iter();
        for part in parts {
            let coloured = places.next().map_or("", |coloured| coloured);
            let (rest, after) = part.split_at(part.find(CODE_END).unwrap_or_default());
            out.extend([&*pieces(&[coloured, rest].concat()), after]);
        }
        out
    }
}

/// Code without the end of its last line.
fn without_end(code: &str) -> &str {
    code.strip_suffix('\n').unwrap_or(code)
}

/// A code block with its language and a placeholder for its copy button; the state of a growing one is continued.
pub(super) fn block(language: &str, text: &str, growing: Option<&mut Growing<'_>>) -> String {
    let body = match growing {
        Some(growing) => growing.place(language, text),
        None => pieces(&highlight(language, &shown(without_end(text)))),
    };
    let label: String = language
        .chars()
        .filter(|c| !c.is_control())
        .take(24)
        .collect();
    format!(
        "<div class=\"code\"><div class=\"bar\"><span>{}</span>{COPY_PLACE}</div><pre><code>{body}{CODE_END}</pre></div>",
        escape(&label)
    )
}

/// Highlighted code, cut into elements of a fixed number of lines, each of which ends with a line end outside of
/// highlighted words. Growing code is cut at the same lines again. No character is added.
fn pieces(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 64);
    let (mut from, mut lines, mut coloured) = (0, 0, false);
    let put = |out: &mut String, piece: &str| {
        if out.is_empty() {
            out.push_str(piece);
        } else {
            out.extend(["<span class=\"", PIECE_CLASS, "\">", piece, "</span>"]);
        }
    };
    for (at, found) in html.match_indices(['<', '\n']) {
        if found == "<" {
            coloured = !html[at..].starts_with("</");
            continue;
        }
        lines += 1;
        if lines >= PIECE_LINES && !coloured && at + 1 < html.len() {
            put(&mut out, &html[from..=at]);
            (from, lines) = (at + 1, 0);
        }
    }
    put(&mut out, &html[from..]);
    out
}

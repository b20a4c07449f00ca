//! Code with quiet colours, by class.

use super::budget;
use super::lex::{Lines, highlight};
use super::wall::{self, CODE_PLACE, COPY_PLACE};
use crate::limits;
use crate::words::{escape, shown};

/// Lines of code that are laid out together. A browser lays a text out whole again when a word comes to it.
const PIECE_LINES: usize = 20;

/// The class of a piece of code after the first.
pub(super) const PIECE_CLASS: &str = "piece";

/// What follows the code of a block. A text cannot hold it.
const CODE_END: &str = "</code>";

/// The complete lines of a code block that grows, as they are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coloured {
    language: Box<str>,
    source: String,
    /// With their colours, through the wall.
    html: String,
    /// What goes on with the next line.
    lines: Lines,
    /// What its lines took of the text's work.
    work: usize,
}

/// Code blocks of a text that grows, in their order: what is known of them, and what is known then.
#[derive(Debug, Default)]
pub(super) struct Growing<'a> {
    known: &'a [Coloured],
    drawn: Vec<Coloured>,
    /// What these took of the text's work, now or before.
    work: usize,
    /// What goes into the place in each of them.
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

    /// Draws the lines behind those that it has, each with its end, and tells what all of them take. `before` is what the code
    /// before them took. Of what is too much nothing is kept: it will not be shown.
    fn grow(&mut self, lines: &str, before: usize) -> usize {
        if lines.is_empty() {
            return self.work;
        }
        let mut drawn = String::new();
        // By the line, so that it is the same however many came at once.
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
        self.html += &wall::clean(&drawn);
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

    /// The code of a block that goes through the wall: the line that is being written, and a place for those before it,
    /// which went through it when they ended.
    ///
    /// A complete line is coloured once. The line that is being written stays plain: its words would change colour with
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

    /// Puts coloured lines into their places in what passed the wall.
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

/// Code without the end of its last line, which is none of it.
fn without_end(code: &str) -> &str {
    code.strip_suffix('\n').unwrap_or(code)
}

/// A code block with its language and a place for its copy button; of one that grows, what is known of it goes on.
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

/// Highlighted code with every so many lines after the first in an element of their own, which ends with a line outside of
/// coloured words. Code that grows is cut where it was cut before. No character is added.
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

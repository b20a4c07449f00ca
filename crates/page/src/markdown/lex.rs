//! Colours for code: a scan of our own, line by line, with a table for each language.
//!
//! The colours of a line depend on the line and on what is open at its start ([`State`]) alone, so that code which grows
//! costs its new lines. The scan knows no grammar: comments, strings, numbers, known words, and what a word looks like. It
//! goes from left to right, never back, and what it may spend on a block is bounded in bytes, steps and coloured words;
//! beyond that the block goes on plainly (`docs/adr/0017-a-scan-for-colours.md`).

mod code;
mod languages;
mod lines;
mod markup;
mod special;
mod state;
mod tables;

use crate::limits;
use crate::words::escape;

use languages::{Grammar, Language};
use state::{Sink, State};

pub(crate) use languages::language_of_path;
pub(super) use state::TOKEN_CLASSES;

#[cfg(test)]
pub(super) use languages::LANGUAGES;

/// Code that is coloured line by line, from its first line on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// `None` if nothing more is coloured: the language is not known, or a budget is spent.
    language: Option<&'static Language>,
    state: State,
    spent: Spent,
}

/// What a block of code has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// Bytes of code.
    pub(super) bytes: usize,
    /// Bytes that were looked at, each time that they were.
    pub(super) steps: usize,
    /// Coloured words.
    pub(super) tokens: usize,
}

impl Lines {
    /// Before the first line of code in the language with this name; an unknown one has no colours.
    pub(super) fn new(language: &str) -> Self {
        Self {
            language: languages::named(language),
            state: State::default(),
            spent: Spent::default(),
        }
    }

    /// The next lines as escaped text with coloured words. Each but the last of a block has its end.
    pub(super) fn draw(&mut self, text: &str) -> String {
        let mut html = String::with_capacity(text.len() + text.len() / 2);
        let mut rest = text;
        while let Some(language) = self.language.filter(|_| !rest.is_empty()) {
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            self.spent.bytes += line.len();
            if self.is_spent() {
                self.language = None;
                break;
            }
            self.line(language, line, &mut html);
            rest = after;
        }
        html.push_str(&escape(rest));
        html
    }

    fn is_spent(&self) -> bool {
        let Spent {
            bytes,
            steps,
            tokens,
        } = self.spent;
        bytes > limits::CODE_BYTES || steps > limits::CODE_STEPS || tokens > limits::CODE_TOKENS
    }

    fn line(&mut self, language: &Language, line: &str, html: &mut String) {
        let words = line.trim_end_matches(['\n', '\r']);
        let mut sink = Sink::new(words);
        match &language.grammar {
            Grammar::Code(code) => code::line(code, language, &mut self.state, &mut sink),
            Grammar::Markup => markup::line(&mut self.state, &mut sink),
            Grammar::Markdown => lines::markdown(&mut self.state, &mut sink),
            Grammar::Yaml(code) => lines::yaml(code, language, &mut self.state, &mut sink),
            Grammar::Diff => lines::diff(&mut sink),
        }
        let (tokens, steps) = sink.spent();
        self.spent.steps += steps;
        // A line that is too long to be read keeps what it opens, and no colours.
        if words.len() > limits::CODE_LINE_BYTES {
            html.push_str(&escape(words));
        } else {
            self.spent.tokens += tokens;
            sink.write(html);
        }
        html.push_str(&line[words.len()..]);
    }

    #[cfg(test)]
    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Bytes that what is open holds.
    pub(super) fn bytes(&self) -> usize {
        self.state.bytes()
    }
}

/// Code as escaped text with coloured words.
pub(crate) fn highlight(language: &str, code: &str) -> String {
    Lines::new(language).draw(code)
}

#[cfg(test)]
mod tests;

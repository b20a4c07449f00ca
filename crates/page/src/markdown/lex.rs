//! The highlighter: a line-by-line scan with a table for each language.
//!
//! The highlighting of a line depends only on the line and on the state at its start ([`State`]), so that growing code
//! costs only its new lines. The scan knows no grammar: comments, strings, numbers, keywords, and the form of a word. It
//! goes from left to right, never back, and its cost for a block is bounded in bytes, steps and highlighted words;
//! beyond these bounds the block is plain (`docs/adr/0017-a-scan-for-colours.md`).

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

/// Code that is highlighted line by line, from its first line on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// `None` if the rest is plain: the language is unknown, or the budget is spent.
    language: Option<&'static Language>,
    state: State,
    spent: LexCost,
}

/// The cost of a block of code so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LexCost {
    /// Bytes of code.
    pub(super) bytes: usize,
    /// Visited bytes, each visit counted.
    pub(super) steps: usize,
    /// Highlighted words.
    pub(super) tokens: usize,
}

impl Lines {
    /// The state before the first line of code in the language with this name; an unknown language is plain.
    pub(super) fn new(language: &str) -> Self {
        Self {
            language: languages::named(language),
            state: State::default(),
            spent: LexCost::default(),
        }
    }

    /// The next lines as escaped text with highlighted words. Each but the last of a block has its line end.
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
        let LexCost {
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
        // A line that is too long is plain; constructs that it opens continue in the next line.
        if words.len() > limits::CODE_LINE_BYTES {
            html.push_str(&escape(words));
        } else {
            self.spent.tokens += tokens;
            sink.write(html);
        }
        html.push_str(&line[words.len()..]);
    }

    #[cfg(test)]
    pub(super) fn spent(&self) -> LexCost {
        self.spent
    }

    /// Bytes of the state.
    pub(super) fn bytes(&self) -> usize {
        self.state.bytes()
    }
}

/// Code as escaped text with highlighted words.
pub(crate) fn highlight(language: &str, code: &str) -> String {
    Lines::new(language).draw(code)
}

#[cfg(test)]
mod tests;

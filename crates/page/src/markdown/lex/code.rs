//! Scans lines of languages with a table.

use super::languages::Language;
use super::state::{Class, Frame, Sink, State};
use super::tables::{Code, Special};
use crate::limits;

/// Scans what is left of a line.
pub(super) fn line(code: &Code, language: &Language, state: &mut State, sink: &mut Sink<'_>) {
    let mut scan = Scan {
        code,
        language,
        state,
        sink,
        before: Preceding::Start,
        defines: false,
        command: true,
        begun: Vec::new(),
        patterns: true,
    };
    while !scan.sink.rest().is_empty() {
        scan.step();
    }
    scan.end();
}

/// The text before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preceding {
    /// The line's start, or white space behind it.
    Start,
    /// White space behind something else.
    Space,
    /// A word, a number, a string or a closing bracket.
    Value,
    /// A keyword.
    Keyword,
    /// A dot.
    Dot,
    /// Anything else.
    Other,
}

pub(super) struct Scan<'s, 'l> {
    pub(super) code: &'s Code,
    pub(super) language: &'s Language,
    pub(super) state: &'s mut State,
    pub(super) sink: &'s mut Sink<'l>,
    pub(super) before: Preceding,
    /// Whether the last word was a keyword whose next word is a function.
    pub(super) defines: bool,
    /// Whether the next word is what is run, in a shell.
    pub(super) command: bool,
    /// Texts that begin with the next line.
    pub(super) begun: Vec<Frame>,
    /// Whether a pattern may still end on this line.
    pub(super) patterns: bool,
}

/// Part of a word in every language.
pub(super) fn of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

impl Scan<'_, '_> {
    /// Takes something, or closes something that takes nothing.
    fn step(&mut self) {
        match self.state.frames.last() {
            Some(&Frame::Comment { at, depth }) => self.comment(at, depth),
            Some(&Frame::Text { at }) => self.text(at),
            Some(Frame::Until { .. }) => self.until(),
            _ => self.code(),
        }
    }

    /// What a line's end does.
    fn end(&mut self) {
        if let Some(Frame::Text { at }) = self.state.frames.last() {
            let text = &self.code.strings[*at];
            let goes_on = text.lines || (text.escapes && self.ends_escaped());
            if !goes_on {
                self.state.frames.pop();
            }
        }
        for frame in std::mem::take(&mut self.begun).into_iter().rev() {
            self.state.push(frame);
        }
    }

    fn ends_escaped(&self) -> bool {
        let backslashes = self
            .sink
            .line
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\');
        backslashes.count() % 2 == 1
    }

    fn comment(&mut self, at: usize, depth: usize) {
        let comment = &self.code.block_comments[at];
        let mut depth = depth;
        let bytes = self.sink.rest().as_bytes();
        let mut end = 0;
        while end < bytes.len() && depth > 0 {
            if bytes[end..].starts_with(comment.close.as_bytes()) {
                depth -= 1;
                end += comment.close.len();
            } else if comment.nests && bytes[end..].starts_with(comment.open.as_bytes()) {
                depth += 1;
                end += comment.open.len();
            } else {
                end += 1;
            }
        }
        self.sink.take(end, Some(Class::Comment));
        self.state.frames.pop();
        if depth > 0 {
            self.state.push(Frame::Comment { at, depth });
        }
        self.before = Preceding::Space;
    }

    fn text(&mut self, at: usize) {
        let text = &self.code.strings[at];
        let bytes = self.sink.rest().as_bytes();
        let nests = self.state.frames.len() < limits::CODE_NESTING;
        let hole = text.hole.filter(|_| nests);
        let mut end = 0;
        while end < bytes.len() {
            let rest = &bytes[end..];
            if text.escapes && rest[0] == b'\\' {
                end += 2;
            } else if rest.starts_with(text.close.as_bytes()) {
                let length = end + text.close.len();
                self.state.frames.pop();
                self.put(length, Some(Class::String));
                return;
            } else if let Some((open, ..)) = hole.filter(|hole| rest.starts_with(hole.0.as_bytes()))
            {
                self.sink.take(end + open.len(), Some(Class::String));
                self.state.push(Frame::Hole { at, open: 0 });
                self.command = true;
                self.before = Preceding::Other;
                return;
            } else {
                end += 1;
            }
        }
        self.sink.take(end, Some(Class::String));
    }

    /// A string is a property if it is a key.
    fn string_class(&mut self, length: usize) -> Class {
        let spaces = match self.code.special {
            // Between white space a colon parts two values.
            Special::Script => 0,
            _ => self.sink.run_from(length, is_space),
        };
        let key = self.code.keys == Some(self.sink.byte(length + spaces));
        if key { Class::Property } else { Class::String }
    }

    fn until(&mut self) {
        let Some(Frame::Until { end, alone, class }) = self.state.frames.pop() else {
            return;
        };
        let ends = if alone {
            let is_end = self.sink.rest().trim() == &*end;
            is_end.then_some(self.sink.rest().len())
        } else {
            self.sink.find(&end).map(|at| at + end.len())
        };
        match ends {
            Some(length) => drop(self.put(length, Some(class))),
            None => {
                self.sink.take_rest(Some(class));
                self.state.push(Frame::Until { end, alone, class });
            }
        }
    }

    fn code(&mut self) {
        let first = self.sink.byte(0);
        if is_space(first) {
            let spaces = self.sink.run(is_space);
            self.sink.take(spaces, None);
            if self.before != Preceding::Start && self.before != Preceding::Keyword {
                self.before = match self.before {
                    Preceding::Value => Preceding::Value,
                    _ => Preceding::Space,
                };
            }
            return;
        }
        if self.special(first) || self.comment_begins() || self.string_begins() || self.marks(first)
        {
            return;
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if of_word(first) || self.code.word.contains(&first) {
            return self.word();
        }
        self.bracket(first);
        self.sink.take(1, None);
        self.defines = false;
        self.command = matches!(first, b'|' | b'&' | b';' | b'(');
        self.before = match first {
            // Two dots part two values.
            b'.' if self.before != Preceding::Dot => Preceding::Dot,
            b')' | b']' | b'}' => Preceding::Value,
            _ => Preceding::Other,
        };
    }

    pub(super) fn put(&mut self, bytes: usize, class: Option<Class>) -> bool {
        self.sink.take(bytes, class);
        self.before = Preceding::Value;
        self.defines = false;
        self.command = class == Some(Class::Keyword);
        true
    }

    fn comment_begins(&mut self) -> bool {
        let rest = self.sink.rest();
        let apart = !self.code.comments_stand_apart
            || self.sink.at == 0
            || is_space(self.sink.line.as_bytes()[self.sink.at - 1]);
        if apart
            && self
                .code
                .line_comments
                .iter()
                .any(|open| rest.starts_with(open))
        {
            self.sink.take_rest(Some(Class::Comment));
            return true;
        }
        let found = self
            .code
            .block_comments
            .iter()
            .position(|comment| rest.starts_with(comment.open));
        let Some(at) = found else { return false };
        self.sink.take(
            self.code.block_comments[at].open.len(),
            Some(Class::Comment),
        );
        self.state.push(Frame::Comment { at, depth: 1 });
        true
    }

    fn string_begins(&mut self) -> bool {
        let rest = self.sink.rest();
        let in_word = self.sink.at > 0 && of_word(self.sink.line.as_bytes()[self.sink.at - 1]);
        if self.code.strings_stand_apart && in_word {
            return false;
        }
        let found = self
            .code
            .strings
            .iter()
            .position(|text| rest.starts_with(text.open));
        let Some(at) = found else { return false };
        let open = self.code.strings[at].open.len();
        self.defines = false;
        if self.code.keys.is_some() && self.whole_key(at) {
            return true;
        }
        self.put(open, Some(Class::String));
        self.state.push(Frame::Text { at });
        true
    }

    /// Takes a string that ends on this line, where it may be a key: its quotes have one colour.
    fn whole_key(&mut self, at: usize) -> bool {
        let text = &self.code.strings[at];
        if text.lines || text.open.len() != 1 {
            return false;
        }
        let quote = text.close.as_bytes()[0];
        let mut escaped = true;
        let length = self.sink.run(|byte| {
            let ends = byte == quote && !escaped;
            escaped = byte == b'\\' && !escaped && text.escapes;
            !ends
        });
        if self.sink.byte(length) != quote || length == 0 {
            return false;
        }
        let class = self.string_class(length + 1);
        self.put(length + 1, Some(class))
    }

    /// Directives, decorators and titles.
    fn marks(&mut self, first: u8) -> bool {
        let at_start = self.before == Preceding::Start;
        if at_start && self.code.directive == Some(first) {
            let spaces = self.sink.run_from(1, is_space);
            let word = self.sink.run_from(1 + spaces, of_word);
            return self.put(1 + spaces + word, Some(Class::Macro));
        }
        if self.code.decorator == Some(first) && self.before != Preceding::Value {
            let word = self.sink.run_from(1, |byte| of_word(byte) || byte == b'.');
            return word > 0 && self.put(1 + word, Some(Class::Attribute));
        }
        if at_start && self.code.sections && first == b'[' {
            let length = self.sink.run(|byte| byte != b']' && byte != b'#');
            let closing = self.sink.run_from(length, |byte| byte == b']');
            return closing > 0 && self.put(length + closing, Some(Class::Type));
        }
        false
    }

    fn number(&mut self) {
        let line = self.sink.rest().as_bytes();
        let mut before = b'0';
        let mut dotted = false;
        let mut at = 0;
        let length = self.sink.run(|byte| {
            let next = line.get(at + 1).copied().unwrap_or(0);
            let is_part = match byte {
                b'.' => !dotted && next.is_ascii_digit(),
                b'+' | b'-' => {
                    matches!(before, b'e' | b'E') && next.is_ascii_digit() && line[1] != b'x'
                }
                _ => byte.is_ascii_alphanumeric() || byte == b'_',
            };
            dotted |= byte == b'.';
            before = byte;
            at += 1;
            is_part
        });
        // A unit, as style sheets have them.
        let unit =
            usize::from(self.code.special == Special::Style && self.sink.byte(length) == b'%');
        self.put(length + unit, Some(Class::Number));
    }

    fn word(&mut self) {
        let extra = self.code.word;
        let length = self
            .sink
            .run(|byte| of_word(byte) || extra.contains(&byte))
            .max(1);
        let word = &self.sink.rest()[..length];
        let class = self.class(word, length);
        let defines = class == Some(Class::Keyword)
            && self.code.defines.split(' ').any(|known| known == word);
        self.put(length, class);
        self.defines = defines;
        if class == Some(Class::Keyword) {
            self.before = Preceding::Keyword;
        }
    }

    /// What a word is: by what is known of it, by what stands around it, and by how it looks.
    fn class(&mut self, word: &str, length: usize) -> Option<Class> {
        let code = self.code;
        let is_key = self.is_key(length);
        let behind_dot = code.dots && self.before == Preceding::Dot;
        let known = self.language.word(code, word);
        if known.is_some() && !behind_dot && !is_key {
            return known;
        }
        let at_start = self.before == Preceding::Start;
        match self.sink.byte(length) {
            _ if code.first_word && at_start => Some(Class::Keyword),
            _ if is_key => Some(Class::Property),
            next if code.names == Some(next) && at_start => Some(Class::Function),
            next => self.class_by_place(word, next, self.sink.byte(length + 1)),
        }
        .or_else(|| self.class_by_look(word))
        .or_else(|| behind_dot.then_some(Class::Property))
    }

    /// What a word is by the two bytes behind it, and by what was before it.
    fn class_by_place(&self, word: &str, next: u8, after: u8) -> Option<Class> {
        let rust = self.code.special == Special::Rust;
        let option = self.code.commands && word.starts_with('-');
        let runs = self.code.commands && self.command && next != b'=';
        match (next, after) {
            _ if option => (word.len() > 1).then_some(Class::Constant),
            (b'!', _) if rust && after != b'=' => Some(Class::Macro),
            (b'(', _) => Some(Class::Function),
            _ if self.defines || runs => Some(Class::Function),
            (b':', b':') if rust => self.class_by_look(word).or(Some(Class::Namespace)),
            _ => None,
        }
    }

    /// What a word is by its capitals.
    fn class_by_look(&self, word: &str) -> Option<Class> {
        let first = word.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
        let low = word.bytes().any(|byte| byte.is_ascii_lowercase());
        let class = match word.len() {
            1 => Class::Type,
            _ if low => Class::Type,
            _ => Class::Constant,
        };
        (first && self.code.capitals).then_some(class)
    }

    /// Whether a word of this length has what follows a key behind it.
    fn is_key(&mut self, length: usize) -> bool {
        let Some(mark) = self.code.keys else {
            return false;
        };
        let spaces = match mark {
            b'=' => self.sink.run_from(length, is_space),
            _ => 0,
        };
        let next = self.sink.byte(length + spaces + 1);
        // In a style sheet a name behind a colon, without a space, is what an element is or does.
        let names = self.code.special == Special::Style && next.is_ascii_alphabetic();
        let found = self.sink.byte(length + spaces) == mark && next != mark && !names;
        // A colon also ends a choice between two values.
        found
            && matches!(
                self.before,
                Preceding::Start | Preceding::Space | Preceding::Other
            )
    }

    /// Counts brackets in code inside of a string, and goes back to the string where that ends.
    fn bracket(&mut self, byte: u8) {
        let Some(Frame::Hole { at, open }) = self.state.frames.last_mut() else {
            return;
        };
        let Some((_, opens, closes)) = self.code.strings[*at].hole else {
            return;
        };
        if byte == opens {
            *open += 1;
        } else if byte == closes && *open > 0 {
            *open -= 1;
        } else if byte == closes {
            self.state.frames.pop();
        }
    }
}

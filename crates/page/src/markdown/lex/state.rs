//! The state at the start of a line, and the line while it is scanned.

use crate::limits;
use crate::words::escape;

/// Classes of highlighted words; the style sheet has them too.
pub(in crate::markdown) const TOKEN_CLASSES: [&str; 15] = [
    "h-keyword",
    "h-function",
    "h-string",
    "h-comment",
    "h-type",
    "h-constant",
    "h-number",
    "h-property",
    "h-attribute",
    "h-tag",
    "h-macro",
    "h-namespace",
    "h-title",
    "h-diff-add",
    "h-diff-delete",
];

/// The class of a word, as an index of [`TOKEN_CLASSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Keyword,
    Function,
    String,
    Comment,
    Type,
    Constant,
    Number,
    Property,
    Attribute,
    Tag,
    Macro,
    Namespace,
    Title,
    Added,
    Deleted,
}

impl Class {
    fn name(self) -> &'static str {
        TOKEN_CLASSES[self as usize]
    }
}

/// A construct that continues over the end of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A comment, by its place in the language's table, and how often it was opened inside of itself.
    Comment { at: usize, depth: usize },
    /// A string, by its place in the language's table.
    Text { at: usize },
    /// Code inside of that string, and the brackets that are open in it.
    Hole { at: usize, open: usize },
    /// A text that ends with `end`, which is alone on its line if `alone`.
    Until {
        end: Box<str>,
        alone: bool,
        class: Class,
    },
    /// A tag of markup, and the language of what follows it.
    Tag { holds: Option<Held> },
    /// A quoted value in a tag.
    Value { quote: u8 },
    /// Code of another language inside of markup.
    Held(Held),
    /// Lines that are indented by more than so many columns.
    Indented(usize),
}

/// The content of an element of markup that is not markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// JavaScript.
    Script,
    /// CSS.
    Style,
}

/// Open constructs, the innermost last; [`limits::CODE_NESTING`] at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) frames: Vec<Frame>,
}

impl State {
    /// Opens a construct, unless the bound is reached.
    pub(super) fn push(&mut self, frame: Frame) -> bool {
        let fits = self.frames.len() < limits::CODE_NESTING;
        if fits {
            self.frames.push(frame);
        }
        fits
    }

    pub(super) fn bytes(&self) -> usize {
        let words = self.frames.iter().map(|frame| match frame {
            Frame::Until { end, .. } => end.len(),
            _ => 0,
        });
        self.frames.capacity() * size_of::<Frame>() + words.sum::<usize>()
    }
}

/// One line while it is scanned from left to right. Neighbours of the same class become one word.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    /// All of the line.
    pub(super) line: &'a str,
    /// Position of the scan; always between two characters when text is taken.
    pub(super) at: usize,
    words: Vec<(Option<Class>, usize)>,
    steps: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self {
            line,
            at: 0,
            words: Vec::new(),
            steps: 0,
        }
    }

    /// The text that is not taken yet.
    pub(super) fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// The byte so far behind the scan's place; zero behind the end.
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        let bytes = self.line.as_bytes();
        bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Takes so many bytes, up to the end of a character.
    pub(super) fn take(&mut self, bytes: usize, class: Option<Class>) {
        let mut end = (self.at + bytes).min(self.line.len());
        while !self.line.is_char_boundary(end) {
            end += 1;
        }
        if end == self.at {
            return;
        }
        self.steps += 1 + end - self.at;
        self.at = end;
        match self.words.last_mut() {
            Some((last, to)) if *last == class => *to = end,
            _ => self.words.push((class, end)),
        }
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self, class: Option<Class>) {
        self.take(self.line.len() - self.at, class);
    }

    /// Bytes from the scan's place that are so.
    pub(super) fn run(&mut self, so: impl FnMut(u8) -> bool) -> usize {
        self.run_from(0, so)
    }

    /// Bytes from so far behind the scan's place that are so.
    pub(super) fn run_from(&mut self, ahead: usize, mut so: impl FnMut(u8) -> bool) -> usize {
        let from = (self.at + ahead).min(self.line.len());
        let rest = &self.line.as_bytes()[from..];
        let length = rest
            .iter()
            .position(|byte| !so(*byte))
            .unwrap_or(rest.len());
        self.steps += length + 1;
        length
    }

    /// Where something is found in what is left, counted from the scan's place.
    pub(super) fn find(&mut self, what: &str) -> Option<usize> {
        let found = self.rest().find(what);
        self.steps += found.unwrap_or(self.rest().len()) + what.len();
        found
    }

    /// Lets something scan the line as if it ended so far behind the scan's place.
    pub(super) fn within(&mut self, end: Option<usize>, scan: impl FnOnce(&mut Self)) {
        let line = self.line;
        self.line = &line[..end.map_or(line.len(), |end| self.at + end)];
        scan(self);
        self.line = line;
    }

    /// Counts bytes that were looked at elsewhere.
    pub(super) fn looked(&mut self, bytes: usize) {
        self.steps += bytes + 1;
    }

    /// Number of highlighted words and of steps.
    pub(super) fn spent(&self) -> (usize, usize) {
        let coloured = self.words.iter().filter(|(class, _)| class.is_some());
        (coloured.count(), self.steps)
    }

    /// Writes the line; text that was not taken is plain.
    pub(super) fn write(&self, html: &mut String) {
        let mut from = 0;
        for (class, to) in &self.words {
            let text = escape(&self.line[from..*to]);
            match class {
                Some(class) => {
                    html.extend(["<span class=\"", class.name(), "\">", &text, "</span>"])
                }
                None => html.push_str(&text),
            }
            from = *to;
        }
        html.push_str(&escape(&self.line[from..]));
    }
}

//! Tables of languages whose code is words, strings and comments.

use super::state::Class;

/// A language's table. Words are separated by spaces.
#[derive(Debug)]
pub(super) struct Code {
    /// Beginnings of comments that end with their line.
    pub(super) line_comments: &'static [&'static str],
    /// Whether such a comment begins at the line's start or behind white space only.
    pub(super) comments_stand_apart: bool,
    /// Whether a quote behind a word is part of it.
    pub(super) strings_stand_apart: bool,
    pub(super) block_comments: &'static [Comment],
    /// The longer beginnings first.
    pub(super) strings: &'static [Text],
    pub(super) keywords: &'static str,
    pub(super) types: &'static str,
    pub(super) constants: &'static str,
    /// Keywords whose next word is a function.
    pub(super) defines: &'static str,
    pub(super) ignore_case: bool,
    /// Characters of a word besides letters, digits, `_` and all that are not ASCII.
    pub(super) word: &'static [u8],
    /// Words that begin with a capital are types, and those of capitals are constants.
    pub(super) capitals: bool,
    /// A word behind a dot is a property, and never a keyword.
    pub(super) dots: bool,
    /// What follows a word, or a string that is alone in front of it, that is a property.
    pub(super) keys: Option<u8>,
    /// What follows a word that is the name of something that is defined at a line's start.
    pub(super) names: Option<u8>,
    /// What begins an attribute that is one word.
    pub(super) decorator: Option<u8>,
    /// What begins a directive, which is the first word of its line.
    pub(super) directive: Option<u8>,
    /// What is in brackets, alone on its line, is a title.
    pub(super) sections: bool,
    /// The first word of a line is a keyword.
    pub(super) first_word: bool,
    /// The first word of a command is a function.
    pub(super) commands: bool,
    pub(super) special: Special,
}

/// A comment that may go over lines.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// Whether it may be opened inside of itself.
    pub(super) nests: bool,
}

/// A string.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// Whether a backslash takes the next character with it.
    pub(super) escapes: bool,
    /// Whether it may go over lines.
    pub(super) lines: bool,
    /// What holds code in it: how that begins, the bracket that it opens with, and the one that closes it.
    pub(super) hole: Option<(&'static str, u8, u8)>,
}

/// Constructs of a language with rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    None,
    /// `r#""#`, `'a` beside `'a'`, `#[]`, `name!`.
    Rust,
    /// `R"a()a"`.
    Cpp,
    /// `[==[ ]==]`.
    Lua,
    /// `$name`, `<<WORD`.
    Shell,
    /// `<<~WORD`, `:symbol`, `@name`, `/pattern/`.
    Ruby,
    /// `/pattern/`.
    Script,
    /// `#fff`, `#name`, `.name`, `@rule`.
    Style,
    /// `$(name)`.
    Make,
}

/// An empty table.
pub(super) const NOTHING: Code = Code {
    line_comments: &[],
    comments_stand_apart: false,
    strings_stand_apart: false,
    block_comments: &[],
    strings: &[],
    keywords: "",
    types: "",
    constants: "",
    defines: "",
    ignore_case: false,
    word: b"",
    capitals: false,
    dots: false,
    keys: None,
    names: None,
    decorator: None,
    directive: None,
    sections: false,
    first_word: false,
    commands: false,
    special: Special::None,
};

/// `/* */`.
pub(super) const SLASH_STAR: Comment = Comment {
    open: "/*",
    close: "*/",
    nests: false,
};
/// `/* /* */ */`.
pub(super) const NESTED: Comment = Comment {
    nests: true,
    ..SLASH_STAR
};

/// A string on one line whose backslashes take a character with them.
pub(super) const fn short(quote: &'static str) -> Text {
    Text {
        open: quote,
        close: quote,
        escapes: true,
        lines: false,
        hole: None,
    }
}

/// A string over lines whose backslashes take a character with them.
pub(super) const fn long(quote: &'static str) -> Text {
    Text {
        lines: true,
        ..short(quote)
    }
}

/// A string that ends with the next quote, whatever stands before that.
pub(super) const fn raw(quote: &'static str) -> Text {
    Text {
        escapes: false,
        ..long(quote)
    }
}

impl Code {
    /// Each known word, and what it is.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, Class)> {
        let of =
            |words: &'static str, class| words.split_whitespace().map(move |word| (word, class));
        of(self.types, Class::Type)
            .chain(of(self.constants, Class::Constant))
            .chain(of(self.keywords, Class::Keyword))
    }
}

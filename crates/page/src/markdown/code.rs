//! Code with quiet colours, by class.

use std::sync::{Arc, LazyLock};

use arborium::{Config, GrammarStore, Highlighter, HtmlFormat};

use super::scan;
use super::wall::{self, CODE_PLACE, COPY_PLACE};
use crate::limits;
use crate::words::escape;

/// Classes that highlighted code may carry; the style sheet names them too.
pub(super) const TOKEN_CLASSES: [&str; 17] = [
    "h-keyword",
    "h-function",
    "h-string",
    "h-comment",
    "h-type",
    "h-constant",
    "h-number",
    "h-operator",
    "h-property",
    "h-attribute",
    "h-tag",
    "h-macro",
    "h-namespace",
    "h-constructor",
    "h-title",
    "h-diff-add",
    "h-diff-delete",
];

/// Classes of the highlighter that have no colour here. Their words are written plainly: half of the elements of a page of
/// code would be brackets.
const PLAIN_CLASSES: [&str; 3] = ["h-label", "h-punctuation", "h-variable"];

static GRAMMARS: LazyLock<Arc<GrammarStore>> = LazyLock::new(|| Arc::new(GrammarStore::new()));

/// Lines of code that are laid out together. A browser lays a text out whole again when a word comes to it.
const PIECE_LINES: usize = 20;

/// The class of a piece of code after the first.
pub(super) const PIECE_CLASS: &str = "piece";

/// What follows the code of a block. A text cannot hold it.
const CODE_END: &str = "</code>";

/// A code block that grows is coloured anew once this part of its lines is new: a sixteenth, or one line.
const COLOURED_PARTS: usize = 16;

/// The first lines of a code block that grows, as they are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coloured {
    language: Box<str>,
    source: Box<str>,
    /// With their colours, through the wall.
    html: Box<str>,
}

/// Code blocks of a text that grows, in their order: what is known of them, and what is known then.
#[derive(Debug, Default)]
pub(super) struct Growing<'a> {
    known: &'a [Coloured],
    drawn: Vec<Coloured>,
    /// What goes into the place in each of them.
    places: Vec<Box<str>>,
}

impl Coloured {
    pub(super) fn bytes(&self) -> usize {
        self.source.len() + self.html.len()
    }

    /// Draws lines, each with its end.
    fn draw(language: &str, lines: &str) -> Self {
        let html = if lines.len() > limits::OPEN_CODE_BYTES {
            escape(lines)
        } else {
            highlight(language, lines)
        };
        Self {
            language: language.into(),
            source: lines.into(),
            html: wall::clean(&html).into(),
        }
    }

    #[cfg(test)]
    pub(super) fn of(language: &str, source: &str, html: &str) -> Self {
        Self {
            language: language.into(),
            source: source.into(),
            html: html.into(),
        }
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
            places: Vec::new(),
        }
    }

    pub(super) fn into_drawn(self) -> Vec<Coloured> {
        self.drawn
    }

    /// The code of a block that goes through the wall: the lines behind those that are coloured, and a place for these,
    /// which went through it when they were.
    ///
    /// Complete lines are coloured, once each time that there are some more. The line that is being written stays plain:
    /// its words would change colour with every letter, and those of all lines would be looked for anew.
    fn place(&mut self, language: &str, text: &str) -> String {
        let (lines, rest) = text.split_at(coloured_lines(text));
        let known = self.known.get(self.drawn.len());
        let same = |known: &&Coloured| *known.language == *language && *known.source == *lines;
        let coloured = known.filter(same).cloned();
        let coloured = coloured.unwrap_or_else(|| Coloured::draw(language, lines));
        let html = match rest {
            "" => without_end(&coloured.html),
            _ => &coloured.html,
        };
        self.places.push(html.into());
        self.drawn.push(coloured);
        format!("{CODE_PLACE}{}", escape(without_end(rest)))
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

/// Bytes of the complete lines of a growing text that are coloured. It depends on the text alone, and moves on by powers of
/// two, the less often the more lines there are: colouring each time there is one more would cost the square of them.
fn coloured_lines(text: &str) -> usize {
    let complete = text.matches('\n').count();
    let step = 1 << (complete / COLOURED_PARTS).max(1).ilog2();
    let count = complete - complete % step;
    let mut ends = text.match_indices('\n').skip(count.saturating_sub(1));
    ends.next().map_or(0, |(at, _)| at + 1)
}

/// A code block with its language and a place for its copy button; of one that grows, what is known of it goes on.
pub(super) fn block(language: &str, text: &str, growing: Option<&mut Growing<'_>>) -> String {
    let body = match growing {
        Some(growing) => growing.place(language, text),
        None => pieces(&highlight(language, without_end(text))),
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

/// Code as escaped text with coloured words; only escaped where its language is not known or it is too long.
pub(crate) fn highlight(language: &str, code: &str) -> String {
    let language = language.to_ascii_lowercase();
    if code.len() > limits::CODE_BYTES {
        return escape(code);
    }
    if let Some(language) = scanned(&language) {
        return scan::highlight(language, code);
    }
    let Some(grammar) = grammar(&language) else {
        return escape(code);
    };
    let config = Config {
        html_format: HtmlFormat::ClassNamesWithPrefix("h".to_owned()),
        ..Config::default()
    };
    // The highlighter drops trailing line ends: they are put back, so that what is copied is what was written.
    let body = code.trim_end_matches('\n');
    Highlighter::with_store_and_config(GRAMMARS.clone(), config)
        .highlight(grammar, body)
        .map_or_else(
            |_| escape(code),
            |html| coloured(&html) + &code[body.len()..],
        )
}

/// What the highlighter wrote, without elements that have no colour. They never nest, and code cannot look like one: its
/// own `<` is escaped.
fn coloured(html: &str) -> String {
    let mut pieces = html.split("<span class=\"");
    let mut out = String::with_capacity(html.len());
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let plain = piece
            .split_once("\">")
            .filter(|(class, _)| PLAIN_CLASSES.contains(class))
            .and_then(|(_, inside)| inside.split_once("</span>"));
        match plain {
            Some((word, after)) => out.extend([word, after]),
            None => out.extend(["<span class=\"", piece]),
        }
    }
    out
}

/// The language of a file by its name, for [`highlight`].
pub(crate) fn language_of_path(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    for named in ["dockerfile", "makefile"] {
        if name.eq_ignore_ascii_case(named) {
            return named;
        }
    }
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Languages whose grammars weigh as much as the rest of the program: see `docs/adr`.
fn scanned(language: &str) -> Option<&'static scan::Language> {
    Some(match language {
        "cpp" | "c++" | "cc" | "cxx" | "hpp" | "hh" => &scan::CPP,
        "sql" | "mysql" | "postgresql" | "sqlite" => &scan::SQL,
        _ => return None,
    })
}

fn grammar(language: &str) -> Option<&'static str> {
    Some(match language {
        "bash" | "sh" | "shell" | "zsh" | "console" => "bash",
        "c" | "h" => "c",
        "css" | "scss" => "css",
        "diff" | "patch" => "diff",
        "dockerfile" | "docker" => "dockerfile",
        "go" | "golang" => "go",
        "html" | "htm" | "vue" => "html",
        "ini" | "cfg" | "conf" | "env" | "properties" => "ini",
        "java" => "java",
        "javascript" | "js" | "jsx" | "mjs" | "cjs" => "javascript",
        "json" | "jsonc" | "json5" | "jsonl" => "json",
        "lua" => "lua",
        "make" | "makefile" | "mk" => "make",
        "markdown" | "md" => "markdown",
        "python" | "py" => "python",
        "ruby" | "rb" => "ruby",
        "rust" | "rs" => "rust",
        "toml" => "toml",
        "tsx" => "tsx",
        "typescript" | "ts" | "mts" | "cts" => "typescript",
        "xml" | "svg" | "xsd" | "plist" => "xml",
        "yaml" | "yml" => "yaml",
        _ => return None,
    })
}

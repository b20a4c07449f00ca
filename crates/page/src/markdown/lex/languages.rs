//! The highlighted languages, by the names of fences and the extensions of files.

mod data;
mod main;
mod more;
mod web;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::state::Class;
use super::tables::Code;

/// A language.
#[derive(Debug)]
pub(in crate::markdown) struct Language {
    /// Names of fences and extensions of files, in small letters. The first is its own.
    pub(in crate::markdown) names: &'static [&'static str],
    pub(super) grammar: Grammar,
    /// The words of its table, once they were asked for.
    words: OnceLock<HashMap<&'static str, Class>>,
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Language {}

/// How a language is scanned.
#[derive(Debug)]
pub(super) enum Grammar {
    /// By a table.
    Code(Code),
    Markup,
    Markdown,
    /// By a table behind the keys.
    Yaml(Code),
    Diff,
}

/// Bytes of the longest known word.
const LONGEST_WORD: usize = 24;

impl Language {
    const fn new(names: &'static [&'static str], grammar: Grammar) -> Self {
        Self {
            names,
            grammar,
            words: OnceLock::new(),
        }
    }

    const fn code(names: &'static [&'static str], code: Code) -> Self {
        Self::new(names, Grammar::Code(code))
    }

    /// What a word is that the table of this language names.
    pub(super) fn word(&self, code: &Code, word: &str) -> Option<Class> {
        if word.len() > LONGEST_WORD {
            return None;
        }
        let words = self.words.get_or_init(|| code.words().collect());
        if code.ignore_case {
            return words.get(&*word.to_ascii_lowercase()).copied();
        }
        words.get(word).copied()
    }
}

static MARKUP: Language = Language::new(
    &[
        "html", "htm", "vue", "svelte", "xml", "svg", "xsd", "xhtml", "plist", "csproj",
    ],
    Grammar::Markup,
);
static MARKDOWN: Language = Language::new(&["markdown", "md", "mdx"], Grammar::Markdown);
static DIFF: Language = Language::new(&["diff", "patch"], Grammar::Diff);

/// Every language.
pub(in crate::markdown) static LANGUAGES: [&Language; 34] = [
    &main::BASH,
    &main::C,
    &main::CPP,
    &main::CSHARP,
    &main::GO,
    &main::JAVA,
    &main::KOTLIN,
    &main::PYTHON,
    &main::RUBY,
    &main::RUST,
    &main::SWIFT,
    &main::ZIG,
    &more::DART,
    &more::ELIXIR,
    &more::HASKELL,
    &more::LUA,
    &more::SCALA,
    &web::CSS,
    &web::GRAPHQL,
    &web::JAVASCRIPT,
    &web::PHP,
    &web::TYPESCRIPT,
    &data::DOCKERFILE,
    &data::HCL,
    &data::INI,
    &data::JSON,
    &data::MAKE,
    &data::PROTOBUF,
    &data::SQL,
    &data::TOML,
    &MARKUP,
    &MARKDOWN,
    &data::YAML,
    &DIFF,
];

/// The language with this name, in any case. Nothing is guessed: a name that is not known has no language.
pub(super) fn named(name: &str) -> Option<&'static Language> {
    if name.len() > LONGEST_WORD {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let mut all = LANGUAGES.iter().copied();
    all.find(|language| language.names.contains(&&*name))
}

/// The languages of `script` and `style` elements of markup.
pub(super) fn script() -> &'static Language {
    &web::JAVASCRIPT
}

pub(super) fn style() -> &'static Language {
    &web::CSS
}

/// The language of a file by its name, for [`super::highlight`].
pub(crate) fn language_of_path(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    for named in ["dockerfile", "makefile"] {
        if name.eq_ignore_ascii_case(named) {
            return named;
        }
    }
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

//! The language in which the page is drawn, and its catalogue of words.
//!
//! The English text is the key of its translations, which are in `words/` of this crate and are made a table by the build script. The
//! language is set by [`speak`] for the time of one render, on one thread: drawing never waits. What is remembered of a render
//! therefore has the language in its key.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;

use maud::{Markup, PreEscaped, Render};

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, in which all texts are written.
    #[default]
    English,
    /// German.
    German,
    /// Chinese in simplified characters.
    Chinese,
    /// Every text in brackets: what shows without them is not in the catalogue.
    #[cfg(test)]
    Pseudo,
}

/// A key with its forms: one where the text does not depend on a number.
type Entry = (&'static str, &'static [&'static str]);

/// The tables, sorted by key, and the keys of texts that are made outside of the page and have placeholders.
struct Catalogs {
    german: &'static [Entry],
    chinese: &'static [Entry],
    sentences: &'static [&'static str],
}

static CATALOGS: Catalogs = include!(concat!(env!("OUT_DIR"), "/words.rs"));

thread_local! {
    static CURRENT: Cell<Language> = const { Cell::new(Language::English) };
}

/// Placeholders whose value is a text of ours as well, which is translated with the text around it.
const INNER: [&str; 11] = [
    "request", "reason", "words", "verb", "next", "now", "why", "span", "bound", "unsaved",
    "unmerged",
];

/// Placeholders whose value is a whole number: else a text that ends with a unit would be taken for a span of time.
const WHOLE: [&str; 2] = ["h", "min"];

/// Steps into texts within texts.
const DEPTH: usize = 4;

impl Language {
    /// The language tag (BCP 47) of documents.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Chinese => "zh-Hans",
            #[cfg(test)]
            Self::Pseudo => "qps",
        }
    }

    /// The language of a tag, by its primary part.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The language that an `Accept-Language` header prefers among those of the page; English where it names none of them.
    pub fn accepted(header: &str) -> Self {
        let weighed = header.split(',').filter_map(|range| {
            let mut pieces = range.split(';').map(str::trim);
            let language = Self::of_tag(pieces.next()?)?;
            let weight = pieces.find_map(|piece| piece.strip_prefix("q="));
            let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
            (weight > 0.0).then_some((language, weight))
        });
        // The first of equal ones.
        let best = weighed.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// The direction of the language's writing.
    pub fn direction(self) -> &'static str {
        "ltr"
    }

    /// The sign between a number's whole and its fraction.
    fn decimal_sign(self) -> char {
        match self {
            Self::German => ',',
            _ => '.',
        }
    }

    fn table(self) -> &'static [Entry] {
        match self {
            Self::German => CATALOGS.german,
            Self::Chinese => CATALOGS.chinese,
            _ => &[],
        }
    }

    fn entry(self, key: &str) -> Option<&'static [&'static str]> {
        let table = self.table();
        let at = table
            .binary_search_by(|(known, _)| (*known).cmp(key))
            .ok()?;
        Some(table[at].1)
    }

    /// The place of the plural form for a number.
    fn form(self, n: u64) -> usize {
        match self {
            Self::Chinese => 0,
            _ => usize::from(n != 1),
        }
    }
}

/// Draws in a language.
pub fn speak<T>(language: Language, draw: impl FnOnce() -> T) -> T {
    struct Before(Language);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(language));
    draw()
}

/// The language of the render on this thread.
pub(crate) fn current() -> Language {
    CURRENT.get()
}

/// A text of the catalogue in the current language.
pub(crate) fn t(key: &'static str) -> &'static str {
    match current() {
        Language::English => key,
        #[cfg(test)]
        Language::Pseudo => Box::leak(format!("⟦{key}⟧").into_boxed_str()),
        language => language
            .entry(key)
            .and_then(|forms| forms.first())
            .copied()
            .unwrap_or(key),
    }
}

/// Marks a text of the catalogue that is looked up elsewhere, as those of a table are.
pub(crate) const fn key(text: &'static str) -> &'static str {
    text
}

/// A number that a text depends on.
pub(crate) trait Count: Copy {
    fn count(self) -> u64;
}

impl Count for u64 {
    fn count(self) -> u64 {
        self
    }
}

impl Count for usize {
    fn count(self) -> u64 {
        u64::try_from(self).unwrap_or(u64::MAX)
    }
}

impl Count for u32 {
    fn count(self) -> u64 {
        self.into()
    }
}

/// The form of a text that a number needs, in the current language.
pub(crate) fn plural(one: &'static str, other: &'static str, n: impl Count) -> &'static str {
    let n = n.count();
    let language = current();
    let forms = language.entry(one);
    match forms.and_then(|forms| forms.get(language.form(n))) {
        Some(form) => form,
        None => t(if n == 1 { one } else { other }),
    }
}

/// A text with placeholders in the current language: `t!("Remove {name}", name = title)`; one that depends on a number:
/// `t!("{n} file", "{n} files", n = many)`.
macro_rules! text {
    ($one:literal, $other:literal, n = $n:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::language::fill(
            $crate::language::plural($one, $other, $n),
            &[("n", &$n) $(, (stringify!($name), &$value))*],
        )
    };
    ($key:literal $(, $name:ident = $value:expr)+ $(,)?) => {
        $crate::language::fill($crate::language::t($key), &[$((stringify!($name), &$value)),+])
    };
}

/// The same with markup in it: the text is escaped, and each value is drawn as markup draws it.
macro_rules! markup {
    ($one:literal, $other:literal, n = $n:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::language::fill_markup(
            $crate::language::plural($one, $other, $n),
            &[("n", &$n) $(, (stringify!($name), &$value))*],
        )
    };
    ($key:literal $(, $name:ident = $value:expr)+ $(,)?) => {
        $crate::language::fill_markup($crate::language::t($key), &[$((stringify!($name), &$value)),+])
    };
}

pub(crate) use {markup as m, text as t};

/// Fills in the placeholders of a text.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Place(name) => match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => out.push_str(&value.to_string()),
                None => out.extend(["{", name, "}"]),
            },
        }
    }
    out
}

/// Fills in the placeholders of a text, which becomes markup.
pub(crate) fn fill_markup(text: &str, values: &[(&str, &dyn Render)]) -> Markup {
    let mut out = String::with_capacity(text.len() + 64);
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => text.render_to(&mut out),
            Piece::Place(name) => match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => value.render_to(&mut out),
                None => out.extend(["{", name, "}"]),
            },
        }
    }
    PreEscaped(out)
}

/// A sentence that the model or the hub made in English, in the current language; as it is if the catalogue does not have it.
pub fn sentence(text: &str) -> Cow<'_, str> {
    sentence_within(text, DEPTH)
}

fn sentence_within(text: &str, depth: usize) -> Cow<'_, str> {
    let language = current();
    #[cfg(test)]
    if language == Language::Pseudo {
        return Cow::Owned(format!("⟦{text}⟧"));
    }
    if language == Language::English || depth == 0 {
        return Cow::Borrowed(text);
    }
    if let Some(form) = language.entry(text).and_then(|forms| forms.first()) {
        return Cow::Borrowed(form);
    }
    let fitting = CATALOGS.sentences.iter();
    let fitting = fitting.filter_map(|key| Some((key, matched(key, text)?)));
    // What has the most of its own is the sentence that was made.
    let Some((key, values)) = fitting
        .min_by_key(|(_, values)| values.iter().map(|(_, value)| value.len()).sum::<usize>())
    else {
        return several(text, depth);
    };
    let Some(form) = language.entry(key).and_then(|forms| forms.first()) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(form) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Place(name) => {
                let value = values.iter().find(|(known, _)| *known == name);
                let value = value.map_or("", |(_, value)| *value);
                match INNER.contains(&name) {
                    true => out.push_str(&sentence_within(value, depth - 1)),
                    false => out.push_str(value),
                }
            }
        }
    }
    Cow::Owned(out)
}

/// Sentences of which each has its own entry, such as a reason and its next step.
fn several(text: &str, depth: usize) -> Cow<'_, str> {
    if !text.contains(". ") {
        return Cow::Borrowed(text);
    }
    let each: Vec<_> = text
        .split(". ")
        .map(|one| sentence_within(one, depth - 1))
        .collect();
    // What others wrote stays as it is.
    match each.join(". ") == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(each.join(t(". "))),
    }
}

/// The values of a key's placeholders in a text that was made of the key.
fn matched<'k, 't>(key: &'k str, text: &'t str) -> Option<Vec<(&'k str, &'t str)>> {
    let mut values = Vec::new();
    let mut rest = text;
    let mut open: Option<&'k str> = None;
    for piece in pieces(key) {
        match (piece, open) {
            (Piece::Text(literal), None) => rest = rest.strip_prefix(literal)?,
            (Piece::Text(literal), Some(name)) => {
                let at = rest.find(literal)?;
                values.push((name, &rest[..at]));
                rest = &rest[at + literal.len()..];
                open = None;
            }
            (Piece::Place(name), _) => open = Some(name),
        }
    }
    match open {
        Some(name) => values.push((name, rest)),
        // The last piece may be in a value as well: the value then ends at its last place.
        None if !rest.is_empty() => {
            let last = pieces(key).last()?;
            let Piece::Text(literal) = last else {
                return None;
            };
            let (_, value) = values.last_mut()?;
            let from = value.as_ptr() as usize - text.as_ptr() as usize;
            *value = text.strip_suffix(literal)?.get(from..)?;
        }
        None => {}
    }
    let is_whole = |value: &str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let fits = |(name, value): &(&str, &str)| !WHOLE.contains(name) || is_whole(value);
    values.iter().all(fits).then_some(values)
}

/// A piece of a text with placeholders.
enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

/// The pieces of a text. A brace that opens no placeholder is text.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let open = rest.find('{').unwrap_or(rest.len());
        if open > 0 {
            let (text, after) = rest.split_at(open);
            rest = after;
            return Some(Piece::Text(text));
        }
        let Some((name, after)) = rest[1..].split_once('}') else {
            return Some(Piece::Text(std::mem::take(&mut rest)));
        };
        rest = after;
        Some(Piece::Place(name))
    })
}

/// A number with a fraction, written with a dot, as the current language writes it.
pub(crate) fn number(written: String) -> String {
    match current().decimal_sign() {
        '.' => written,
        sign => written.replacen('.', sign.encode_utf8(&mut [0; 4]), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_the_language_that_it_weighs_most() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("fr-CH, fr;q=0.9, zh-CN;q=0.5, en;q=0.4", Language::Chinese),
            ("en;q=0.2,de;q=0.7", Language::German),
            ("de;q=0", Language::English),
            ("de;q=x, *", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_innermost_render_and_ends_with_it() {
        speak(Language::German, || {
            assert_eq!(t("Close"), "Schließen");
            speak(Language::Chinese, || assert_eq!(t("Close"), "关闭"));
            let panicked = std::panic::catch_unwind(|| {
                speak(Language::Chinese, || panic!("it ends as well"));
            });
            assert!(panicked.is_err());
            assert_eq!(t("Close"), "Schließen");
        });
        assert_eq!(t("Close"), "Close");
    }

    #[test]
    fn spans_of_time_in_a_sentence_are_in_its_language() {
        speak(Language::Chinese, || {
            for (text, said) in [
                (
                    "runs for 31 min, limit 30 min",
                    "已运行 31 分钟，限额 30 分钟",
                ),
                (
                    "turns ran for 2 h 5 min today, limit 2 h",
                    "今天各轮共运行 2 小时 5 分，限额 2 小时",
                ),
                (
                    "nobody has said this for 3 min",
                    "nobody has said this for 3 min",
                ),
            ] {
                assert_eq!(sentence(text), said);
            }
        });
    }

    #[test]
    fn markup_in_a_text_stays_markup_and_the_text_is_escaped() {
        let name = "<b>";
        let bold = maud::html! { b { "x" } };
        let markup = fill_markup("a & {name} {bold} {", &[("name", &name), ("bold", &bold)]);
        assert_eq!(markup.into_string(), "a &amp; &lt;b&gt; <b>x</b> {");
    }

    #[test]
    fn a_sentence_is_found_by_the_text_that_was_made_of_it() {
        assert_eq!(
            matched("Subagent “{title}”: {request}", "Subagent “a”: b”: c"),
            Some(vec![("title", "a"), ("request", "b”: c")])
        );
        assert_eq!(
            matched("Over a limit: {words}.", "Over a limit: 1.5 of 2."),
            Some(vec![("words", "1.5 of 2")])
        );
        assert_eq!(matched("Over a limit: {words}.", "Over a limit"), None);
    }
}

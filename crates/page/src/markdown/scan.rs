//! Colours for languages whose grammars are too large to carry: comments, strings, numbers and known words.
//!
//! A scan from left to right that knows no structure. What it does not know stays plain; it never fails, and takes time
//! that grows with the text alone.

use crate::words::escape;

/// What is known of a language.
#[derive(Debug)]
pub(super) struct Language {
    line_comment: &'static str,
    /// What begins a directive that is alone on its line.
    directive: Option<char>,
    /// Whether a backslash in a string takes the next character with it, and a line's end ends one.
    escapes: bool,
    ignore_case: bool,
    /// Separated by spaces.
    keywords: &'static str,
    /// Likewise.
    types: &'static str,
}

/// C++, with the words of its standard that are reserved.
pub(super) static CPP: Language = Language {
    line_comment: "//",
    directive: Some('#'),
    escapes: true,
    ignore_case: false,
    keywords: "alignas alignof break case catch class co_await co_return co_yield concept const const_cast consteval \
        constexpr constinit continue decltype default delete do dynamic_cast else enum explicit export extern false \
        final for friend goto if import inline module mutable namespace new noexcept nullptr operator override \
        private protected public reinterpret_cast requires return sizeof static static_assert static_cast struct \
        switch template this thread_local throw true try typedef typeid typename union using virtual volatile while",
    types: "auto bool char char16_t char32_t char8_t double float int int16_t int32_t int64_t int8_t long short signed \
        size_t string uint16_t uint32_t uint64_t uint8_t unsigned void wchar_t",
};

/// SQL, with the words that its dialects share.
pub(super) static SQL: Language = Language {
    line_comment: "--",
    directive: None,
    escapes: false,
    ignore_case: true,
    keywords: "add all alter analyze and any as asc begin between by cascade case check column commit conflict constraint \
        create cross current database default delete desc distinct do drop else end except exists explain false \
        fetch first following for foreign from full function grant group having if ilike in index inner insert \
        intersect into is join key last lateral left like limit materialized natural not nothing null nulls offset \
        on or order outer over partition pragma preceding primary procedure range recursive references rename \
        replace returning returns revoke right rollback row rows schema select set table temporary then to \
        transaction trigger true truncate unbounded union unique update using vacuum values view when where window \
        with without",
    types: "bigint bigserial blob boolean bytea char date decimal double float int integer interval json jsonb numeric \
        real serial smallint text time timestamp timestamptz uuid varchar",
};

/// Code as escaped text with coloured words.
pub(super) fn highlight(language: &Language, code: &str) -> String {
    let mut out = String::with_capacity(code.len() * 2);
    let mut rest = code;
    let mut line_begins = true;
    while let Some(first) = rest.chars().next() {
        let (length, class) = token(language, rest, first, line_begins);
        let (text, after) = rest.split_at(length);
        match class {
            Some(class) => {
                out.push_str("<span class=\"h-");
                out.push_str(class);
                out.push_str("\">");
                out.push_str(&escape(text));
                out.push_str("</span>");
            }
            None => out.push_str(&escape(text)),
        }
        line_begins = first == '\n' || (line_begins && first.is_whitespace());
        rest = after;
    }
    out
}

/// Bytes of the token that begins here, never zero, and its class.
fn token(
    language: &Language,
    rest: &str,
    first: char,
    line_begins: bool,
) -> (usize, Option<&'static str>) {
    let line = rest.find('\n').unwrap_or(rest.len());
    match first {
        _ if rest.starts_with(language.line_comment) => (line, Some("comment")),
        '/' if rest.starts_with("/*") => {
            let end = rest.find("*/").map_or(rest.len(), |at| at + 2);
            (end, Some("comment"))
        }
        '\'' | '"' => (string(language, rest, first), Some("string")),
        _ if line_begins && language.directive == Some(first) => {
            let word = 1 + length(&rest[1..], char::is_alphanumeric);
            (word, Some("macro"))
        }
        '0'..='9' => {
            let digits = length(rest, |c| c.is_alphanumeric() || c == '.' || c == '_');
            (digits, Some("number"))
        }
        _ if first.is_alphabetic() || first == '_' => {
            let end = length(rest, |c| c.is_alphanumeric() || c == '_');
            (end, class_of(language, &rest[..end], &rest[end..]))
        }
        _ => (first.len_utf8(), None),
    }
}

fn string(language: &Language, rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if language.escapes && c == '\n' {
            return at;
        }
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = language.escapes && c == '\\' && !escaped;
    }
    rest.len()
}

fn class_of(language: &Language, word: &str, after: &str) -> Option<&'static str> {
    let known = |words: &str| {
        words.split(' ').any(|known| {
            known == word || (language.ignore_case && known.eq_ignore_ascii_case(word))
        })
    };
    if known(language.keywords) {
        Some("keyword")
    } else if known(language.types) {
        Some("type")
    } else {
        after.starts_with('(').then_some("function")
    }
}

/// Bytes of the longest beginning whose characters are all so.
fn length(text: &str, so: impl Fn(char) -> bool) -> usize {
    text.find(|c| !so(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_is_coloured_in_any_case() {
        insta::assert_snapshot!(highlight(&SQL, "Select count(*) FROM t -- all\nWHERE a < 'it''s' AND b = 1.5;"), @r#"
        <span class="h-keyword">Select</span> <span class="h-function">count</span>(*) <span class="h-keyword">FROM</span> t <span class="h-comment">-- all</span>
        <span class="h-keyword">WHERE</span> a &lt; <span class="h-string">'it'</span><span class="h-string">'s'</span> <span class="h-keyword">AND</span> b = <span class="h-number">1.5</span>;
        "#);
    }

    #[test]
    fn cpp_is_coloured() {
        insta::assert_snapshot!(highlight(&CPP, "#include <a>\nint f(T x) { return g(\"\\\"<\", 0x1F); /* b */ }"), @r#"
        <span class="h-macro">#include</span> &lt;a&gt;
        <span class="h-type">int</span> <span class="h-function">f</span>(T x) { <span class="h-keyword">return</span> <span class="h-function">g</span>(<span class="h-string">"\"&lt;"</span>, <span class="h-number">0x1F</span>); <span class="h-comment">/* b */</span> }
        "#);
    }

    #[test]
    fn what_has_no_end_yet_goes_to_the_end() {
        for code in ["/* a", "'a", "\"é\\", "#", "ä'", "/", "\""] {
            for language in [&CPP, &SQL] {
                assert!(!highlight(language, code).is_empty());
            }
        }
    }
}

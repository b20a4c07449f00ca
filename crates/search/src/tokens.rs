//! Tokens: what the index knows of a text, so that words, parts of identifiers and CJK text are found.
//!
//! A run of letters and digits gives one token from each of its humps to its end (`parseErrorKind`: `parseerrorkind`,
//! `errorkind`, `kind`), since every token is found by its beginning. `_`, `-`, `.` and `/` end a run. CJK text, which has no spaces, gives its
//! pairs of characters, and its last character.
//!
//! An index of all trigrams would find the middle of a word as well, at more than the size of the text
//! (`docs/adr/0020-search.md`).

use std::collections::BTreeSet;

use crate::limits;

/// A piece of a query's term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// In lower case.
    pub(crate) token: String,
    /// True if tokens that only begin with it match as well.
    pub(crate) prefix: bool,
}

/// The tokens of a text: each once, in lower case.
pub(crate) fn tokens(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for run in runs(text) {
        match run {
            Run::Word(word) => humps(word).for_each(|from| {
                all.insert(token(&word[from..]));
            }),
            Run::Cjk(cjk) => pairs(cjk).for_each(|pair| {
                all.insert(pair.to_owned());
            }),
        }
        if all.len() >= limits::TOKENS {
            break;
        }
    }
    all
}

/// The pieces of a term. A text that has the term has tokens for each of them. A single letter or digit is a piece only if the term is
/// nothing else: too many tokens begin with it.
pub(crate) fn pieces(term: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = runs(term).flat_map(pieces_of).collect();
    if pieces
        .iter()
        .any(|piece| piece.prefix || piece.token.chars().nth(1).is_some())
    {
        pieces.retain(|piece| piece.prefix || piece.token.chars().nth(1).is_some());
    }
    pieces
}

fn pieces_of(run: Run<'_>) -> Vec<Piece> {
    let piece = |token: &str, prefix| Piece {
        token: token.to_owned(),
        prefix,
    };
    match run {
        Run::Word(word) => {
            let token = token(word);
            let prefix = token.chars().nth(1).is_some();
            vec![Piece { token, prefix }]
        }
        Run::Cjk(cjk) if cjk.chars().nth(1).is_none() => vec![piece(cjk, true)],
        // The last character alone says nothing that the last pair does not say.
        Run::Cjk(cjk) => {
            let pairs = pairs(cjk).filter(|pair| pair.chars().nth(1).is_some());
            pairs.map(|pair| piece(pair, false)).collect()
        }
    }
}

enum Run<'a> {
    Word(&'a str),
    Cjk(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Cjk,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}' => Class::Cjk,
        c if c.is_alphanumeric() => Class::Word,
        _ => Class::Other,
    }
}

/// Maximal runs of characters of one class.
fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = class(rest.chars().next()?);
            let end = rest.find(|c| class(c) != first).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            match first {
                Class::Word => return Some(Run::Word(run)),
                Class::Cjk => return Some(Run::Cjk(run)),
                Class::Other => {}
            }
        }
    })
}

/// Where the humps of a word begin: its beginning, and each capital letter behind a small letter or before one.
fn humps(word: &str) -> impl Iterator<Item = usize> + '_ {
    let mut before: Option<char> = None;
    let mut rest = word.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, c) = rest.next()?;
            let next = rest.peek().map(|(_, next)| *next);
            let begins = match before {
                None => true,
                Some(before) if before.is_lowercase() || before.is_numeric() => c.is_uppercase(),
                Some(before) => {
                    before.is_uppercase()
                        && c.is_uppercase()
                        && next.is_some_and(char::is_lowercase)
                }
            };
            before = Some(c);
            if begins {
                return Some(at);
            }
        }
    })
}

fn token(word: &str) -> String {
    let lower = word.chars().flat_map(char::to_lowercase);
    lower.take(limits::TOKEN_CHARS).collect()
}

/// Each two characters that stand side by side, and the last one.
fn pairs(cjk: &str) -> impl Iterator<Item = &str> {
    let ends = |from: usize| {
        let mut chars = cjk[from..].char_indices().skip(2);
        chars.next().map_or(cjk.len(), |(end, _)| from + end)
    };
    cjk.char_indices()
        .map(move |(from, _)| &cjk[from..ends(from)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        tokens(text).into_iter().collect()
    }

    #[test]
    fn identifiers_are_found_by_each_of_their_parts() {
        assert_eq!(
            of("parseErrorKind HTTPServer"),
            [
                "errorkind",
                "httpserver",
                "kind",
                "parseerrorkind",
                "server"
            ]
        );
        assert_eq!(of("src/max_len.rs"), ["len", "max", "rs", "src"]);
        assert_eq!(of("a1B2c"), ["a1b2c", "b2c"]);
    }

    #[test]
    fn cjk_text_gives_its_pairs() {
        assert_eq!(of("修复登录"), ["修复", "复登", "录", "登录"]);
        let pieces: Vec<_> = pieces("登录").into_iter().map(|one| one.token).collect();
        assert_eq!(pieces, ["登录"]);
    }

    #[test]
    fn a_term_is_found_by_its_beginning_unless_it_is_one_letter() {
        let of = |term: &str| {
            let pieces = pieces(term).into_iter();
            let found = pieces.map(|one| (one.token, one.prefix));
            found.collect::<Vec<_>>()
        };
        assert_eq!(of("x-Foo"), [("foo".to_owned(), true)]);
        assert_eq!(of("x"), [("x".to_owned(), false)]);
        assert_eq!(of("登a"), [("登".to_owned(), true)]);
        assert_eq!(of("::"), []);
    }
}

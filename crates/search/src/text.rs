//! Texts without differences of case, and where a word is in one.

use std::borrow::Cow;

use crate::limits;

/// A text in lower case, character by character, so that places in it are places in the text.
pub(crate) fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

fn fold(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        // A character that becomes several has no single lower case.
        _ => c,
    }
}

/// A stretch of a hit's text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Stretch {
    /// The text.
    pub text: String,
    /// True if the query's words are this.
    pub hit: bool,
}

/// The text around the first of these words, with every word marked. The beginning of the text if it has none.
pub(crate) fn snippet(text: &str, words: &[String]) -> Vec<Stretch> {
    let chars: Vec<char> = text.chars().collect();
    let low: Vec<char> = chars.iter().copied().map(fold).collect();
    let words: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
    let first = words
        .iter()
        .filter_map(|word| position(&low, word, 0))
        .min();
    let from = first.unwrap_or(0).saturating_sub(limits::SNIPPET_CHARS);
    let most = first.unwrap_or(0) + 2 * limits::SNIPPET_CHARS;
    let end = most.min(chars.len());
    let mut stretches = Vec::new();
    if from > 0 {
        push(&mut stretches, "…", false);
    }
    let mut at = from;
    while at < end {
        let found = words
            .iter()
            .filter_map(|word| Some((position(&low[..end], word, at)?, word.len())))
            .min_by_key(|(found, length)| (*found, usize::MAX - length));
        let (start, stop) = found.map_or((end, end), |(found, length)| (found, found + length));
        push(&mut stretches, &String::from_iter(&chars[at..start]), false);
        push(
            &mut stretches,
            &String::from_iter(&chars[start..stop]),
            true,
        );
        at = stop;
    }
    if end < chars.len() {
        push(&mut stretches, "…", false);
    }
    stretches
}

fn push(stretches: &mut Vec<Stretch>, text: &str, hit: bool) {
    match stretches.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.hit == hit => last.text.push_str(text),
        _ => stretches.push(Stretch {
            text: text.to_owned(),
            hit,
        }),
    }
}

fn position(text: &[char], word: &[char], from: usize) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    let windows = text.get(from..)?.windows(word.len());
    let mut found = windows.enumerate().filter(|(_, window)| *window == word);
    found.next().map(|(at, _)| from + at)
}

/// A text without the escape sequences of terminals, which colour it: their letters are part of no word.
pub(crate) fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after_escape(sequence);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// What follows an escape sequence, whose first character was taken.
fn after_escape(sequence: &str) -> &str {
    let mut chars = sequence.chars();
    match chars.next() {
        // Parameters, then one final character.
        Some('[') => {
            let rest = chars.as_str();
            let is_parameter = |c: char| matches!(c, ' '..='?');
            let rest = rest.trim_start_matches(is_parameter);
            rest.strip_prefix(|c: char| matches!(c, '@'..='~'))
                .unwrap_or(rest)
        }
        // A text that ends with a bell or another sequence, at the latest with the line.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let rest = chars.as_str();
            let end = rest.find(['\u{7}', '\u{1b}', '\n']).unwrap_or(rest.len());
            let (ended, rest) = (&rest[end..], &rest[end..]);
            let rest = ended.strip_prefix('\u{7}').unwrap_or(rest);
            rest.strip_prefix("\u{1b}\\").unwrap_or(rest)
        }
        Some('(' | ')' | '#' | '%') => {
            chars.next();
            chars.as_str()
        }
        Some(c) if c.is_ascii_graphic() => chars.as_str(),
        _ => sequence,
    }
}

/// The beginning of a text, of at most so many bytes.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn marked(text: &str, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| folded(word)).collect();
        let stretches = snippet(text, &words);
        let shown = stretches.iter().map(|one| match one.hit {
            true => format!("[{}]", one.text),
            false => one.text.clone(),
        });
        shown.collect()
    }

    #[test]
    fn words_are_marked_where_they_are() {
        assert_eq!(marked("Fix the fixture", &["fix"]), "[Fix] the [fix]ture");
        assert_eq!(
            marked("İstanbul STRASSE", &["strasse"]),
            "İstanbul [STRASSE]"
        );
        assert_eq!(marked("修复登录页面", &["登录"]), "修复[登录]页面");
        assert_eq!(marked("nothing", &["else"]), "nothing");
    }

    #[test]
    fn escape_sequences_are_part_of_no_word() {
        for (text, plain) in [
            (
                "\u{1b}[32mgreen\u{1b}[0m \u{1b}[1;38;5;7mbold",
                "green bold",
            ),
            ("\u{1b}]0;title\u{7}after", "after"),
            (
                "\u{1b}]8;;https://a\u{1b}\\link\u{1b}]8;;\u{1b}\\!",
                "link!",
            ),
            ("\u{1b}]open\nnext", "\nnext"),
            ("\u{1b}(Bset \u{1b}7 saved", "set  saved"),
            ("ends \u{1b}[3", "ends "),
            ("ends \u{1b}", "ends "),
            ("é\u{1b}é", "éé"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_escapes(text), plain, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_word() {
        let text = format!("{}needle{}", "a".repeat(500), "b".repeat(500));
        let shown = marked(&text, &["needle"]);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("[needle]"));
        assert!(shown.chars().count() < 300);
    }
}

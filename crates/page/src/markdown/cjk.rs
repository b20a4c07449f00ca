//! Emphasis beside the punctuation of Chinese, Japanese and Korean, which has no spaces around words.
//!
//! In CommonMark, the characters on both sides of `**` decide whether it opens or closes emphasis: in `含**「重点」**内容` it does
//! neither. By the amendment for such text (<https://github.com/tats-u/markdown-cjk-friendly>), CJK punctuation counts as letters there, and so
//! does any punctuation on the inside of a mark that has CJK text on its outside. The parser does not know that rule. Its input
//! therefore gets a letter between the mark and the punctuation, which is removed from its output.
//! (`docs/adr/0018-emphasis-beside-cjk.md`)

use std::borrow::Cow;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag};

/// A character that is a letter for the parser and in no text: Unicode reserves it for use inside of programs.
const LETTER: char = '\u{FDD0}';

/// The input of the parser for a text.
pub(super) struct Prepared<'a> {
    text: Cow<'a, str>,
    /// Positions of inserted letters in `text`, in ascending order.
    added: Vec<usize>,
}

impl<'a> Prepared<'a> {
    /// Inserts letters between marks and the punctuation that would keep them from being marks.
    pub(super) fn new(text: &'a str) -> Self {
        let (mut out, mut added, mut from) = (String::new(), Vec::new(), 0);
        if !text.contains(LETTER) {
            for (start, end) in runs(text) {
                let before = text[..start].chars().next_back();
                let after = text[end..].chars().next();
                let (first, last) = letters(before, after);
                for (at, wanted) in [(start, first), (end, last)] {
                    if wanted {
                        out.push_str(&text[from..at]);
                        from = at;
                        added.push(out.len());
                        out.push(LETTER);
                    }
                }
            }
        }
        if added.is_empty() {
            return Self {
                text: Cow::Borrowed(text),
                added,
            };
        }
        out.push_str(&text[from..]);
        Self {
            text: Cow::Owned(out),
            added,
        }
    }

    /// The input of the parser.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The position in the original text of position `at` in the parser's input.
    pub(super) fn place(&self, at: usize) -> usize {
        let before = self.added.partition_point(|letter| *letter < at);
        at - before * LETTER.len_utf8()
    }

    /// Parsed text without the inserted letters.
    pub(super) fn read<'e>(&self, event: Event<'e>) -> Event<'e> {
        if self.added.is_empty() {
            return event;
        }
        match event {
            Event::Text(text) => Event::Text(without(text)),
            Event::Code(text) => Event::Code(without(text)),
            Event::Html(text) => Event::Html(without(text)),
            Event::InlineHtml(text) => Event::InlineHtml(without(text)),
            Event::Start(tag) => Event::Start(match tag {
                Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                } => Tag::Link {
                    link_type,
                    dest_url: without(dest_url),
                    title,
                    id,
                },
                Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                } => Tag::Image {
                    link_type,
                    dest_url: without(dest_url),
                    title,
                    id,
                },
                Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                    Tag::CodeBlock(CodeBlockKind::Fenced(without(info)))
                }
                other => other,
            }),
            other => other,
        }
    }
}

fn without(text: CowStr<'_>) -> CowStr<'_> {
    if text.contains(LETTER) {
        text.replace(LETTER, "").into()
    } else {
        text
    }
}

/// Positions of marks of emphasis: runs of the same character.
fn runs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at
            + bytes[at..]
                .iter()
                .position(|byte| matches!(byte, b'*' | b'~'))?;
        let same = bytes[start..]
            .iter()
            .take_while(|byte| **byte == bytes[start]);
        at = start + same.count();
        Some((start, at))
    })
}

/// Whether a letter is inserted before and after a mark between these characters.
fn letters(before: Option<char>, after: Option<char>) -> (bool, bool) {
    let (Some(before), Some(after)) = (before, after) else {
        return (false, false);
    };
    let spaced = before.is_whitespace() || after.is_whitespace() || before == '\\';
    if spaced || !(is_cjk(before) || is_cjk(after)) {
        return (false, false);
    }
    let hinders = |c: char, other: char| is_punctuation(c) && (is_cjk(c) || is_cjk(other));
    (hinders(before, after), hinders(after, before))
}

/// True if the parser counts a character as punctuation, or may do so.
fn is_punctuation(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace()
}

/// Characters of scripts that have no spaces around words, and their punctuation.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{33FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{A4CF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF01}'..='\u{FFEF}' | '\u{16FE0}'..='\u{18DFF}' | '\u{1AFF0}'..='\u{1B2FF}' | '\u{20000}'..='\u{3FFFD}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::whole;

    #[test]
    fn emphasis_beside_cjk_punctuation_is_drawn() {
        for (text, html) in [
            ("含**「重点」**内容", "含<strong>「重点」</strong>内容"),
            (
                "これは**「重要」**です。",
                "これは<strong>「重要」</strong>です。",
            ),
            ("**注意：**请先备份", "<strong>注意：</strong>请先备份"),
            (
                "先**（甲）**再**（乙）**。",
                "先<strong>（甲）</strong>再<strong>（乙）</strong>。",
            ),
            (
                "中文**\"quoted\"**中文",
                "中文<strong>\"quoted\"</strong>中文",
            ),
            (
                "使用**`cargo test`**命令",
                "使用<strong><code>cargo test</code></strong>命令",
            ),
            ("见*《红楼梦》*一书", "见<em>《红楼梦》</em>一书"),
            (
                "***「重点」***內容",
                "<em><strong>「重点」</strong></em>內容",
            ),
            ("刪~~「舊」~~新", "刪<del>「舊」</del>新"),
            (
                "이 **“중요”**는 한국어",
                "이 <strong>“중요”</strong>는 한국어",
            ),
            ("**「甲」**", "<strong>「甲」</strong>"),
            ("这是 **重点** 内容", "这是 <strong>重点</strong> 内容"),
        ] {
            assert_eq!(whole(text).concat(), format!("<p>{html}</p>\n"), "{text}");
        }
    }

    #[test]
    fn code_links_and_what_is_escaped_stay_as_they_are() {
        for (text, html) in [
            (
                "`含**「重点」**内容`",
                "<p><code>含**「重点」**内容</code></p>\n",
            ),
            ("含\\**「重点」", "<p>含**「重点」</p>\n"),
            ("2 * 3 * 4，中文", "<p>2 * 3 * 4，中文</p>\n"),
            ("a**\"b\"**c", "<p>a**\"b\"**c</p>\n"),
            (
                "[甲**「乙」**](https://a.example/%E7*「x)",
                "<p><a href=\"https://a.example/%E7*「x\" target=\"_blank\" rel=\"noopener noreferrer\">甲<strong>「乙」</strong></a></p>\n",
            ),
        ] {
            assert_eq!(whole(text).concat(), html, "{text}");
        }
        let code = whole("```甲*「乙\n含**「重点」**内容\n```").concat();
        assert!(
            code.contains(">甲*「乙<") && code.contains("含**「重点」**内容"),
            "{code}"
        );
        assert!(whole("x \u{FDD0}**「a」** y").concat().contains('\u{FDD0}'));
    }

    #[test]
    fn places_are_those_of_the_text_itself() {
        let text = "甲**「乙」**丙\n\n丁";
        let prepared = Prepared::new(text);
        let found = prepared.text().find('丁').unwrap_or_default();
        assert_eq!(prepared.place(found), text.find('丁').unwrap_or_default());
        assert_eq!(prepared.place(prepared.text().len()), text.len());
    }
}

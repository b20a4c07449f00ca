//! Long texts of tools, cut to what is worth showing at once.

use crate::limits;
use crate::words::escape;

/// A text to show, and whether anything of it is left out.
pub(super) struct Shown {
    /// As the content of a `pre`.
    pub(super) html: String,
    /// Bytes left out.
    pub(super) left_out: usize,
}

/// The end of a text that still grows.
pub(super) fn growing(text: &str, whole: bool) -> Shown {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return Shown {
            html: escape(text),
            left_out: 0,
        };
    }
    let least = text.len() - limits::OUTPUT_BYTES;
    let from = line_start(text, least.next_multiple_of(limits::OUTPUT_STEP));
    Shown {
        html: escape(&text[from..]),
        left_out: from,
    }
}

/// Beginning and end of a text that is whole.
pub(super) fn ended(text: &str, whole: bool) -> Shown {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return Shown {
            html: escape(text),
            left_out: 0,
        };
    }
    let to = line_start(text, limits::OUTPUT_BYTES / 2);
    let from = line_start(text, text.len() - limits::OUTPUT_BYTES / 2);
    let html = format!("{}<b>⋯</b>\n{}", escape(&text[..to]), escape(&text[from..]));
    Shown {
        html,
        left_out: from - to,
    }
}

/// The first line that begins at or after `at`; any character if the line is endless.
fn line_start(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let near = &text.as_bytes()[at..(at + 1024).min(text.len())];
    near.iter()
        .position(|byte| *byte == b'\n')
        .map_or(at, |line| at + line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole() {
        let shown = ended("a <b>\n", false);
        assert_eq!((shown.html.as_str(), shown.left_out), ("a &lt;b&gt;\n", 0));
    }

    #[test]
    fn long_texts_keep_both_ends_and_say_what_is_left_out() {
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let shown = ended(&text, false);
        assert!(shown.html.starts_with("line 0\n") && shown.html.ends_with("line 9999\n"));
        assert!(shown.html.len() < limits::OUTPUT_BYTES + 64);
        assert_eq!(
            shown.html.len() - "<b>⋯</b>\n".len() + shown.left_out,
            text.len()
        );
        assert_eq!(ended(&text, true).left_out, 0);
    }

    #[test]
    fn a_growing_text_mostly_only_appends() {
        let mut text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let before = growing(&text, false).html;
        text.push_str("more\n");
        let after = growing(&text, false).html;
        assert!(after.starts_with(&before));
    }

    #[test]
    fn endless_lines_of_wide_characters_are_cut_between_them() {
        let text = "é".repeat(limits::OUTPUT_BYTES);
        assert!(ended(&text, false).left_out > 0);
        assert!(growing(&text, false).left_out > 0);
    }
}

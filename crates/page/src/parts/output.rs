//! Long texts of tools, cut to what is worth showing at once.

use crate::limits;
use crate::terminal;
use crate::words::visible;

/// A text to show, and whether anything of it is left out.
pub(super) struct Shown {
    /// As the content of a `pre`.
    pub(super) html: String,
    /// Bytes left out.
    pub(super) left_out: usize,
}

/// The end of a text that still grows; `command` if a command printed it.
pub(super) fn growing(text: &str, whole: bool, command: bool) -> Shown {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return Shown {
            html: terminal::draw(text, command),
            left_out: 0,
        };
    }
    let least = text.len() - limits::OUTPUT_BYTES;
    let from = line_start(text, least.next_multiple_of(limits::OUTPUT_STEP));
    Shown {
        html: terminal::draw(&text[from..], command),
        left_out: from,
    }
}

/// Beginning and end of an output that is whole; `command` if a command printed it.
pub(super) fn ended(text: &str, whole: bool, command: bool) -> Shown {
    ends(text, whole, |text| terminal::draw(text, command))
}

/// Beginning and end of what a tool is given.
pub(super) fn given(text: &str) -> Shown {
    ends(text, false, visible)
}

fn ends(text: &str, whole: bool, draw: impl Fn(&str) -> String) -> Shown {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return Shown {
            html: draw(text),
            left_out: 0,
        };
    }
    let to = line_start(text, limits::OUTPUT_BYTES / 2);
    let from = line_start(text, text.len() - limits::OUTPUT_BYTES / 2);
    let html = format!("{}<b>⋯</b>\n{}", draw(&text[..to]), draw(&text[from..]));
    Shown {
        html,
        left_out: from - to,
    }
}

/// The first line that begins at or after `at`, or is written over; a control sequence, or any character, if the line is endless.
fn line_start(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let near = &text.as_bytes()[at..(at + 1024).min(text.len())];
    let first = |bytes: &[u8]| near.iter().position(|byte| bytes.contains(byte));
    match (first(b"\n"), first(b"\r"), first(b"\x1b")) {
        (Some(line), ..) | (None, Some(line), _) => at + line + 1,
        (None, None, Some(sequence)) => at + sequence,
        (None, None, None) => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole() {
        let shown = ended("a <b>\n", false, true);
        assert_eq!((shown.html.as_str(), shown.left_out), ("a &lt;b&gt;\n", 0));
    }

    #[test]
    fn long_texts_keep_both_ends_and_say_what_is_left_out() {
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let shown = ended(&text, false, true);
        assert!(shown.html.starts_with("line 0\n") && shown.html.ends_with("line 9999\n"));
        assert!(shown.html.len() < limits::OUTPUT_BYTES + 64);
        assert_eq!(
            shown.html.len() - "<b>⋯</b>\n".len() + shown.left_out,
            text.len()
        );
        assert_eq!(ended(&text, true, true).left_out, 0);
    }

    #[test]
    fn a_growing_text_mostly_only_appends() {
        let mut text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let before = growing(&text, false, true).html;
        text.push_str("more\n");
        let after = growing(&text, false, true).html;
        assert!(after.starts_with(&before));
    }

    #[test]
    fn endless_lines_of_wide_characters_are_cut_between_them() {
        let text = "é".repeat(limits::OUTPUT_BYTES);
        assert!(ended(&text, false, true).left_out > 0);
        assert!(growing(&text, false, true).left_out > 0);
    }
}

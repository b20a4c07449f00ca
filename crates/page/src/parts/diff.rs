//! An edit as lines that went and lines that came.

use maud::{Markup, PreEscaped, html};
use similar::{ChangeTag, TextDiff};

use crate::language::t;
use crate::limits;
use crate::words::visible;

/// Draws the difference of two texts with three lines of context; nothing if one of them is too long to compare.
pub(super) fn diff(old: &str, new: &str) -> Option<Markup> {
    if !is_small(old) || !is_small(new) {
        return None;
    }
    let diff = TextDiff::from_lines(old, new);
    Some(html! {
        div.diff tabindex="0" {
            @for (at, group) in diff.grouped_ops(3).iter().enumerate() {
                @if at > 0 { div.skip { "⋯" } }
                @for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                    (line(change.tag(), change.value().trim_end_matches(['\n', '\r'])))
                }
            }
        }
    })
}

/// Whether a text has few enough lines, which end as the comparison sees them, and bytes.
fn is_small(text: &str) -> bool {
    let ends = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r'));
    text.len() <= limits::DIFF_BYTES && ends.count() <= limits::DIFF_LINES
}

/// Draws a text that is a patch already; nothing if it is too long.
pub(crate) fn patch(text: &str) -> Option<Markup> {
    if text.len() > limits::DIFF_BYTES {
        return None;
    }
    let more = text.lines().count().saturating_sub(limits::DIFF_LINES);
    // What comes before the first hunk of a file names the file, and is no line of it.
    let mut in_hunk = !text.lines().any(|line| line.starts_with("@@"));
    let lines = text.lines().take(limits::DIFF_LINES).map(|text| {
        let begins = text.as_bytes().first();
        let of_a_hunk = matches!(begins, Some(b'+' | b'-' | b' ' | b'\\' | b'@') | None);
        in_hunk = of_a_hunk && (in_hunk || text.starts_with("@@"));
        match begins {
            Some(b'+') if in_hunk => line(ChangeTag::Insert, &text[1..]),
            Some(b'-') if in_hunk => line(ChangeTag::Delete, &text[1..]),
            Some(b' ') if in_hunk => line(ChangeTag::Equal, &text[1..]),
            _ => html! { div.skip { (PreEscaped(visible(text))) } },
        }
    });
    Some(html! {
        div.diff tabindex="0" {
            @for line in lines { (line) }
            @if more > 0 { div.skip { (t!("{n} more line is not shown", "{n} more lines are not shown", n = more)) } }
        }
    })
}

fn line(tag: ChangeTag, text: &str) -> Markup {
    let text = PreEscaped(visible(text));
    html! {
        @match tag {
            ChangeTag::Delete => div.del { i { "-" } (text) },
            ChangeTag::Insert => div.add { i { "+" } (text) },
            ChangeTag::Equal => div { i { " " } (text) },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_compared_up_to_their_bounds() {
        let lines = |word: &str, end: &str| format!("{word}{end}").repeat(limits::DIFF_LINES);
        let drawn = diff(&lines("a", "\n"), &lines("b", "\n"))
            .unwrap()
            .into_string();
        assert_eq!(drawn.matches("class=\"del\"").count(), limits::DIFF_LINES);
        for end in ["\n", "\r", "\r\n"] {
            let long = lines("a", end) + "a" + end;
            assert!(diff(&long, "b").is_none() && diff("b", &long).is_none());
        }
        assert!(diff(&"a".repeat(limits::DIFF_BYTES + 1), "b").is_none());
    }

    #[test]
    fn a_patch_says_what_it_leaves_out() {
        let drawn = patch(&"+a\n".repeat(limits::DIFF_LINES + 3))
            .unwrap()
            .into_string();
        assert!(drawn.contains("3 more lines are not shown"));
        assert!(!patch("+a").unwrap().into_string().contains("not shown"));
        assert!(patch(&"+".repeat(limits::DIFF_BYTES + 1)).is_none());
    }
}

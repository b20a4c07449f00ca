//! An edit as lines that went and lines that came.

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use crate::limits;

/// Draws the difference of two texts with three lines of context; nothing if one of them is too long to compare.
pub(super) fn diff(old: &str, new: &str) -> Option<Markup> {
    if old.lines().count().max(new.lines().count()) > limits::DIFF_LINES {
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

/// Draws a text that is a patch already.
pub(super) fn patch(text: &str) -> Markup {
    html! {
        div.diff tabindex="0" {
            @for text in text.lines().take(limits::DIFF_LINES) {
                @match text.as_bytes().first() {
                    Some(b'+') => (line(ChangeTag::Insert, &text[1..])),
                    Some(b'-') => (line(ChangeTag::Delete, &text[1..])),
                    Some(b' ') => (line(ChangeTag::Equal, &text[1..])),
                    _ => div.skip { (text) },
                }
            }
        }
    }
}

fn line(tag: ChangeTag, text: &str) -> Markup {
    html! {
        @match tag {
            ChangeTag::Delete => div.del { i { "-" } (text) },
            ChangeTag::Insert => div.add { i { "+" } (text) },
            ChangeTag::Equal => div { i { " " } (text) },
        }
    }
}

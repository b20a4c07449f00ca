//! What a permission would run, all of it, as code.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};
use model::plain;
use model::state::{Hidden, Permission, Piece};

use super::Size;
use crate::limits;
use crate::parts::patch;
use crate::words::visible;

/// What is asked, in a few words; what it is about follows.
pub(super) fn verb(permission: &Permission) -> Markup {
    let name = plain::line(&permission.permission, limits::TITLE_CHARS);
    html! {
        @match &*permission.permission {
            "bash" => "Run a command",
            "edit" => "Change files",
            "read" => "Read a file",
            "webfetch" => "Fetch an address",
            "task" => "Start a subagent",
            "external_directory" => "Work outside the folder",
            "doom_loop" => "Go on with a call that repeats",
            _ => { "Use " code { (name) } },
        }
    }
}

/// Why it cannot be allowed from a card.
pub(super) fn why_not(permission: &Permission, size: Size) -> Option<&'static str> {
    if let Some(hidden) = permission.content.hidden {
        return Some(match hidden {
            Hidden::Unread => "What it would run is not known yet.",
            Hidden::Unreadable => {
                "What it would run cannot be shown, so it cannot be allowed here."
            }
            Hidden::TooLarge => {
                "What it would run is too long to be shown, so it cannot be allowed here."
            }
            Hidden::Nothing => {
                "Its server does not say what would run, so it cannot be allowed here."
            }
        });
    }
    let (bytes, lines) = measure(permission);
    if bytes > limits::CARD_BYTES || lines > limits::CARD_LINES {
        return Some("What it would run is too long for a card, so it cannot be allowed here.");
    }
    let small = bytes <= limits::SMALL_CARD_BYTES && lines <= limits::SMALL_CARD_LINES;
    (size == Size::Small && !small).then_some("It is too long for here.")
}

/// Bytes and lines of what is shown.
fn measure(permission: &Permission) -> (usize, usize) {
    let texts = permission.content.pieces.iter().map(|piece| match piece {
        Piece::Command(text)
        | Piece::Diff { diff: text, .. }
        | Piece::Field { value: text, .. } => text,
    });
    texts
        .chain(about(permission))
        .fold((0, 0), |(bytes, lines), text| {
            (bytes + text.len(), lines + text.lines().count().max(1))
        })
}

/// What the permission is for, where no piece says it: anything is no word about it.
fn about(permission: &Permission) -> impl Iterator<Item = &Arc<str>> {
    let pieces = &permission.content.pieces;
    let said = pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Command(_) | Piece::Diff { .. }));
    let is_field = |pattern: &Arc<str>| {
        pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Field { value, .. } if value == pattern))
    };
    let patterns = permission.patterns.iter().filter(move |_| !said);
    patterns.filter(move |pattern| !pattern.chars().all(|c| c == '*') && !is_field(pattern))
}

/// A diff without the lines at its head that do nothing but name the file, where that is named above it.
fn changes<'a>(path: Option<&str>, diff: &'a str) -> &'a str {
    let (Some(path), Some(hunks)) = (path, diff.find("@@")) else {
        return diff;
    };
    let (head, rest) = diff.split_at(hunks);
    let names = |line: &str| {
        let name = ["Index: ", "--- ", "+++ "]
            .iter()
            .find_map(|word| line.strip_prefix(word));
        name.is_some_and(|name| name.trim_end() == path) || line.chars().all(|c| c == '=')
    };
    if head.ends_with('\n') && head.lines().all(names) {
        rest
    } else {
        diff
    }
}

/// A text with its lines; what hides in it or turns it around is a mark.
fn marked(text: &str) -> Markup {
    PreEscaped(visible(text))
}

/// All of it. It scrolls by itself where it is long, and is to be scrolled to its end.
pub(super) fn whole(permission: &Permission) -> Markup {
    let mut fields = permission
        .content
        .pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Field { name, value } => Some((name, value)),
            _ => None,
        });
    let about: Vec<_> = about(permission).collect();
    html! {
        div.whole role="region" aria-label="What would run" tabindex="0" {
            @for text in about { pre { code { (marked(text)) } } }
            @for piece in &permission.content.pieces {
                @match piece {
                    Piece::Command(text) => pre.command { code { (marked(text)) } },
                    Piece::Diff { path, diff } => {
                        @if let Some(path) = path { p.path { code { (plain::line(path, usize::MAX)) } } }
                        @let text = changes(path.as_deref(), diff);
                        @if let Some(diff) = patch(text) { (diff) } @else { pre { code { (marked(text)) } } }
                    },
                    Piece::Field { .. } => {},
                }
            }
            @if let Some(first) = fields.next() {
                dl.fields {
                    @for (name, value) in std::iter::once(first).chain(fields) {
                        dt { (plain::line(name, limits::TITLE_CHARS)) }
                        dd { pre { code { (marked(value)) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_above_is_left_out_of_a_diff() {
        let hunks = "@@ -1 +1 @@\n-a\n+b\n";
        let head = "Index: /w/a.ts\n====\n--- /w/a.ts\t\n+++ /w/a.ts\n";
        let whole = format!("{head}{hunks}");
        assert_eq!(changes(Some("/w/a.ts"), &whole), hunks);
        for other in [None, Some("/w/b.ts"), Some("w/a.ts")] {
            assert_eq!(changes(other, &whole), whole);
        }
        let odd = format!("rm -rf /\n{whole}");
        assert_eq!(changes(Some("/w/a.ts"), &odd), odd);
    }
}

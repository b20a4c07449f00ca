//! Complete content of a permission request, drawn as code.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};
use model::plain;
use model::state::{Permission, Piece, Unshowable};

use super::Size;
use crate::language::{m, t};
use crate::limits;
use crate::parts::patch;
use crate::words::visible;

/// Title of a request, in a few words.
pub(super) fn verb(permission: &Permission) -> Markup {
    let name = plain::line(&permission.permission, limits::TITLE_CHARS);
    html! {
        @match &*permission.permission {
            "bash" => (t("Run a command")),
            "edit" => (t("Change files")),
            "read" => (t("Read a file")),
            "webfetch" => (t("Fetch a URL")),
            "task" => (t("Start a subagent")),
            "external_directory" => (t("Work outside the folder")),
            "doom_loop" => (t("Continue a repeating call")),
            _ => (m!("Use {tool}", tool = html! { code { (name) } })),
        }
    }
}

/// Why it cannot be allowed from a card.
pub(super) fn why_not(permission: &Permission, size: Size) -> Option<&'static str> {
    if let Some(hidden) = permission.content.hidden {
        return Some(match hidden {
            Unshowable::Unread => t("Loading what this would run."),
            Unshowable::Unreadable => {
                t("What this would run cannot be displayed, so it cannot be allowed here.")
            }
            Unshowable::TooLarge => {
                t("What this would run is too long to display, so it cannot be allowed here.")
            }
            Unshowable::Nothing => {
                t("The server does not report what would run, so it cannot be allowed here.")
            }
        });
    }
    let (bytes, lines) = measure(permission);
    if bytes > limits::CARD_BYTES || lines > limits::CARD_LINES {
        return Some(t(
            "What this would run is too long for a card, so it cannot be allowed here.",
        ));
    }
    let small = bytes <= limits::SMALL_CARD_BYTES && lines <= limits::SMALL_CARD_LINES;
    (size == Size::Small && !small).then_some(t("This request is too long to show here."))
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

/// Pattern of the permission, if no piece contains it; `*` is left out.
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
pub(super) fn marked(text: &str) -> Markup {
    PreEscaped(visible(text))
}

/// All of it. It scrolls by itself where it is long, and is to be scrolled to its end.
pub(super) fn whole(permission: &Permission) -> Markup {
    html! {
        div.whole role="region" aria-label=(t("What would run")) tabindex="0" { (pieces(permission, |_| true)) }
    }
}

/// The description that a model gives a shell command. It changes nothing of what runs.
pub(super) fn description<'a>(permission: &Permission, piece: &'a Piece) -> Option<&'a Arc<str>> {
    match piece {
        Piece::Field { name, value }
            if &**name == "description" && &*permission.permission == "bash" =>
        {
            Some(value)
        }
        _ => None,
    }
}

/// The pieces of a request that `shown` is true for.
pub(super) fn pieces(permission: &Permission, shown: impl Fn(&Piece) -> bool) -> Markup {
    let pieces = permission.content.pieces.iter();
    let mut fields = pieces
        .filter(|piece| shown(piece))
        .filter_map(|piece| match piece {
            Piece::Field { name, value } => Some((name, value)),
            _ => None,
        });
    let about: Vec<_> = about(permission).collect();
    html! {
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

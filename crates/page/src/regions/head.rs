//! The title of what is in front, and the indicator of its link.

use maud::{Markup, html};
use model::state::{LinkStatus, Origin};
use model::view::{HeadRow, LinkRow, Mark};

use super::shape;
use crate::fragment::Fragment;
use crate::words::{self, encode, session_path};

pub(super) fn head(row: &HeadRow) -> Fragment {
    let instance = row.instance.as_str();
    let mark = mark(row);
    let html = html! {
        header.head data-k="head" data-title=(row.title.as_ref().unwrap_or(&row.name))
            data-unseen[row.unseen] data-mark=[row.told.as_ref().map(|told| told.word)]
            data-live=(if row.link.status == LinkStatus::Connected { "yes" } else { "no" }) {
            button.icon.sheet type="button" data-do="sheet" data-sheet="left" aria-label="Sessions" { "☰" }
            div.title {
                @if !row.ancestors.is_empty() {
                    p.above {
                        @for (nth, (id, title)) in row.ancestors.iter().enumerate() {
                            a href=(session_path(instance, id.as_str())) { (title) } " › "
                            @if nth == 0 && row.skips { "… › " }
                        }
                    }
                }
                h1 {
                    @match &row.title {
                        Some(title) => { @if mark != Mark::Idle { (shape(mark)) " " } (title) },
                        None => (row.name),
                    }
                }
                p.where { (place(row)) }
            }
            (indicator(instance, &row.origin, &row.link))
            button.icon.sheet type="button" data-do="sheet" data-sheet="right" aria-label="Details" { "⋯" }
        }
    };
    Fragment::whole("head", html.into_string())
}

fn mark(row: &HeadRow) -> Mark {
    row.told.as_ref().map_or(Mark::Idle, |told| told.mark)
}

fn place(row: &HeadRow) -> Markup {
    let place = match &row.origin {
        _ if !row.directory.is_empty() => &row.directory,
        Origin::Folder(place) | Origin::Url(place) => place,
    };
    html! { (place) @if mark(row) == Mark::Recorded { " · Not live" } }
}

/// The words are those of the requirement; moments are filled in by the page's clock.
fn indicator(instance: &str, origin: &Origin, link: &LinkRow) -> Markup {
    let heard = link.last_event_at;
    html! {
        div.link data-link=(words::link(&link.status)) {
            p role="status" {
                @match &link.status {
                    LinkStatus::Connecting { .. } => "Connecting…",
                    LinkStatus::Connected => "Connected",
                    LinkStatus::Stale => {
                        "Stale, last event " time data-at=(heard.unwrap_or(link.since).0) data-form="seconds" {} " ago"
                    },
                    LinkStatus::Error { attempt, of, retry_at, .. } => {
                        "Retrying " (attempt) "/" (of) " in "
                        time data-at=(retry_at.0) data-form="left" {}
                    },
                    LinkStatus::Disconnected { .. } => "Disconnected",
                }
            }
            @if link.status != LinkStatus::Connected {
                @if let Some(heard) = heard { p.asof { "as of " time data-at=(heard.0) data-form="clock" {} } }
            }
            @if let Some(reason) = link.status.reason() { p.reason data-k="reason" { (reason) } }
            @if let (Origin::Url(url), true) = (origin, link.refused) { (login(url)) }
            @if matches!(link.status, LinkStatus::Disconnected { .. }) {
                button type="button" data-do="post" data-url={ "/api/instances/" (encode(instance)) "/reconnect" } {
                    "Reconnect"
                }
            }
            p.problem role="alert" hidden {}
        }
    }
}

/// Takes another login; it is the same instance afterwards. It stands through every try, as somebody may be typing: so
/// what comes and goes before it has a key, as otherwise it would be moved, and lose its focus.
fn login(url: &str) -> Markup {
    html! {
        form.login data-k="login" data-do="login" data-server=(url) {
            input type="text" name="username" autocomplete="off" spellcheck="false"
                aria-label="The server's user" placeholder="opencode";
            input type="password" name="password" autocomplete="off" required
                aria-label="The server's password" placeholder="Password";
            button type="submit" { "Log in" }
        }
    }
}

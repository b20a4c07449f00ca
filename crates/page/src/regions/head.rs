//! The title of what is in front, the indicator of its link, and what to do about a link that is down.

use maud::{Markup, html};
use model::state::{LinkStatus, Origin};
use model::view::{HeadRow, Mark, Viewport};

use super::shape;
use crate::fragment::Fragment;
use crate::language::{m, sentence, t};
use crate::words::{self, encode, parallel_path, review_path, session_path};

pub(super) fn head(look: &Viewport, row: &HeadRow) -> Fragment {
    let instance = row.instance.as_str();
    let mark = mark(row);
    let html = html! {
        header.head data-k="head" data-title=(words::title(row.title.as_ref().unwrap_or(&row.name)))
            data-unseen[row.unseen] data-mark=[row.mark.as_ref().map(|told| told.word)]
            data-live=(if row.link.status == LinkStatus::Connected { "yes" } else { "no" }) {
            button.icon.sheet type="button" data-do="sheet" data-sheet="left" aria-label=(t("Sessions")) { "☰" }
            div.title {
                @if !row.ancestors.is_empty() {
                    p.above {
                        @for (nth, (id, title)) in row.ancestors.iter().enumerate() {
                            a href=(session_path(instance, id.as_str())) { (words::title(title)) } " › "
                            @if nth == 0 && row.skips { "… › " }
                        }
                    }
                }
                h1 {
                    @match &row.title {
                        Some(title) => { @if mark != Mark::Idle { (shape(mark)) " " } (words::title(title)) },
                        None => (row.name),
                    }
                }
                p.where {
                    (place(row))
                    @if let Some(parallel) = &row.parallel {
                        " · " a href=(parallel_path(instance, parallel.id.as_str())) { (t!("One of {runs} runs: compare", runs = parallel.runs)) }
                    }
                }
            }
            (changes(look))
            (indicator(row))
            @if row.title.is_some() {
                button.icon.more type="button" data-do="session-menu" aria-haspopup="menu" aria-label=(t("Session menu")) title=(t("Session menu (.)")) { "⋯" }
            }
            button.icon.sheet type="button" data-do="sheet" data-sheet="right" aria-label=(t("Details")) { "i" }
        }
    };
    Fragment::whole("head", html.into_string())
}

/// The way to what changed in the folder, and from there back.
fn changes(look: &Viewport) -> Markup {
    let instance = look.instance.as_ref().map_or("", |id| id.as_str());
    let session = look.session.as_ref().map(|id| id.as_str());
    html! {
        @if look.review {
            a.button.icon href=(words::path(look)) aria-label=(t("Conversation")) title=(t("Back to the conversation (d)")) { "×" }
        } @else if !look.overview {
            a.button.icon href=(review_path(instance, session)) aria-label=(t("Changes")) title=(t("Changes (d)")) { "±" }
        }
    }
}

fn mark(row: &HeadRow) -> Mark {
    row.mark.as_ref().map_or(Mark::Idle, |told| told.mark)
}

fn place(row: &HeadRow) -> Markup {
    let place = match &row.origin {
        _ if !row.directory.is_empty() => &row.directory,
        Origin::Folder(place) | Origin::Url(place) | Origin::Service(place) => place,
    };
    html! { (place) @if mark(row) == Mark::Recorded { " · " (t("Not live")) } }
}

/// The words are those of the requirement; moments are filled in by the page's clock.
fn indicator(row: &HeadRow) -> Markup {
    let link = &row.link;
    let heard = link.last_event_at;
    html! {
        div.link data-link=(words::link(&link.status)) {
            // What takes its place while the page itself is offline.
            p role="status" data-away=(t("Page offline")) {
                @match &link.status {
                    LinkStatus::Connecting { .. } => (t("Connecting…")),
                    LinkStatus::Connected => (t("Connected")),
                    LinkStatus::Stale => {
                        (m!("Stale, last event {time} ago", time = html! { time data-at=(heard.unwrap_or(link.since).0) data-form="seconds" {} }))
                    },
                    LinkStatus::Error { attempt, of, retry_at, .. } => {
                        (m!("Retrying {attempt}/{of} in {time}", attempt = attempt, of = of,
                            time = html! { time data-at=(retry_at.0) data-form="left" {} }))
                    },
                    LinkStatus::Disconnected { .. } => (t("Disconnected")),
                }
            }
            @if link.status != LinkStatus::Connected {
                @if let Some(heard) = heard { p.asof { (m!("as of {time}", time = html! { time data-at=(heard.0) data-form="clock" {} })) } }
            }
            @if let (Some(reason), false) = (link.status.reason(), has_section(row)) { p.reason { (sentence(&reason.to_string())) } }
        }
    }
}

/// True if the link has a section of its own: it does not come back by itself, or there is nothing else to show.
fn has_section(row: &HeadRow) -> bool {
    let alone = row.title.is_none();
    match row.link.status {
        LinkStatus::Disconnected { .. } => true,
        LinkStatus::Error { .. } => alone || row.link.refused,
        // A section stands through every try.
        LinkStatus::Connecting { attempt } => (alone && attempt > 0) || row.link.refused,
        LinkStatus::Connected | LinkStatus::Stale => false,
    }
}

/// Why an instance is not connected and what a person can do about that, below the head. Without a session in front it takes the place of
/// the conversation.
pub(super) fn trouble(row: &HeadRow) -> Fragment {
    let link = &row.link;
    let login = match &row.origin {
        Origin::Url(url) if link.refused => Some(url),
        _ => None,
    };
    let url = format!("/api/instances/{}/reconnect", encode(row.instance.as_str()));
    let html = html! {
        section.trouble data-k="trouble" aria-labelledby="trouble" hidden[!has_section(row)] {
            @if has_section(row) {
                h2 #trouble { @if login.is_some() { (t!("{name} needs a login", name = row.name)) } @else { (t!("{name} is not connected", name = row.name)) } }
                p.reason data-k="reason" { @if let Some(reason) = link.status.reason() { (sentence(&reason.to_string())) } @else { (t("Connecting…")) } }
                @if let Some(url) = login { (self::login(url, "login")) }
                @if matches!(link.status, LinkStatus::Disconnected { .. }) {
                    button type="button" data-do="post" data-url=(url) { (t("Reconnect")) }
                }
                p.problem role="alert" hidden {}
            }
        }
    };
    Fragment::whole("trouble", html.into_string())
}

/// Takes another login; it is the same instance afterwards. It stands through every try, as somebody may be typing: so
/// what comes and goes before it has a key, as otherwise it would be moved, and lose its focus.
pub(super) fn login(url: &str, key: &str) -> Markup {
    html! {
        form.login data-k=(key) data-do="login" data-server=(url) {
            label { (t("User name")) input type="text" name="username" autocomplete="off" spellcheck="false" placeholder="opencode"; }
            label { (t("Password")) input type="password" name="password" autocomplete="off" required; }
            button.main type="submit" { (t("Log in")) }
        }
    }
}

//! Facts beside a conversation: what is to be done, what it cost, how the link is.

use maud::{Markup, html};
use model::state::{Counters, Sameness, TodoState, Todos, Watermark};
use model::view::SideRow;

use crate::fragment::Fragment;
use crate::language::{m, t};
use crate::words::{count, is_second, money};

pub(super) fn side(row: &SideRow) -> Fragment {
    let html = html! {
        div.facts data-k="side" {
            @if let Some(todos) = row.todos.as_ref().filter(|todos| !todos.items.is_empty()) { (list(todos)) }
            section {
                h2 { (t("Usage")) }
                dl {
                    dt { (t("Context")) }
                    dd {
                        (count(row.context_used))
                        @if row.context_limit > 0 {
                            " " (t!("of {limit}", limit = count(row.context_limit))) " · "
                            (row.context_used.saturating_mul(100) / row.context_limit) " %"
                        }
                    }
                    dt { (t("Tokens")) } dd { (count(row.tokens.total())) }
                    dt { (t("Cost")) } dd { (money(row.cost)) }
                }
            }
            @if row.session.is_some() { (verified(row)) }
            section {
                h2 { (t("Link")) }
                dl {
                    dt { (t("Since")) } dd { time data-at=(row.link.since.0) data-form="clock" {} }
                    @if let Some(heard) = row.link.last_event_at {
                        dt { (t("Last event")) } dd { time data-at=(heard.0) data-form="clock" {} }
                    }
                    @if let Some(version) = &row.version { dt { "OpenCode" }
                        dd { (version) @if is_second(version) { p.quiet { (t("spoken from its contract (2.1.2)")) } } }
                    }
                    @if let Some(off) = clock_off(row.clock_ahead) { dt { (t("Clock")) } dd { (off) } }
                    (counted(&row.counters))
                }
            }
        }
    };
    Fragment::whole("side", html.into_string())
}

/// When the conversation was compared with its server last, and the button that compares it now.
fn verified(row: &SideRow) -> Markup {
    html! {
        section.verified {
            h2 { (t("Same as its server")) }
            p {
                @match row.verified {
                    Some(at) => (m!("{time} ago", time = html! { time data-at=(at.0) data-form="seconds" {} })),
                    None => (t("Not verified")),
                }
            }
            @if let (Some(sameness), Some(_)) = (row.sameness, row.verified) { p.quiet data-proof=(proof(sameness)) { (proven(sameness)) } }
            button type="button" data-do="verify" { (t("Verify now")) }
        }
    }
}

/// Name of what is proven, for programs.
fn proof(sameness: Sameness) -> &'static str {
    match sameness {
        Sameness::AsOfStream => "stream",
        Sameness::Proven { more: false, .. } => "proven",
        Sameness::Proven { more: true, .. } => "before",
    }
}

/// Up to where the conversation is proven to be the server's.
fn proven(sameness: Sameness) -> String {
    let Sameness::Proven { upto, more } = sameness else {
        return t("As of the stream: not proven by a number of its server.").to_owned();
    };
    match (upto, more) {
        (Watermark::Empty, false) => {
            t("Proven: its server has written nothing with a number there.").to_owned()
        }
        (Watermark::Empty, true) => {
            t("Proven up to its beginning; what came since is as of the stream.").to_owned()
        }
        (Watermark::At(seq), false) => t!("Proven up to number {seq}.", seq = seq),
        (Watermark::At(seq), true) => t!(
            "Proven up to number {seq}; what came since is as of the stream.",
            seq = seq
        ),
    }
}

fn list(todos: &Todos) -> Markup {
    let done = todos
        .items
        .iter()
        .filter(|todo| todo.state == TodoState::Completed)
        .count();
    html! {
        section {
            h2 { (t("To do")) " " span.quiet { (done) "/" (todos.items.len()) } }
            ul.todos {
                @for todo in &todos.items {
                    @let (shape, word, class) = match todo.state {
                        TodoState::Pending => ("○", t("Not started:"), "pending"),
                        TodoState::InProgress => ("◐", t("In progress:"), "now"),
                        TodoState::Completed => ("✓", t("Done:"), "done"),
                        TodoState::Cancelled => ("✕", t("Cancelled:"), "gone"),
                    };
                    li.(class) { span.mark aria-hidden="true" { (shape) } span { span.hear { (word) " " } (todo.content) } }
                }
            }
        }
    }
}

/// Difference between the server's clock and the hub's clock, if it is large enough to show.
fn clock_off(ahead: i64) -> Option<String> {
    let seconds = (ahead.unsigned_abs() + 500) / 1000;
    let by = match seconds {
        0 | 1 => return None,
        2..120 => t!("{s} s", s = seconds),
        120..7200 => t!("{min} min", min = seconds / 60),
        7200..172_800 => t!("{h} h", h = seconds / 3600),
        _ => t!("{d} d", d = seconds / 86_400),
    };
    Some(match ahead > 0 {
        true => t!("{time} ahead: times are shown in hub time", time = by),
        false => t!("{time} behind: times are shown in hub time", time = by),
    })
}

fn counted(counters: &Counters) -> Markup {
    let unknown: u64 = counters.unknown.values().sum();
    let beyond = counters.beyond();
    let malformed = counters
        .malformed
        .values()
        .sum::<u64>()
        .saturating_sub(beyond);
    html! {
        @if unknown > 0 { dt { (t("Unknown events")) } dd { (unknown) } }
        @if malformed > 0 { dt { (t("Unreadable events")) } dd { (malformed) } }
        @if beyond > 0 { dt { (t("Dropped over a limit")) } dd { (beyond) } }
        @if counters.gaps > 0 { dt { (t("Gaps, reloaded")) } dd { (counters.gaps) } }
    }
}

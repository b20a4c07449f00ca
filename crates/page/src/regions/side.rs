//! Facts beside a conversation: what is to be done, what it cost, how the link is.

use maud::{Markup, html};
use model::state::{Counters, TodoState, Todos};
use model::view::SideRow;

use crate::fragment::Fragment;
use crate::words::count;

pub(super) fn side(row: &SideRow) -> Fragment {
    let html = html! {
        div.facts data-k="side" {
            @if let Some(todos) = row.todos.as_ref().filter(|todos| !todos.items.is_empty()) { (list(todos)) }
            section {
                h2 { "Use" }
                dl {
                    dt { "Context" }
                    dd {
                        (count(row.context_used))
                        @if row.context_limit > 0 {
                            " of " (count(row.context_limit)) " · "
                            (row.context_used.saturating_mul(100) / row.context_limit) " %"
                        }
                    }
                    dt { "Tokens" } dd { (count(row.tokens.total())) }
                    dt { "Cost" } dd { "$" (format!("{:.2}", row.cost)) }
                }
            }
            section {
                h2 { "Link" }
                dl {
                    dt { "Since" } dd { time data-at=(row.link.since.0) data-form="clock" {} }
                    @if let Some(heard) = row.link.last_event_at {
                        dt { "Last heard" } dd { time data-at=(heard.0) data-form="clock" {} }
                    }
                    @if let Some(version) = &row.version { dt { "OpenCode" } dd { (version) } }
                    @if let Some(off) = clock_off(row.clock_ahead) { dt { "Its clock" } dd { (off) } }
                    (counted(&row.counters))
                }
            }
        }
    };
    Fragment::whole("side", html.into_string())
}

fn list(todos: &Todos) -> Markup {
    let done = todos
        .items
        .iter()
        .filter(|todo| todo.state == TodoState::Completed)
        .count();
    html! {
        section {
            h2 { "To do " span.quiet { (done) "/" (todos.items.len()) } }
            ul.todos {
                @for todo in &todos.items {
                    @let (shape, word, class) = match todo.state {
                        TodoState::Pending => ("○", "Not begun: ", "pending"),
                        TodoState::InProgress => ("◐", "Under way: ", "now"),
                        TodoState::Completed => ("✓", "Done: ", "done"),
                        TodoState::Cancelled => ("✕", "Given up: ", "gone"),
                    };
                    li.(class) { span.mark aria-hidden="true" { (shape) } span { span.hear { (word) } (todo.content) } }
                }
            }
        }
    }
}

/// How far a server's clock is from ours, where that is worth a word: its times are shown by ours.
fn clock_off(ahead: i64) -> Option<String> {
    let seconds = (ahead.unsigned_abs() + 500) / 1000;
    let by = match seconds {
        0 | 1 => return None,
        2..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    let way = if ahead > 0 { "ahead" } else { "behind" };
    Some(format!("{by} {way}: times are shown by the hub's"))
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
        @if unknown > 0 { dt { "Unknown events" } dd { (unknown) } }
        @if malformed > 0 { dt { "Unreadable events" } dd { (malformed) } }
        @if beyond > 0 { dt { "Left out, more than is kept" } dd { (beyond) } }
        @if counters.gaps > 0 { dt { "Gaps, read again" } dd { (counters.gaps) } }
    }
}

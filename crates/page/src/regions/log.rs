//! What stands before and after the messages of a conversation. The messages themselves are parts' business.

use maud::{Markup, html};
use model::state::Run;
use model::view::{LogRows, LogState, Look};

use crate::fragment::Fragment;
use crate::parts::ended;
use crate::words::{continue_url, encode, path};

pub(super) fn before(look: &Look, log: &LogRows) -> Fragment {
    let first = log.order.as_ref().and_then(|order| order.first());
    let html = html! {
        div.before data-k="before" {
            @match &log.state {
                LogState::NoSuchSession => p.empty {
                    span.if-live { "There is no such session here. Choose another one on the left." }
                    span.if-not { "This session is not known, as its server cannot be heard." }
                },
                LogState::Loading => p.quiet { "Reading the conversation from its server…" },
                LogState::Failed { reason } => p.bad { "The conversation could not be read: " (reason) },
                LogState::Loaded if log.older => {
                    @if let Some(first) = first {
                        a.older href={ (path(look)) "?before=" (encode(first.as_str())) } { "Show older" }
                    }
                },
                LogState::Loaded => {
                    @if log.order.as_ref().is_some_and(Vec::is_empty) {
                        p.empty { "Nothing was said here yet." }
                    }
                },
            }
        }
    };
    Fragment::whole("before", html.into_string())
}

pub(super) fn after(look: &Look, log: &LogRows) -> Fragment {
    let line = run(look, &log.run);
    Fragment::whole(
        "after",
        html! {
            div.after data-k="after" {
                (line)
                @if let Some(failed) = &log.failed { (ended(failed)) }
                @if log.rereading { p.quiet { "Reading what may have been missed…" } }
            }
        }
        .into_string(),
    )
}

fn run(look: &Look, run: &Run) -> Markup {
    html! {
        @match run {
            Run::Idle | Run::Unknown => {},
            Run::Interrupted { .. } => {
                @if let (Some(instance), Some(session)) = (&look.instance, &look.session) {
                    div.row.if-live {
                        button.main type="button" data-do="post" data-url=(continue_url(instance, session)) { "Continue" }
                        span.quiet { "lets it go on from where it was." }
                    }
                    p.quiet.if-not { "It can go on once its server is back." }
                    p.problem role="alert" hidden {}
                }
            },
            Run::Busy { since } => p.working.busy {
                span.mark.work aria-hidden="true" { "◐" }
                span.if-live { " Working" time data-at=(since.0) data-form="for" {} }
                span.if-not { " Was working when its server was last heard" }
            },
            Run::Retry { attempt, message, next, .. } => p.working {
                span.mark.work aria-hidden="true" { "◐" }
                " The model did not answer (" (message) "). Asked " (attempt) (if *attempt == 1 { " time" } else { " times" })
                ", again in " time data-at=(next.0) data-form="left" {}
            },
        }
    }
}

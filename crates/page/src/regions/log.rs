//! Elements before and after the messages of a conversation. Module `parts` renders the messages.

use maud::{Markup, html};
use model::state::Run;
use model::view::{LogRows, LogState, Viewport};

use crate::fragment::Fragment;
use crate::language::{m, sentence, t};
use crate::parts::ended;
use crate::words::{continue_url, encode, path};

pub(super) fn before(look: &Viewport, log: &LogRows) -> Fragment {
    let first = log.order.as_ref().and_then(|order| order.first());
    let html = html! {
        div.before data-k="before" {
            @match &log.state {
                LogState::NoSuchSession => p.empty {
                    span.if-live { (t("This session does not exist. Choose another one on the left.")) }
                    span.if-not { (t("This session is unknown because the server is unreachable.")) }
                },
                LogState::Loading => p.quiet { (t("Loading the conversation…")) },
                LogState::Failed { reason } => p.bad { (t!("The conversation could not be loaded: {reason}", reason = sentence(reason))) },
                LogState::Loaded if log.older => {
                    @if let Some(first) = first {
                        a.older href={ (path(look)) "?before=" (encode(first.as_str())) } { (t("Show older")) }
                    }
                },
                LogState::Loaded => {
                    @if log.order.as_ref().is_some_and(Vec::is_empty) {
                        p.empty { (t("No messages yet.")) }
                    }
                },
            }
        }
    };
    Fragment::whole("before", html.into_string())
}

pub(super) fn after(look: &Viewport, log: &LogRows) -> Fragment {
    let line = run(look, &log.run);
    Fragment::whole(
        "after",
        html! {
            div.after data-k="after" {
                (line)
                @if let Some(failed) = &log.failed { (ended(failed)) }
                @if log.rereading { p.quiet { (t("Loading messages that may have been missed…")) } }
            }
        }
        .into_string(),
    )
}

fn run(look: &Viewport, run: &Run) -> Markup {
    html! {
        @match run {
            Run::Idle | Run::Unknown => {},
            Run::Interrupted { .. } => {
                @if let (Some(instance), Some(session)) = (&look.instance, &look.session) {
                    div.row.if-live {
                        button.main type="button" data-do="post" data-url=(continue_url(instance, session)) { (t("Continue")) kbd.key aria-hidden="true" { "r" } }
                        span.quiet { (t("continues from where it stopped.")) }
                    }
                    p.quiet.if-not { (t("You can continue once the server is back.")) }
                    p.problem role="alert" hidden {}
                }
            },
            Run::Busy { since } => p.working.busy {
                span.mark.work aria-hidden="true" { "◐" }
                span.if-live { " " (t("Working")) time data-at=(since.0) data-form="for" {} }
                span.if-not { " " (t("Was working when the connection was lost")) }
            },
            Run::Retry { attempt, message, next, .. } => p.working {
                span.mark.work aria-hidden="true" { "◐" }
                " "
                (m!("The model did not answer ({message}). Tried {n} time, again in {time}", "The model did not answer ({message}). Tried {n} times, again in {time}",
                    n = *attempt, message = message, time = html! { time data-at=(next.0) data-form="left" {} }))
            },
        }
    }
}

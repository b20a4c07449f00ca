//! The prompt queue of the session, above the prompt.

use maud::{Markup, html};
use model::state::{PromptQueue, QueueHold, WaitingPrompt};
use model::view::Viewport;

use super::list;
use crate::fragment::{Block, Fragment};
use crate::language::{sentence, t};
use crate::words::encode;

pub(super) fn queue(look: &Viewport, queue: &PromptQueue) -> Fragment {
    let many = queue.items.len();
    let mut tag = html! {
        section data-k="queue" aria-label=(t("Prompts after this turn")) hidden[many == 0] data-held[queue.hold.is_some()]
            data-url=[url(look)] {}
    }
    .into_string();
    tag.truncate(tag.len() - "</section>".len());
    let open = head(queue).into_string() + "<ul data-k=\"queue-list\">";
    let blocks = queue.items.iter().enumerate();
    let blocks = blocks.map(|(at, item)| block(item, at, many)).collect();
    Fragment {
        tag,
        ..list(
            "queue",
            open,
            blocks,
            "</ul><p class=\"problem\" role=\"alert\" hidden></p></section>",
        )
    }
}

/// URL of the queue in the API.
fn url(look: &Viewport) -> Option<String> {
    let (instance, session) = (look.instance.as_ref()?, look.session.as_ref()?);
    let (instance, session) = (encode(instance.as_str()), encode(session.as_str()));
    Some(format!(
        "/api/instances/{instance}/sessions/{session}/queue"
    ))
}

fn head(queue: &PromptQueue) -> Markup {
    html! {
        div.row {
            h2 { (t("After this turn")) span.count { " " (queue.items.len()) } }
            span.grow {}
            @if queue.hold.is_some() {
                button type="button" data-do="queue" data-act="continue" { (t("Continue")) }
            }
        }
        @if let Some(hold) = &queue.hold { p.held { (held(hold)) } }
    }
}

/// The reason of a hold, with the next step.
fn held(hold: &QueueHold) -> Markup {
    html! {
        @match hold {
            QueueHold::Stopped => { (t("Held: you stopped the session. Continue the queue, or send a prompt now.")) },
            QueueHold::Failed(why) => { (t!("Held: the last run failed: {why}. Continue the queue once the reason is gone.", why = sentence(why))) },
            QueueHold::Refused(why) => { (t!("Held: the server refused the first prompt: {why}. Edit or remove it, or continue the queue.", why = sentence(why))) },
        }
    }
}

fn block(item: &WaitingPrompt, at: usize, many: usize) -> Block {
    let key = format!("q:{}", item.id);
    let open = html! { (super::Item(&key, "queued")) }.into_string();
    let act = |act: &str, label: &str, sign: &str, off: bool| {
        html! {
            button.icon type="button" data-do="queue" data-act=(act) data-id=(item.id) aria-label=(label) title=(label)
                disabled[off || item.sending] { (sign) }
        }
    };
    let html = html! {
        span.what {
            (item.text)
            @if item.files > 0 { span.quiet { " · " (t!("{n} file", "{n} files", n = item.files)) } }
        }
        @if item.sending { span.quiet { (t("Sending…")) } }
        @else {
            button type="button" data-do="queue" data-act="send" data-id=(item.id) { (t("Send now")) }
            (act("edit", t("Edit"), "✎", false))
            (act("up", t("Move up"), "↑", at == 0))
            (act("down", t("Move down"), "↓", at + 1 == many))
            (act("remove", t("Remove"), "×", false))
        }
    };
    Block {
        key,
        open,
        html: html.into_string().into(),
        close: "</li>",
        streams: false,
    }
}

//! Frame of a message: author, time, and outcome.

use maud::{Markup, PreEscaped, html};
use model::state::{MessageStatus, Role};
use model::view::{FailureRow, LogRows, MessageRow, Queued, Viewport};

use crate::fragment::{Child, Fragment};
use crate::language::{sentence, t};
use crate::limits;
use crate::markdown::Memo;
use crate::words::{encode, escape};

/// The button that opens the menu of a message.
fn menu() -> Markup {
    html! { button class="icon more" type="button" data-do="message-menu" aria-haspopup="menu" aria-label=(t("Message menu")) { "⋯" } }
}

/// A message without its parts.
pub(crate) fn message(look: &Viewport, row: &MessageRow) -> Fragment {
    let id = escape(row.info.id.as_str()).replace('"', "&quot;");
    let role = match row.info.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Note => "note",
    };
    let reverted = if row.reverted { " reverted" } else { "" };
    let tag = format!(
        "<article class=\"turn {role}{reverted}\" data-k=\"m:{id}\" data-role=\"{role}\" data-status=\"{}\">",
        status(row.status),
    );
    let open = format!(
        "{}{}<div class=\"parts\" data-k=\"ps:{id}\" data-list>",
        html! { header.who data-k={ "mh:" (PreEscaped(&id)) } { (who(row)) } }.into_string(),
        menu().into_string(),
    );
    let foot =
        html! { footer.end data-k={ "mf:" (PreEscaped(&id)) } { (end(look, row)) } }.into_string();
    Fragment {
        key: format!("m:{}", row.info.id),
        list: format!("ps:{}", row.info.id),
        tag,
        open,
        children: row
            .order
            .iter()
            .map(|id| Child::Apart(format!("p:{id}")))
            .collect(),
        close: format!("</div>{foot}</article>"),
        apart: true,
        memo: Memo::default(),
    }
}

/// The list of messages, without them, if it changed. It is drawn by the document alone.
pub(crate) fn messages(log: &LogRows) -> Option<Fragment> {
    let order = log.order.as_ref()?;
    Some(Fragment {
        children: order
            .iter()
            .map(|id| Child::Apart(format!("m:{id}")))
            .collect(),
        apart: true,
        ..Fragment::whole("ms", String::new())
    })
}

fn status(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Streaming => "streaming",
        MessageStatus::Complete => "complete",
        MessageStatus::Error => "error",
        MessageStatus::Aborted => "aborted",
        MessageStatus::Interrupted => "interrupted",
        MessageStatus::Unknown => "unknown",
    }
}

fn who(row: &MessageRow) -> Markup {
    let info = &row.info;
    html! {
        @match info.role {
            Role::User => span.hear { (t("You")) },
            Role::Note => "OpenCode",
            Role::Assistant => {
                @if info.summary { (t("Summary")) } @else { (info.agent.as_deref().unwrap_or(t("Assistant"))) }
                @if let Some(model) = &info.model { " · " (model.model) }
            }
        }
        " " time data-at=(info.created.0) data-form="clock" {}
        @if row.reverted { " · " (t("reverted")) }
    }
}

fn end(look: &Viewport, row: &MessageRow) -> Markup {
    html! {
        @match row.status {
            MessageStatus::Streaming => {},
            MessageStatus::Complete | MessageStatus::Error => {
                @if let Some(failed) = &row.failed { (ended(failed)) }
                @if let Some(queued) = row.queued { (waits(look, row, queued)) }
            },
            MessageStatus::Aborted => p.quiet { (t("Stopped")) },
            MessageStatus::Interrupted => p.bad {
                span aria-hidden="true" { "⚡ " } (t("Interrupted: the server stopped before the answer was complete."))
            },
            MessageStatus::Unknown => p.quiet { (t("Not finished, as far as Drovers can see. Another server may be running it.")) },
        }
    }
}

/// A turn that failed: what happened, the next step, and the original error.
pub(crate) fn ended(failed: &FailureRow) -> Markup {
    html! {
        p.bad { span aria-hidden="true" { "✕ " } (t("Failed:")) " " (sentence(&failed.sentence)) " " span.next { (t(failed.next)) } }
        @if let Some(raw) = &failed.raw {
            details.aside.raw { summary { (t("Original error")) } pre.out tabindex="0" { (PreEscaped(escape(cut(raw)))) } }
        }
    }
}

/// The shown part of the original error.
fn cut(raw: &str) -> &str {
    &raw[..raw.floor_char_boundary(limits::RAW_ERROR_BYTES)]
}

/// A prompt that no answer was begun for. One that a stop holds can be sent, changed or dropped.
fn waits(look: &Viewport, row: &MessageRow, queued: Queued) -> Markup {
    let (Some(instance), Some(session)) = (&look.instance, &look.session) else {
        return html! {};
    };
    let id = encode(row.info.id.as_str());
    let url = format!(
        "/api/instances/{}/sessions/{}/messages/{id}",
        encode(instance.as_str()),
        encode(session.as_str())
    );
    html! {
        @match queued {
            Queued::Inbox { steers, text } => {
                p.quiet { span aria-hidden="true" { "○ " }
                    @if steers { (t("Sent: the run takes it up at its next step.")) } @else { (t("Queued: its server has not delivered it yet.")) } }
                div.row.if-live {
                    @if !steers { button.main type="button" data-do="steer-held" data-url=(url) { (t("Send now")) } }
                    @if text {
                        button type="button" data-do="edit-held" data-url=(url) data-again[!steers] { (t("Edit")) }
                    }
                    button type="button" data-do="drop-held" data-url=(url) { (t("Delete")) }
                }
                p.problem role="alert" hidden {}
            },
            Queued::Waits => p.quiet { span aria-hidden="true" { "○ " } (t("Queued: the model answers this after its current work.")) },
            Queued::Held { text } => {
                p.quiet { span aria-hidden="true" { "○ " } (t("Queued: you stopped the session, so this prompt is on hold.")) }
                div.row.if-live {
                    @if text {
                        button.main type="button" data-do="send-held" data-url=(url) { (t("Send")) }
                        button type="button" data-do="edit-held" data-url=(url) { (t("Edit")) }
                    }
                    button type="button" data-do="drop-held" data-url=(url) { (t("Delete")) }
                }
                p.problem role="alert" hidden {}
            },
        }
    }
}

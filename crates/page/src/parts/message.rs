//! What frames the parts of a message: who wrote it, and how it ended.

use maud::{Markup, PreEscaped, html};
use model::state::{MessageStatus, Role};
use model::view::{LogRows, MessageRow};

use crate::fragment::{Child, Fragment};
use crate::markdown::Memo;
use crate::words::escape;

/// A message without its parts.
pub(crate) fn message(row: &MessageRow) -> Fragment {
    let id = escape(row.info.id.as_str()).replace('"', "&quot;");
    let role = match row.info.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let reverted = if row.reverted { " reverted" } else { "" };
    let tag = format!(
        "<article class=\"turn {role}{reverted}\" data-k=\"m:{id}\" data-role=\"{role}\" data-status=\"{}\">",
        status(row.status),
    );
    let open = format!(
        "{}<div class=\"parts\" data-k=\"ps:{id}\" data-list>",
        html! { header.who data-k={ "mh:" (PreEscaped(&id)) } { (who(row)) } }.into_string(),
    );
    let foot = html! { footer.end data-k={ "mf:" (PreEscaped(&id)) } { (end(row)) } }.into_string();
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
            Role::User => span.hear { "You" },
            Role::Assistant => {
                @if info.summary { "Summary" } @else { (info.agent.as_deref().unwrap_or("Assistant")) }
                @if let Some(model) = &info.model { " · " (model.model) }
            }
        }
        " " time data-at=(info.created.0) data-form="clock" {}
        @if row.reverted { " · taken back" }
    }
}

fn end(row: &MessageRow) -> Markup {
    let why = row
        .info
        .failure
        .as_ref()
        .map(|failure| &*failure.message)
        .filter(|why| !why.is_empty());
    html! {
        @match row.status {
            MessageStatus::Streaming | MessageStatus::Complete => {},
            MessageStatus::Error => p.bad {
                span aria-hidden="true" { "✕ " } "Failed: " (why.unwrap_or("the server gave no reason"))
            },
            MessageStatus::Aborted => p.quiet { "Stopped" },
            MessageStatus::Interrupted => p.bad {
                span aria-hidden="true" { "⚡ " } "Interrupted: its server ended before it did."
            },
            MessageStatus::Unknown => p.quiet { "Not finished, as far as is known. Perhaps another server runs it." },
        }
    }
}

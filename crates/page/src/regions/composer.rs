//! The controls of the prompt. The text that is being written is the person's own and not part of it.

use maud::{Markup, html};
use model::view::{ComposerRow, Look, Models};

use super::list;
use crate::fragment::{Block, Fragment};
use crate::words::encode;

pub(super) fn composer(look: &Look, row: &ComposerRow) -> Fragment {
    let blocked = blocked(look, row);
    let mut tag = html! {
        div.controls data-k="composer" data-blocked[blocked.is_some()] data-running[row.running]
            data-known[row.session_known] data-session=[look.session.as_ref()] data-instance=[look.instance.as_ref()] {}
    }
    .into_string();
    tag.truncate(tag.len() - "</div>".len());
    let why = html! {
        @if let Some(why) = &blocked { p.why { (why) } }
        @else if !row.live { p.why.if-known { "Its server cannot be heard. What you send is kept, and sent once it is back." } }
    };
    let open = why.into_string() + "<div class=\"row\" data-k=\"composer-list\">";
    let menus = html! { (agents(look, row)) (models(look, row)) };
    let buttons = html! { span.grow {} (buttons(look, row, blocked.is_some())) };
    let blocks = vec![block("menus", menus), block("buttons", buttons)];
    Fragment {
        tag,
        ..list("composer", open, blocks, "</div></div>")
    }
}

/// A piece that changes alone: there may be hundreds of models, and every turn changes the buttons.
fn block(name: &str, html: Markup) -> Block {
    let key = format!("composer:{name}");
    Block {
        open: format!("<span data-k=\"{key}\">"),
        key,
        html: html.into_string().into(),
        close: "</span>",
        streams: false,
    }
}

fn buttons(look: &Look, row: &ComposerRow, blocked: bool) -> Markup {
    html! {
        @if row.running {
            @if let (Some(instance), Some(session)) = (&look.instance, &look.session) {
                button.stop type="button" data-do="post" data-stops disabled[!row.live]
                    data-url={ "/api/instances/" (encode(instance.as_str())) "/sessions/" (encode(session.as_str())) "/abort" } {
                    "Stop"
                }
            }
        }
        button.main.send type="submit" disabled[blocked] { @if row.running && row.live { "Queue" } @else { "Send" } }
    }
}

/// Why nothing can be sent, and what to do.
fn blocked(look: &Look, row: &ComposerRow) -> Option<Markup> {
    if !row.live && look.session.is_some() && !row.session_known {
        return Some(html! { "Its server cannot be heard. What you write is kept." });
    }
    if row.models == Models::None {
        return Some(
            html! { "No model can be used yet. In a terminal, run " code { "opencode auth login" } },
        );
    }
    (look.session.is_some() && !row.session_known)
        .then(|| html! { "There is no such session here." })
}

fn agents(look: &Look, row: &ComposerRow) -> Markup {
    let used = row.agent.as_deref();
    html! {
        @if !row.agents.is_empty() {
            label.hear for="agent" { "Agent" }
            select #agent name="agent" data-k=(menu(look, "agent")) {
                @for agent in &row.agents {
                    option value=(agent.name) title=(agent.description) selected[used == Some(&agent.name)] { (agent.name) }
                }
            }
        }
    }
}

fn models(look: &Look, row: &ComposerRow) -> Markup {
    let Models::Some(models) = &row.models else {
        return html! {};
    };
    // Without a model that is known to be used, the browser would choose the first one.
    let is_known = models
        .iter()
        .any(|model| row.model.as_ref() == Some(&model.id));
    html! {
        label.hear for="model" { "Model" }
        select #model name="model" data-k=(menu(look, "model")) {
            @if !is_known { option value="" selected { "Default model" } }
            @for model in models {
                option value={ (model.id.provider) "/" (model.id.model) } selected[row.model.as_ref() == Some(&model.id)] {
                    (model.name)
                }
            }
        }
    }
}

/// The key of a menu. What a person chose in it is for this session alone, so that another one has menus of its own.
fn menu(look: &Look, name: &str) -> String {
    let session = look.session.as_ref().map_or("", |session| session.as_str());
    format!("{name}:{session}")
}

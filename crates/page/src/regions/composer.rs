//! The controls of the prompt. The text that is being written is the person's own and not part of it.

use maud::{Markup, html};
use model::state::Capability;
use model::view::{ComposerRow, Models, Viewport};

use super::list;
use crate::fragment::{Block, Fragment};
use crate::language::{m, t};
use crate::words::encode;

pub(super) fn composer(look: &Viewport, row: &ComposerRow) -> Fragment {
    let blocked = blocked(look, row);
    let mut tag = html! {
        div.controls data-k="composer" data-blocked[blocked.is_some()] data-running[row.running] data-inbox[row.server.is_some_and(|server| server.can.has(Capability::Inbox))]
            data-known[row.session_known] data-session=[look.session.as_ref()] data-instance=[look.instance.as_ref()] {}
    }
    .into_string();
    tag.truncate(tag.len() - "</div>".len());
    let why = html! {
        @if let Some(why) = &blocked { p.why { (why) } }
        @else if !row.live { p.why.if-known { (t("The server is unreachable. Prompts are queued and sent once it is back.")) } }
    };
    let open = why.into_string() + "<div class=\"row\" data-k=\"composer-list\">";
    let menus = html! { (attach()) (agents(look, row)) (models(look, row)) (parallel(row)) };
    let buttons = html! { span.grow {} (buttons(look, row, blocked.is_some())) };
    let mut blocks = vec![block("menus", menus), block("buttons", buttons)];
    if row.names_folder {
        blocks.insert(0, block("place", place(row)));
    }
    Fragment {
        tag,
        ..list("composer", open, blocks, "</div></div>")
    }
}

/// The folder of a new session, where the server has none of its own: one of those that it knows, or any other. The client fills in the
/// one that was looked at last.
fn place(row: &ComposerRow) -> Markup {
    html! {
        label.place {
            span { (t("Folder")) }
            input #place type="text" list="places" autocomplete="off" spellcheck="false" autocapitalize="off"
                placeholder=(t("Path of a folder; empty for that of the server")) title=(t("The folder in which the new session works"));
        }
        datalist #places { @for folder in &row.folders { option value=(folder) {} } }
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

fn buttons(look: &Viewport, row: &ComposerRow, blocked: bool) -> Markup {
    let busy = row.running && row.live;
    html! {
        @if row.running {
            @if let (Some(instance), Some(session)) = (&look.instance, &look.session) {
                button.stop type="button" data-do="post" data-stops disabled[!row.live] title=(t("Stop (Esc Esc)"))
                    data-url={ "/api/instances/" (encode(instance.as_str())) "/sessions/" (encode(session.as_str())) "/abort" } {
                    (t("Stop"))
                }
            }
        }
        @if busy {
            button.later type="button" data-do="later" disabled[blocked] title=(t("Send it once the session is idle")) { (t("After this turn")) }
        }
        button.main.send type="submit" value="now" disabled[blocked] { @if busy { (t("Send now")) } @else { (t("Send")) } }
    }
}

/// Why nothing can be sent, and what to do.
fn blocked(look: &Viewport, row: &ComposerRow) -> Option<Markup> {
    if row.server.is_some_and(|server| server.can.is_empty()) {
        return Some(html! { (t("This server only sends events and takes no prompts.")) });
    }
    if !row.live && look.session.is_some() && !row.session_known {
        return Some(html! { (t("The server is unreachable. Your draft is saved.")) });
    }
    if row.models == Models::None {
        return Some(m!(
            "No model is available yet. In a terminal, run {command}",
            command = html! { code { "opencode auth login" } }
        ));
    }
    (look.session.is_some() && !row.session_known)
        .then(|| html! { (t("This session does not exist.")) })
}

/// Buttons that attach files, or a picture of a phone's camera.
fn attach() -> Markup {
    html! {
        button.icon.attach type="button" data-do="attach" aria-label=(t("Attach files")) title=(t("Attach files")) { (icon(CLIP)) }
        button.icon.camera type="button" data-do="attach" data-camera aria-label=(t("Take a picture")) title=(t("Take a picture")) { (icon(CAMERA)) }
    }
}

/// Button that runs the prompt with several models or agents, where there is a choice.
fn parallel(row: &ComposerRow) -> Markup {
    let models = match &row.models {
        Models::Some(models) => models.len(),
        _ => 0,
    };
    html! {
        @if (models > 1 || row.agents.len() > 1) && !row.names_folder {
            button.icon.parallel type="button" data-do="parallel" aria-haspopup="dialog" aria-label=(t("Run in parallel")) title=(t("Run in parallel")) {
                (icon(COLUMNS))
            }
        }
    }
}

/// Lucide's `columns-3`.
const COLUMNS: &str =
    "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM9 3v18M15 3v18";
/// Lucide's `paperclip`.
const CLIP: &str = "m16 6-8.414 8.586a2 2 0 0 0 2.829 2.829l8.414-8.586a4 4 0 1 0-5.657-5.657l-8.379 8.551a6 6 0 1 0 8.485 8.485l8.379-8.551";
/// Lucide's `camera`.
const CAMERA: &str = "M13.997 4a2 2 0 0 1 1.76 1.05l.486.9A2 2 0 0 0 18.003 7H20a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2h1.997a2 2 0 0 0 1.759-1.048l.489-.904A2 2 0 0 1 10.004 4zM12 10a3 3 0 1 0 0 6 3 3 0 1 0 0-6";

fn icon(path: &str) -> Markup {
    html! {
        svg viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true" {
            path d=(path) {}
        }
    }
}

fn agents(look: &Viewport, row: &ComposerRow) -> Markup {
    let used = row.agent.as_ref();
    let used = used.or_else(|| row.agents.first().map(|agent| &agent.name));
    html! {
        @if let Some(used) = used.filter(|_| !row.agents.is_empty()) { (choice(look, "agent", t("Agent"), used, used)) }
    }
}

fn models(look: &Viewport, row: &ComposerRow) -> Markup {
    let Models::Some(models) = &row.models else {
        return html! {};
    };
    let used = models
        .iter()
        .find(|model| row.model.as_ref() == Some(&model.id));
    html! {
        @match used {
            Some(used) => {
                (choice(look, "model", t("Model"), &format!("{}/{}", used.id.provider, used.id.model), &used.name))
            },
            // Its server chooses.
            None => (choice(look, "model", t("Model"), "", t("Default model"))),
        }
    }
}

/// Button that opens the list of agents or models and shows the used one. A choice applies to one session, so each session has its
/// own key.
fn choice(look: &Viewport, id: &str, label: &str, value: &str, name: &str) -> Markup {
    let session = look.session.as_ref().map_or("", |session| session.as_str());
    html! {
        button.choice type="button" id=(id) value=(value) data-k={ (id) ":" (session) } data-do="pick" data-used=(name)
            aria-haspopup="dialog" title=(label) {
            span.hear { (label) " " }
            span.name { (name) }
        }
    }
}

//! The menus of a session and of a message, and what they need: closed until they are asked for, and the same for every session.

use maud::{Markup, html};

use model::state::Capability;

use crate::language::{key, t};
use crate::offers;

/// Lines of a session's menu that do something: the act's name for the client, and its words.
const SESSION: [(&str, &str); 13] = [
    ("rename", key("Rename")),
    ("fork", key("Fork")),
    ("compact", key("Compact")),
    ("parallel", key("Run a prompt in parallel")),
    ("worktree", key("New session in its own work tree")),
    ("worktrees", key("Work trees")),
    ("unrevert", key("Bring back what was taken back")),
    ("archive", key("Archive")),
    ("link", key("Copy link")),
    ("copy", key("Copy as Markdown")),
    ("terminal", key("Copy the command for a terminal")),
    ("mark", key("Mark several")),
    ("verify", key("Compare with its server")),
];

pub(super) fn menus() -> Markup {
    html! {
        div.menu #session-menu popover="manual" {
            h2 #session-menu-title {}
            div role="menu" aria-labelledby="session-menu-title" {
                @for (act, words) in SESSION { (line(act, t(words))) }
                @for (format, words) in [("markdown", key("Export as Markdown")), ("json", key("Export as JSON"))] {
                    a.line role="menuitem" tabindex="-1" data-format=(format) download { (t(words)) }
                }
                button.line.bad type="button" role="menuitem" tabindex="-1" data-act="delete" { (t("Delete")) }
            }
        }
        div.menu #message-menu popover="manual" {
            div role="menu" aria-label=(t("Message")) {
                (line("link-message", t("Copy link")))
                (line("fork-message", t("Fork from here")))
                (line("revert", t("Revert to here")))
                (line("unrevert", t("Bring back what was taken back")))
            }
        }
        form.rename #rename popover="auto" {
            input type="text" name="title" aria-label=(t("Title")) autocomplete="off" maxlength="200" required;
        }
        ul #undos aria-label=(t("Done")) hidden {}
        template #undo-note { li { span {} button type="button" {} } }
    }
}

fn line(act: &str, words: &str) -> Markup {
    let needs = offers::needed(act).map(Capability::name);
    html! { button.line type="button" role="menuitem" tabindex="-1" data-act=(act) data-needs=[needs] { (words) } }
}

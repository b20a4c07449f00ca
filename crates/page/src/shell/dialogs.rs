//! Dialogs, all native and closed until they are asked for.

use std::sync::Arc;

use maud::{Markup, html};

/// Keys and what they do; the client knows the same ones.
const KEYS: [(&str, &str); 10] = [
    ("/", "Write a prompt"),
    ("Enter", "Send it; Shift+Enter begins a new line"),
    ("a", "Allow the request that is marked so once"),
    ("j k", "Next, previous session"),
    ("h l", "Previous, next instance"),
    ("i", "All instances"),
    ("n", "New session"),
    ("+", "Add an instance"),
    ("Escape", "Leave the prompt, close what is open"),
    ("?", "This list"),
];

pub(super) fn dialogs(recent: &[Arc<str>], version: &str) -> Markup {
    html! {
        (add(recent))
        dialog #help aria-labelledby="help-title" {
            h2 #help-title { "Keys" }
            dl.keys { @for (key, what) in KEYS { dt { @for key in key.split(' ') { kbd { (key) } " " } } dd { (what) } } }
            p.quiet { "Drovers " (version) }
            form method="dialog" { div.row { button.main { "Close" } } }
        }
        dialog #confirm aria-labelledby="confirm-text" {
            form method="dialog" {
                p #confirm-text {}
                div.row { button.main value="yes" { "Remove" } button value="no" autofocus { "Keep" } }
            }
        }
    }
}

fn add(recent: &[Arc<str>]) -> Markup {
    html! {
        dialog #add aria-labelledby="add-title" {
            h2 #add-title { "Add an instance" }
            form data-do="add" {
                label { "Folder, or address of an OpenCode server"
                    input name="place" type="text" required autocomplete="off" spellcheck="false" list="recent"
                        placeholder="~/project or http://127.0.0.1:4096";
                }
                datalist #recent { @for folder in recent { option value=(folder) {} } }
                label { "Name (optional)" input name="name" type="text" autocomplete="off"; }
                fieldset {
                    label { "The server's user (optional)" input name="username" type="text" autocomplete="off" placeholder="opencode"; }
                    label { "The server's password (optional)" input name="password" type="password" autocomplete="off"; }
                }
                p.problem role="alert" hidden {}
                div.row {
                    button.main type="submit" { "Add" }
                    button type="button" data-do="close" { "Cancel" }
                }
            }
        }
    }
}

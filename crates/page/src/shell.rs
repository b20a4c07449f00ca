//! The document around everything.
//!
//! It holds every region once, in the places where patches find them, and what never changes: the text that is being
//! written, the dialogs, the page's own link.

mod dialogs;

use std::collections::HashMap;
use std::sync::Arc;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::time::Timestamp;
use model::view::Seen;

use crate::assets::{asset, asset_path};
use crate::limits;
use crate::regions;
use crate::wire::VERSION;

/// What a document needs beside what is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The hub's start.
    pub epoch: &'a str,
    /// Version of Drovers.
    pub version: &'a str,
    /// The hub's clock.
    pub now: Timestamp,
    /// Folders that were worked in lately, newest first.
    pub recent: &'a [Arc<str>],
    /// What a person should know about the hub itself.
    pub notices: &'a [Notice],
    /// OpenCode that runs on this machine and is no instance; only the page without an instance shows it.
    pub found: &'a [Found],
}

/// OpenCode that runs on this machine and is no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A server: it can be attached.
    Server {
        /// Its address.
        url: Arc<str>,
        /// The folder that it was started in.
        folder: Option<Arc<str>>,
    },
    /// A server that cannot be attached.
    Unusable {
        /// Why, and what to do.
        why: Arc<str>,
    },
    /// A terminal client without a listener: what it does is recorded, and nobody can follow it live.
    Terminal {
        /// The folder that it was started in.
        folder: Arc<str>,
        /// The command that opens its sessions live.
        command: Arc<str>,
    },
}

/// Something about the hub itself: a fact, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// In words.
    pub text: Arc<str>,
}

pub(crate) fn document(seen: &Seen, context: &Context<'_>, messages: &[String]) -> String {
    let regions: HashMap<String, String> = regions::all(seen)
        .into_iter()
        .map(|fragment| (fragment.key.clone(), fragment.html()))
        .collect();
    let recent = &context.recent[..context.recent.len().min(limits::RECENT_FOLDERS)];
    let page = Page {
        seen,
        regions,
        recent,
        notices: context.notices,
        found: context.found,
        messages,
    };
    html! {
        (DOCTYPE)
        html lang="en" data-epoch=(context.epoch) data-rev=(seen.rev.0) data-version=(VERSION) data-now=(context.now.0)
            data-instance=[seen.look.instance.as_ref()] data-session=[seen.look.session.as_ref()]
            data-from=[seen.look.from.as_ref()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
                meta name="color-scheme" content="dark light";
                meta name="referrer" content="no-referrer";
                title { (title(seen)) }
                link rel="icon" type="image/svg+xml" href=(asset_path(asset::ICON));
                link rel="stylesheet" href=(asset_path(asset::STYLE));
                script type="module" src=(asset_path(asset::SCRIPT)) {}
            }
            body {
                p #offline role="status" hidden {}
                p #hint role="status" hidden {}
                ul #notes aria-label="Notes" aria-live="polite" hidden {}
                div #app { (page.app()) }
                (dialogs::dialogs(recent, context.version))
                p #said.hear role="status" {}
            }
        }
    }
    .into_string()
}

fn title(seen: &Seen) -> String {
    let front = seen
        .head
        .as_ref()
        .map(|head| head.title.clone().unwrap_or_else(|| head.name.clone()));
    front.map_or_else(
        || "Drovers".to_owned(),
        |front| format!("{front} · Drovers"),
    )
}

struct Page<'a> {
    seen: &'a Seen,
    regions: HashMap<String, String>,
    recent: &'a [Arc<str>],
    notices: &'a [Notice],
    found: &'a [Found],
    messages: &'a [String],
}

impl Page<'_> {
    fn region(&self, key: &str) -> Markup {
        PreEscaped(self.regions.get(key).cloned().unwrap_or_default())
    }

    fn app(&self) -> Markup {
        let front = self.seen.head.is_some();
        html! {
            header.top {
                a.brand href="/" { "Drovers" }
                button.icon type="button" data-do="menu" aria-expanded="false" aria-label="All instances" title="All instances (i)" { "▾" }
                (self.region("tabs"))
                button.icon type="button" data-do="dialog" data-dialog="add" aria-label="Add an instance" title="Add an instance (+)" { "+" }
                button.icon type="button" data-do="dialog" data-dialog="help" aria-label="Keys" title="Keys (?)" { "?" }
            }
            aside #left aria-label="What needs you, and sessions" {
                button.icon.shut type="button" data-do="sheet" data-sheet="left" aria-label="Close" { "×" }
                (self.region("calm")) (self.region("needs"))
                @if front { (self.region("interrupted")) }
                (self.region("tree"))
            }
            main {
                @for notice in self.notices { p.notice { (notice.text) } }
                (self.region("notices"))
                @if front { (self.region("strip")) (self.region("head")) (self.conversation()) }
                @else { (self.home()) }
            }
            @if front {
                aside #right aria-label="Details" {
                    button.icon.shut type="button" data-do="sheet" data-sheet="right" aria-label="Close" { "×" }
                    (self.region("side"))
                }
            }
        }
    }

    fn conversation(&self) -> Markup {
        html! {
            section #log tabindex="0" aria-label="Conversation" {
                div.turns {
                    @if self.seen.log.is_some() {
                        (self.region("before"))
                        div data-k="ms" data-list { @for message in self.messages { (PreEscaped(message)) } }
                        ul #outbox aria-label="What waits to be sent" {}
                        (self.region("after"))
                    } @else {
                        p.empty { "What should be done? Write it below." }
                        ul #outbox aria-label="What waits to be sent" {}
                    }
                    (self.region("asks"))
                }
            }
            form #prompt data-do="prompt" {
                label.hear for="text" { "Prompt" }
                textarea #text rows="1" dir="auto" placeholder="What should be done?" title="Prompt (/)" {}
                (self.region("composer"))
                p.problem role="alert" hidden {}
            }
        }
    }

    fn home(&self) -> Markup {
        let unknown = self.seen.look.instance.is_some();
        let any = self.seen.tabs.as_ref().is_some_and(|tabs| !tabs.is_empty());
        html! {
            div.home {
                button.icon.sheet type="button" data-do="sheet" data-sheet="left" aria-label="What needs you" { "☰" }
                h1 {
                    @if unknown { "There is no such instance." }
                    @else if any { "Choose an instance above, or open a folder." }
                    @else { "Open a folder to begin." }
                }
                (self.region("interrupted"))
                @if !self.recent.is_empty() {
                    ul.folders {
                        @for folder in self.recent {
                            li { button type="button" data-do="folder" data-folder=(folder) { (folder) } }
                        }
                    }
                }
                (found(self.found))
                p {
                    button.main type="button" data-do="dialog" data-dialog="add" { "Open a folder or attach a server" }
                    " " kbd { "+" }
                }
                p.problem role="alert" hidden {}
            }
        }
    }
}

/// What runs here already, each with what can be done about it.
fn found(found: &[Found]) -> Markup {
    html! {
        @if !found.is_empty() {
            h2 { "OpenCode that runs on this machine" }
            ul.folders {
                @for one in found {
                    li {
                        @match one {
                            Found::Server { url, folder } => {
                                button type="button" data-do="folder" data-server=(url) {
                                    "Attach " (url) @if let Some(folder) = folder { " · " (folder) }
                                }
                            },
                            Found::Unusable { why } => { p.quiet { (why) } },
                            Found::Terminal { folder, command } => {
                                p.quiet { "In a terminal in " (folder) ", recorded but not live. Open its sessions live: " code { (command) } }
                            },
                        }
                    }
                }
            }
        }
    }
}

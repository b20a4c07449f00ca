//! The document around everything.
//!
//! It holds every region once, in the places where patches find them, and what never changes: the text that is being
//! written, the dialogs, the page's own link.

mod dialogs;
mod menus;

use std::collections::HashMap;
use std::sync::Arc;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::ids::InstanceId;
use model::time::Timestamp;
use model::view::{ArchivedRow, Standing, ViewDelta};

use crate::assets::{
    CHUNKS, INSPECTOR_CHUNKS, LIMITED_CHUNK, asset, asset_path, client_words, named,
};
use crate::language::{current, key, m, sentence, t};
use crate::limits;
use crate::regions::{self, parallel};
use crate::settings::{Settings, Theme, word};
use crate::wire::VERSION;
use crate::words::title as title_of;

pub use dialogs::{comparison_dialog, parallel_dialog, settings_dialog};

/// Inputs of a document besides the viewport.
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
    /// Notices about the hub itself.
    pub notices: &'a [Notice],
    /// OpenCode on this machine and is no instance; only the page without an instance shows it.
    pub found: &'a [FoundServer],
    /// The hub's settings.
    pub settings: &'a Settings,
    /// True for the page of the event inspector.
    pub inspect: bool,
    /// True if the reader may add instances.
    pub adds: bool,
    /// Names of the roles whose powers the reader lacks: `answer`, `drive` and `admin`.
    pub lacks: &'a [&'static str],
    /// When the draft of the prompt in front was written last: a page that has it asks for nothing. `None` without a prompt.
    pub drafted: Option<Timestamp>,
}

/// OpenCode on this machine and is no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundServer {
    /// A server: it can be attached.
    Server {
        /// URL of the server.
        url: Arc<str>,
        /// The folder that it was started in.
        folder: Option<Arc<str>>,
    },
    /// The background service of OpenCode 2 of the hub's user.
    Service,
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

/// Prompts that a person may begin with where nothing was asked yet.
const EXAMPLES: [&str; 3] = [
    key("Explain what this project does and how its parts fit together."),
    key("Run the tests and fix what fails."),
    key("Find a bug in the code that changed last, and fix it with a test."),
];

pub(crate) fn document(
    seen: &ViewDelta,
    context: &Context<'_>,
    messages: &[String],
    runs: &[String],
) -> String {
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
        adds: context.adds,
        lacks: context.lacks,
        messages,
        runs,
    };
    html! {
        (DOCTYPE)
        (html_tag(seen, context))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
            meta name="color-scheme" content=(scheme(context.settings));
            meta name="referrer" content="no-referrer";
            title { (title(seen)) }
            link rel="icon" type="image/svg+xml" href=(asset_path(asset::ICON))
                data-calm=(asset_path(asset::ICON)) data-need=(asset_path(asset::NEED));
            link rel="apple-touch-icon" href=(named("icon-192"));
            link rel="manifest" href=(asset_path(asset::MANIFEST));
            // The script puts the other sheet in front of this one, whose rules for small screens hold over it.
            link rel="stylesheet" href=(asset_path(asset::STYLE)) data-later=(asset_path(asset::LATER_STYLE));
            @if !context.lacks.is_empty() { link rel="stylesheet" href=(named("roles")); }
            @if let Some(words) = client_words(current()) { script type="module" src=(asset_path(words)) {} }
            script type="module" src=(asset_path(asset::SCRIPT)) {}
        }
        body {
            button.skip type="button" data-do="skip" { (t("Skip to the conversation")) }
            div #app { (page.app()) }
            p #offline role="status" hidden {}
            ul #notes aria-label=(t("Notes")) aria-live="polite" hidden {}
            footer #bar aria-label=(t("Keys")) {}
            p #hint role="status" hidden {}
            (dialogs::dialogs(context.version, context.adds))
            (menus::menus())
            p #said.hear role="status" {}
        }
        (PreEscaped("</html>"))
    }
    .into_string()
}

/// Why a session is in its state, as the element that the page loads for the hint of its row.
pub fn why(standing: &Standing) -> String {
    regions::why(standing).into_string()
}

/// The archived sessions of an instance, as the element that the page loads when its archive is opened.
pub fn archive(instance: &InstanceId, rows: &[ArchivedRow]) -> String {
    regions::archived(instance, rows).into_string()
}

/// The start tag of the document, which has all that the first paint and the client need: maud writes whole elements alone.
fn html_tag(seen: &ViewDelta, context: &Context<'_>) -> Markup {
    let settings = context.settings;
    let look = &seen.viewport;
    let language = current();
    let mut tag = html! {
        html lang=(language.tag()) dir=(language.direction()) data-epoch=(context.epoch) data-rev=(seen.rev.0) data-version=(VERSION) data-link-pages=(limits::LINK_PAGES) data-now=(context.now.0)
            data-instance=[look.instance.as_ref()] data-session=[look.session.as_ref()] data-from=[look.from.as_ref()] data-parallel=[look.parallel.as_ref()] data-overview[look.overview] data-review[look.review] data-inspect[context.inspect]
            data-lacks=[(!context.lacks.is_empty()).then(|| context.lacks.join(" "))]
            data-drafted=[context.drafted.map(|at| at.0)] data-settings=(settings.revision) data-theme=(word(settings.theme)) data-density=(word(settings.density))
            data-size=(word(settings.size)) data-enter=(word(settings.busy_enter)) data-bar[settings.key_bar.0]
            data-settings-json=(serde_json::to_string(settings).unwrap_or_default()) {}
    }
    .into_string();
    tag.truncate(tag.len() - "></html>".len());
    let limited = !context.lacks.is_empty();
    let of_document = |(name, _): &(&str, usize)| {
        !INSPECTOR_CHUNKS.contains(name) && (limited || *name != LIMITED_CHUNK)
    };
    for (name, at) in CHUNKS.into_iter().filter(of_document) {
        tag.push_str(&format!(" data-chunk-{name}=\"{}\"", asset_path(at)));
    }
    PreEscaped(tag + ">")
}

/// The colour schemes that a browser may choose from.
fn scheme(settings: &Settings) -> &'static str {
    match settings.theme {
        Theme::Auto => "dark light",
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

fn title(seen: &ViewDelta) -> String {
    let front = seen
        .head
        .as_ref()
        .map(|head| title_of(head.title.as_ref().unwrap_or(&head.name)));
    front.map_or_else(
        || "Drovers".to_owned(),
        |front| format!("{front} · Drovers"),
    )
}

struct Page<'a> {
    seen: &'a ViewDelta,
    regions: HashMap<String, String>,
    recent: &'a [Arc<str>],
    notices: &'a [Notice],
    found: &'a [FoundServer],
    adds: bool,
    lacks: &'a [&'static str],
    messages: &'a [String],
    /// The messages of each run that is compared.
    runs: &'a [String],
}

impl Page<'_> {
    fn region(&self, key: &str) -> Markup {
        PreEscaped(self.regions.get(key).cloned().unwrap_or_default())
    }

    fn app(&self) -> Markup {
        let front = self.seen.head.is_some();
        let overview = self.seen.viewport.overview;
        html! {
            header.top {
                a.brand href="/" aria-label=(t("Drovers: overview")) title=(t("Overview (g o)")) { "Drovers" }
                button.icon type="button" data-do="menu" aria-expanded="false" aria-label=(t("All instances")) title=(t("All instances (I)")) { "▾" }
                (self.region("tabs"))
                @if self.adds {
                    button.icon type="button" data-do="dialog" data-dialog="add" aria-label=(t("Add an instance")) title=(t("Add an instance (+)")) { "+" }
                }
                button.icon type="button" data-do="palette" aria-label=(t("Command palette")) title=(t("Command palette (Ctrl+K)")) { "⌕" }
                button.icon type="button" data-do="settings" aria-label=(t("Settings")) title=(t("Settings (,)")) { "⚙" }
                button.icon type="button" data-do="dialog" data-dialog="help" aria-label=(t("Keys")) title=(t("Keys (?)")) { "?" }
            }
            aside #left aria-label=(t("Requests and sessions")) {
                button.icon.shut type="button" data-do="sheet" data-sheet="left" aria-label=(t("Close")) { "×" }
                (self.region("calm")) (self.region("needs"))
                @if !overview { (self.region("tree")) }
                div #offer.offer hidden {
                    p { (t("Be notified when something needs you while this page is not in front?")) }
                    div.row {
                        button type="button" data-do="notify" data-yes { (t("Turn on")) }
                        button type="button" data-do="notify" { (t("Not now")) }
                    }
                }
            }
            (split("left", t("Width of the left pane"), 288))
            main #main tabindex="-1" {
                @if let Some(why) = lacking(self.lacks) { p.notice data-role { (why) } }
                @for notice in self.notices { p.notice { (sentence(&notice.text)) } }
                (self.region("notices"))
                @if overview { (self.board(front)) }
                @else if let Some(page) = &self.seen.parallel {
                    (self.region("head")) (self.region("parallel-head"))
                    (parallel::columns(page, |key| self.region(key), |nth| PreEscaped(self.runs.get(nth).cloned().unwrap_or_default())))
                }
                @else if self.seen.viewport.review && front { (self.region("head")) (self.region("trouble")) (self.region("standing")) (crate::review::place(&self.seen.viewport)) }
                @else if front { (self.region("strip")) (self.region("head")) (self.region("trouble")) (self.region("standing")) (self.conversation()) }
                @else { (self.home()) }
            }
            @if front && !overview && !self.seen.viewport.review && self.seen.parallel.is_none() {
                aside #right aria-label=(t("Details")) {
                    button.icon.shut type="button" data-do="sheet" data-sheet="right" aria-label=(t("Close")) { "×" }
                    (self.region("side"))
                }
                (split("right", t("Width of the details"), 264))
            }
        }
    }

    /// The overview, and beside it the session in front.
    fn board(&self, front: bool) -> Markup {
        let any = self
            .seen
            .overview
            .as_ref()
            .is_some_and(|overview| !overview.rows.is_empty());
        html! {
            div.board {
                section.sessions {
                    (self.region("overview-head"))
                    // Filled by the client for a person who comes back.
                    div #since hidden {}
                    (self.region("overview"))
                    @if !any || !self.found.is_empty() { (self.home()) }
                }
                @if front {
                    (split("peek", t("Width of the session beside the overview"), 0))
                    section.peek aria-label=(t("Session beside the overview")) {
                        (self.region("head")) (self.region("trouble")) (self.region("standing"))
                        (self.conversation())
                    }
                }
            }
        }
    }

    fn conversation(&self) -> Markup {
        html! {
            section #log tabindex="0" aria-label=(t("Conversation")) {
                div.turns {
                    @if self.seen.log.is_some() {
                        (self.region("before"))
                        div data-k="ms" data-list { @for message in self.messages { (PreEscaped(message)) } }
                        ul #outbox aria-label=(t("Waiting to be sent")) {}
                        (self.region("after"))
                    } @else {
                        p.empty { (t("What should be done? Write it below.")) }
                        ul.examples aria-label=(t("Examples")) {
                            @for example in EXAMPLES { li { button type="button" data-do="example" { (t(example)) } } }
                        }
                        ul #outbox aria-label=(t("Waiting to be sent")) {}
                    }
                    (self.region("asks"))
                }
            }
            nav #rail aria-label=(t("Prompts and failures")) hidden {}
            form #prompt data-do="prompt" {
                (self.region("queue"))
                ul #attached aria-label=(t("Attached")) hidden {}
                button #newer.newer type="button" data-do="end" hidden { (t("End ↓")) }
                label.hear for="text" { (t("Prompt")) }
                textarea #text rows="1" dir="auto" placeholder=(t("What should be done?")) title=(t("Prompt (/)")) {}
                ul #completions role="listbox" aria-label=(t("Suggestions")) hidden {}
                (self.region("composer"))
                p.problem role="alert" hidden {}
            }
        }
    }

    fn home(&self) -> Markup {
        let unknown = self.seen.viewport.instance.is_some();
        html! {
            div.home {
                button.icon.sheet type="button" data-do="sheet" data-sheet="left" aria-label=(t("Requests and sessions")) { "☰" }
                // Drawn once: the style sheet chooses by the rows and tabs that are there now.
                @if unknown { h1 { (t("This instance does not exist.")) } }
                @else {
                    h1.with-rows { (t("More on this machine")) }
                    @if !self.adds { h1.with-tabs.with-none { (t("No session yet.")) } }
                    @else {
                        h1.with-tabs { (t("No session yet. Choose an instance above, or open a folder.")) }
                        h1.with-none { (t("Open a folder to start.")) }
                    }
                }
                @if self.adds && !self.recent.is_empty() {
                    ul.folders {
                        @for folder in self.recent {
                            li { button type="button" data-do="folder" data-folder=(folder) { (folder) } }
                        }
                    }
                }
                @if self.adds {
                    (found(self.found))
                    p {
                        button.main type="button" data-do="dialog" data-dialog="add" { (t("Open a folder or attach a server")) }
                        " " kbd { "+" }
                    }
                }
                p.problem role="alert" hidden {}
            }
        }
    }
}

/// Why a reader does not see what others do. Whoever may answer and drive misses little, and is told where it is missed.
fn lacking(lacks: &[&str]) -> Option<&'static str> {
    let has = |role| !lacks.contains(&role);
    Some(match (has("answer"), has("drive")) {
        (true, true) => return None,
        (false, false) => t(
            "This browser may only watch: what it may not do is not shown. A code from Devices of another browser can give it more.",
        ),
        (true, false) => t(
            "This browser may watch and answer requests: what it may not do is not shown. A code from Devices of another browser can give it more.",
        ),
        (false, true) => t(
            "This browser may not answer requests, so their buttons are not shown. A code from Devices of another browser can give it more.",
        ),
    })
}

/// The edge of a pane, by which a person resizes it: the client gives it its width, in pixels.
fn split(pane: &str, label: &str, width: u32) -> Markup {
    html! {
        div.split role="separator" tabindex="0" aria-orientation="vertical" aria-label=(label) aria-valuenow=(width) data-pane=(pane) {}
    }
}

/// OpenCode processes on this machine, each with the action that it offers.
fn found(found: &[FoundServer]) -> Markup {
    html! {
        @if !found.is_empty() {
            h2 { (t("OpenCode on this machine")) }
            ul.folders {
                @for one in found {
                    li {
                        @match one {
                            FoundServer::Server { url, folder } => {
                                button type="button" data-do="folder" data-server=(url) {
                                    (t!("Attach {server}", server = url)) @if let Some(folder) = folder { " · " (folder) }
                                }
                            },
                            FoundServer::Service => {
                                button type="button" data-do="folder" data-service="" { (t("Attach the service of OpenCode 2")) }
                            },
                            FoundServer::Unusable { why } => { p.quiet { (sentence(why)) } },
                            FoundServer::Terminal { folder, command } => {
                                p.quiet { (m!("In a terminal in {folder}, recorded but not live. Open its sessions live: {command}", folder = folder, command = html! { code { (command) } })) }
                            },
                        }
                    }
                }
            }
        }
    }
}

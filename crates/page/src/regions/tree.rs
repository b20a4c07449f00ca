//! The sessions of an instance as a tree, and its archive.
//!
//! The tree is drawn flat, a row for each session. What a person folds, sorts, filters and marks is the client's: rows carry what
//! it needs for that.

use maud::{Markup, html};
use model::ids::InstanceId;
use model::plain;
use model::view::{ArchivedRow, Mark, SessionRow, ViewDelta};

use super::sessions::hint;
use super::{ago, item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::language::{key, t};
use crate::limits;
use crate::words::{self, encode, instance_path, session_path};

/// Steps that are drawn as such; deeper ones are drawn at this one.
const DEPTHS: usize = 8;

/// Orders of the tree: name for the client, and label.
const ORDERS: [(&str, &str); 4] = [
    ("newest", key("Newest first")),
    ("urgency", key("By urgency")),
    ("change", key("Last change")),
    ("title", key("By title")),
];

pub(super) fn tree(seen: &ViewDelta, rows: &[SessionRow]) -> Fragment {
    let id = seen.viewport.instance.as_ref();
    let id = id.map_or("", InstanceId::as_str);
    let folders = Folders::of(rows);
    let open = format!(
        "<nav class=\"tree\" data-k=\"tree\" data-instance=\"{}\" aria-label=\"{}\">{}<ul data-k=\"tree-list\"{}>",
        encode(id),
        t("Sessions"),
        head(seen, id, rows.is_empty(), &folders).into_string(),
        // A tree without items is none.
        if rows.is_empty() {
            String::new()
        } else {
            let label = t("Sessions");
            format!(" role=\"tree\" aria-multiselectable=\"true\" aria-label=\"{label}\"")
        },
    );
    let drawn = rows.iter().enumerate().map(|(at, row)| {
        let below = rows.get(at + 1);
        let is_parent = below.is_some_and(|below| below.depth > row.depth);
        tree_row(seen, id, row, is_parent, &folders)
    });
    let drawn = drawn.collect();
    let older = if seen.older {
        cut(id).into_string()
    } else {
        String::new()
    };
    let other = match seen.beside_first {
        true => beside_first().into_string(),
        false => String::new(),
    };
    let close = format!(
        "</ul>{older}{other}{}</nav>",
        archive(id, seen.archived).into_string()
    );
    list("tree", open, drawn, &close)
}

fn head(seen: &ViewDelta, id: &str, empty: bool, folders: &Folders) -> Markup {
    html! {
        header {
            h2 { (t("Sessions")) }
            a.button.new href=(instance_path(id)) title=(t("New session (n)")) { (t("New")) }
        }
        div.tools {
            input #tree-filter type="search" autocomplete="off" spellcheck="false" aria-label=(t("Filter sessions of this instance"))
                placeholder=(t("Filter")) title=(t("Filter by title, folder, branch or state (f)"));
            select #tree-order aria-label=(t("Order of sessions")) title=(t("Order of sessions")) {
                @for (name, label) in ORDERS { option value=(name) { (t(label)) } }
            }
            @if folders.are_several() {
                // Of a server without a folder of its own they are groups unless a person wants it otherwise.
                button #tree-folders type="button" aria-pressed=(folders.named) data-grouped[folders.named] title=(t("Group sessions by folder")) { (t("Folders")) }
            }
        }
        p #tree-none.quiet role="status" hidden { (t("No session matches. Esc shows all.")) }
        @if empty && seen.listed { p.quiet { (t("No sessions yet. Write a prompt to start one.")) } }
        @if empty && !seen.listed { p.quiet { (t("Not connected yet. Sessions appear once it is.")) } }
    }
}

/// The folders in which the sessions of an instance work.
struct Folders {
    /// Bytes that the names of all of them have in common, up to a separator.
    common: usize,
    several: bool,
    /// True if the server has no folder of its own: then each has a name, and is shown even if it is the only one.
    named: bool,
}

impl Folders {
    fn of(rows: &[SessionRow]) -> Self {
        let Some(first) = rows.first().map(|row| &*row.directory) else {
            return Self {
                common: 0,
                several: false,
                named: false,
            };
        };
        let named = rows.iter().any(|row| row.folder.is_some());
        let shared = |directory: &str| {
            let same = directory.bytes().zip(first.bytes());
            same.take_while(|(a, b)| a == b).count()
        };
        let mut several = false;
        let mut common = first.len();
        for row in rows.iter().filter(|row| &*row.directory != first) {
            several = true;
            common = common.min(shared(&row.directory));
        }
        let mut cut = first.as_bytes()[..common].iter();
        let cut = cut.rposition(|byte| matches!(byte, b'/' | b'\\'));
        Self {
            common: cut.map_or(0, |at| at + 1),
            several: several || named,
            named,
        }
    }

    fn are_several(&self) -> bool {
        self.several
    }

    /// The name of a session's folder: its own, else its path without what all of them have in common; absent where there is only one.
    fn name(&self, row: &SessionRow) -> Option<String> {
        if let Some(folder) = &row.folder {
            return Some(plain::line(folder, limits::TITLE_CHARS));
        }
        let directory = &*row.directory;
        let rest = directory.get(self.common..).unwrap_or(directory);
        let rest = if rest.is_empty() { directory } else { rest };
        self.several.then(|| plain::line(rest, limits::TITLE_CHARS))
    }
}

/// Footer of an incomplete session list.
fn cut(instance: &str) -> Markup {
    let url = format!("/api/instances/{}/older-sessions", encode(instance));
    html! {
        div.cut {
            p.quiet { (t("Older sessions are not listed.")) }
            button type="button" data-do="post" data-url=(url) { (t("List older sessions")) }
            p.problem role="alert" hidden {}
        }
    }
}

/// Footer of a list that lacks what another version's server has.
fn beside_first() -> Markup {
    html! {
        div.cut {
            p.quiet { (t("Sessions that OpenCode 1 made after OpenCode 2 copied its own are in the instance of OpenCode 1 alone.")) }
        }
    }
}

/// The folded archive. The client loads its rows when it is opened.
fn archive(instance: &str, count: usize) -> Markup {
    html! {
        details.archived data-k="archived" data-url={ "/fragment/archived/" (encode(instance)) } data-count=(count) hidden[count == 0] {
            summary { (t("Archived")) " " span.count { (count) } }
            div data-k="archived-list" data-list {}
        }
    }
}

fn tree_row(
    seen: &ViewDelta,
    instance: &str,
    row: &SessionRow,
    is_parent: bool,
    folders: &Folders,
) -> Block {
    let class = format!("depth-{}", row.depth.min(DEPTHS));
    let selected = seen.viewport.session.as_ref() == Some(&row.id);
    let html = html! {
        (link(instance, row, selected, is_parent, folders))
        button.icon.more type="button" tabindex="-1" aria-hidden="true" data-do="session-menu" aria-label=(t("Session menu")) { "⋯" }
        @if row.mark == Mark::Recorded && selected {
            p.hint role="none" { (t("Reopen it live:")) " " code role="none" { "drovers open " (plain::argument(row.id.as_str())) } }
        }
    };
    let mut block = item(format!("s:{}", row.id), &class, html);
    block.open = block.open.replacen("<li ", "<li role=\"none\" ", 1);
    block
}

fn link(
    instance: &str,
    row: &SessionRow,
    selected: bool,
    is_parent: bool,
    folders: &Folders,
) -> Markup {
    let (word, colour) = (t(row.mark.word()), words::colour(row.mark));
    html! {
        a href=(session_path(instance, row.id.as_str())) role="treeitem" aria-level=(row.depth + 1)
            aria-expanded=[is_parent.then_some("true")] aria-current=[selected.then_some("page")] title=(hint(row))
            data-parent=[row.parent.as_ref()] data-rank=(words::urgency(row.mark)) data-made=(row.created.0) data-output=(row.output.0)
            data-folder=[folders.name(row)] data-branch=[row.folder.as_ref().and(row.branch.as_ref())]
            data-directory=[row.folder.as_ref().map(|_| &row.directory)] data-search=(search(row)) {
            (shape(row.mark)) span.name { (words::title(&row.title)) } span.hear.fresh { " " (t("new output")) " " }
            @if is_parent { span.caret aria-hidden="true" {} }
            @if !row.clashes.is_empty() { span.clash.need { (t("conflict")) } }
            @if row.needs > 0 { span.count.need { (row.needs) } }
            @else if matches!(row.mark, Mark::Idle | Mark::Recorded) { span.age { (ago(row.updated)) } }
            @else { span.word.(colour) aria-hidden="true" { (word) } }
        }
    }
}

/// Words that the filter finds and that the row does not show.
fn search(row: &SessionRow) -> String {
    let branch = row.branch.as_deref().unwrap_or_default();
    let agent = row.agent.as_deref().unwrap_or_default();
    format!(
        "{branch} {agent} {}",
        plain::line(&row.directory, limits::TITLE_CHARS)
    )
}

/// The rows of an instance's archive, each with a button that takes it out again.
pub(crate) fn archived(instance: &InstanceId, rows: &[ArchivedRow]) -> Markup {
    let id = instance.as_str();
    html! {
        ul aria-label=(t("Archived sessions")) {
            @for row in rows {
                li data-session=(row.id) {
                    a href=(session_path(id, row.id.as_str())) title=(words::title(&row.title)) { span.name { (words::title(&row.title)) } span.age { (ago(row.archived)) } }
                    button type="button" data-restore={ "/api/instances/" (encode(id)) "/sessions/" (encode(row.id.as_str())) }
                        aria-label=(t!("Restore {title}", title = words::title(&row.title))) { (t("Restore")) }
                }
            }
        }
    }
}

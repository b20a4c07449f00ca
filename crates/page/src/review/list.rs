//! The head of the review, the tree of files, and a section for each of them.

use changes::{FileChange, FileKind, FilePath, FileStatus, Staging};
use maud::{Markup, PreEscaped, html};
use model::plain;

use super::comments::{ReviewComment, comment, form};
use super::{ReviewAddress, in_words, path_line};
use crate::language::{key, m, sentence, t};
use crate::limits;
use crate::words::visible;

/// Whether a person viewed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewed {
    /// Not yet.
    No,
    /// As it is now.
    Yes,
    /// As it was before it changed again.
    Before,
}

impl Viewed {
    /// Its name in the page and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Before => "before",
        }
    }
}

/// A changed file.
#[derive(Clone, Debug)]
pub struct ReviewFile {
    /// What changed.
    pub change: FileChange,
    /// How much of it is staged.
    pub staging: Staging,
    /// Whether it was viewed.
    pub viewed: Viewed,
    /// Comments on it.
    pub comments: usize,
}

/// Everything of a review but the contents of its files.
#[derive(Clone, Debug)]
pub struct ReviewList<'a> {
    /// What is reviewed.
    pub address: ReviewAddress<'a>,
    /// The scopes that can be chosen, and their labels.
    pub scopes: Vec<(&'static str, &'static str)>,
    /// The folder.
    pub directory: &'a str,
    /// The change of marks and comments that it was read at.
    pub marks: u64,
    /// What is checked out, in sentences.
    pub branch: Vec<String>,
    /// What it is compared with, in words.
    pub base: String,
    /// Branches to compare with.
    pub bases: Vec<String>,
    /// The files by path.
    pub files: Vec<ReviewFile>,
    /// The files of which something is staged.
    pub staged: Vec<FilePath>,
    /// Comments that were not sent, on files that are not listed.
    pub elsewhere: Vec<(FilePath, ReviewComment)>,
    /// Files that are not listed.
    pub left_out: usize,
    /// Why there is no list, and the next step, in sentences.
    pub trouble: Vec<String>,
    /// Something to know about the list.
    pub notes: Vec<String>,
    /// Comments that were not sent yet.
    pub drafts: usize,
    /// The title of the session that gets the comments.
    pub agent: Option<String>,
    /// The path of that session.
    pub agent_path: Option<String>,
    /// True if git can stage and commit here.
    pub writable: bool,
}

/// Draws the list.
pub fn review_list(list: &ReviewList<'_>) -> String {
    let (come, gone) = sums(&list.files);
    let viewed = list
        .files
        .iter()
        .filter(|file| file.viewed == Viewed::Yes)
        .count();
    let html = html! {
        div.review data-query=(list.address.query()) data-scope=(list.address.scope) data-folder=(list.directory)
            data-marks=(list.marks) data-drafts=(list.drafts)
            data-agent=[list.agent_path.as_ref()] data-agent-name=[agent_name(list)] data-writable[list.writable] {
            header.review-head {
                (place(list))
                div.row.controls-of {
                    (scopes(list))
                    p.counts {
                        (t!("{n} file", "{n} files", n = list.files.len() + list.left_out))
                        " " span.plus { "+" (come) } " " span.minus { "−" (gone) }
                        " · " (m!("{count} viewed", count = html! { span.viewed-count { (viewed) } }))
                    }
                    (buttons(list))
                }
                @for note in &list.notes { p.quiet { (sentence(note)) } }
                p.problem role="alert" hidden {}
            }
            @if !list.trouble.is_empty() { p.empty { (in_words(&list.trouble)) } }
            @else if list.files.is_empty() { p.empty { (t(nothing(list.address.scope))) } }
            @else {
                div.columns {
                    nav.files aria-label=(t("Changed files")) { (tree(&list.files)) }
                    div.diffs {
                        @for (nth, file) in list.files.iter().enumerate() { (section(nth, file)) }
                        @if list.left_out > 0 {
                            p.quiet { (t!("{n} more file is not listed. `git diff` shows it.", "{n} more files are not listed. `git diff` shows them.", n = list.left_out)) }
                        }
                    }
                }
            }
            (elsewhere(list))
            (bar(list))
            (form())
            @if list.writable { (commit(list)) }
        }
    };
    html.into_string()
}

/// The title of the session that gets the comments, as a name of a button.
fn agent_name(list: &ReviewList<'_>) -> Option<String> {
    let title = list.agent.as_ref();
    title.map(|title| plain::line(title, limits::REVIEW_AGENT_CHARS))
}

/// Comments that wait to be sent, on files that are not in the list: committed or taken back meanwhile, say.
fn elsewhere(list: &ReviewList<'_>) -> Markup {
    html! {
        @if !list.elsewhere.is_empty() {
            section.elsewheres {
                h2 { (t("Comments on files that are not listed")) }
                @for (path, one) in &list.elsewhere {
                    div.elsewhere data-path=(path.id()) { p.path { (path_line(path)) } (comment(one, true)) }
                }
            }
        }
    }
}

/// What a commit takes: the files, as far as they are named.
fn staged(list: &ReviewList<'_>) -> Markup {
    let named = list.staged.iter().take(limits::REVIEW_STAGED);
    let more = list.staged.len().saturating_sub(limits::REVIEW_STAGED);
    html! {
        @if let Some(branch) = list.branch.first() { p.branch { (sentence(branch)) } }
        @if list.staged.is_empty() { p.quiet { (t(nothing("staged"))) } }
        @else {
            p { (t!("{n} file is staged", "{n} files are staged", n = list.staged.len())) }
            ul.staged { @for path in named { li { (path_line(path)) } } @if more > 0 { li.quiet { "…" } } }
        }
    }
}

/// What git does with what is staged.
fn commit(list: &ReviewList<'_>) -> Markup {
    html! {
        dialog #commit aria-labelledby="commit-title" {
            form data-do="commit" {
                h2 #commit-title { (t("Commit what is staged")) }
                (staged(list))
                label { (t("Commit message")) textarea name="message" rows="6" dir="auto" {} }
                label.check { input type="checkbox" name="amend"; (t("Amend the last commit")) " " span.quiet { (t("An empty message keeps the last one.")) } }
                div.row {
                    button.main type="submit" value="commit" { (t("Commit")) }
                    button type="submit" value="suggest" { (t("Ask the agent for a message")) }
                }
                label { (t("Branch")) input name="branch" type="text" autocomplete="off" spellcheck="false"; }
                div.row {
                    button type="submit" value="branch" { (t("Begin this branch")) }
                    button type="submit" value="push" { (t("Push")) }
                    button type="submit" value="pull_request" { (t("Pull request")) }
                    button type="button" data-do="close" { (t("Close")) }
                }
                pre.printed role="log" tabindex="0" hidden aria-label=(t("What git prints")) {}
                p.problem role="alert" hidden {}
            }
        }
    }
}

fn place(list: &ReviewList<'_>) -> Markup {
    html! {
        p.where-of {
            code { (PreEscaped(visible(list.directory))) }
            @for (nth, part) in list.branch.iter().enumerate() { (if nth == 0 { " · " } else { ", " }) span.branch { (sentence(part)) } }
            @if !list.base.is_empty() { " · " (m!("compared with {base}", base = html! { span.base { (sentence(&list.base)) } })) }
        }
    }
}

fn scopes(list: &ReviewList<'_>) -> Markup {
    html! {
        label { span.hear { (t("Show")) } select name="scope" data-do="review-scope" {
            @for (value, label) in &list.scopes { option value=(value) selected[*value == list.address.scope] { (t(label)) } }
        } }
        @if list.address.scope == "branch" {
            label { span.hear { (t("Base")) } select name="base" data-do="review-base" title=(t("Base")) {
                @if list.address.base.is_none() { option value="" selected { (t("Usual base")) } }
                @if let Some(base) = list.address.base.filter(|base| !list.bases.iter().any(|one| one == base)) {
                    option value=(base) selected { (base) }
                }
                @for base in &list.bases { option value=(base) selected[list.address.base == Some(base)] { (base) } }
            } }
        }
    }
}

fn buttons(list: &ReviewList<'_>) -> Markup {
    html! {
        button type="button" data-do="review-split" aria-pressed="false" title=(t("Side by side (|)")) { (t("Split")) }
        button type="button" data-do="review-space" aria-pressed="false" title=(t("Ignore white space (w)")) { (t("White space")) }
        @if list.writable {
            button type="button" data-do="review-commit" title=(t("Commit, push, branch")) { (t("Commit…")) }
        }
        @if let Some(agent) = agent_name(list) {
            @if list.drafts > 0 {
                button.main type="button" data-do="review-send" title=(t("Send the comments to the agent (R)")) {
                    (t!("Send {n} comment to {agent}", "Send {n} comments to {agent}", n = list.drafts, agent = agent))
                }
            } @else {
                button type="button" data-do="review-send" title=(t("Back to the agent (R)")) { (t("Back to the agent")) }
            }
            @if list.address.session.is_some() { button type="button" data-do="review-accept" title=(t("Accept: the session is done (e)")) { (t("Accept")) } }
        }
    }
}

/// What a finger has in place of keys: for the lines, hunk or file that was tapped.
fn bar(list: &ReviewList<'_>) -> Markup {
    let git = [
        ("review-stage", key("Stage")),
        ("review-unstage", key("Unstage")),
        ("review-discard", key("Discard")),
    ];
    html! {
        div.review-bar role="toolbar" aria-label=(t("Review")) {
            @if !list.files.is_empty() {
                button type="button" data-do="review-comment" { (t("Comment")) }
                @for (act, label) in git.iter().filter(|_| list.writable) { button type="button" data-do=(act) { (t(label)) } }
            }
            button type="button" data-do="review-next" { (t("Next review")) }
        }
    }
}

fn nothing(scope: &str) -> &'static str {
    match scope {
        "session" => key(
            "The server recorded no change of this session. Choose “Uncommitted” to see what git has.",
        ),
        "turn" => key("The server recorded no change of the last turn."),
        "staged" => key("Nothing is staged. Press s on a file, a hunk or lines to stage them."),
        "unstaged" => key("Nothing is unstaged."),
        _ => key("Nothing changed."),
    }
}

fn sums(files: &[ReviewFile]) -> (u64, u64) {
    let lines = files.iter().filter_map(|file| file.change.lines);
    lines.fold((0, 0), |(come, gone), (more, less)| {
        (come + more, gone + less)
    })
}

/// The files in their folders: one line for each folder that has files itself.
fn tree(files: &[ReviewFile]) -> Markup {
    let mut folder = None;
    html! {
        ul {
            @for (nth, file) in files.iter().enumerate() {
                @let (above, name) = file.change.path.split();
                @if folder != Some(above) {
                    @let _new = folder.replace(above);
                    @if !above.is_empty() {
                        li.folder { (path_line(&changes::FilePath::new(above))) "/" }
                    }
                }
                li data-nth=(nth) data-viewed=(file.viewed.word()) {
                    a href={ "#file-" (nth) } data-do="review-file" {
                        span.letter.(status_class(file.change.status)) title=(t(status_word(file.change.status))) { (status_letter(file.change.status)) }
                        span.name { (path_line(&changes::FilePath::new(name))) }
                        @if file.comments > 0 { span.count title=(t("Comments")) { (file.comments) } }
                        (counts(&file.change))
                    }
                }
            }
        }
    }
}

fn counts(change: &FileChange) -> Markup {
    html! {
        span.lines { @if let Some((come, gone)) = change.lines {
            @if come > 0 { span.plus { "+" (come) } } @if gone > 0 { span.minus { "−" (gone) } }
        } @else if change.binary { span.quiet { (t("binary")) } } }
    }
}

fn section(nth: usize, file: &ReviewFile) -> Markup {
    let change = &file.change;
    let lines = change.lines.map_or(0, |(come, gone)| come + gone);
    html! {
        section.file id={ "file-" (nth) } data-path=(change.path.id()) data-old=[change.old_path.as_ref().map(|old| old.id())]
            data-viewed=(file.viewed.word()) data-staged[file.staging.staged] data-unstaged[file.staging.unstaged]
            data-size=(size(lines)) data-fold[file.viewed == Viewed::Yes || lines > limits::REVIEW_FOLDED_LINES] tabindex="-1" {
            header {
                button.fold type="button" data-do="review-fold" aria-label=(t("Fold")) {}
                span.path { (name(change)) }
                @for word in badges(file) { span.badge { (t(word)) } }
                @if lines > limits::REVIEW_FOLDED_LINES { span.badge { (t!("{n} line", "{n} lines", n = lines)) } }
                (counts(change))
                label.check { input type="checkbox" data-do="review-viewed" checked[file.viewed == Viewed::Yes]; (t("Viewed")) }
                button type="button" data-do="comment-file" title=(t("Comment on the file (C)")) { (t("Comment")) }
            }
            div.body aria-busy="true" {}
            p.problem role="alert" hidden {}
        }
    }
}

fn name(change: &FileChange) -> Markup {
    html! {
        @if let Some(old) = &change.old_path { (path_line(old)) " → " }
        (path_line(&change.path))
    }
}

/// What a person has to know of a file beside its lines.
fn badges(file: &ReviewFile) -> Vec<&'static str> {
    let change = &file.change;
    let mut badges = Vec::new();
    if change.status != FileStatus::Modified {
        badges.push(status_word(change.status));
    }
    match (change.old_kind, change.new_kind) {
        (FileKind::File, FileKind::Executable) => badges.push(key("executable now")),
        (FileKind::Executable, FileKind::File) => badges.push(key("not executable any more")),
        (_, FileKind::Link) => badges.push(key("link")),
        (_, FileKind::Submodule) | (FileKind::Submodule, FileKind::None) => {
            badges.push(key("submodule"))
        }
        _ => {}
    }
    match (file.staging.staged, file.staging.unstaged) {
        (true, true) => badges.push(key("partly staged")),
        (true, false) => badges.push(key("staged")),
        _ => {}
    }
    if file.viewed == Viewed::Before {
        badges.push(key("changed since viewed"));
    }
    badges
}

/// How much room a file is given before it is here.
fn size(lines: u64) -> &'static str {
    match lines {
        0..=5 => "xs",
        6..=20 => "s",
        21..=60 => "m",
        61..=200 => "l",
        _ => "xl",
    }
}

fn status_word(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => key("added"),
        FileStatus::Deleted => key("deleted"),
        FileStatus::Modified => key("modified"),
        FileStatus::Renamed => key("renamed"),
        FileStatus::Copied => key("copied"),
        FileStatus::TypeChanged => key("other kind of file"),
        FileStatus::Conflicted => key("in conflict"),
        FileStatus::Untracked => key("new"),
    }
}

fn status_letter(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => "A",
        FileStatus::Deleted => "D",
        FileStatus::Modified => "M",
        FileStatus::Renamed => "R",
        FileStatus::Copied => "C",
        FileStatus::TypeChanged => "T",
        FileStatus::Conflicted => "!",
        FileStatus::Untracked => "?",
    }
}

fn status_class(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added | FileStatus::Untracked => "plus",
        FileStatus::Deleted | FileStatus::Conflicted => "minus",
        _ => "quiet",
    }
}

//! Search in all conversations: the dialog, and the hits of a query.

use std::sync::Arc;

use maud::{Markup, html};
use model::plain;
use model::time::Timestamp;

use super::ago;
use crate::language::{sentence, t};
use crate::limits;
use crate::words::title;

/// What a hit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A prompt.
    Prompt,
    /// An answer.
    Answer,
    /// A call of this tool.
    Tool(String),
}

/// A hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHit {
    /// Where it leads.
    pub path: String,
    /// Name of the instance.
    pub instance: Arc<str>,
    /// Title of the session; empty if it is not known.
    pub title: String,
    /// When its message began.
    pub at: Timestamp,
    /// What it is.
    pub kind: FoundKind,
    /// The text around the first match; true for matches.
    pub text: Vec<(String, bool)>,
}

/// Sessions of which hits may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Number of all sessions that are indexed or will be.
    pub all: usize,
    /// Those of them that are not indexed yet.
    pub waiting: usize,
    /// Those of them that have changed since they were indexed.
    pub changed: usize,
    /// Sessions of instances that are not connected.
    pub away: usize,
    /// Sessions of instances that the journal leaves out.
    pub left_out: usize,
    /// Instances with older sessions than are listed.
    pub cut: usize,
    /// Why nothing is indexed at present.
    pub problem: Option<String>,
}

/// Filters of a query, with what they mean.
fn filters() -> [(&'static str, &'static str); 8] {
    [
        ("\"a b\"", t("exactly these words")),
        (
            "in:folder",
            t("name of an instance, or part of a folder's path"),
        ),
        (
            "from:me",
            t("prompts; from:agent for answers and tool calls"),
        ),
        ("tool:edit", t("calls of a tool")),
        ("file:src/*.rs", t("tool calls that name such a file")),
        (
            "after:2026-11-01",
            t("since that day; before: until that day"),
        ),
        ("model:opus", t("part of a model's name")),
        (
            "ErrorKind",
            t("also finds a part of a name, such as parseErrorKind"),
        ),
    ]
}

/// The dialog, without hits.
pub fn search_dialog() -> String {
    html! {
        dialog #search aria-label=(t("Search all conversations")) {
            input #search-text type="text" enterkeyhint="search" role="combobox" aria-expanded="true" aria-controls="search-hits"
                aria-autocomplete="list" aria-label=(t("Search all conversations"))
                placeholder=(t("Search prompts, answers and tool calls of all sessions")) autocomplete="off" spellcheck="false" maxlength="512";
            div #search-found { (no_hits()) (help()) }
        }
    }
    .into_string()
}

fn no_hits() -> Markup {
    html! { ul #search-hits role="listbox" aria-label=(t("Hits")) hidden {} }
}

fn help() -> Markup {
    html! { dl.keys { @for (filter, means) in filters() { dt { code { (filter) } } dd { (means) } } } }
}

/// What is shown for a query that cannot be read.
pub fn search_refused(why: &str) -> String {
    let why = plain::line(why, limits::TITLE_CHARS);
    html! { (no_hits()) p role="status" { (sentence(&why)) } (help()) }.into_string()
}

/// The hits of a query, with what they may lack.
pub fn search_hits(hits: &[FoundHit], more: bool, lacking: &Lacking) -> String {
    let many = hits.len();
    html! {
        ul #search-hits role="listbox" aria-label=(t("Hits")) hidden[many == 0] {
            @for (nth, hit) in hits.iter().enumerate() { (line(nth, hit)) }
        }
        p.quiet role="status" {
            @if many == 0 { (t("Nothing was found. A word is found by its beginning.")) }
            @else if more { (t!("The newest {n} hit. Add a word or a filter to find older ones.", "The newest {n} hits. Add a word or a filter to find older ones.", n = many)) }
            @else { (t!("{n} hit.", "{n} hits.", n = many)) }
            @for lack in lacks(lacking) { " " (lack) }
        }
    }
    .into_string()
}

fn lacks(lacking: &Lacking) -> Vec<String> {
    let Lacking {
        all,
        waiting,
        changed,
        away,
        left_out,
        cut,
        problem,
    } = lacking;
    let mut told: Vec<String> = Vec::new();
    told.extend(
        problem
            .as_deref()
            .map(|problem| plain::line(problem, limits::TITLE_CHARS)),
    );
    if *waiting > 0 {
        told.push(t!(
            "{n} of {all} sessions is not indexed yet.",
            "{n} of {all} sessions are not indexed yet.",
            n = *waiting,
            all = all
        ));
    }
    if *changed > 0 {
        told.push(t!(
            "{n} session has changed since it was indexed.",
            "{n} sessions have changed since they were indexed.",
            n = *changed
        ));
    }
    if *away > 0 {
        told.push(t!(
            "{n} session belongs to an instance that is not connected.",
            "{n} sessions belong to instances that are not connected.",
            n = *away
        ));
    }
    if *left_out > 0 {
        told.push(t!(
            "{n} session is not indexed, as its instance is left out of the journal.",
            "{n} sessions are not indexed, as their instances are left out of the journal.",
            n = *left_out
        ));
    }
    if *cut > 0 {
        told.push(t!(
            "{n} instance has older sessions that are not all read yet.",
            "{n} instances have older sessions that are not all read yet.",
            n = *cut
        ));
    }
    told
}

fn line(nth: usize, hit: &FoundHit) -> Markup {
    html! {
        li #{"hit-" (nth)} role="option" {
            a href=(hit.path) tabindex="-1" {
                span.name { (title(&plain::line(&hit.title, limits::TITLE_CHARS))) }
                span.quiet {
                    (plain::line(&hit.instance, limits::TITLE_CHARS)) " · "
                    @match &hit.kind {
                        FoundKind::Prompt => (t("prompt")),
                        FoundKind::Answer => (t("answer")),
                        FoundKind::Tool(tool) => (plain::line(tool, limits::TITLE_CHARS)),
                    }
                    " · " (ago(hit.at))
                }
                span.text { @for (text, is_hit) in &hit.text {
                    @if *is_hit { mark { (plain::line(text, usize::MAX)) } } @else { (spaced(text)) }
                } }
            }
        }
    }
}

/// A stretch as one line, which keeps a space at its ends.
fn spaced(text: &str) -> String {
    let line = plain::line(text, usize::MAX);
    let space = |at: Option<char>| {
        if at.is_some_and(char::is_whitespace) {
            " "
        } else {
            ""
        }
    };
    format!(
        "{}{line}{}",
        space(text.chars().next()),
        space(text.chars().last())
    )
}

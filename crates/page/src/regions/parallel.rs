//! Runs of one prompt side by side. What the models answered is drawn by module `parts`, as in their conversations.

use maud::{Markup, html};
use model::plain;
use model::view::{LogState, ParallelPage, RunColumn, Viewport};

use super::overview::doing;
use super::shape;
use crate::fragment::{Child, Fragment};
use crate::language::{m, sentence, t};
use crate::limits;
use crate::words::{self, count, duration, encode, session_path};

/// Regions of the page: its head, and for each run what stands above and below the answer.
pub(super) fn parallel(look: &Viewport, page: &ParallelPage) -> Vec<Fragment> {
    let columns = page.runs.iter().enumerate();
    let columns =
        columns.flat_map(|(nth, run)| [top(look, page, nth, run), foot(look, page, nth, run)]);
    [head(look, page)].into_iter().chain(columns).collect()
}

/// The list of messages of a run, without them.
pub(crate) fn answer(nth: usize, run: &RunColumn) -> Fragment {
    let messages = run.answer.iter();
    let messages = messages.map(|message| Child::Apart(format!("m:{}", message.info.id)));
    Fragment {
        children: messages.collect(),
        apart: true,
        ..Fragment::whole(&answer_key(nth), String::new())
    }
}

/// The `data-k` of the list of messages of a run.
pub(crate) fn answer_key(nth: usize) -> String {
    format!("run:{nth}:answer")
}

/// The path of a command on a parallel run.
fn url(look: &Viewport, page: &ParallelPage, command: &str) -> String {
    let instance = look.instance.as_ref().map_or("", |id| id.as_str());
    let (instance, id) = (encode(instance), encode(page.id.as_str()));
    format!("/api/instances/{instance}/parallel/{id}/{command}")
}

fn head(look: &Viewport, page: &ParallelPage) -> Fragment {
    let kept = page
        .runs
        .iter()
        .find(|run| run.session.is_some() && run.session == page.kept);
    let html = html! {
        div.parallel-head data-k="parallel-head" {
            h2 { (t!("{n} run", "{n} runs", n = page.runs.len())) @if !page.title.is_empty() { ": " span.what { (page.title) } } }
            @if let Some(folder) = &page.shared {
                p.quiet {
                    (m!("All runs work in one folder, {folder}.", folder = html! { code { (folder) } })) " "
                    @if page.read_only { (t("The agent plan changes no files there.")) }
                    @else { (t("Agents that change files there write over each other.")) }
                }
            }
            @if let Some(kept) = kept {
                div.row {
                    p { (t!("Kept: {run}. The others are archived.", run = name(kept))) }
                    button type="button" data-do="unkeep" data-url=(url(look, page, "keep")) { (t("Bring the others back")) }
                }
            }
            p.problem role="alert" hidden {}
        }
    };
    Fragment::whole("parallel-head", html.into_string())
}

/// Model and agent of a run.
fn name(run: &RunColumn) -> String {
    let model = match &*run.model {
        "" => t("Default model"),
        model => model,
    };
    let agent = run.agent.as_deref().map(|agent| format!(" · {agent}"));
    plain::line(
        &(model.to_owned() + &agent.unwrap_or_default()),
        limits::TITLE_CHARS,
    )
}

fn top(look: &Viewport, page: &ParallelPage, nth: usize, run: &RunColumn) -> Fragment {
    let key = format!("run:{nth}:top");
    let instance = look.instance.as_ref().map_or("", |id| id.as_str());
    let html = html! {
        header data-k=(key) {
            h3 {
                @if let Some(row) = &run.row { (shape(row.mark.mark)) " " }
                @match &run.session {
                    Some(session) => { a href=(session_path(instance, session.as_str())) { (name(run)) } },
                    None => (name(run)),
                }
                " " kbd { (nth + 1) }
            }
            p.doing { (state(run)) }
            p.facts { (facts(run)) }
            (files(run, page.shared.is_some()))
        }
    };
    Fragment::whole(&key, html.into_string())
}

/// What a run does, or why it does nothing.
fn state(run: &RunColumn) -> Markup {
    html! {
        @match (&run.problem, &run.row) {
            (Some(problem), _) => span.bad { (t!("Did not start: {problem}", problem = sentence(problem))) },
            (None, None) if run.session.is_some() => (t("This session is archived or deleted.")),
            (None, None) => (t("Starting…")),
            (None, Some(_)) if run.archived => (t("Archived")),
            (None, Some(row)) => span.(words::colour(row.mark.mark)) {
                @match &run.state {
                    LogState::Failed { reason } => { (t!("The conversation could not be loaded: {reason}", reason = sentence(reason))) },
                    _ if row.mark.mark == model::view::Mark::Idle => (t("Idle")),
                    _ => (doing(row.mark.mark, &row.doing)),
                }
            },
        }
    }
}

/// Time, tokens, cost and changed lines.
fn facts(run: &RunColumn) -> Markup {
    let changed = run.files.iter().fold((0, 0), |(plus, minus), file| {
        (plus + file.additions, minus + file.deletions)
    });
    html! {
        @match (run.began, run.ended) {
            (Some(began), Some(ended)) => { span.hear { (t("took")) " " } (duration(ended.since(began))) },
            (Some(began), None) if run.row.is_some() => time data-at=(began.0) data-form="seconds" {},
            _ => {},
        }
        @if let Some(row) = &run.row {
            " · " (t!("{count} tokens", count = count(run.tokens)))
            " · " (words::money(row.cost))
            @if changed != (0, 0) { " · " (lines(changed)) }
        }
    }
}

fn lines((additions, deletions): (u64, u64)) -> Markup {
    html! {
        span.hear { (t("changed lines:")) " " } span.plus { "+" (additions) } " " span.minus { "−" (deletions) }
    }
}

/// The files that the tools of a run changed, and how many more its server counts: what a shell command changes is of no tool.
fn files(run: &RunColumn, shared: bool) -> Markup {
    let counted = run.row.as_ref().and_then(|row| row.changes);
    let counted = counted.map_or(0, |changes| changes.files);
    let more = counted.saturating_sub(run.files.len() as u64);
    let all_named = run.files.len() < model::limits::PARALLEL_FILES;
    html! {
        @if more > 0 || !run.files.is_empty() {
            ul.changed aria-label=(t("Changed files")) {
                @for file in &run.files { li { code { (file.path) } " " (lines((file.additions, file.deletions))) } }
                @if more > 0 { li.quiet { (more_files(more, all_named, shared)) } }
            }
        }
    }
}

/// How many files changed beside those that are named.
fn more_files(more: u64, all_named: bool, shared: bool) -> String {
    match (all_named, shared) {
        (false, _) => t!("{n} more file", "{n} more files", n = more),
        (true, false) => t!(
            "{n} more file changed by commands",
            "{n} more files changed by commands",
            n = more
        ),
        (true, true) => t!(
            "{n} more file changed by commands or other runs",
            "{n} more files changed by commands or other runs",
            n = more
        ),
    }
}

fn foot(look: &Viewport, page: &ParallelPage, nth: usize, run: &RunColumn) -> Fragment {
    let key = format!("run:{nth}:foot");
    let html = html! {
        footer data-k=(key) {
            @if let (Some(session), None) = (&run.session, &page.kept) {
                button type="button" data-do="keep" data-url=(url(look, page, "keep")) data-session=(session)
                    disabled[!page.live] title=(t("Keep this run: the others are stopped and archived (K)")) { (t("Keep this one")) }
                p.problem role="alert" hidden {}
            }
        }
    };
    Fragment::whole(&key, html.into_string())
}

/// The columns, as the document has them. `region` gives a region by its key, `messages` those of each run.
pub(crate) fn columns(
    page: &ParallelPage,
    region: impl Fn(&str) -> Markup,
    messages: impl Fn(usize) -> Markup,
) -> Markup {
    html! {
        ol.runs aria-label=(t("Runs")) {
            @for (nth, run) in page.runs.iter().enumerate() {
                li.run data-run=(nth + 1) data-kept[run.session.is_some() && run.session == page.kept] {
                    (region(&format!("run:{nth}:top")))
                    div.answer tabindex="0" aria-label=(t!("Answer of {run}", run = name(run))) {
                        div data-k=(answer_key(nth)) data-list { (messages(nth)) }
                    }
                    (region(&format!("run:{nth}:foot")))
                }
            }
        }
    }
}

//! The overview: one row for each root session of all instances, in groups by what a person has to do.

use maud::{Markup, html};
use model::plain;
use model::state::Circle;
use model::time::Timestamp;
use model::view::{Doing, Group, Mark, Overview, OverviewRow, Standing, SubagentRow, Viewport};

use super::{ago, item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::language::{m, sentence, t};
use crate::limits;
use crate::words::{self, continue_url, encode, session_path};

/// The list of all sessions. What changes beside its rows is in [`head`], so that a change of a count does not send every row again.
pub(super) fn overview(viewport: &Viewport, overview: &Overview) -> Fragment {
    let rows = &overview.rows;
    let open = format!(
        "<section class=\"overview\" data-k=\"overview\" aria-label=\"{}\"><ul data-k=\"overview-list\">",
        t("Sessions of all instances")
    );
    let mut blocks = Vec::with_capacity(rows.len() + Group::ALL.len());
    for group in Group::ALL {
        let of_group: Vec<_> = rows.iter().filter(|row| row.group == group).collect();
        if !of_group.is_empty() {
            blocks.push(title(group, of_group.len()));
            blocks.extend(of_group.into_iter().map(|row| block(viewport, row)));
        }
    }
    list("overview", open, blocks, "</ul></section>")
}

/// Counts of all groups, and the field that filters; hidden without sessions.
pub(super) fn head(overview: &Overview) -> Fragment {
    let count = |group| {
        overview
            .rows
            .iter()
            .filter(|row| row.group == group)
            .count()
    };
    let counts: Vec<_> = Group::ALL
        .into_iter()
        .map(|group| (group, count(group)))
        .filter(|(_, many)| *many > 0)
        .map(|(group, many)| counted(group, many))
        .collect();
    let html = html! {
        div.overview-head data-k="overview-head" hidden[overview.rows.is_empty()] {
            header {
                h1 { (t("Overview")) }
                p.quiet { (counts.join(" · ")) }
                @if let Some(today) = words::used(overview.today) { p.today.quiet { (today) } }
                input #filter type="search" autocomplete="off" spellcheck="false" aria-label=(t("Filter sessions"))
                    placeholder=(t("Filter")) title=(t("Filter by title, folder, branch, model or state (/)"));
            }
            p.nothing.quiet role="status" hidden { (t("No session matches. Esc shows all.")) }
            @if overview.left_out > 0 {
                p.quiet.cut {
                    (t!("{n} idle session that changed longest ago is not listed here. Its instance lists it.",
                        "{n} idle sessions that changed longest ago are not listed here. Their instances list them.", n = overview.left_out))
                }
            }
        }
    };
    Fragment::whole("overview-head", html.into_string())
}

fn title(group: Group, many: usize) -> Block {
    item(
        format!("g:{}", group.word()),
        "group",
        html! { h2 { (t(group.word())) " " span.count { (many) } } },
    )
}

fn block(viewport: &Viewport, row: &OverviewRow) -> Block {
    let (instance, session) = (row.instance.as_str(), row.session.as_str());
    let peeked = viewport.instance.as_ref() == Some(&row.instance)
        && viewport.session.as_ref() == Some(&row.session);
    item(
        format!("o:{instance}/{session}"),
        if row.live { "session" } else { "session off" },
        html! {
            a href=(session_path(instance, session)) data-peek=(peek_url(instance, session)) title=(hint(row))
                data-search=(search(row)) aria-current=[peeked.then_some("true")] {
                (shape(row.mark.mark))
                span.name { (words::title(&row.title)) }
                span.where { (row.folder.as_ref().unwrap_or(&row.instance_name)) @if let Some(branch) = &row.branch { " · " (branch) } }
                span.doing.(words::colour(row.mark.mark)) { (evidence(row)) (doing(row.mark.mark, &row.doing)) }
                span.age { (ago(row.since)) }
                span.lines { @if let Some(changes) = row.changes {
                    span.hear { (t("changed lines:")) " " } span.plus { "+" (changes.additions) } " " span.minus { "−" (changes.deletions) }
                } }
                span.context { @if let Some(percent) = row.context { span.hear { (t("context")) " " } (percent) " %" } }
                span.cost { @if row.cost >= 0.005 { (words::money(row.cost)) } }
            }
            @if row.resumable && row.group == Group::NeedsYou {
                button.act type="button" tabindex="-1" data-do="post" data-url=(continue_url(&row.instance, &row.session)) disabled[!row.live] {
                    (if row.mark.mark == Mark::Failed { t("Retry") } else { t("Continue") })
                }
            }
            @if row.below > 0 { (subagents(instance, row)) }
            p.problem role="alert" hidden {}
        },
    )
}

/// What the session in front does, or why it stands still, below its title.
pub(super) fn standing(row: &Standing) -> Fragment {
    let mark = row.mark.mark;
    let quiet = matches!(mark, Mark::ToReview | Mark::Recorded);
    let html = html! {
        p.stands data-k="standing" {
            @if !quiet && row.mark.reason.is_some() {
                span.(words::colour(mark)) { (doing(mark, &row.doing)) }
                @if !matches!(row.doing, Doing::Tool { .. } | Doing::Model { .. } | Doing::Silent { .. } | Doing::Still(_)) {
                    " · " (ago(row.since))
                }
            }
        }
    };
    Fragment::whole("standing", html.into_string())
}

/// Why a session is in its state, and since when: for the hint of its row.
pub(crate) fn why(row: &Standing) -> Markup {
    html! {
        p data-since=(row.since.0) { @if let Some(reason) = &row.mark.reason { (sentence(reason)) } }
    }
}

/// The same without a session.
pub(super) fn standing_of_none() -> Fragment {
    let html = html! { p.stands data-k="standing" {} };
    Fragment::whole("standing", html.into_string())
}

/// The count of a group in words.
fn counted(group: Group, many: usize) -> String {
    match group {
        Group::NeedsYou => t!("{n} needs you", "{n} need you", n = many),
        Group::ToReview => t!("{n} to review", "{n} to review", n = many),
        Group::Working => t!("{n} working", "{n} working", n = many),
        Group::Idle => t!("{n} idle", "{n} idle", n = many),
        Group::Snoozed => t!("{n} snoozed", "{n} snoozed", n = many),
    }
}

/// The address of the overview with a session beside it.
fn peek_url(instance: &str, session: &str) -> String {
    format!(
        "/?instance={}&session={}",
        encode(instance),
        encode(session)
    )
}

/// Words that the filter finds and that no column shows.
fn search(row: &OverviewRow) -> String {
    let model = row.model.as_deref().unwrap_or_default();
    let agent = row.agent.as_deref().unwrap_or_default();
    let mut words = format!(
        "{} {model} {agent} {}",
        t(row.group.word()),
        plain::line(&row.directory, limits::TITLE_CHARS)
    );
    // It is shown unless a folder stands in its place.
    if row.folder.is_some() {
        words.push(' ');
        words.push_str(&row.instance_name);
    }
    words
}

/// The title in full, why the session is as it is, and who changes the same.
fn hint(row: &OverviewRow) -> String {
    let reason = row.mark.reason.iter().map(|reason| sentence(reason));
    let next = row.mark.next.iter().filter(|_| row.mark.reason.is_some());
    let clashes = row.clashes.iter().map(|clash| clash.sentence());
    let clashes: Vec<_> = clashes.map(|clash| sentence(&clash).into_owned()).collect();
    let reasons = reason.chain(next.map(|next| t(next).into()));
    let reasons: Vec<_> = reasons.chain(clashes.into_iter().map(Into::into)).collect();
    match reasons.is_empty() {
        true => words::title(&row.title).to_owned(),
        false => format!("{}: {}", words::title(&row.title), reasons.join(" ")),
    }
}

fn subagents(instance: &str, row: &OverviewRow) -> Markup {
    let loudest = row.subagents.first().map_or(Mark::Idle, |first| first.mark);
    let label = t!("{n} subagent", "{n} subagents", n = row.below);
    let rest = row.below - row.subagents.len();
    html! {
        button.fold type="button" tabindex="-1" data-do="unfold" aria-expanded="false" aria-label=(label) title=(t!("{subagents} (→ opens, ← closes)", subagents = label)) {
            (shape(loudest)) (row.below)
        }
        ul.below {
            @for one in &row.subagents { (subagent(instance, one)) }
            @if rest > 0 { li.quiet { (t!("{n} more, quiet", "{n} more, quiet", n = rest)) } }
        }
    }
}

fn subagent(instance: &str, row: &SubagentRow) -> Markup {
    html! {
        li {
            a href=(session_path(instance, row.session.as_str())) data-peek=(peek_url(instance, row.session.as_str())) {
                (shape(row.mark))
                span.name { (words::title(&row.title)) }
                span.where { @if let Some(agent) = &row.agent { (agent) } }
                span.doing.(words::colour(row.mark)) { (doing(row.mark, &row.doing)) }
                span.age { (ago(row.since)) }
            }
        }
    }
}

/// Why a row is where it is, where its mark does not say so.
fn evidence(row: &OverviewRow) -> Markup {
    html! {
        @if let Some(until) = row.snoozed { (m!("snoozed until {time}.", time = html! { time data-at=(until.0) {} })) " " }
        @match &row.circle {
            Some(Circle::Same { name, subject, times }) => span.need {
                (m!("going in circles: {times} times {call}.", times = times, call = tool(name, subject.as_deref()))) " "
            },
            Some(Circle::Failing(times)) => span.need { (m!("going in circles: {times} calls failed in a row.", times = times)) " " },
            None => {},
        }
        @for clash in &row.clashes { span.need.clash { (sentence(&clash.sentence())) " " } }
        @if let Some(over) = row.over {
            span.need { @if over.stopped { (t!("stopped: {words}.", words = sentence(&over.words()))) } @else { (t!("over a limit: {words}.", words = sentence(&over.words()))) } " " }
        }
    }
}

/// Current step in words. Durations are filled in by the page's clock.
pub(super) fn doing(mark: Mark, doing: &Doing) -> Markup {
    match doing {
        Doing::Permission { kind, subject } => permission(kind, subject),
        Doing::Question(text) => m!("asks: {question}", question = text),
        Doing::Tool {
            name,
            subject,
            since,
            others,
        } => html! {
            (tool(name, subject.as_deref())) ", " (seconds(*since))
            @if *others > 0 { " · " (t!("{n} more", "{n} more", n = *others)) }
        },
        Doing::Model {
            phase,
            since,
            last_event,
        } => html! {
            // Written by the page's clock once the model has been silent for long, in place of the phase.
            time.silent data-at=(last_event.0) data-form="silent" {}
            span.phase {
                (t(phase.word())) ", " (seconds(*since))
            }
        },
        Doing::Silent { last_event } => m!("model silent for {time}", time = seconds(*last_event)),
        Doing::Retrying {
            attempt,
            message,
            next,
        } => m!(
            "retry {attempt} in {time}: {message}",
            attempt = attempt,
            time = html! { time data-at=(next.0) data-form="left" {} },
            message = plain::line(message, limits::TITLE_CHARS)
        ),
        Doing::Running => html! { (t("running")) },
        Doing::Still(_) if mark == Mark::ToReview => html! { (t("finished")) },
        Doing::Still(Some(reason)) if mark != Mark::Idle => html! { (sentence(reason)) },
        Doing::Still(_) if mark == Mark::Idle => html! {},
        Doing::Still(_) => html! { (t(mark.word())) },
    }
}

fn permission(kind: &str, subject: &str) -> Markup {
    let verb = plain::line(&words::verb(kind), limits::TITLE_CHARS);
    html! {
        @if subject.is_empty() { (m!("waiting for you: {verb}", verb = verb)) }
        @else { (m!("waiting for you: {verb} {subject}", verb = verb, subject = html! { code { (subject) } })) }
    }
}

pub(super) fn tool(name: &str, subject: Option<&str>) -> Markup {
    match (name, subject) {
        ("bash", Some(subject)) => html! { code { (subject) } },
        (name, Some(subject)) => {
            html! { (plain::line(name, limits::TITLE_CHARS)) " " code { (subject) } }
        }
        (name, None) => html! { (plain::line(name, limits::TITLE_CHARS)) },
    }
}

fn seconds(since: Timestamp) -> Markup {
    html! { time data-at=(since.0) data-form="seconds" {} }
}

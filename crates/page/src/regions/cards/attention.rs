//! Small cards of sessions and links that need a person although they ask nothing. No button of theirs grants anything.

use maud::{Markup, html};
use model::plain;
use model::state::{Circle, LinkStatus, Origin};
use model::view::{Attention, AttentionRow, Mark};

use crate::fragment::Block;
use crate::language::{m, sentence, t};
use crate::limits;
use crate::regions::{ago, login, shape, tool};
use crate::words::{continue_url, encode, instance_path, session_path};

/// The card of a session or link.
pub(super) fn card(row: &AttentionRow) -> Block {
    let instance = row.instance.as_str();
    let (key, path, api) = match &row.session {
        Some(session) => (
            format!("w:{instance}/{session}"),
            session_path(instance, session.as_str()),
            Some(super::session_api(instance, session.as_str())),
        ),
        None => (format!("w:{instance}"), instance_path(instance), None),
    };
    let class = match (&row.kind, row.live || row.session.is_none()) {
        (Attention::ToReview { .. }, true) => "card still brief",
        (Attention::ToReview { .. }, false) => "card still brief off",
        (_, true) => "card still",
        (_, false) => "card still off",
    };
    let open =
        html! { li data-k=(key) class=(class) data-triage=[api] data-title=(line(&row.title)) {} };
    super::block(
        key,
        open,
        html! {
            p.from {
                (shape(mark(row))) a.name href=(path) { (line(&row.title)) } (ago(row.at))
            }
            p.says { (says(row)) }
            (buttons(row))
            p.problem role="alert" hidden {}
        },
    )
}

fn line(text: &str) -> String {
    plain::line(text, limits::TITLE_CHARS)
}

fn mark(row: &AttentionRow) -> Mark {
    match &row.kind {
        Attention::Failed { .. } => Mark::Failed,
        Attention::Retrying { .. } => Mark::Retrying,
        Attention::Interrupted => Mark::Interrupted,
        Attention::Silent | Attention::Circling(_) | Attention::OverLimit(_) => Mark::NeedsYou,
        Attention::ToReview { .. } => Mark::ToReview,
        Attention::Link { .. } => Mark::Stale,
    }
}

/// Why it needs a person, with the evidence. Ages are filled in by the page's clock.
fn says(row: &AttentionRow) -> Markup {
    html! {
        @match &row.kind {
            Attention::Failed { failure, .. } => {
                (line(&sentence(&failure.sentence))) " "
                @if failure.login {
                    (m!("Run {command} in a terminal, then retry.", command = html! { code { (LOGIN) } }))
                } @else { (t(failure.next)) }
            },
            Attention::Retrying { attempt, message, next, login } => {
                (m!("Tried {n} time, again in {time}: {message}", "Tried {n} times, again in {time}: {message}", n = *attempt,
                    time = html! { time data-at=(next.0) data-form="left" {} }, message = line(message)))
                @if *login { (m!(". Run {command} in a terminal.", command = html! { code { (LOGIN) } })) }
            },
            Attention::Interrupted => (t("Interrupted: the server stopped before the session finished.")),
            Attention::Silent => { (m!("The model has sent nothing for {time}.", time = html! { time data-at=(row.at.0) data-form="seconds" {} })) },
            Attention::Circling(Circle::Same { name, subject, times }) => {
                (m!("Going in circles: {times} times {call}.", times = times, call = tool(name, subject.as_deref())))
            },
            Attention::Circling(Circle::Failing(times)) => { (t!("Going in circles: {times} calls failed in a row.", times = times)) },
            Attention::OverLimit(over) => {
                @if over.stopped { (t!("Stopped at a limit: {words}.", words = sentence(&over.words()))) } @else { (t!("Over a limit: {words}.", words = sentence(&over.words()))) }
            },
            Attention::ToReview { changes } => {
                (t("Finished."))
                @if let Some(changes) = changes { " " (t!("+{plus} −{minus} lines.", plus = changes.additions, minus = changes.deletions)) }
            },
            Attention::Link { link, .. } => (link_says(&link.status)),
        }
        span.quiet {
            @if let Some(root) = &row.root { " " (t!("Subagent of “{title}”", title = line(root))) }
            @if row.session.is_some() { " " (line(&row.instance_name)) }
        }
    }
}

/// The command that gives a provider another login.
const LOGIN: &str = "opencode auth login";

fn link_says(status: &LinkStatus) -> Markup {
    html! {
        @match status {
            LinkStatus::Error { attempt, of, retry_at, .. } => {
                (m!("Not connected. Retrying {attempt}/{of} in {time}.", attempt = attempt, of = of, time = html! { time data-at=(retry_at.0) data-form="left" {} }))
            },
            _ => (t("Not connected.")),
        }
        @if let Some(reason) = status.reason() { " " (line(&sentence(&reason.text))) }
    }
}

fn buttons(row: &AttentionRow) -> Markup {
    let Some(session) = &row.session else {
        return link_buttons(row);
    };
    let resume = continue_url(&row.instance, session);
    let stop = super::session_api(row.instance.as_str(), session.as_str()) + "/abort";
    html! {
        div.row {
            @match &row.kind {
                Attention::Failed { failure, resumable } => {
                    (copy(failure.login))
                    @if *resumable {
                        (again(t("Retry"), &resume, row.live))
                        button type="button" data-do="retry-model" data-url=(resume) data-instance=(row.instance) disabled[!row.live] {
                            (t("Retry with another model"))
                        }
                    }
                },
                Attention::Interrupted => (again(t("Continue"), &resume, row.live)),
                Attention::Retrying { login, .. } => { (copy(*login)) (post(t("Stop"), &stop, row.live)) },
                Attention::Silent | Attention::Circling(_) => (post(t("Stop"), &stop, row.live)),
                Attention::OverLimit(over) if !over.stopped => (post(t("Stop"), &stop, row.live)),
                Attention::OverLimit(_) | Attention::ToReview { .. } | Attention::Link { .. } => {},
            }
            button type="button" data-do="done" { (t("Done")) kbd.key aria-hidden="true" { "e" } }
            button type="button" data-do="put-off" { (t("Snooze")) kbd.key aria-hidden="true" { "s" } }
        }
    }
}

/// The button that copies the command for another login.
fn copy(login: bool) -> Markup {
    html! { @if login { button type="button" data-do="copy" data-text=(LOGIN) { (t("Copy the command")) } } }
}

fn post(label: &str, url: &str, live: bool) -> Markup {
    html! { button type="button" data-do="post" data-url=(url) disabled[!live] { (label) } }
}

/// The button by which what stands still goes on, with its key.
fn again(label: &str, url: &str, live: bool) -> Markup {
    html! { button type="button" data-do="post" data-url=(url) data-resume disabled[!live] { (label) kbd.key aria-hidden="true" { "r" } } }
}

fn link_buttons(row: &AttentionRow) -> Markup {
    let Attention::Link { origin, link } = &row.kind else {
        return html! {};
    };
    let url = format!("/api/instances/{}/reconnect", encode(row.instance.as_str()));
    let label = match (origin, &link.status) {
        (Origin::Folder(_), LinkStatus::Disconnected { .. }) => t("Restart"),
        _ => t("Retry now"),
    };
    html! {
        @match origin {
            Origin::Url(server) if link.refused => (login(server, &format!("login:{}", row.instance))),
            _ => div.row { (again(label, &url, true)) },
        }
    }
}

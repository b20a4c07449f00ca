//! What happened while a person was away, above the overview's list.

use maud::{Markup, html};
use model::plain;
use model::state::Outcome;
use model::time::Timestamp;
use model::view::{HowEnded, Since, SinceAnswer, SinceRow};

use super::ago;
use crate::language::{m, t};
use crate::limits;
use crate::words::{session_path, title};

/// The panel; without a line if nothing happened.
pub fn since_panel(from: Timestamp, since: &Since) -> String {
    html! {
        section.since data-many=(since.rows.len() + since.left_out) aria-labelledby="since-title" {
            header {
                h2 #since-title { (m!("While you were away, since {time}", time = html! { time data-at=(from.0) data-form="clock" {} })) }
                button type="button" data-do="since-close" title=(t("Close (Esc)")) { (t("Close")) }
            }
            ul { @for row in &since.rows { (line(row)) } }
            @if since.left_out > 0 { p.quiet { (t!("and {n} more session", "and {n} more sessions", n = since.left_out)) } }
        }
    }
    .into_string()
}

fn line(row: &SinceRow) -> Markup {
    html! {
        li {
            a href=(session_path(row.instance.as_str(), row.session.as_str())) {
                span.name { (title(&row.title)) }
                span.where { (row.instance_name) }
                span.what { (what(row)) }
                span.age { (ago(row.at)) }
                span.lines { @if let Some(changes) = row.changes {
                    span.hear { (t("changed lines:")) " " } span.plus { "+" (changes.additions) } " " span.minus { "−" (changes.deletions) }
                } }
            }
        }
    }
}

/// What happened in a session, the most urgent first.
fn what(row: &SinceRow) -> Markup {
    let said: Vec<Markup> = row
        .asks
        .iter()
        .map(|asks| html! { span.need { (t!("asks: {question}", question = asks)) } })
        .chain(row.ended.map(|ended| how(row, ended)))
        .chain(row.answers.values().map(answer))
        .collect();
    html! {
        @for (nth, one) in said.iter().enumerate() { @if nth > 0 { " · " } (one) }
        @if row.working && row.asks.is_empty() { @if !said.is_empty() { " · " } (t("works again")) }
    }
}

fn how(row: &SinceRow, ended: HowEnded) -> Markup {
    let (class, word) = match ended {
        HowEnded::Finished => ("done", t("finished")),
        HowEnded::Failed => ("bad", t("failed")),
        HowEnded::Interrupted => ("bad", t("interrupted")),
        HowEnded::Stopped => ("quiet", t("stopped")),
    };
    html! {
        span.(class) { (word) }
        @if let Some(reason) = &row.reason { ": " (plain::line(reason, limits::TITLE_CHARS)) }
    }
}

fn answer(answer: &SinceAnswer) -> Markup {
    let by = answer.by.as_deref().unwrap_or(t("another client"));
    let line = match answer.outcome {
        Outcome::Once => t!("allowed once by {name}", name = by),
        Outcome::Always => t!("always allowed by {name}", name = by),
        Outcome::Rejected => t!("rejected by {name}", name = by),
        _ => t!("answered by {name}", name = by),
    };
    html! {
        (line)
        @if let Some(about) = &answer.about { ": " (plain::line(about, limits::TITLE_CHARS)) }
    }
}

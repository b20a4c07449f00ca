//! Instances as tabs, and the line that says that nothing is to be done.

use std::collections::HashMap;

use maud::html;
use model::state::{LinkStatus, Origin};
use model::view::{Look, Mark, TabRow};

use super::{item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::words;

pub(super) fn tabs(look: &Look, rows: &[TabRow]) -> Fragment {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let blocks = rows
        .iter()
        .map(|row| {
            let nth = seen.entry(&row.name).or_default();
            *nth += 1;
            let name = if *nth == 1 {
                row.name.to_string()
            } else {
                format!("{} {nth}", row.name)
            };
            tab(look.instance.as_ref() == Some(&row.id), row, &name)
        })
        .collect();
    let open =
        "<nav class=\"tabs\" data-k=\"tabs\" aria-label=\"Instances\"><ul data-k=\"tabs-list\">";
    list("tabs", open.to_owned(), blocks, "</ul></nav>")
}

fn tab(selected: bool, row: &TabRow, name: &str) -> Block {
    let id = row.id.as_str();
    let live = row.link.status == LinkStatus::Connected;
    let place = match &row.origin {
        Origin::Folder(place) | Origin::Url(place) => place,
    };
    let class = if live { "tab" } else { "tab off" };
    let mark = if live || row.mark == Mark::Idle {
        row.mark
    } else {
        row.mark.min(Mark::Stale)
    };
    item(
        format!("t:{id}"),
        class,
        html! {
            a href=(words::instance_path(id)) title=(place) aria-current=[selected.then_some("page")] {
                (shape(mark)) span.name { (name) }
                @if row.needs > 0 { span.count.need { (row.needs) } span.hear { " waiting for you" } }
                @if !live { span.hear { ", " (words::link(&row.link.status)) } }
            }
            button.icon type="button" data-do="remove" data-url={ "/api/instances/" (words::encode(id)) }
                data-home=[selected.then_some("/")]
                data-ask=(removal(name, row))
                aria-label={ "Remove " (name) } title={ "Remove " (name) } { "×" }
        },
    )
}

/// What is asked before an instance is removed: what goes on without it, and what ends.
fn removal(name: &str, row: &TabRow) -> String {
    match (&row.origin, row.working, row.needs) {
        (Origin::Folder(_), 0, _) => {
            format!("Remove {name}? Its server ends. Its sessions are kept in its folder.")
        }
        (Origin::Folder(_), n, _) => {
            format!(
                "{name} is working. Removing it ends its server and {} running.",
                sessions(n)
            )
        }
        (Origin::Url(_), 0, 0) => format!("Remove {name} from Drovers? Its server keeps running."),
        (Origin::Url(_), ..) => format!(
            "{name} is at work or waits for you. Its server keeps running, but nothing that it asks is shown here any more. Remove it?"
        ),
    }
}

fn sessions(n: usize) -> String {
    if n == 1 {
        "1 session".to_owned()
    } else {
        format!("{n} sessions")
    }
}

/// Shown where no request waits for a person. What else may need one is counted, as far as it was not looked at.
pub(super) fn calm(rows: &[TabRow]) -> Fragment {
    let sum = |of: fn(&TabRow) -> usize| rows.iter().map(of).sum::<usize>();
    let needs = sum(|row| row.needs);
    let working = sum(|row| row.working);
    let ended = [
        (sum(|row| row.interrupted), "interrupted"),
        (sum(|row| row.failed), "failed"),
        (sum(|row| row.to_review), "to review"),
    ];
    let ended = ended.iter().filter(|(many, _)| *many > 0);
    let mut told: Vec<String> = ended.map(|(many, word)| format!("{many} {word}")).collect();
    let begin = if told.is_empty() {
        "Nothing needs you."
    } else {
        "No request waits."
    };
    if working > 0 {
        told.push(format!("{working} working"));
    }
    let line = match needs {
        0 if told.is_empty() => begin.to_owned(),
        0 => format!("{begin} {}.", told.join(", ")),
        _ => String::new(),
    };
    Fragment::whole(
        "calm",
        html! { p.calm data-k="calm" data-needs=(needs) { (line) } }.into_string(),
    )
}

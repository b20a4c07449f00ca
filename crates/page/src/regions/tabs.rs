//! Instances as tabs, and the line that says that nothing is to be done.

use std::collections::HashMap;

use maud::html;
use model::state::{Capability, Colour, LinkStatus, Origin};
use model::view::{Mark, TabRow, Viewport};

use super::{item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::language::t;
use crate::offers::is_offered;
use crate::words;

pub(super) fn tabs(look: &Viewport, rows: &[TabRow]) -> Fragment {
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
    let open = format!(
        "<nav class=\"tabs\" data-k=\"tabs\" aria-label=\"{}\"><ul data-k=\"tabs-list\">",
        t("Instances")
    );
    list("tabs", open, blocks, "</ul></nav>")
}

fn tab(selected: bool, row: &TabRow, name: &str) -> Block {
    let id = row.id.as_str();
    let live = row.link.status == LinkStatus::Connected;
    let place = match &row.origin {
        Origin::Folder(place) | Origin::Url(place) | Origin::Service(place) => place,
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
            a href=(words::instance_path(id)) title=(place) data-colour=[row.colour.map(Colour::name)] data-incapable=[incapable(row)] data-product=[incapable(row).and(row.server).map(|server| server.product)] aria-current=[selected.then_some("page")] {
                (shape(mark)) span.name { (name) }
                @if row.needs > 0 { span.count.need { (row.needs) } span.hear { " " (t("waiting for you")) } }
                @if !live { span.hear { ", " (t(words::link(&row.link.status))) } }
            }
            // Out of the tab order: the palette removes the instance in front.
            button.icon type="button" tabindex="-1" data-do="remove" data-url={ "/api/instances/" (words::encode(id)) }
                data-home=[selected.then_some("/")]
                data-ask=(removal(name, row))
                aria-label=(t!("Remove {name}", name = name)) title=(t!("Remove {name}", name = name)) { "×" }
        },
    )
}

/// What the menus offer and this server cannot do, by the names of capabilities.
fn incapable(row: &TabRow) -> Option<String> {
    let server = row.server?;
    let missing = server.can.missing();
    let names: Vec<_> = missing
        .filter(|one| is_offered(*one))
        .map(Capability::name)
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Question of the dialog before an instance is removed: which work ends with it.
fn removal(name: &str, row: &TabRow) -> String {
    match (&row.origin, row.working, row.requests) {
        (Origin::Folder(_), 0, _) => {
            t!(
                "Remove {name}? This stops its server. Its sessions stay in the folder.",
                name = name
            )
        }
        (Origin::Folder(_), n, _) => {
            t!(
                "{name} is working. Removing it stops its server and {n} session in progress.",
                "{name} is working. Removing it stops its server and {n} sessions in progress.",
                n = n,
                name = name
            )
        }
        (Origin::Url(_) | Origin::Service(_), 0, 0) => t!(
            "Remove {name} from Drovers? Its server keeps running.",
            name = name
        ),
        (Origin::Url(_) | Origin::Service(_), ..) => t!(
            "{name} is working or waiting for you. Its server keeps running, but its requests no longer appear here. Remove it?",
            name = name
        ),
    }
}

/// Shown where nothing holds an agent up. `data-needs` is the count that the title of the page shows. What was put off or may still need
/// a look is counted.
pub(super) fn calm(rows: &[TabRow]) -> Fragment {
    let sum = |of: fn(&TabRow) -> usize| rows.iter().map(of).sum::<usize>();
    let needs = sum(|row| row.needs);
    let working = sum(|row| row.working);
    let interrupted = sum(|row| row.interrupted);
    let failed = sum(|row| row.failed);
    let review = sum(|row| row.to_review);
    let ended = [
        (interrupted > 0).then(|| t!("{n} interrupted", "{n} interrupted", n = interrupted)),
        (failed > 0).then(|| t!("{n} failed", "{n} failed", n = failed)),
        (review > 0).then(|| t!("{n} to review", "{n} to review", n = review)),
    ];
    let mut told: Vec<String> = ended.into_iter().flatten().collect();
    let begin = if interrupted + failed == 0 {
        t("Nothing needs you.")
    } else {
        t("No requests are waiting.")
    };
    if working > 0 {
        told.push(t!("{n} working", "{n} working", n = working));
    }
    let line = match needs {
        0 if told.is_empty() => begin.to_owned(),
        0 => t!("{begin} {list}.", begin = begin, list = told.join(t(", "))),
        _ => String::new(),
    };
    Fragment::whole(
        "calm",
        html! { p.calm data-k="calm" data-needs=(needs) { (line) } }.into_string(),
    )
}

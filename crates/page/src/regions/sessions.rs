//! Sessions: the tree of an instance, and the tabs around the one in front.

use maud::{Markup, html};
use model::ids::InstanceId;
use model::plain;
use model::view::{Look, Mark, SessionRow};

use super::{ago, item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::words::{self, encode, instance_path, session_path};

/// Steps that are drawn as such; deeper ones are drawn at this one.
const DEPTHS: usize = 8;

pub(super) fn tree(look: &Look, listed: bool, older: bool, rows: &[SessionRow]) -> Fragment {
    let id = look.instance.as_ref().map_or("", InstanceId::as_str);
    let head = html! {
        header {
            h2 { "Sessions" }
            a.button.new href=(instance_path(id)) title="New session (n)" { "New" }
        }
        @if rows.is_empty() && listed { p.quiet { "No session yet. Write a prompt to begin one." } }
        @if rows.is_empty() && !listed { p.quiet { "Its sessions are not known: it was not heard yet." } }
    };
    let open = format!(
        "<nav class=\"tree\" data-k=\"tree\" data-instance=\"{}\" aria-label=\"Sessions\">{}<ul data-k=\"tree-list\">",
        encode(id),
        head.into_string()
    );
    let rows = rows.iter().map(|row| tree_row(look, id, row)).collect();
    let close = match older {
        true => format!("</ul>{}</nav>", cut(id).into_string()),
        false => "</ul></nav>".to_owned(),
    };
    list("tree", open, rows, &close)
}

/// What stands below a list that is not whole.
fn cut(instance: &str) -> Markup {
    let url = format!("/api/instances/{}/older-sessions", encode(instance));
    html! {
        div.cut {
            p.quiet { "There are older sessions, which are not listed." }
            button type="button" data-do="post" data-url=(url) { "List older sessions" }
            p.problem role="alert" hidden {}
        }
    }
}

fn tree_row(look: &Look, instance: &str, row: &SessionRow) -> Block {
    let class = format!("depth-{}", row.depth.min(DEPTHS));
    item(
        format!("s:{}", row.id),
        &class,
        html! {
            (link(instance, row, look.session.as_ref() == Some(&row.id)))
            @if row.mark == Mark::Recorded && look.session.as_ref() == Some(&row.id) {
                p.hint { "Reopen it live: " code { "drovers open " (plain::argument(row.id.as_str())) } }
            }
        },
    )
}

fn link(instance: &str, row: &SessionRow, selected: bool) -> Markup {
    let (word, colour) = (row.mark.word(), words::colour(row.mark));
    html! {
        a href=(session_path(instance, row.id.as_str())) aria-current=[selected.then_some("page")] title=(hint(row)) {
            (shape(row.mark)) span.name { (row.title) }
            @if row.needs > 0 { span.count.need { (row.needs) } }
            @else if matches!(row.mark, Mark::Idle | Mark::Recorded) { span.age { (ago(row.updated)) } }
            @else { span.word.(colour) aria-hidden="true" { (word) } }
        }
    }
}

/// The title in full, and why it is as it is where that is not its usual state.
fn hint(row: &SessionRow) -> String {
    match &row.reason {
        Some(reason) if row.mark > Mark::ToReview => format!("{}: {reason}", row.title),
        _ => row.title.to_string(),
    }
}

pub(super) fn strip(look: &Look, rows: &[SessionRow]) -> Fragment {
    let id = look.instance.as_ref().map_or("", InstanceId::as_str);
    let open = "<nav class=\"strip\" data-k=\"strip\" aria-label=\"Open sessions\"><ul data-k=\"strip-list\">";
    let tabs = rows.iter().map(|row| {
        let class = if row.depth > 0 { "child" } else { "root" };
        item(
            format!("x:{}", row.id),
            class,
            html! {
                a href=(session_path(id, row.id.as_str())) title=(hint(row))
                    aria-current=[(look.session.as_ref() == Some(&row.id)).then_some("page")] {
                    (shape(row.mark)) span.name { (row.title) }
                    @if row.depth == 0 && row.needs > 0 { span.count.need { (row.needs) } }
                }
            },
        )
    });
    list("strip", open.to_owned(), tabs.collect(), "</ul></nav>")
}

//! What was interrupted, over all instances: each with its *Continue*, and one for all of them.

use maud::html;
use model::view::InterruptedRow;

use super::{ago, item, list};
use crate::fragment::{Block, Fragment};
use crate::words::{continue_url, session_path};

pub(super) fn interrupted(rows: &[InterruptedRow]) -> Fragment {
    let hidden = rows.is_empty();
    let head = html! {
        header {
            h2 { span.mark.bad aria-hidden="true" { "⚡" } " Interrupted " span.count { (rows.len()) } }
            @if rows.len() > 1 {
                button type="button" data-do="continue-all" data-ask=(ask(rows)) { "Continue all (" (rows.len()) ")" }
            }
        }
        p.problem role="alert" hidden {}
    };
    let hide = if hidden { " hidden" } else { "" };
    let open = format!(
        "<section class=\"interrupted\" data-k=\"interrupted\" aria-label=\"Interrupted\"{hide}>{}<ul \
         data-k=\"interrupted-list\">",
        head.into_string()
    );
    list(
        "interrupted",
        open,
        rows.iter().map(row).collect(),
        "</ul></section>",
    )
}

/// What a person is asked before all go on.
fn ask(rows: &[InterruptedRow]) -> String {
    let away = rows.iter().filter(|row| !row.live).count();
    let all = format!("Let {} interrupted sessions go on?", rows.len());
    match away {
        0 => all,
        1 => format!("{all} The server of one of them cannot be heard; that one stays."),
        away => format!("{all} The servers of {away} of them cannot be heard; those stay."),
    }
}

fn row(row: &InterruptedRow) -> Block {
    let (instance, session) = (row.instance.as_str(), row.session.as_str());
    item(
        format!("i:{instance}/{session}"),
        "card",
        html! {
            p.from {
                a href=(session_path(instance, session)) { (row.title) } " · " (row.instance_name) " · " (ago(row.at))
            }
            div.row {
                button type="button" data-do="post" data-url=(continue_url(&row.instance, &row.session)) disabled[!row.live] {
                    "Continue"
                }
                @if !row.live { span.quiet { "once its server is back" } }
            }
            p.problem role="alert" hidden {}
        },
    )
}

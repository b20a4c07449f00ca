//! Parts of one line.

use maud::html;
use model::state::PartKind;
use model::view::PartRow;

use super::{Open, assemble, block, nothing};
use crate::fragment::{Block, Fragment};

pub(super) fn part(row: &PartRow) -> Fragment {
    let line = match &row.kind {
        PartKind::Agent { name } => html! { "For @" (name) },
        PartKind::Subtask { description, agent } => {
            html! { "Handed to " (agent) ": " (description) }
        }
        PartKind::Patch { files } => html! {
            "Changed " @if let [file] = &files[..] { code { (file) } } @else { (files.len()) " files" }
        },
        PartKind::Compaction { auto: true } => {
            html! { "The conversation was summed up to make room" }
        }
        PartKind::Compaction { auto: false } => html! { "The conversation was summed up" },
        PartKind::Retry { attempt, message } => {
            html! { "Asked the model again (" (attempt) "): " (message) }
        }
        PartKind::Other(kind) => {
            html! { "A part of a kind that this version does not know: " (kind) }
        }
        _ => html! {},
    };
    let key = format!("p:{}", row.id);
    let line = line.into_string();
    if line.is_empty() {
        return nothing(row);
    }
    let line = Block {
        streams: false,
        ..block(row, "0", line)
    };
    assemble(
        row,
        html! { (Open("div", &key, "line")) },
        vec![line],
        "</div>",
    )
}

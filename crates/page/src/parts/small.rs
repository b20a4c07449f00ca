//! Parts of one line.

use maud::html;
use model::state::PartKind;
use model::view::{Compacted, PartRow};

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
        PartKind::Compaction { auto } => {
            let why = if *auto { " to make room" } else { "" };
            match row.compacted {
                Some(Compacted::Running) => {
                    html! { "The conversation is being summed up" (why) "…" }
                }
                Some(Compacted::Stopped) => html! {
                    "Summing up the conversation" (why) " was stopped: all of it is still there"
                },
                Some(Compacted::Failed) => html! {
                    "The conversation could not be summed up" (why) ": all of it is still there"
                },
                Some(Compacted::Done) | None => html! { "The conversation was summed up" (why) },
            }
        }
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

//! Parts of one line.

use maud::html;
use model::state::PartKind;
use model::view::{Compacted, PartRow};

use super::{StartTag, assemble, block, nothing};
use crate::fragment::{Block, Fragment};
use crate::language::{m, t};

pub(super) fn part(row: &PartRow) -> Fragment {
    let line = match &row.kind {
        PartKind::Agent { name } => m!("For @{name}", name = name),
        PartKind::Subtask { description, agent } => {
            m!(
                "Handed to {agent}: {description}",
                agent = agent,
                description = description
            )
        }
        PartKind::Patch { files } => match &files[..] {
            [file] => m!("Changed {file}", file = html! { code { (file) } }),
            files => m!("Changed {n} file", "Changed {n} files", n = files.len()),
        },
        PartKind::Compaction { auto } => {
            let text = match (row.compacted, *auto) {
                (Some(Compacted::Running), false) => t("Summarizing the conversation…"),
                (Some(Compacted::Running), true) => {
                    t("Summarizing the conversation to free context…")
                }
                (Some(Compacted::Stopped), false) => {
                    t("Summarizing the conversation was stopped. The full conversation is intact")
                }
                (Some(Compacted::Stopped), true) => t(
                    "Summarizing the conversation to free context was stopped. The full conversation is intact",
                ),
                (Some(Compacted::Failed), false) => {
                    t("The conversation could not be summarized. The full conversation is intact")
                }
                (Some(Compacted::Failed), true) => t(
                    "The conversation could not be summarized to free context. The full conversation is intact",
                ),
                (Some(Compacted::Done) | None, false) => t("The conversation was summarized"),
                (Some(Compacted::Done) | None, true) => {
                    t("The conversation was summarized to free context")
                }
            };
            html! { (text) }
        }
        PartKind::Retry { attempt, message } => {
            m!(
                "Retried the model ({attempt}): {message}",
                attempt = attempt,
                message = message
            )
        }
        PartKind::Other(kind) => {
            m!("Unsupported part type: {kind}", kind = kind)
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
        html! { (StartTag("div", &key, "line")) },
        vec![line],
        "</div>",
    )
}

//! The end of a tool call, as OpenCode 1.x reports it: in the tool's metadata, and in sentences at the end of its
//! output.

use std::sync::Arc;

use model::state::ToolEnd;
use opencode::wire::ToolState;
use serde_json::Value;

use crate::limits;

/// Bytes at the end of an output that are searched for such a sentence.
const TAIL: usize = 2 << 10;

/// Sentence for a command that exceeded its timeout.
const TIMED_OUT: &str = "tool terminated command after exceeding timeout";
/// Sentence for a command that was aborted with its run.
const ABORTED: &str = "User aborted the command";
/// Sentence for a call that was aborted with its run.
const CUT_OFF: &str = "Tool execution aborted";
/// Sentence for a call that a person rejected.
const REJECTED: &str = "The user rejected permission to use this specific tool call";
/// Text before the reason that the person gave.
const FEEDBACK: &str = "with the following feedback:";
/// Sentence for a question that a person dismissed.
const DISMISSED: &str = "The user dismissed this question";

/// How the call ended, where the end is more than success or failure.
pub(super) fn of(state: &ToolState) -> Option<ToolEnd> {
    let metadata = state.metadata();
    let metadata = metadata.and_then(|metadata| serde_json::from_str(metadata.get()).ok());
    let metadata: Value = metadata.unwrap_or_default();
    let exit = metadata["exit"].as_i64().map(ToolEnd::Exit);
    let interrupted = metadata["interrupted"] == true;
    match state {
        ToolState::Completed { output, .. } => command(output).or(exit),
        ToolState::Error { error, .. } => match error.split_once(REJECTED) {
            Some(("", text)) => Some(ToolEnd::Rejected(feedback(text))),
            _ if error.starts_with(DISMISSED) => Some(ToolEnd::Rejected(None)),
            _ if interrupted || error.starts_with(CUT_OFF) => Some(ToolEnd::Stopped),
            _ => exit,
        },
        ToolState::Pending { .. } | ToolState::Running { .. } => None,
    }
}

/// The unified diff of what the call changed, unless it is too long.
pub(super) fn diff(state: &ToolState) -> Option<Arc<str>> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        diff: String,
    }
    let ToolState::Completed { .. } = state else {
        return None;
    };
    let metadata: Metadata = serde_json::from_str(state.metadata()?.get()).ok()?;
    let fits = !metadata.diff.is_empty() && metadata.diff.len() <= limits::TOOL_DIFF_BYTES;
    fits.then(|| metadata.diff.into())
}

/// Parses the metadata block after the output of a command.
fn command(output: &str) -> Option<ToolEnd> {
    let output = output.trim_end();
    let tail = &output[output.ceil_char_boundary(output.len().saturating_sub(TAIL))..];
    if !tail.ends_with("_metadata>") {
        return None;
    }
    let end = tail.rsplit_once("\n<").map(|(before, _)| before)?;
    let end = end.rsplit_once("_metadata>").map_or(end, |(_, end)| end);
    if end.contains(TIMED_OUT) {
        return Some(ToolEnd::TimedOut);
    }
    end.contains(ABORTED).then_some(ToolEnd::Stopped)
}

fn feedback(text: &str) -> Option<std::sync::Arc<str>> {
    let (_, text) = text.split_once(FEEDBACK)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencode::Raw;

    use super::*;

    fn completed(output: &str, metadata: &str) -> ToolState {
        ToolState::Completed {
            files: Vec::new(),
            input: None,
            title: None,
            output: output.to_owned(),
            metadata: Some(Raw::parse(metadata).unwrap()),
            start: None,
            end: None,
        }
    }

    fn error(error: &str) -> ToolState {
        ToolState::Error {
            input: None,
            error: error.to_owned(),
            metadata: None,
            start: None,
            end: None,
        }
    }

    #[test]
    fn the_end_of_a_call_is_read() {
        let timed_out = "some\n\n<shell_metadata>\nshell tool terminated command after exceeding timeout 500 ms. If\n</shell_metadata>";
        let aborted = "<bash_metadata>\nUser aborted the command\n</bash_metadata>";
        let quoted = "User aborted the command";
        let rejected = |text: Option<&str>| Some(ToolEnd::Rejected(text.map(Into::into)));
        let cases = [
            (completed("x", r#"{"exit":0}"#), Some(ToolEnd::Exit(0))),
            (completed("x", r#"{"exit":3}"#), Some(ToolEnd::Exit(3))),
            (completed("x", r#"{"exit":null}"#), None),
            (completed("x", "{}"), None),
            (
                completed(timed_out, r#"{"exit":null}"#),
                Some(ToolEnd::TimedOut),
            ),
            (
                completed(aborted, r#"{"exit":null}"#),
                Some(ToolEnd::Stopped),
            ),
            (completed(quoted, r#"{"exit":1}"#), Some(ToolEnd::Exit(1))),
            (error("Tool execution aborted"), Some(ToolEnd::Stopped)),
            (
                error("The user rejected permission to use this specific tool call."),
                rejected(None),
            ),
            (
                error(
                    "The user rejected permission to use this specific tool call with the following feedback: use trash",
                ),
                rejected(Some("use trash")),
            ),
            (error("The user dismissed this question"), rejected(None)),
            (error("File not found"), None),
        ];
        for (state, wanted) in cases {
            assert_eq!(of(&state), wanted, "{state:?}");
        }
    }
}

//! How a call of a tool ended, as OpenCode 1.x tells it: in the tool's metadata, and in sentences at the end of its output.

use model::state::ToolEnd;
use opencode::wire::ToolState;
use serde_json::Value;

/// Bytes at the end of an output in which such a sentence is looked for.
const TAIL: usize = 2 << 10;

/// What is told of a command that ran for too long.
const TIMED_OUT: &str = "tool terminated command after exceeding timeout";
/// What is told of a command that was stopped with its run.
const ABORTED: &str = "User aborted the command";
/// What is told of a call that was cut off with its run.
const CUT_OFF: &str = "Tool execution aborted";
/// What is told of a call that a person did not allow.
const REJECTED: &str = "The user rejected permission to use this specific tool call";
/// What follows where the person said why.
const FEEDBACK: &str = "with the following feedback:";
/// What is told of a question that a person did not answer.
const DISMISSED: &str = "The user dismissed this question";

/// How it ended, where that is more than that it did.
pub(super) fn of(state: &ToolState) -> Option<ToolEnd> {
    let metadata = state.metadata();
    let metadata = metadata.and_then(|metadata| serde_json::from_str(metadata.get()).ok());
    let metadata: Value = metadata.unwrap_or_default();
    let exit = metadata["exit"].as_i64().map(ToolEnd::Exit);
    let interrupted = metadata["interrupted"] == true;
    match state {
        ToolState::Completed { output, .. } => command(output).or(exit),
        ToolState::Error { error, .. } => match error.split_once(REJECTED) {
            Some(("", said)) => Some(ToolEnd::Rejected(feedback(said))),
            _ if error.starts_with(DISMISSED) => Some(ToolEnd::Rejected(None)),
            _ if interrupted || error.starts_with(CUT_OFF) => Some(ToolEnd::Stopped),
            _ => exit,
        },
        ToolState::Pending { .. } | ToolState::Running { .. } => None,
    }
}

/// What is told in a block behind the output of a command.
fn command(output: &str) -> Option<ToolEnd> {
    let output = output.trim_end();
    let tail = &output[output.ceil_char_boundary(output.len().saturating_sub(TAIL))..];
    if !tail.ends_with("_metadata>") {
        return None;
    }
    let told = tail.rsplit_once("\n<").map(|(before, _)| before)?;
    let told = told
        .rsplit_once("_metadata>")
        .map_or(told, |(_, told)| told);
    if told.contains(TIMED_OUT) {
        return Some(ToolEnd::TimedOut);
    }
    told.contains(ABORTED).then_some(ToolEnd::Stopped)
}

fn feedback(said: &str) -> Option<std::sync::Arc<str>> {
    let (_, said) = said.split_once(FEEDBACK)?;
    let said = said.trim();
    (!said.is_empty()).then(|| said.into())
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
    fn the_end_of_a_call_is_told() {
        let timed_out = "some\n\n<shell_metadata>\nshell tool terminated command after exceeding timeout 500 ms. If\n</shell_metadata>";
        let aborted = "<bash_metadata>\nUser aborted the command\n</bash_metadata>";
        let quoted = "User aborted the command";
        let rejected = |said: Option<&str>| Some(ToolEnd::Rejected(said.map(Into::into)));
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

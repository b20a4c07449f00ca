//! The wire format of each part type.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{FileInfo, PartKind, ToolState};
use crate::json::{Count, Raw, lenient, null_default};
use crate::wire::ErrorInfo;
use crate::wire::session::TokensWire;
use crate::wire::time::TimeWire;

pub(super) fn decode(kind: String, json: &str) -> Result<PartKind, serde_json::Error> {
    Ok(match kind.as_str() {
        "text" => text(serde_json::from_str(json)?),
        "reasoning" => reasoning(serde_json::from_str(json)?),
        "tool" => tool(serde_json::from_str(json)?)?,
        "step-start" => PartKind::StepStart {
            snapshot: serde_json::from_str::<StepStart>(json)?.snapshot,
        },
        "step-finish" => step_finish(serde_json::from_str(json)?),
        "file" => PartKind::File(serde_json::from_str(json)?),
        "agent" => PartKind::Agent {
            name: serde_json::from_str::<Agent>(json)?.name,
        },
        "subtask" => subtask(serde_json::from_str(json)?),
        "compaction" => PartKind::Compaction {
            auto: serde_json::from_str::<Compaction>(json)?.auto,
        },
        "patch" => patch(serde_json::from_str(json)?),
        "snapshot" => PartKind::Snapshot {
            snapshot: serde_json::from_str::<Snapshot>(json)?.snapshot,
        },
        "retry" => retry(serde_json::from_str(json)?),
        _ => PartKind::Other { kind },
    })
}

#[derive(Deserialize)]
struct Text {
    #[serde(default, deserialize_with = "null_default")]
    text: String,
    #[serde(default, deserialize_with = "lenient")]
    synthetic: bool,
    #[serde(default, deserialize_with = "lenient")]
    ignored: bool,
    // Strict: `end` distinguishes an open text from a closed one.
    #[serde(default, deserialize_with = "null_default")]
    time: TimeWire,
}

fn text(wire: Text) -> PartKind {
    PartKind::Text {
        text: wire.text,
        synthetic: wire.synthetic,
        ignored: wire.ignored,
        start: wire.time.start,
        end: wire.time.end,
    }
}

fn reasoning(wire: Text) -> PartKind {
    PartKind::Reasoning {
        text: wire.text,
        start: wire.time.start,
        end: wire.time.end,
    }
}

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "callID", default, deserialize_with = "lenient")]
    call_id: String,
    tool: String,
    state: State,
}

#[derive(Deserialize)]
struct State {
    status: String,
    #[serde(default)]
    input: Option<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "text_or_json")]
    output: String,
    #[serde(default, deserialize_with = "text_or_json")]
    error: String,
    #[serde(default, deserialize_with = "lenient")]
    attachments: Vec<FileInfo>,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    time: TimeWire,
}

/// A text unchanged; the JSON of any other value, so that nothing is lost.
fn text_or_json<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => format!("{other:#}"),
    })
}

fn tool(wire: Tool) -> Result<PartKind, serde_json::Error> {
    Ok(PartKind::Tool {
        call_id: wire.call_id,
        tool: wire.tool,
        state: state(wire.state)?,
    })
}

fn state(wire: State) -> Result<ToolState, serde_json::Error> {
    let State {
        status,
        input,
        title,
        output,
        error,
        attachments,
        metadata,
        time,
    } = wire;
    let (start, end) = (time.start, time.end);
    match status.as_str() {
        "pending" => Ok(ToolState::Pending { input }),
        "running" => Ok(ToolState::Running {
            input,
            title,
            metadata,
            start,
        }),
        "completed" => Ok(ToolState::Completed {
            input,
            title,
            output,
            files: attachments,
            metadata,
            start,
            end,
        }),
        "error" => Ok(ToolState::Error {
            input,
            error,
            metadata,
            start,
            end,
        }),
        _ => Err(serde_json::Error::custom(format_args!(
            "unknown tool status `{status}`"
        ))),
    }
}

#[derive(Deserialize)]
struct StepStart {
    #[serde(default, deserialize_with = "lenient")]
    snapshot: Option<String>,
}

#[derive(Deserialize)]
struct StepFinish {
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    cost: f64,
    #[serde(default, deserialize_with = "lenient")]
    tokens: TokensWire,
}

fn step_finish(wire: StepFinish) -> PartKind {
    PartKind::StepFinish {
        reason: wire.reason,
        cost: wire.cost,
        tokens: wire.tokens.into(),
    }
}

#[derive(Deserialize)]
struct Agent {
    name: String,
}

#[derive(Deserialize)]
struct Subtask {
    #[serde(default, deserialize_with = "null_default")]
    prompt: String,
    #[serde(default, deserialize_with = "lenient")]
    description: String,
    #[serde(default, deserialize_with = "lenient")]
    agent: String,
    #[serde(default, deserialize_with = "lenient")]
    command: Option<String>,
}

fn subtask(wire: Subtask) -> PartKind {
    PartKind::Subtask {
        prompt: wire.prompt,
        description: wire.description,
        agent: wire.agent,
        command: wire.command,
    }
}

#[derive(Deserialize)]
struct Compaction {
    #[serde(default, deserialize_with = "lenient")]
    auto: bool,
}

#[derive(Deserialize)]
struct Patch {
    #[serde(default, deserialize_with = "lenient")]
    hash: String,
    #[serde(default, deserialize_with = "lenient")]
    files: Vec<String>,
}

fn patch(wire: Patch) -> PartKind {
    PartKind::Patch {
        hash: wire.hash,
        files: wire.files,
    }
}

#[derive(Deserialize)]
struct Snapshot {
    #[serde(default, deserialize_with = "lenient")]
    snapshot: String,
}

#[derive(Deserialize)]
struct Retry {
    #[serde(default, deserialize_with = "lenient")]
    attempt: Count,
    #[serde(default, deserialize_with = "lenient")]
    error: Option<ErrorInfo>,
}

fn retry(wire: Retry) -> PartKind {
    PartKind::Retry {
        attempt: wire.attempt.0,
        error: wire.error,
    }
}

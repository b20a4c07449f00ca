//! JSON of objects that a server sends in pieces, in the shape that OpenCode 1 has for them: our API has one shape for all servers.

use serde_json::{Map, Value, json};

use super::failure::{ErrorKind, Failure};
use super::info::{
    File, MessageInfo, ModelRef, Part, PartKind, Role, SessionInfo, Tokens, Tool, ToolState,
};
use crate::json::Json;
use crate::time::Timestamp;

/// A session.
pub fn session(info: &SessionInfo) -> Json {
    let mut json = object(json!({
        "id": info.id, "title": info.title, "directory": info.directory,
        "time": times(&[("created", Some(info.created)), ("updated", Some(info.updated)), ("archived", info.archived)]),
        "cost": info.cost, "tokens": tokens(&info.tokens),
    }));
    put(&mut json, "parentID", info.parent.as_ref());
    put(&mut json, "agent", info.agent.as_ref());
    let model = |model: &ModelRef| json!({ "id": model.model, "providerID": model.provider });
    put(&mut json, "model", info.model.as_ref().map(model));
    let reverted = info.reverted_from.as_ref();
    put(
        &mut json,
        "revert",
        reverted.map(|id| json!({ "messageID": id })),
    );
    Json::of(&json.into())
}

/// A message without its parts. A note counts as a text to the model, as which a server of version 1 sends its own.
pub fn message(info: &MessageInfo) -> Json {
    let role = match info.role {
        Role::Assistant => "assistant",
        Role::User | Role::Note => "user",
    };
    let mut json = object(json!({
        "id": info.id, "sessionID": info.session, "role": role,
        "time": times(&[("created", Some(info.created)), ("completed", info.completed)]),
    }));
    put(&mut json, "parentID", info.parent.as_ref());
    put(&mut json, "agent", info.agent.as_ref());
    put(&mut json, "finish", info.finish.as_ref());
    put(&mut json, "error", info.failure.as_ref().map(failure));
    if info.summary {
        json.insert("summary".to_owned(), true.into());
    }
    if info.role == Role::Assistant {
        json.insert("cost".to_owned(), json!(info.cost));
        json.insert("tokens".to_owned(), tokens(&info.tokens));
        put(
            &mut json,
            "providerID",
            info.model.as_ref().map(|model| &model.provider),
        );
        put(
            &mut json,
            "modelID",
            info.model.as_ref().map(|model| &model.model),
        );
    }
    Json::of(&json.into())
}

/// A part, with what the server says of its tool, and the addresses of its files in their order; an address may be a `data:` URL with the
/// content.
pub fn part(part: &Part, metadata: Option<&Json>, addresses: &[String]) -> Json {
    let mut json = object(json!({
        "id": part.id, "messageID": part.message, "sessionID": part.session,
    }));
    let more = match &part.kind {
        PartKind::Text {
            text, synthetic, ..
        } => {
            json!({ "type": "text", "text": text, "synthetic": synthetic })
        }
        PartKind::Reasoning {
            text,
            started,
            ended,
        } => {
            json!({ "type": "reasoning", "text": text, "time": times(&[("start", *started), ("end", *ended)]) })
        }
        PartKind::Tool(tool) => json!({
            "type": "tool", "tool": tool.name, "callID": tool.call, "state": state(tool, metadata, addresses),
        }),
        PartKind::File(one) => file(one, addresses.first()),
        PartKind::Agent { name } => json!({ "type": "agent", "name": name }),
        PartKind::Compaction { auto } => json!({ "type": "compaction", "auto": auto }),
        PartKind::Other(kind) => json!({ "type": kind }),
        PartKind::StepStart
        | PartKind::StepFinish { .. }
        | PartKind::Subtask { .. }
        | PartKind::Patch { .. }
        | PartKind::Retry { .. } => json!({ "type": "other" }),
    };
    json.extend(object(more));
    Json::of(&json.into())
}

fn file(file: &File, address: Option<&String>) -> Value {
    json!({ "type": "file", "mime": file.mime, "filename": file.name, "url": address.map_or("", String::as_str) })
}

fn state(tool: &Tool, metadata: Option<&Json>, addresses: &[String]) -> Value {
    let (status, field, text) = match &tool.state {
        ToolState::Pending => ("pending", None, None),
        ToolState::Running { .. } => ("running", None, None),
        ToolState::Completed { output } => ("completed", Some("output"), Some(output)),
        ToolState::Error { error } => ("error", Some("error"), Some(error)),
    };
    let mut json = object(json!({
        "status": status, "input": tool.input,
        "time": times(&[("start", tool.started), ("end", tool.ended)]),
    }));
    if let Some(field) = field {
        put(&mut json, field, text);
    }
    put(&mut json, "title", tool.title.as_ref());
    put(&mut json, "metadata", metadata);
    if !tool.files.is_empty() {
        let files = tool.files.iter().enumerate();
        let files = files.map(|(at, one)| file(one, addresses.get(at)));
        json.insert("attachments".to_owned(), files.collect());
    }
    json.into()
}

fn failure(failure: &Failure) -> Value {
    let name = match failure.kind {
        ErrorKind::Aborted => "MessageAbortedError",
        ErrorKind::Failed => &failure.name,
    };
    json!({ "name": name, "data": { "message": failure.message } })
}

fn tokens(tokens: &Tokens) -> Value {
    json!({
        "input": tokens.input, "output": tokens.output, "reasoning": tokens.reasoning,
        "cache": { "read": tokens.cache_read, "write": tokens.cache_write },
    })
}

fn times(times: &[(&str, Option<Timestamp>)]) -> Value {
    let known = times
        .iter()
        .filter_map(|(name, at)| Some(((*name).to_owned(), json!((*at)?))));
    Value::Object(known.collect())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn put(json: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
        json.insert(name.to_owned(), value);
    }
}

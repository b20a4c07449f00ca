//! Events without what anyone wrote: for a report that others read.
//!
//! What is kept is named, and looks like a name; everything else is replaced by as many `x`. So whatever a later OpenCode
//! adds is left out until it is named here. Shape, order, times and sizes stay. Pure.

use crate::limits;
use opencode::json::sanitize;
use serde_json::{Map, Value};

/// Keys whose texts are not redacted: kinds, ids, states, names of tools and models. Checked against OpenCode 1.18.
const KEPT: [&str; 34] = [
    "agent",
    "aggregateID",
    "callID",
    "field",
    "finish",
    "id",
    "messageID",
    "mime",
    "mode",
    "model",
    "modelID",
    "next",
    "parentID",
    "partID",
    "permission",
    "permissionID",
    "priority",
    "project",
    "projectID",
    "providerID",
    "questionID",
    "reply",
    "requestID",
    "retry_at",
    "role",
    "running",
    "seq",
    "sessionID",
    "source",
    "status",
    "subagent",
    "tool",
    "type",
    "variant",
];

/// Keys below which everything is redacted: content made up by a model or a tool.
const FREE: [&str; 7] = [
    "arguments",
    "input",
    "metadata",
    "output",
    "raw",
    "schema",
    "structured",
];

/// Redacts all written text in a JSON value. Input that is not JSON becomes one text of `x`.
pub fn redact(json: &str) -> Value {
    match serde_json::from_str(&sanitize(json)) {
        Ok(value) => walk(value, None, false),
        Err(_) => Value::String(crossed(json)),
    }
}

fn walk(value: Value, key: Option<&str>, free: bool) -> Value {
    match value {
        Value::String(text) => {
            let kept = !free && key.is_some_and(|key| KEPT.contains(&key)) && is_name(&text);
            Value::String(if kept { text } else { crossed(&text) })
        }
        Value::Array(items) => {
            let items = items.into_iter();
            Value::Array(items.map(|item| walk(item, key, free)).collect())
        }
        Value::Object(fields) => Value::Object(fields_of(fields, free)),
        // A number that a model made up may say as much as a word.
        Value::Number(_) if free => Value::from(0),
        value => value,
    }
}

fn fields_of(fields: Map<String, Value>, free: bool) -> Map<String, Value> {
    let mut redacted = Map::new();
    for (key, value) in fields {
        let below = free || FREE.contains(&key.as_str());
        let value = walk(value, Some(&key), below);
        // Some objects have paths or a model's words for keys.
        let known = !free && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let mut key = if known { key } else { crossed(&key) };
        while redacted.contains_key(&key) {
            key.push('_');
        }
        redacted.insert(key, value);
    }
    redacted
}

/// Ids, kinds and names of models look like this; sentences and paths do not.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    text.len() <= limits::EXPORTED_NAME_CHARS && text.chars().all(allowed)
}

fn crossed(text: &str) -> String {
    "x".repeat(text.chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_ids_and_times_stay_and_words_go() {
        let event = json!({"directory": "/home/me", "payload": {"type": "message.part.updated", "properties": {
            "sessionID": "ses_1", "part": {"id": "prt_1", "type": "text", "text": "héllo wörld", "time": {"start": 12}},
            "delta": "hé"}}});
        assert_eq!(
            redact(&event.to_string()),
            json!({"directory": "xxxxxxxx", "payload": {"type": "message.part.updated", "properties": {
                "sessionID": "ses_1", "part": {"id": "prt_1", "type": "text", "text": "xxxxxxxxxxx", "time": {"start": 12}},
                "delta": "xx"}}})
        );
    }

    #[test]
    fn nothing_stays_of_what_a_tool_is_given() {
        let part = json!({"tool": "bash", "state": {"status": "completed", "title": "Runs ls",
            "input": {"type": "secret", "id": 42, "a/b": true, "deep": [{"tool": "s"}]}, "output": "file"}});
        assert_eq!(
            redact(&part.to_string()),
            json!({"tool": "bash", "state": {"status": "completed", "title": "xxxxxxx",
                "input": {"xxxx_": "xxxxxx", "xx": 0, "xxx": true, "xxxx": [{"xxxx": "x"}]}, "output": "xxxx"}})
        );
    }

    #[test]
    fn a_kept_key_keeps_no_sentence() {
        let event = json!({"status": "my password is hunter2", "id": "/etc/passwd", "src/a.rs": 1});
        assert_eq!(
            redact(&event.to_string()),
            json!({"status": "x".repeat(22), "id": "x".repeat(11), "xxxxxxxx": 1})
        );
        assert_eq!(redact("not JSON"), json!("xxxxxxxx"));
        assert_eq!(redact(r#"{"delta":"\ud83e"}"#), json!({"delta": "x"}));
    }
}

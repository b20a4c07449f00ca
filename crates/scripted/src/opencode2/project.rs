//! What durable events change: the only way in which rows, inboxes and messages come to be.

use serde_json::{Value, json};

use super::store::{Session, Store};

/// Stores what an event changes.
pub(super) fn apply(store: &mut Store, event: &Value) {
    let kind = event["type"].as_str().unwrap_or_default();
    let data = &event["data"];
    let id = data["sessionID"].as_str().unwrap_or_default();
    match kind {
        "session.created" => created(store, id, event),
        "session.forked" => forked(store, id, event),
        "session.deleted" => drop(store.sessions.remove(id)),
        _ => {
            if let Some(session) = store.sessions.get_mut(id) {
                session.info["time"]["updated"] = event["created"].clone();
                change(session, kind, event);
            }
        }
    }
}

fn change(session: &mut Session, kind: &str, event: &Value) {
    let kind = kind.strip_prefix("session.").unwrap_or(kind);
    match kind.split('.').next().unwrap_or_default() {
        "inbox" => inbox(session, kind, event),
        "execution" => execution(session, kind, event),
        "instructions" | "synthetic" | "skill" | "shell" => note(session, kind, event),
        "step" | "retry" => step(session, kind, event),
        "text" | "reasoning" => text(session, kind, event),
        "tool" => tool(session, kind, event),
        "compaction" => compaction(session, kind, event),
        "revert" => revert(session, kind, event),
        _ => row(session, kind, event),
    }
}

/// The id of a message that an event makes without naming one.
fn own_id(event: &Value) -> String {
    let id = event["id"].as_str().unwrap_or_default();
    format!("msg_{}", id.strip_prefix("evt_").unwrap_or(id))
}

/// Copies fields that are there.
fn copy(to: &mut Value, from: &Value, fields: &[&str]) {
    for field in fields {
        if let Some(value) = from.get(*field).filter(|value| !value.is_null()) {
            to[*field] = value.clone();
        }
    }
}

/// Removes fields.
fn clear(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        for field in fields {
            object.remove(*field);
        }
    }
}

pub(super) fn no_tokens() -> Value {
    json!({ "input": 0, "output": 0, "reasoning": 0, "cache": { "read": 0, "write": 0 } })
}

fn created(store: &mut Store, id: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let mut info = json!({
        "id": id, "projectID": data["projectID"], "cost": 0, "tokens": no_tokens(),
        "time": { "created": at, "updated": at }, "location": data["location"],
    });
    let fields = [
        "parentID",
        "subpath",
        "title",
        "agent",
        "model",
        "metadata",
        "permissions",
    ];
    copy(&mut info, data, &fields);
    let place = store.next_place();
    let session = Session {
        info,
        place,
        ..Session::default()
    };
    store.sessions.insert(id.to_owned(), session);
}

/// True for a message that will not change any more.
fn is_settled(message: &Value) -> bool {
    match message["type"].as_str() {
        Some("assistant" | "shell") => message["time"]["completed"].is_number(),
        Some("compaction") => message["status"] != "running",
        _ => true,
    }
}

fn forked(store: &mut Store, id: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let source_id = data["parentID"].as_str().unwrap_or_default();
    let Some(source) = store.sessions.get(source_id) else {
        return;
    };
    let boundary = &data["boundary"];
    let found = source
        .messages
        .iter()
        .position(|message| message["id"] == boundary["messageID"]);
    let end = found.map_or(source.messages.len(), |found| {
        if boundary["type"] == "through" {
            found + 1
        } else {
            found
        }
    });
    let prefix = own_id(event);
    let settled = source.messages[..end]
        .iter()
        .filter(|message| is_settled(message));
    let messages: Vec<Value> = settled
        .enumerate()
        .map(|(index, message)| {
            let mut copy = message.clone();
            copy["id"] = format!("{prefix}_{}", index + 1).into();
            copy
        })
        .collect();
    let title = source.text("title");
    let (base, number) = match title.rsplit_once(" (fork #") {
        Some((base, number)) => (base, number.trim_end_matches(')').parse().unwrap_or(0) + 1),
        None => (title, 1),
    };
    let mut info = json!({
        "id": id, "cost": 0, "tokens": no_tokens(), "time": { "created": at, "updated": at },
        "title": format!("{base} (fork #{number})"),
        "fork": { "sessionID": source_id, "boundary": boundary },
    });
    let fields = ["projectID", "subpath", "agent", "model", "location"];
    copy(&mut info, &source.info, &fields);
    let last = messages.len() as u64;
    let place = store.next_place();
    let session = Session {
        info,
        messages,
        last: Some(last),
        place,
        ..Session::default()
    };
    store.sessions.insert(id.to_owned(), session);
}

fn row(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let (id, info) = (own_id(event), &mut session.info);
    match kind {
        "renamed" => copy(info, data, &["title"]),
        "metadata.updated" => copy(info, data, &["metadata"]),
        "permissions" => copy(info, data, &["permissions"]),
        "agent.selected" => {
            copy(info, data, &["agent"]);
            let mut message =
                json!({ "id": id, "type": "agent-switched", "time": { "created": at } });
            copy(&mut message, data, &["agent", "previous"]);
            session.messages.push(message);
        }
        "model.selected" => {
            copy(info, data, &["model"]);
            let mut message =
                json!({ "id": id, "type": "model-switched", "time": { "created": at } });
            copy(&mut message, data, &["model", "previous"]);
            session.messages.push(message);
        }
        "moved" => {
            copy(info, data, &["location", "projectID", "subpath"]);
            let mut message =
                json!({ "id": id, "type": "location-switched", "time": { "created": at } });
            copy(&mut message, data, &["location", "projectID", "subpath"]);
            session.messages.push(message);
        }
        "viewed" => {
            let before = info["time"]["viewed"].as_f64().unwrap_or(f64::MIN);
            if data["idle"].as_f64().is_some_and(|idle| idle > before) {
                info["time"]["viewed"] = data["idle"].clone();
            }
        }
        "archived" => info["time"]["archived"] = at.clone(),
        "unarchived" => clear(&mut info["time"], &["archived"]),
        "usage.recorded" => spend(info, data),
        "message.content.updated" => {
            let id = data["messageID"].as_str().unwrap_or_default();
            if let Some(message) = session.message_mut(id) {
                copy(message, data, &["content"]);
            }
        }
        _ => {}
    }
}

/// Adds cost and tokens to the row's.
fn spend(info: &mut Value, data: &Value) {
    let sum = |a: &Value, b: &Value| a.as_f64().unwrap_or(0.0) + b.as_f64().unwrap_or(0.0);
    info["cost"] = sum(&info["cost"], &data["cost"]).into();
    for path in [
        "/input",
        "/output",
        "/reasoning",
        "/cache/read",
        "/cache/write",
    ] {
        let more = data["tokens"]
            .pointer(path)
            .and_then(Value::as_u64)
            .unwrap_or(0);
        if let Some(count) = info["tokens"].pointer_mut(path) {
            *count = (count.as_u64().unwrap_or(0) + more).into();
        }
    }
}

fn inbox(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let id = &data["inboxID"];
    let found = session.inbox.iter().position(|item| item["id"] == *id);
    match (kind, found) {
        ("inbox.enqueued", None) => {
            let mut item =
                json!({ "id": id, "sessionID": data["sessionID"], "time": { "created": at } });
            copy(&mut item, &data["item"], &["type", "payload", "delivery"]);
            let key = id.as_str().unwrap_or_default().to_owned();
            session.admitted.insert(key, item.clone());
            session.inbox.push(item);
        }
        ("inbox.delivery.changed", Some(at)) => copy(&mut session.inbox[at], data, &["delivery"]),
        ("inbox.cancelled", Some(at)) => drop(session.inbox.remove(at)),
        ("inbox.delivered", Some(found)) => {
            let item = session.inbox.remove(found);
            if item["type"] == "user" || item["type"] == "synthetic" {
                let mut message = item["payload"].clone();
                message["id"] = id.clone();
                message["type"] = item["type"].clone();
                message["time"] = json!({ "created": at });
                session.messages.push(message);
            }
        }
        _ => {}
    }
}

fn execution(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let outcome = match kind {
        "execution.succeeded" => "succeeded",
        "execution.failed" => "failed",
        "execution.interrupted" => "interrupted",
        _ => return clear(&mut session.info, &["outcome"]),
    };
    session.info["outcome"] = outcome.into();
    session.info["time"]["idle"] = at.clone();
    let mut message = json!({
        "id": own_id(event), "type": "idle", "outcome": outcome, "time": { "created": at },
    });
    copy(&mut message, data, &["error"]);
    session.messages.push(message);
}

fn note(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let mut message = json!({ "id": own_id(event), "time": { "created": at } });
    match kind {
        "instructions.updated" if data["text"].is_string() => {
            message["type"] = "system".into();
            copy(&mut message, data, &["text"]);
        }
        "synthetic" => {
            message["type"] = "synthetic".into();
            copy(&mut message, data, &["text", "description", "metadata"]);
        }
        "skill.activated" => {
            message["type"] = "skill".into();
            message["skill"] = data["id"].clone();
            copy(&mut message, data, &["name", "text"]);
        }
        "shell.started" => {
            let shell = &data["shell"];
            message["type"] = "shell".into();
            message["shellID"] = shell["id"].clone();
            copy(&mut message, shell, &["command", "status"]);
        }
        "shell.ended" => {
            let shell = &data["shell"];
            let mut messages = session.messages.iter_mut().rev();
            if let Some(message) = messages.find(|message| message["shellID"] == shell["id"]) {
                copy(message, shell, &["status", "exit"]);
                message["output"] = data["output"].clone();
                message["time"]["completed"] = at.clone();
            }
            return;
        }
        _ => return,
    }
    session.messages.push(message);
}

fn step(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let id = data["assistantMessageID"].as_str().unwrap_or_default();
    if kind == "step.started" {
        return step_started(session, id, event);
    }
    let Some(message) = session.message_mut(id) else {
        return;
    };
    match kind {
        "step.streamed" => message["time"]["streamed"] = at.clone(),
        "step.ended" | "step.failed" => {
            let fields = ["finish", "rawFinish", "cost", "tokens", "error"];
            copy(message, data, &fields);
            message["time"]["completed"] = at.clone();
            if data["cost"].is_number() {
                spend(&mut session.info, data);
            }
        }
        "retry.scheduled" => {
            message["retry"] =
                json!({ "attempt": data["attempt"], "at": data["at"], "error": data["error"] });
        }
        _ => {}
    }
}

fn step_started(session: &mut Session, id: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    if let Some(message) = session.message_mut(id) {
        clear(message, &["retry", "error", "finish"]);
        clear(&mut message["time"], &["completed"]);
        return;
    }
    let open = session.messages.iter_mut().filter(|message| {
        message["type"] == "assistant" && !message["time"]["completed"].is_number()
    });
    for message in open {
        message["time"]["completed"] = at.clone();
    }
    session.messages.push(json!({
        "id": id, "type": "assistant", "agent": data["agent"], "model": data["model"], "content": [],
        "time": { "created": at },
    }));
}

/// The content of a step.
fn content<'a>(session: &'a mut Session, data: &Value) -> Option<&'a mut Vec<Value>> {
    let id = data["assistantMessageID"].as_str().unwrap_or_default();
    session.message_mut(id)?["content"].as_array_mut()
}

fn text(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let Some((what, change)) = kind.split_once('.') else {
        return;
    };
    let Some(content) = content(session, data) else {
        return;
    };
    if change == "started" {
        let mut piece = json!({ "type": what, "text": "" });
        if what == "reasoning" {
            piece["time"] = json!({ "created": at });
        }
        content.push(piece);
        return;
    }
    let ordinal = data["ordinal"].as_u64().unwrap_or(0);
    let mut pieces = content.iter_mut().filter(|piece| piece["type"] == what);
    let place = usize::try_from(ordinal).unwrap_or(usize::MAX);
    if let Some(piece) = pieces.nth(place) {
        copy(piece, data, &["text"]);
        if what == "reasoning" {
            piece["time"]["completed"] = at.clone();
        }
    }
}

fn tool(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    let Some(content) = content(session, data) else {
        return;
    };
    if kind == "tool.input.started" {
        content.push(json!({
            "type": "tool", "id": data["id"], "name": data["name"],
            "state": { "status": "streaming", "input": "" }, "time": { "created": at },
        }));
        return;
    }
    let mut tools = content.iter_mut().filter(|piece| piece["type"] == "tool");
    let Some(tool) = tools.find(|tool| tool["id"] == data["id"]) else {
        return;
    };
    // An input that is still text was no JSON.
    let input = match &tool["state"]["input"] {
        input @ Value::Object(_) => input.clone(),
        _ => json!({}),
    };
    match kind {
        "tool.input.ended" => tool["state"]["input"] = data["text"].clone(),
        "tool.called" => {
            tool["executed"] = data["executed"].clone();
            tool["state"] = json!({ "status": "running", "input": data["input"], "metadata": {} });
            tool["time"]["ran"] = at.clone();
        }
        "tool.success" => {
            tool["state"] =
                json!({ "status": "completed", "input": input, "content": data["content"] });
            copy(&mut tool["state"], data, &["metadata"]);
            tool["time"]["completed"] = at.clone();
        }
        "tool.failed" => {
            tool["state"] = json!({ "status": "error", "input": input, "error": data["error"] });
            copy(&mut tool["state"], data, &["metadata", "content"]);
            tool["time"]["completed"] = at.clone();
        }
        _ => {}
    }
}

fn compaction(session: &mut Session, kind: &str, event: &Value) {
    let (data, at) = (&event["data"], &event["created"]);
    if kind == "compaction.started" {
        let id = match &data["inputID"] {
            Value::String(id) => id.clone(),
            _ => own_id(event),
        };
        session.messages.push(json!({
            "id": id, "type": "compaction", "status": "running", "reason": data["reason"], "summary": "",
            "time": { "created": at },
        }));
        return;
    }
    let mut messages = session.messages.iter_mut().rev();
    let Some(message) =
        messages.find(|message| message["status"] == "running" && message["type"] == "compaction")
    else {
        return;
    };
    if kind == "compaction.ended" {
        message["status"] = "completed".into();
        message["summary"] = data["text"].clone();
        copy(message, data, &["model", "cost", "tokens"]);
    } else {
        clear(message, &["summary"]);
        message["status"] = "failed".into();
        copy(message, data, &["error", "cost", "tokens"]);
    }
}

fn revert(session: &mut Session, kind: &str, event: &Value) {
    let data = &event["data"];
    match kind {
        "revert.staged" => session.info["revert"] = data["revert"].clone(),
        "revert.cleared" => clear(&mut session.info, &["revert"]),
        "revert.committed" => {
            clear(&mut session.info, &["revert"]);
            let mut messages = session.messages.iter();
            if let Some(at) = messages.position(|message| message["id"] == data["to"]) {
                let since = session.messages[at]["time"]["created"].as_f64();
                session.messages.truncate(at);
                session
                    .inbox
                    .retain(|item| item["time"]["created"].as_f64() < since);
            }
        }
        _ => {}
    }
}

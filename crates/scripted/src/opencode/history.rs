//! What changes a session's history: fork, revert, its undo, and compaction.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::shapes;
use super::shared::Handle;
use super::world::{Refusal, Session, Status, World};

/// What a compaction says.
const SUMMARY: &str = "Scripted summary of what was said before.";

pub(super) async fn fork(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    body: Option<Json<Value>>,
) -> Result<Json<Value>, Refusal> {
    let body = body.map_or(Value::Null, |Json(body)| body);
    shared.with(|world| {
        let fork = world.fork(&id, body["messageID"].as_str())?;
        session(world, &fork).map(|fork| Json(fork.info.clone()))
    })
}

pub(super) async fn revert(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Response, Refusal> {
    let message = body["messageID"].as_str().unwrap_or_default().to_owned();
    rewrite(&shared, &id, |world, id| world.revert(id, &message))
}

pub(super) async fn unrevert(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    rewrite(&shared, &id, |world, id| {
        world.update_session(id, |info| {
            if let Some(info) = info.as_object_mut() {
                info.remove("revert");
            }
        });
    })
}

pub(super) async fn summarize(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(model): Json<Value>,
) -> Result<Json<bool>, Refusal> {
    shared.with(|world| {
        session(world, &id)?;
        world.compact(&id, &model);
        Ok(Json(true))
    })
}

/// Changes a session that does not run.
fn rewrite(
    shared: &Handle,
    id: &str,
    change: impl FnOnce(&mut World, &str),
) -> Result<Response, Refusal> {
    shared.with(|world| {
        if session(world, id)?.running {
            let busy = json!({ "name": "SessionBusyError", "data": { "sessionID": id } });
            return Ok((StatusCode::CONFLICT, Json(busy)).into_response());
        }
        change(world, id);
        let info = session(world, id)?.info.clone();
        Ok(Json(info).into_response())
    })
}

fn session<'a>(world: &'a World, id: &str) -> Result<&'a Session, Refusal> {
    world.sessions.get(id).ok_or(Refusal::NotFound("Session"))
}

impl World {
    /// Copies a session's messages before one of them, or all, into a new session.
    fn fork(&mut self, id: &str, before: Option<&str>) -> Result<String, Refusal> {
        let of = session(self, id)?;
        let (directory, title) = (of.directory.clone(), of.info["title"].clone());
        let whole = of.messages.len();
        let end = of.messages.iter().position(|one| Some(one.id()) == before);
        let copied: Vec<(Value, Vec<Value>)> = of.messages[..end.unwrap_or(whole)]
            .iter()
            .map(|message| (message.info.clone(), message.parts.clone()))
            .collect();
        let title = format!("{} (fork #1)", title.as_str().unwrap_or_default());
        let fork = self.create(&directory, Some(&title), None)?;
        let mut ids = BTreeMap::new();
        for (mut info, parts) in copied {
            let message = self.new_id("msg");
            ids.insert(info["id"].to_string(), message.clone());
            info["id"] = message.as_str().into();
            info["sessionID"] = fork.as_str().into();
            if let Some(parent) = ids.get(&info["parentID"].to_string()) {
                info["parentID"] = parent.as_str().into();
            }
            self.put_message(&fork, info);
            for mut part in parts {
                part["id"] = self.new_id("prt").into();
                part["messageID"] = message.as_str().into();
                part["sessionID"] = fork.as_str().into();
                self.put_part(&fork, part);
            }
        }
        Ok(fork)
    }

    /// Takes back the messages from one on; an answer stands for its prompt. An unknown one changes nothing.
    fn revert(&mut self, id: &str, message: &str) {
        let Some(found) = self.message(id, message) else {
            return;
        };
        let prompt = found.info["parentID"]
            .as_str()
            .unwrap_or(message)
            .to_owned();
        self.update_session(id, |info| info["revert"] = json!({ "messageID": prompt }));
    }

    /// Drops the messages that are taken back, as a prompt does.
    pub(super) fn drop_reverted(&mut self, id: &str) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let from = session.info["revert"]["messageID"].as_str();
        let Some(from) = from.map(str::to_owned) else {
            return;
        };
        let at = session.messages.iter().position(|one| one.id() == from);
        let dropped = session
            .messages
            .split_off(at.unwrap_or(session.messages.len()));
        for message in &dropped {
            let properties = json!({ "sessionID": id, "messageID": message.id() });
            self.tell("message.removed", id, true, &properties);
        }
        self.update_session(id, |info| {
            if let Some(info) = info.as_object_mut() {
                info.remove("revert");
            }
        });
    }

    /// Writes a summary of the conversation.
    fn compact(&mut self, id: &str, model: &Value) {
        self.set_status(id, Status::Busy);
        let (prompt, answer) = (self.new_id("msg"), self.new_id("msg"));
        let directory = self
            .sessions
            .get(id)
            .map(|session| session.directory.clone());
        let directory = directory.unwrap_or_default();
        let now = self.now();
        self.put_message(id, shapes::user(&prompt, id, "build", model, now));
        let asked = json!({ "id": self.new_id("prt"), "sessionID": id, "messageID": prompt,
            "type": "compaction", "auto": false });
        self.put_part(id, asked);
        let mut info =
            shapes::assistant(&answer, id, &prompt, "compaction", model, &directory, now);
        info["summary"] = true.into();
        info["finish"] = "stop".into();
        info["time"]["completed"] = now.into();
        self.put_message(id, info);
        let part = json!({ "id": self.new_id("prt"), "sessionID": id, "messageID": answer, "type": "text",
            "text": SUMMARY, "time": { "start": now, "end": now } });
        self.put_part(id, part);
        self.set_status(id, Status::Idle);
        self.tell("session.compacted", id, false, &json!({ "sessionID": id }));
    }
}

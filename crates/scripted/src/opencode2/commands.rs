//! What clients ask of a process.

use serde_json::{Value, json};

use super::machine::{Refusal, Timer, World};
use super::run::Boundary;
use crate::limits;

/// How long a person's command takes, in milliseconds.
const SHELL: u64 = 20;

/// The version that it speaks.
pub(super) const VERSION: &str = "2.1.2";

/// A patch that staged reverts carry.
const PATCH: &str = "@@ -1 +1 @@\n-before\n+after\n";

impl World<'_> {
    /// Makes a session, or gives the one of that id.
    pub(super) fn create(&mut self, body: &Value) -> Result<String, Refusal> {
        let given = body["id"].as_str();
        if let Some(id) = given.filter(|id| self.store.sessions.contains_key(*id)) {
            return Ok(id.to_owned());
        }
        if self.store.sessions.len() >= limits::SESSIONS {
            return Err(Refusal::Invalid("there is no room for another session"));
        }
        let parent = match body["parentID"].as_str() {
            Some(parent) => Some((
                parent.to_owned(),
                self.session(parent)?.directory().to_owned(),
            )),
            None => None,
        };
        let named = body["location"]["directory"].as_str();
        let directory = match (&parent, named) {
            (Some((_, directory)), _) => directory.clone(),
            (None, Some(directory)) => directory.to_owned(),
            (None, None) => self.machine.manner.directory.clone(),
        };
        self.boot(&directory);
        let id = match given {
            Some(id) => id.to_owned(),
            None => self.machine.id("ses"),
        };
        let mut data = json!({
            "projectID": "project", "location": { "directory": directory }, "version": VERSION,
            "slug": format!("scripted-{}", self.store.sessions.len() + 1),
        });
        for field in ["title", "agent", "model", "metadata", "permissions"] {
            if let Some(value) = body.get(field).filter(|value| !value.is_null()) {
                data[field] = value.clone();
            }
        }
        if let Some((parent, _)) = parent {
            data["parentID"] = parent.into();
        }
        self.commit(&id, "session.created", data);
        Ok(id)
    }

    /// Changes what a row says of itself.
    pub(super) fn change(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        self.session(id)?;
        if let Some(title) = body["title"].as_str() {
            self.commit(id, "session.renamed", json!({ "title": title }));
        }
        if body["metadata"].is_object() {
            let data = json!({ "metadata": body["metadata"] });
            self.commit(id, "session.metadata.updated", data);
        }
        if body["permissions"].is_array() {
            let data = json!({ "permissions": body["permissions"] });
            self.commit(id, "session.permissions", data);
        }
        match body["archived"].as_bool() {
            Some(true) => self.commit(id, "session.archived", json!({})),
            Some(false) => self.commit(id, "session.unarchived", json!({})),
            None => {}
        }
        Ok(())
    }

    /// Removes a session, those that belong to it first.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        self.session(id)?;
        for child in self.store.children(id) {
            self.delete(&child)?;
        }
        self.machine.runs.remove(id);
        self.drop_requests(id);
        self.commit(id, "session.deleted", json!({}));
        Ok(())
    }

    /// Admits an item to an inbox. The first one of an id counts, also once it is delivered.
    pub(super) fn admit(
        &mut self,
        id: &str,
        given: Option<&str>,
        kind: &str,
        payload: Value,
        delivery: &str,
    ) -> Result<Value, Refusal> {
        let session = self.session(id)?;
        if let Some(given) = given {
            if let Some(first) = session.admitted.get(given) {
                return match first["type"] == kind {
                    true => Ok(first.clone()),
                    false => Err(Refusal::Conflict("the id is of another kind")),
                };
            }
            let mut others = self.store.sessions.values();
            if others.any(|other| other.admitted.contains_key(given)) {
                return Err(Refusal::Conflict("the id is of another session"));
            }
        }
        if session.inbox.len() >= limits::INBOX_ITEMS || session.messages.len() >= limits::MESSAGES
        {
            return Err(Refusal::Conflict("the session is full"));
        }
        if kind == "compaction" && session.inbox.iter().any(|item| item["type"] == kind) {
            return Err(Refusal::Conflict("a compaction waits already"));
        }
        let item = match given {
            Some(given) => given.to_owned(),
            None => self.machine.id("msg"),
        };
        // What is taken back is gone for good with the next prompt.
        if kind == "user" && !self.machine.runs.contains_key(id) {
            self.commit_stage(id);
        }
        let data = json!({
            "inboxID": item, "item": { "type": kind, "payload": payload, "delivery": delivery },
        });
        self.commit(id, "session.inbox.enqueued", data);
        let session = self.session(id)?;
        Ok(session.admitted.get(&item).cloned().unwrap_or_default())
    }

    pub(super) fn prompt(&mut self, id: &str, body: &Value) -> Result<Value, Refusal> {
        let Some(text) = body["text"].as_str() else {
            return Err(Refusal::Invalid("a prompt needs a text"));
        };
        let delivery = delivery(body)?;
        let mut payload = json!({ "text": text });
        if let Some(files) = body["files"].as_array().filter(|files| !files.is_empty()) {
            payload["files"] = files.iter().map(attached).collect();
        }
        for field in ["agents", "metadata"] {
            if let Some(value) = body.get(field).filter(|value| !value.is_null()) {
                payload[field] = value.clone();
            }
        }
        if let Some(skills) = body["skills"]
            .as_array()
            .filter(|skills| !skills.is_empty())
        {
            let named = skills
                .iter()
                .map(|skill| json!({ "id": skill["id"], "name": skill["id"] }));
            payload["skills"] = named.collect();
        }
        let item = self.admit(id, body["id"].as_str(), "user", payload, delivery)?;
        if body["resume"] != false {
            self.wake(id, Boundary::Any);
        }
        Ok(item)
    }

    /// Runs a command, whose template admits its text.
    pub(super) fn command(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        self.session(id)?;
        let name = body["name"].as_str().unwrap_or_default();
        if name != "review" {
            return Err(Refusal::NoCommand(name.to_owned()));
        }
        let text = body["text"].as_str().unwrap_or_default();
        let prompt =
            json!({ "text": format!("say Reviewed: {text}"), "delivery": body["delivery"] });
        self.prompt(id, &prompt).map(drop)
    }

    pub(super) fn synthetic(&mut self, id: &str, body: &Value) -> Result<Value, Refusal> {
        let Some(text) = body["text"].as_str() else {
            return Err(Refusal::Invalid("a text is needed"));
        };
        let mut payload = json!({ "text": text });
        if body["description"].is_string() {
            payload["description"] = body["description"].clone();
        }
        let item = self.admit(
            id,
            body["id"].as_str(),
            "synthetic",
            payload,
            delivery(body)?,
        )?;
        if body["resume"] != false {
            self.wake(id, Boundary::Any);
        }
        Ok(item)
    }

    pub(super) fn compact(&mut self, id: &str, body: &Value) -> Result<Value, Refusal> {
        let item = self.admit(
            id,
            body["id"].as_str(),
            "compaction",
            json!({}),
            delivery(body)?,
        )?;
        self.wake(id, Boundary::Any);
        Ok(item)
    }

    pub(super) fn move_to(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        let Some(directory) = body["directory"].as_str() else {
            return Err(Refusal::Invalid("a folder is needed"));
        };
        let payload = json!({ "location": { "directory": directory }, "projectID": "project" });
        self.admit(id, None, "move", payload, delivery(body)?)?;
        self.wake(id, Boundary::Any);
        Ok(())
    }

    pub(super) fn set_delivery(
        &mut self,
        id: &str,
        item: &str,
        body: &Value,
    ) -> Result<(), Refusal> {
        let delivery = delivery(body)?;
        if !self.session(id)?.inbox.iter().any(|one| one["id"] == item) {
            return Err(Refusal::Conflict("the item is not there any more"));
        }
        let data = json!({ "inboxID": item, "delivery": delivery });
        self.commit(id, "session.inbox.delivery.changed", data);
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: &str, item: &str) -> Result<(), Refusal> {
        if self.session(id)?.inbox.iter().any(|one| one["id"] == item) {
            self.commit(id, "session.inbox.cancelled", json!({ "inboxID": item }));
        }
        Ok(())
    }

    /// Stops a run of this process. With `resume`, all but queued prompts go on.
    pub(super) fn interrupt(&mut self, id: &str, resume: bool) -> Result<bool, Refusal> {
        self.session(id)?;
        let interrupted = self.abort(id, "user");
        if resume {
            self.wake(id, Boundary::Steers);
        }
        Ok(interrupted)
    }

    pub(super) fn view(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        self.session(id)?;
        if !body["idle"].is_number() {
            return Err(Refusal::Invalid("`idle` is no number"));
        }
        self.commit(id, "session.viewed", json!({ "idle": body["idle"] }));
        Ok(())
    }

    pub(super) fn select(&mut self, id: &str, what: &str, value: &Value) -> Result<(), Refusal> {
        let previous = self.session(id)?.info[what].clone();
        let mut data = json!({ what: value });
        if !previous.is_null() {
            data["previous"] = previous;
        }
        self.commit(id, &format!("session.{what}.selected"), data);
        Ok(())
    }

    /// Copies the settled messages of a session into a new one.
    pub(super) fn fork(&mut self, id: &str, body: &Value) -> Result<String, Refusal> {
        let session = self.session(id)?;
        let boundary = match body["before"].as_str() {
            Some(before) if session.message(before).is_some() => {
                json!({ "type": "before", "messageID": before })
            }
            Some(before) => return Err(Refusal::NoMessage(id.to_owned(), before.to_owned())),
            None => match session.messages.last() {
                Some(last) => json!({ "type": "through", "messageID": last["id"] }),
                None => return Err(Refusal::NoMessage(id.to_owned(), String::new())),
            },
        };
        let child = self.machine.id("ses");
        let data = json!({ "parentID": id, "boundary": boundary });
        self.commit(&child, "session.forked", data);
        Ok(child)
    }

    fn idle(&self, id: &str) -> Result<(), Refusal> {
        self.session(id)?;
        match self.machine.runs.contains_key(id) {
            true => Err(Refusal::Busy(id.to_owned())),
            false => Ok(()),
        }
    }

    pub(super) fn stage(&mut self, id: &str, body: &Value) -> Result<Value, Refusal> {
        self.idle(id)?;
        let message = body["messageID"].as_str().unwrap_or_default();
        if self.session(id)?.message(message).is_none() {
            return Err(Refusal::NoMessage(id.to_owned(), message.to_owned()));
        }
        let mut revert = json!({ "messageID": message, "snapshot": "0000" });
        if body["files"] != false {
            revert["files"] = json!([{
                "file": "notes.txt", "patch": PATCH, "additions": 1, "deletions": 1, "status": "modified",
            }]);
        }
        self.commit(id, "session.revert.staged", json!({ "revert": revert }));
        Ok(revert)
    }

    pub(super) fn clear(&mut self, id: &str) -> Result<(), Refusal> {
        self.idle(id)?;
        if self.session(id)?.info["revert"].is_object() {
            self.commit(id, "session.revert.cleared", json!({}));
        }
        Ok(())
    }

    pub(super) fn commit_revert(&mut self, id: &str) -> Result<(), Refusal> {
        self.idle(id)?;
        self.commit_stage(id);
        Ok(())
    }

    /// Removes what is taken back, if something is.
    pub(super) fn commit_stage(&mut self, id: &str) {
        let session = self.store.sessions.get(id);
        let to = session.map_or(Value::Null, |session| {
            session.info["revert"]["messageID"].clone()
        });
        if to.is_string() {
            self.commit(id, "session.revert.committed", json!({ "to": to }));
        }
    }

    /// Runs a command of a person beside the model.
    pub(super) fn shell(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        let cwd = self.session(id)?.directory().to_owned();
        let Some(command) = body["command"].as_str() else {
            return Err(Refusal::Invalid("a command is needed"));
        };
        let shell_id = self.machine.id("sh");
        let now = self.machine.now();
        let shell = json!({
            "id": shell_id, "status": "running", "command": command, "cwd": cwd, "shell": "/bin/sh",
            "file": "/scripted/output", "metadata": {}, "time": { "started": now },
        });
        self.commit(id, "session.shell.started", json!({ "shell": shell }));
        let timer = Timer::ShellEnds {
            session: id.to_owned(),
            shell,
        };
        self.machine.timers.push((now + SHELL, timer));
        Ok(())
    }
}

fn delivery(body: &Value) -> Result<&'static str, Refusal> {
    match &body["delivery"] {
        Value::Null => Ok("steer"),
        Value::String(word) if word == "steer" => Ok("steer"),
        Value::String(word) if word == "queue" => Ok("queue"),
        _ => Err(Refusal::Invalid("`delivery` is neither steer nor queue")),
    }
}

/// A file of a prompt with its bytes.
fn attached(file: &Value) -> Value {
    let uri = file["uri"].as_str().unwrap_or_default();
    let inline = uri
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','));
    let mut attached = match inline {
        Some((kind, data)) => json!({
            "data": data, "mime": kind.trim_end_matches(";base64"), "source": { "type": "inline" },
        }),
        None => json!({
            "data": "", "mime": "text/plain", "source": { "type": "uri", "uri": uri },
        }),
    };
    for field in ["name", "description", "mention"] {
        if let Some(value) = file.get(field).filter(|value| !value.is_null()) {
            attached[field] = value.clone();
        }
    }
    attached
}

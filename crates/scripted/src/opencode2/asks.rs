//! What waits for a person: in the memory of one process, and gone without a word when the waiting tool is interrupted.

use serde_json::{Map, Value, json};

use super::machine::{Refusal, World};
use super::run::Resolved;

/// A request for permission.
#[derive(Debug, Clone)]
pub(super) struct Permission {
    pub(super) session: String,
    pub(super) body: Value,
}

/// A form, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// A session, or `global`.
    pub(super) owner: String,
    /// Its folder.
    pub(super) directory: String,
    pub(super) body: Value,
    pub(super) state: Value,
}

impl Form {
    pub(super) fn is_pending(&self) -> bool {
        self.state["status"] == "pending"
    }

    /// The form with its state.
    pub(super) fn detail(&self) -> Value {
        let mut body = self.body.clone();
        body["state"] = self.state.clone();
        body
    }
}

/// A person's answer to a request for permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    Once,
    Always,
    Reject,
}

impl World<'_> {
    /// Asks for permission of a call. Gives the request's id.
    pub(super) fn ask(
        &mut self,
        session: &str,
        message: &str,
        call: &str,
        command: &str,
    ) -> String {
        let id = self.machine.id("per");
        let body = json!({
            "id": id, "sessionID": session, "action": "shell", "resources": [command], "save": [command],
            "source": { "type": "tool", "messageID": message, "id": call },
        });
        self.boot_of(session);
        self.emit(session, "permission.asked", body.clone());
        self.machine.permissions.push(Permission {
            session: session.to_owned(),
            body,
        });
        id
    }

    /// True if this need not be asked any more.
    pub(super) fn is_saved(&self, action: &str, resource: &str) -> bool {
        let known = |(a, r): &(String, String)| a == action && r == resource;
        self.store.saved.iter().any(known)
    }

    pub(super) fn reply_permission(
        &mut self,
        session: &str,
        id: &str,
        decision: Decision,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        self.session(session)?;
        let mut requests = self.machine.permissions.iter();
        let found = requests.position(|one| one.session == session && one.body["id"] == id);
        let found = found.ok_or_else(|| Refusal::NoPermission(id.to_owned()))?;
        let request = self.machine.permissions.remove(found);
        if decision == Decision::Always {
            let action = request.body["action"].as_str().unwrap_or_default();
            for resource in request.body["save"].as_array().into_iter().flatten() {
                let resource = resource.as_str().unwrap_or_default();
                let saved = (action.to_owned(), resource.to_owned());
                self.store.saved.push(saved);
            }
        }
        let reply = match decision {
            Decision::Once => "once",
            Decision::Always => "always",
            Decision::Reject => "reject",
        };
        self.replied(session, id, reply);
        if decision != Decision::Reject {
            self.resolve(session, id, Resolved::Allowed);
            return Ok(());
        }
        // A rejection answers all others of the session too.
        for other in self.take_permissions(session) {
            self.replied(
                session,
                other.body["id"].as_str().unwrap_or_default(),
                "reject",
            );
        }
        self.resolve(session, id, Resolved::Rejected(message));
        Ok(())
    }

    fn replied(&mut self, session: &str, id: &str, reply: &str) {
        let data = json!({ "requestID": id, "reply": reply });
        self.emit(session, "permission.replied", data);
    }

    fn take_permissions(&mut self, session: &str) -> Vec<Permission> {
        let (taken, left) = std::mem::take(&mut self.machine.permissions)
            .into_iter()
            .partition(|one| one.session == session);
        self.machine.permissions = left;
        taken
    }

    /// Drops what waits in a session whose run is interrupted: its permissions without a word, its forms with one.
    pub(super) fn drop_requests(&mut self, session: &str) {
        self.take_permissions(session);
        let open = |form: &&mut Form| form.owner == session && form.is_pending();
        let mut cancelled = Vec::new();
        for form in self.machine.forms.iter_mut().filter(open) {
            form.state = json!({ "status": "cancelled" });
            cancelled.push(form.body["id"].clone());
        }
        for id in cancelled {
            self.emit(session, "form.cancelled", json!({ "id": id }));
        }
    }

    pub(super) fn drop_requests_of_folder(&mut self, directory: &str) {
        let here: Vec<String> = self
            .store
            .sessions
            .iter()
            .filter(|(_, session)| session.directory() == directory)
            .map(|(id, _)| id.clone())
            .collect();
        for session in &here {
            for request in self.take_permissions(session) {
                let id = request.body["id"].as_str().unwrap_or_default().to_owned();
                self.replied(session, &id, "reject");
                self.resolve(session, &id, Resolved::Rejected(None));
            }
        }
        let open = |form: &Form| form.directory == directory && form.is_pending();
        let forms: Vec<Form> = self
            .machine
            .forms
            .iter()
            .filter(|form| open(form))
            .cloned()
            .collect();
        for form in forms {
            let id = form.body["id"].as_str().unwrap_or_default();
            let _settled = self.settle(&form.owner, id, json!({ "status": "cancelled" }), None);
        }
    }

    /// Makes a form of a session, or of a folder. Gives its id.
    pub(super) fn make_form(
        &mut self,
        owner: &str,
        directory: &str,
        title: &str,
        fields: Value,
        metadata: Value,
    ) -> String {
        let id = self.machine.id("frm");
        let mut body = json!({ "id": id, "sessionID": owner, "title": title, "fields": fields });
        if metadata.is_object() {
            body["metadata"] = metadata;
        }
        self.boot(directory);
        self.emit_in(directory, "form.created", &json!({ "form": body }));
        self.machine.forms.push(Form {
            owner: owner.to_owned(),
            directory: directory.to_owned(),
            body,
            state: json!({ "status": "pending" }),
        });
        id
    }

    /// A form of a session.
    pub(super) fn form(&self, owner: &str, id: &str) -> Result<&Form, Refusal> {
        let mut forms = self.machine.forms.iter();
        let found = forms.find(|form| form.owner == owner && form.body["id"] == id);
        found.ok_or_else(|| Refusal::NoForm(id.to_owned()))
    }

    pub(super) fn reply_form(
        &mut self,
        owner: &str,
        id: &str,
        answer: &Value,
    ) -> Result<(), Refusal> {
        let form = self.form(owner, id)?;
        if !form.is_pending() {
            return Err(Refusal::FormSettled(id.to_owned()));
        }
        let Some(given) = answer
            .as_object()
            .filter(|given| fits(&form.body["fields"], given))
        else {
            return Err(Refusal::FormAnswer(id.to_owned()));
        };
        let text = answer_text(given);
        let state = json!({ "status": "answered", "answer": answer });
        self.settle(owner, id, state, Some(text))
    }

    pub(super) fn cancel_form(
        &mut self,
        owner: &str,
        id: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        if !self.form(owner, id)?.is_pending() {
            return Err(Refusal::FormSettled(id.to_owned()));
        }
        let mut state = json!({ "status": "cancelled" });
        if let Some(message) = &message {
            state["message"] = message.as_str().into();
        }
        self.settle(owner, id, state, message)
    }

    /// Settles a form. With a text the model goes on with it.
    fn settle(
        &mut self,
        owner: &str,
        id: &str,
        state: Value,
        text: Option<String>,
    ) -> Result<(), Refusal> {
        let mut forms = self.machine.forms.iter_mut();
        let found = forms.find(|form| form.owner == owner && form.body["id"] == id);
        let form = found.ok_or_else(|| Refusal::NoForm(id.to_owned()))?;
        form.state = state.clone();
        let directory = form.directory.clone();
        let mut data = json!({ "id": id, "sessionID": owner });
        let kind = if state["status"] == "answered" {
            data["answer"] = state["answer"].clone();
            "form.replied"
        } else {
            "form.cancelled"
        };
        self.emit_in(&directory, kind, &data);
        self.resolve(
            owner,
            id,
            text.map_or(Resolved::Rejected(None), Resolved::Text),
        );
        Ok(())
    }
}

/// True if an answer has what is required, where its conditions hold, and nothing that was not asked.
fn fits(fields: &Value, given: &Map<String, Value>) -> bool {
    let fields: Vec<&Value> = fields.as_array().into_iter().flatten().collect();
    let known = |key: &String| fields.iter().any(|field| field["key"] == key.as_str());
    let complete = fields.iter().all(|field| {
        let key = field["key"].as_str().unwrap_or_default();
        match given.get(key) {
            Some(value) => is_of(field, value),
            None => field["required"] != true || !is_asked(field, given),
        }
    });
    given.keys().all(known) && complete
}

fn is_asked(field: &Value, given: &Map<String, Value>) -> bool {
    let mut conditions = field["when"].as_array().into_iter().flatten();
    conditions.all(|condition| {
        let key = condition["key"].as_str().unwrap_or_default();
        let equal = given.get(key) == Some(&condition["value"]);
        equal == (condition["op"] == "eq")
    })
}

fn is_of(field: &Value, value: &Value) -> bool {
    match field["type"].as_str() {
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("boolean") => value.is_boolean(),
        Some("multiselect") => value
            .as_array()
            .is_some_and(|values| values.iter().all(Value::is_string)),
        _ => false,
    }
}

fn answer_text(given: &Map<String, Value>) -> String {
    let lines = given.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

//! The phases of a turn as the world sees them, with the events of each in the order of a real server.

use serde_json::{Value, json};

use super::shapes::{self, Usage};
use super::world::{Message, Status, UNTITLED, World};
use crate::model::DefaultReply;

/// What a fresh file tree would be called. Scripted servers touch no files, so it never changes.
const SNAPSHOT: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

impl World {
    /// Takes the next prompt to answer, as message id and text; or ends the run, telling that the session is idle.
    pub(super) fn next_prompt(
        &mut self,
        id: &str,
        answered: Option<&str>,
    ) -> Option<(String, String)> {
        let session = self.sessions.get_mut(id)?;
        if let Some(message) = session.queue.pop_front() {
            session.running = true;
            let texts = self
                .message(id, &message)?
                .parts
                .iter()
                .filter_map(|part| part["text"].as_str());
            let text = texts.collect::<Vec<_>>().join("\n");
            return Some((message, text));
        }
        session.running = false;
        self.set_status(id, Status::Idle);
        if let Some(answered) = answered {
            self.tell_summary(id);
            self.tell_user_summary(id, answered);
        }
        None
    }

    /// Begins an assistant message under the user's, and returns its id.
    pub(super) fn begin_step(
        &mut self,
        id: &str,
        user: &str,
        first: bool,
        voice: DefaultReply,
    ) -> Option<String> {
        if first {
            self.set_status(id, Status::Busy);
        }
        let message = self.new_id("msg");
        let asked = self.message(id, user)?;
        let (agent, model) = (asked.info["agent"].clone(), asked.info["model"].clone());
        let text = asked
            .parts
            .first()
            .and_then(|part| part["text"].as_str())
            .unwrap_or_default()
            .to_owned();
        let directory = self.sessions.get(id)?.directory.to_string();
        let agent = agent.as_str().unwrap_or("build");
        let info = shapes::assistant(&message, id, user, agent, &model, &directory, self.now());
        self.put_message(id, info);
        if first {
            self.entitle(id, &text, voice);
        }
        self.tell_summary(id);
        if first {
            self.tell_user_summary(id, user);
        }
        self.set_status(id, Status::Busy);
        Some(message)
    }

    /// Gives an untitled session its title.
    fn entitle(&mut self, id: &str, prompt: &str, voice: DefaultReply) {
        let title = self
            .sessions
            .get(id)
            .and_then(|session| session.info["title"].as_str());
        if title.is_some_and(|title| title.starts_with(UNTITLED)) {
            self.update_session(id, |info| {
                info["title"] = crate::model::title_of(prompt, voice).into()
            });
        }
    }

    fn tell_summary(&mut self, id: &str) {
        self.update_session(id, |info| {
            info["summary"] = json!({ "additions": 0, "deletions": 0, "files": 0 })
        });
        self.tell(
            "session.diff",
            id,
            false,
            &json!({ "sessionID": id, "diff": [] }),
        );
    }

    /// Tells the user message again, as real servers do once they know what changed.
    pub(super) fn tell_user_summary(&mut self, id: &str, user: &str) {
        self.update_message(id, user, |info| info["summary"] = json!({ "diffs": [] }));
    }

    /// A model call begins.
    pub(super) fn start_model(&mut self, id: &str, message: &str) {
        let part = self.new_id("prt");
        self.put_part(
            id,
            json!({ "id": part, "messageID": message, "sessionID": id, "type": "step-start", "snapshot": SNAPSHOT }),
        );
    }

    /// A model call is over, its tools included: `reason` is the reason that the model gave, `stop` or `tool-calls`.
    pub(super) fn finish_step(&mut self, id: &str, message: &str, reason: &str, usage: Usage) {
        let part = self.new_id("prt");
        self.put_part(
            id,
            json!({
                "id": part, "messageID": message, "sessionID": id, "type": "step-finish", "reason": reason,
                "snapshot": SNAPSHOT, "tokens": usage.tokens(), "cost": usage.cost(),
            }),
        );
        self.update_message(id, message, |info| {
            info["finish"] = reason.into();
            info["cost"] = usage.cost().into();
            info["tokens"] = usage.tokens();
        });
        let now = self.now();
        self.update_message(id, message, |info| info["time"]["completed"] = now.into());
        if let Some(session) = self.sessions.get_mut(id) {
            add(&mut session.info, usage);
        }
        self.set_status(id, Status::Busy);
    }

    /// The model refused for good: the message ends with an error.
    pub(super) fn fail(&mut self, id: &str, message: &str, error: &Value) {
        self.tell(
            "session.error",
            id,
            false,
            &json!({ "sessionID": id, "error": error }),
        );
        let now = self.now();
        self.update_message(id, message, |info| {
            info["error"] = error.clone();
            info["time"]["completed"] = now.into();
        });
    }

    /// A person stops a session: reported at once.
    pub(super) fn abort(&mut self, id: &str) {
        let properties = json!({ "sessionID": id, "error": shapes::aborted() });
        self.tell("session.error", id, false, &properties);
        self.set_status(id, Status::Idle);
    }

    /// What a stopped run leaves behind is closed, in its subagents first. What it asked stays, as in OpenCode 1.18.
    pub(super) fn interrupt(&mut self, id: &str) {
        for child in self.children(id) {
            if self
                .sessions
                .get(&child)
                .is_some_and(|session| session.running)
            {
                self.interrupt(&child);
            }
        }
        self.close(id);
        self.fail_open_tools(id);
        let now = self.now();
        if let Some(message) = self.open_answer(id).map(|message| message.id().to_owned()) {
            self.update_message(id, &message, |info| {
                info["error"] = shapes::aborted();
                info["time"]["completed"] = now.into();
            });
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.queue.clear();
            session.running = false;
        }
        self.set_status(id, Status::Idle);
    }

    fn open_answer(&self, id: &str) -> Option<&Message> {
        let mut messages = self.sessions.get(id)?.messages.iter().rev();
        messages.find(|message| {
            message.info["role"] == "assistant" && message.info["time"]["completed"].is_null()
        })
    }

    fn fail_open_tools(&mut self, id: &str) {
        let open = self
            .open_answer(id)
            .into_iter()
            .flat_map(|message| &message.parts)
            .filter(|part| is_open_tool(part));
        let now = self.now();
        for mut part in open.cloned().collect::<Vec<_>>() {
            let start = part["state"]["time"]["start"].as_u64().unwrap_or(now);
            part["state"] = shapes::failed(
                &part["state"]["input"],
                "Tool execution aborted",
                start,
                now,
            );
            self.put_part(id, part);
        }
    }

    /// The process ends without a word: nothing runs any more, and what was open stays open.
    pub(super) fn crash(&mut self) {
        self.asks.clear();
        for session in self.sessions.values_mut() {
            session.queue.clear();
            session.running = false;
            session.status = Status::Idle;
        }
        let ids: Vec<String> = self.sessions.keys().cloned().collect();
        ids.iter().for_each(|id| self.abandon(id));
    }
}

fn is_open_tool(part: &Value) -> bool {
    part["type"] == "tool"
        && matches!(
            part["state"]["status"].as_str(),
            Some("pending" | "running")
        )
}

/// Adds a model call to what a session has cost.
fn add(info: &mut Value, usage: Usage) {
    info["cost"] = (info["cost"].as_f64().unwrap_or(0.0) + usage.cost()).into();
    let counts = [
        ("input", usage.input),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
    ];
    for (name, count) in counts {
        let sum = info["tokens"][name].as_u64().unwrap_or(0) + count;
        info["tokens"][name] = sum.into();
    }
}

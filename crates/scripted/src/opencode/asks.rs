//! Permissions and questions: asked of a person, waited for by a tool.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::world::{Refusal, World};
use crate::script;

/// A request that waits for a person.
pub(super) struct PendingRequest {
    pub(super) session: String,
    pub(super) kind: PendingKind,
    /// The request as it is listed.
    pub(super) body: Value,
    answer: oneshot::Sender<PersonReply>,
}

/// Which kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PendingKind {
    /// May this tool run?
    Permission,
    /// What shall it be?
    Question,
}

/// The reply of the person.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PersonReply {
    /// Go on.
    Allowed,
    /// No; with words for the model, or none, which ends the turn.
    Rejected(Option<String>),
    /// The chosen labels, question by question.
    Chosen(Value),
}

/// A person's reply to a permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    Once,
    Always,
    Reject,
}

impl Reply {
    fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Always => "always",
            Self::Reject => "reject",
        }
    }
}

impl World {
    /// Asks whether a command may run. The answer comes through the receiver, which fails if the request is dropped.
    pub(super) fn ask_permission(
        &mut self,
        session: &str,
        message: &str,
        call: &str,
        command: &str,
    ) -> oneshot::Receiver<PersonReply> {
        let always = always(command);
        let mut body = json!({
            "permission": "bash", "patterns": [command], "metadata": { "command": command }, "always": [always],
        });
        body["tool"] = json!({ "messageID": message, "callID": call });
        self.ask(session, PendingKind::Permission, body)
    }

    /// Asks questions.
    pub(super) fn ask_question(
        &mut self,
        session: &str,
        message: &str,
        call: &str,
        questions: &Value,
    ) -> oneshot::Receiver<PersonReply> {
        let body =
            json!({ "questions": questions, "tool": { "messageID": message, "callID": call } });
        self.ask(session, PendingKind::Question, body)
    }

    fn ask(
        &mut self,
        session: &str,
        kind: PendingKind,
        mut body: Value,
    ) -> oneshot::Receiver<PersonReply> {
        let (prefix, event) = match kind {
            PendingKind::Permission => ("per", "permission.asked"),
            PendingKind::Question => ("que", "question.asked"),
        };
        body["id"] = self.new_id(prefix).into();
        body["sessionID"] = session.into();
        self.tell(event, session, false, &body);
        let (answer, receiver) = oneshot::channel();
        self.asks.push(PendingRequest {
            session: session.to_owned(),
            kind,
            body,
            answer,
        });
        receiver
    }

    /// Whether a command needs asking: that of the configured rule, and any that the script says does.
    pub(super) fn must_ask(&self, command: &str, description: &str) -> bool {
        script::is_asking(command, description) && !self.approved.contains(&always(command))
    }

    /// Answers a permission request. A second reply finds nothing.
    pub(super) fn reply_permission(
        &mut self,
        id: &str,
        reply: Reply,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        let ask = self.take_ask(PendingKind::Permission, id)?;
        let properties =
            json!({ "sessionID": ask.session, "requestID": id, "reply": reply.name() });
        self.tell("permission.replied", &ask.session, false, &properties);
        if reply == Reply::Always {
            let patterns = ask.body["always"].as_array().into_iter().flatten();
            self.approved
                .extend(patterns.filter_map(|pattern| pattern.as_str().map(str::to_owned)));
        }
        let answer = match reply {
            Reply::Once | Reply::Always => PersonReply::Allowed,
            Reply::Reject => PersonReply::Rejected(message.filter(|message| !message.is_empty())),
        };
        // Whoever asked may be gone since; then nobody needs the answer.
        let _ = ask.answer.send(answer);
        Ok(())
    }

    /// Answers a question, or rejects it when `answers` is `None`.
    pub(super) fn reply_question(
        &mut self,
        id: &str,
        answers: Option<Value>,
    ) -> Result<(), Refusal> {
        let ask = self.take_ask(PendingKind::Question, id)?;
        let answer = match answers {
            Some(answers) => {
                let properties =
                    json!({ "sessionID": ask.session, "requestID": id, "answers": answers });
                self.tell("question.replied", &ask.session, false, &properties);
                PersonReply::Chosen(answers)
            }
            None => {
                let properties = json!({ "sessionID": ask.session, "requestID": id });
                self.tell("question.rejected", &ask.session, false, &properties);
                PersonReply::Rejected(None)
            }
        };
        let _ = ask.answer.send(answer);
        Ok(())
    }

    fn take_ask(&mut self, kind: PendingKind, id: &str) -> Result<PendingRequest, Refusal> {
        let at = self
            .asks
            .iter()
            .position(|ask| ask.kind == kind && ask.body["id"] == id);
        let what = match kind {
            PendingKind::Permission => "Permission request",
            PendingKind::Question => "Question request",
        };
        at.map(|at| self.asks.remove(at))
            .ok_or(Refusal::NotFound(what))
    }
}

/// The pattern that allows such commands for good.
fn always(command: &str) -> String {
    format!("{} *", command.split(' ').next().unwrap_or_default())
}

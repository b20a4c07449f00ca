//! Answers to permissions and questions, sent to the folder of the session: a request is unknown in
//! other folders.
//!
//! Answers to one request are sent one after the other; the server accepts the first. A later
//! answer gets an error that names the first one; a retry with the same key is a success.
//!
//! A grant is sent only if it names the content it grants, the content can be shown in full, the
//! run that made the request is still running, nobody stopped the session, and the audit log has
//! the entry. A refusal has no such conditions.

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, PermissionId, QuestionId, SessionId};
use model::state::Outcome;

use super::answers::Answering;
use super::audit::{Step, Subject, short};
use super::grant::{GrantError, in_a_line, obstacle};
use super::port::{PermissionReply, Server, ServerError, Servers};
use super::{CommandError, Commands};
use crate::limits;

/// A person's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// For each question the chosen labels, or free text.
    Given(Vec<Vec<String>>),
    /// No answer: the turn ends.
    Rejected,
}

/// A person's answer to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionAnswer {
    /// The answer.
    pub reply: PermissionReply,
    /// For a rejection: an instruction to the model. Without one the turn ends.
    pub message: Option<String>,
    /// Fingerprint of the content that was reviewed; required for an answer that allows.
    pub fingerprint: Option<String>,
}

impl PermissionAnswer {
    /// Allows the content with this fingerprint once.
    pub fn once(fingerprint: impl Into<String>) -> Self {
        Self {
            reply: PermissionReply::Once,
            message: None,
            fingerprint: Some(fingerprint.into()),
        }
    }

    /// Rejects the request, optionally with an instruction to the model.
    pub fn reject(message: Option<String>) -> Self {
        Self {
            reply: PermissionReply::Reject,
            message,
            fingerprint: None,
        }
    }

    fn allows(&self) -> bool {
        !matches!(self.reply, PermissionReply::Reject)
    }
}

/// An answer to a request, as it is sent.
enum RequestReply {
    Permission(PermissionId, PermissionAnswer),
    Question(QuestionId, Answer),
}

/// A pending request.
struct PendingRequest {
    session: SessionId,
    /// The number of answers that the request expects.
    asked: usize,
    /// One-line summary.
    about: String,
    fingerprint: Option<Arc<str>>,
    /// The reason why this answer cannot be sent now, independent of the fingerprint.
    obstacle: Option<GrantError>,
}

impl<S: Servers> Commands<S> {
    /// Answers a permission request on behalf of `by`, and waits briefly until the request is gone.
    /// Idempotent by key.
    ///
    /// # Errors The request cannot be allowed, another client answered first, the request is not
    /// pending, or the server refuses.
    pub async fn reply_permission(
        &self,
        instance: &InstanceId,
        id: &PermissionId,
        answer: PermissionAnswer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let reply = RequestReply::Permission(id.clone(), answer);
        self.answer(instance, reply, key, by).await
    }

    /// Answers a question on behalf of `by`, and waits briefly until the request is gone.
    /// Idempotent by key.
    ///
    /// # Errors Another client answered first, the question is not pending, the number of answers
    /// differs from the number of questions, or the server refuses.
    pub async fn reply_question(
        &self,
        instance: &InstanceId,
        id: &QuestionId,
        answer: Answer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let reply = RequestReply::Question(id.clone(), answer);
        self.answer(instance, reply, key, by).await
    }

    async fn answer(
        &self,
        instance: &InstanceId,
        reply: RequestReply,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let key = super::prompt::checked(instance, reply.id(), key)?.map(|key| key.key);
        let turn = self.turns.take(instance, reply.id());
        let answering = Answering {
            instance: instance.clone(),
            request: reply.id().into(),
            key,
            outcome: reply.outcome(),
        };
        let by = by.clone();
        self.to_the_end(|commands| async move {
            let _turn = turn.comes().await;
            commands.send_answer(&reply, &answering, by).await
        })
        .await
    }

    async fn send_answer(
        &self,
        reply: &RequestReply,
        answer: &Answering,
        by: Arc<str>,
    ) -> Result<(), CommandError> {
        let instance = &answer.instance;
        self.link(instance).await?;
        if self.answers.is_reused(answer) {
            return Err(CommandError::KeyReused);
        }
        if reply.allows() {
            self.until(limits::ECHO_WAIT, |state| reply.is_known(state, instance))
                .await;
        }
        let Some(waiting) = self.engine.read(|state| reply.waiting(state, instance)) else {
            return self.too_late(reply, answer);
        };
        let about = Subject {
            by,
            instance: instance.clone(),
            session: waiting.session.clone(),
            request: answer.request.clone(),
            about: waiting.about.clone(),
            fingerprint: waiting.fingerprint.clone(),
            outcome: answer.outcome,
        };
        self.check(reply, &waiting, &about).await?;
        let server = self.at_session(instance, &waiting.session).await?;
        self.announce(reply, &about).await?;
        // Reaching the server and the disk took time: a person may have stopped the session in the
        // meantime.
        match self.engine.read(|state| reply.waiting(state, instance)) {
            Some(waiting) => self.check(reply, &waiting, &about).await?,
            None => return self.too_late(reply, answer),
        }
        self.deliver(reply, answer, &about, &server).await
    }

    /// Sends a validated answer, and waits briefly until the request is gone.
    async fn deliver(
        &self,
        reply: &RequestReply,
        answer: &Answering,
        about: &Subject,
        server: &S::Server,
    ) -> Result<(), CommandError> {
        self.answers.sending(answer, self.engine.now());
        let sent = reply.send(server, &about.session).await;
        let (step, reason) = match &sent {
            Ok(()) => (Step::Taken, None),
            Err(error) => (Step::Failed, Some(error.to_string())),
        };
        self.audit(about, step, reason).await;
        match sent {
            Ok(()) => {
                self.answers.taken(answer);
                self.gone(reply, &answer.instance, &about.session).await;
                Ok(())
            }
            Err(ServerError::NotFound(_)) => {
                // The server sends an event for the first answer within a moment.
                self.gone(reply, &answer.instance, &about.session).await;
                self.too_late(reply, answer)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks whether an answer may be sent. A denied answer is recorded in the audit log.
    async fn check(
        &self,
        reply: &RequestReply,
        waiting: &PendingRequest,
        about: &Subject,
    ) -> Result<(), CommandError> {
        let checked = reply.check(waiting);
        if let Err(error) = &checked {
            self.audit(about, Step::Denied, Some(error.to_string()))
                .await;
        }
        checked
    }

    /// Records an answer that is about to be sent in the audit log. A grant is not sent without the
    /// entry; a refusal is.
    async fn announce(&self, reply: &RequestReply, about: &Subject) -> Result<(), CommandError> {
        let entry = about.entry(self.engine.now(), Step::Sending, None);
        match self.audit.add(entry).await {
            Err(error) if reply.allows() => Err(GrantError::NotAudited(error).into()),
            Err(error) => {
                tracing::warn!(%error, "a refusal is sent without an audit entry");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) async fn audit(&self, about: &Subject, step: Step, reason: Option<String>) {
        let entry = about.entry(self.engine.now(), step, reason.as_deref().map(short));
        if let Err(error) = self.audit.add(entry).await {
            tracing::warn!(%error, "the outcome of an answer is not in the audit log");
        }
    }

    /// Waits until an answered or unknown request is gone. Where no event arrives, the requests of
    /// the folder are read again.
    async fn gone(&self, reply: &RequestReply, instance: &InstanceId, session: &SessionId) {
        let gone = |state: &State| reply.waiting(state, instance).is_none();
        self.until(limits::ECHO_WAIT, gone).await;
        if self.engine.read(gone) {
            return;
        }
        self.engine
            .doubt_requests(instance.clone(), session.clone())
            .await;
        self.until(limits::ECHO_WAIT, gone).await;
    }

    /// The result for a request that is not pending: this exact answer arrived before, or another
    /// client answered first.
    fn too_late(&self, reply: &RequestReply, answer: &Answering) -> Result<(), CommandError> {
        let reported = self.engine.read(|state| {
            let instance = state.instances.get(&answer.instance)?;
            instance.answered.find(&answer.request).cloned()
        });
        if self.answers.was(answer, reported.as_ref()) {
            return Ok(());
        }
        match self.answers.first(answer, reported.as_ref()) {
            Some(first) => Err(CommandError::Answered(first)),
            None => Err(reply.unknown()),
        }
    }
}

impl RequestReply {
    fn id(&self) -> &str {
        match self {
            Self::Permission(id, ..) => id.as_str(),
            Self::Question(id, _) => id.as_str(),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Permission(_, answer) => match answer.reply {
                PermissionReply::Once => Outcome::Once,
                PermissionReply::Always => Outcome::Always,
                PermissionReply::Reject => Outcome::Rejected,
            },
            Self::Question(_, Answer::Rejected) => Outcome::Rejected,
            Self::Question(_, Answer::Given(_)) => Outcome::Answered,
        }
    }

    fn allows(&self) -> bool {
        matches!(self, Self::Permission(_, answer) if answer.allows())
    }

    fn waiting(&self, state: &State, instance: &InstanceId) -> Option<PendingRequest> {
        let instance = state.instances.get(instance)?;
        match self {
            Self::Permission(id, ..) => {
                let waiting = instance.permissions.get(id)?;
                Some(PendingRequest {
                    session: waiting.session.clone(),
                    asked: 1,
                    about: short(&in_a_line(waiting)),
                    fingerprint: Some(waiting.content.fingerprint.clone()),
                    obstacle: obstacle(instance, waiting),
                })
            }
            Self::Question(id, _) => {
                let waiting = instance.questions.get(id)?;
                let first = waiting.items.first().map(|item| &*item.question);
                let stopped = instance.is_stopped(&waiting.session);
                Some(PendingRequest {
                    session: waiting.session.clone(),
                    asked: waiting.items.len(),
                    about: short(first.unwrap_or_default()),
                    fingerprint: None,
                    obstacle: stopped.then_some(GrantError::Stopped),
                })
            }
        }
    }

    /// False while data that a grant needs is not loaded.
    fn is_known(&self, state: &State, instance: &InstanceId) -> bool {
        let obstacle = self
            .waiting(state, instance)
            .and_then(|waiting| waiting.obstacle);
        !obstacle.is_some_and(|obstacle| obstacle.may_pass())
    }

    fn check(&self, waiting: &PendingRequest) -> Result<(), CommandError> {
        let allowed = match (self, &waiting.obstacle) {
            (Self::Question(_, Answer::Rejected), _) => return Ok(()),
            (Self::Permission(_, answer), _) if !answer.allows() => return Ok(()),
            (_, Some(obstacle)) => Err(obstacle.clone()),
            (Self::Question(_, Answer::Given(answers)), None) if answers.len() != waiting.asked => {
                return Err(CommandError::Invalid(
                    "`answers` needs one list of answers for each question",
                ));
            }
            (Self::Question(..), None) => Ok(()),
            (Self::Permission(_, answer), None) => match &answer.fingerprint {
                None => Err(GrantError::NotNamed),
                Some(named) if waiting.fingerprint.as_deref() == Some(named) => Ok(()),
                Some(_) => Err(GrantError::ContentChanged),
            },
        };
        Ok(allowed?)
    }

    async fn send(&self, server: &impl Server, session: &SessionId) -> Result<(), ServerError> {
        match self {
            Self::Permission(id, answer) => {
                let message = answer.message.as_deref();
                server
                    .reply_permission(session, id.as_str(), answer.reply, message)
                    .await
            }
            Self::Question(id, Answer::Given(answers)) => {
                server.reply_question(session, id.as_str(), answers).await
            }
            Self::Question(id, Answer::Rejected) => {
                server.reject_question(session, id.as_str()).await
            }
        }
    }

    fn unknown(&self) -> CommandError {
        match self {
            Self::Permission(id, ..) => CommandError::UnknownPermission(id.clone()),
            Self::Question(id, _) => CommandError::UnknownQuestion(id.clone()),
        }
    }
}

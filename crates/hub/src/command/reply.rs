//! Answers to what waits for a person. The session's own folder is asked: elsewhere the request is not known.
//!
//! Answers to one request are sent one after the other; the server takes the first. A later one is told who was first,
//! and the same one again, by its key, is a success.
//!
//! A grant is sent only if it names the content that it grants, all of that can be shown, the run that asked still runs,
//! nobody stopped it, and the audit log has it. A refusal needs none of that.

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, PermissionId, QuestionId, SessionId};
use model::state::Outcome;
use opencode::ClientError;

use super::answers::Answering;
use super::audit::{About, Step, short};
use super::grant::{GrantError, in_a_line, obstacle};
use super::port::{PermissionReply, Server, Servers};
use super::{CommandError, Commands};
use crate::limits;

/// A person's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// For each thing asked the chosen labels, or words of one's own.
    Given(Vec<Vec<String>>),
    /// None: the turn ends.
    Rejected,
}

/// A person's answer to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionAnswer {
    /// The answer.
    pub reply: PermissionReply,
    /// With a refusal: what the model should do instead. Without it its turn ends.
    pub message: Option<String>,
    /// Names the content that was read; an answer that allows needs it.
    pub fingerprint: Option<String>,
}

impl PermissionAnswer {
    /// Allows what has this fingerprint, this once.
    pub fn once(fingerprint: impl Into<String>) -> Self {
        Self {
            reply: PermissionReply::Once,
            message: None,
            fingerprint: Some(fingerprint.into()),
        }
    }

    /// Refuses, perhaps with what to do instead.
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
enum Said {
    Permission(PermissionId, PermissionAnswer),
    Question(QuestionId, Answer),
}

/// A request that waits.
struct Waiting {
    session: SessionId,
    /// How many answers it wants.
    asked: usize,
    /// In a line.
    about: String,
    fingerprint: Option<Arc<str>>,
    /// Why it cannot be answered as asked now, whatever its fingerprint.
    obstacle: Option<GrantError>,
}

impl<S: Servers> Commands<S> {
    /// Answers a permission request in the name of `by`, and waits a moment for it to be gone. The same key again is the
    /// same answer.
    ///
    /// # Errors
    /// It may not be allowed, somebody was first, it does not wait (any more), or the server refuses.
    pub async fn reply_permission(
        &self,
        instance: &InstanceId,
        id: &PermissionId,
        answer: PermissionAnswer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let said = Said::Permission(id.clone(), answer);
        self.answer(instance, said, key, by).await
    }

    /// Answers a question in the name of `by`, and waits a moment for it to be gone. The same key again is the same answer.
    ///
    /// # Errors
    /// Somebody was first, it does not wait (any more), the answers are not as many as the questions, or the server
    /// refuses.
    pub async fn reply_question(
        &self,
        instance: &InstanceId,
        id: &QuestionId,
        answer: Answer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let said = Said::Question(id.clone(), answer);
        self.answer(instance, said, key, by).await
    }

    async fn answer(
        &self,
        instance: &InstanceId,
        said: Said,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let key = super::prompt::checked(instance, said.id(), key)?.map(|key| key.key);
        let turn = self.turns.take(instance, said.id());
        let answering = Answering {
            instance: instance.clone(),
            request: said.id().into(),
            key,
            outcome: said.outcome(),
        };
        let by = by.clone();
        self.to_the_end(|commands| async move {
            let _turn = turn.comes().await;
            commands.send_answer(&said, &answering, by).await
        })
        .await
    }

    async fn send_answer(
        &self,
        said: &Said,
        answer: &Answering,
        by: Arc<str>,
    ) -> Result<(), CommandError> {
        let instance = &answer.instance;
        self.link(instance).await?;
        if self.answers.is_reused(answer) {
            return Err(CommandError::KeyReused);
        }
        if said.allows() {
            self.until(limits::ECHO_WAIT, |state| said.is_known(state, instance))
                .await;
        }
        let Some(waiting) = self.engine.read(|state| said.waiting(state, instance)) else {
            return self.too_late(said, answer);
        };
        let about = About {
            by,
            instance: instance.clone(),
            session: waiting.session.clone(),
            request: answer.request.clone(),
            about: waiting.about.clone(),
            fingerprint: waiting.fingerprint.clone(),
            outcome: answer.outcome,
        };
        self.check(said, &waiting, &about).await?;
        let server = self.at_session(instance, &waiting.session).await?;
        self.announce(said, &about).await?;
        // Reaching the server and the disk took a while: a person may have stopped the session meanwhile.
        match self.engine.read(|state| said.waiting(state, instance)) {
            Some(waiting) => self.check(said, &waiting, &about).await?,
            None => return self.too_late(said, answer),
        }
        self.deliver(said, answer, &about, &server).await
    }

    /// Sends an answer that was checked, and waits a moment for its request to be gone.
    async fn deliver(
        &self,
        said: &Said,
        answer: &Answering,
        about: &About,
        server: &S::Server,
    ) -> Result<(), CommandError> {
        self.answers.sending(answer, self.engine.now());
        let sent = said.send(server).await;
        let (step, reason) = match &sent {
            Ok(()) => (Step::Taken, None),
            Err(error) => (Step::Failed, Some(error.to_string())),
        };
        self.audit(about, step, reason).await;
        match sent {
            Ok(()) => {
                self.answers.taken(answer);
                self.gone(said, &answer.instance, &about.session).await;
                Ok(())
            }
            Err(ClientError::NotFound { .. }) => {
                // Whoever was first, the server tells of it in a moment.
                self.gone(said, &answer.instance, &about.session).await;
                self.too_late(said, answer)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an answer may be sent; one that may not is in the audit log.
    async fn check(
        &self,
        said: &Said,
        waiting: &Waiting,
        about: &About,
    ) -> Result<(), CommandError> {
        let checked = said.check(waiting);
        if let Err(error) = &checked {
            self.audit(about, Step::Denied, Some(error.to_string()))
                .await;
        }
        checked
    }

    /// Has an answer that is about to be sent in the audit log. A grant is not sent without; a refusal is.
    async fn announce(&self, said: &Said, about: &About) -> Result<(), CommandError> {
        let entry = about.entry(self.engine.now(), Step::Sending, None);
        match self.audit.add(entry).await {
            Err(error) if said.allows() => Err(GrantError::NotAudited(error).into()),
            Err(error) => {
                tracing::warn!(%error, "a refusal goes without its line");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) async fn audit(&self, about: &About, step: Step, reason: Option<String>) {
        let entry = about.entry(self.engine.now(), step, reason.as_deref().map(short));
        if let Err(error) = self.audit.add(entry).await {
            tracing::warn!(%error, "what became of an answer is not in the audit log");
        }
    }

    /// Waits until a request is gone that was answered, or that its server does not know. Where nothing is told of it, the
    /// requests of its folder are read again.
    async fn gone(&self, said: &Said, instance: &InstanceId, session: &SessionId) {
        let gone = |state: &State| said.waiting(state, instance).is_none();
        self.until(limits::ECHO_WAIT, gone).await;
        if self.engine.read(gone) {
            return;
        }
        self.engine
            .doubt_requests(instance.clone(), session.clone())
            .await;
        self.until(limits::ECHO_WAIT, gone).await;
    }

    /// What it means that a request does not wait: this very answer arrived before, or somebody was first.
    fn too_late(&self, said: &Said, answer: &Answering) -> Result<(), CommandError> {
        let heard = self.engine.read(|state| {
            let instance = state.instances.get(&answer.instance)?;
            instance.answered.find(&answer.request).cloned()
        });
        if self.answers.was(answer, heard.as_ref()) {
            return Ok(());
        }
        match self.answers.first(answer, heard.as_ref()) {
            Some(first) => Err(CommandError::Answered(first)),
            None => Err(said.unknown()),
        }
    }
}

impl Said {
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

    fn waiting(&self, state: &State, instance: &InstanceId) -> Option<Waiting> {
        let instance = state.instances.get(instance)?;
        match self {
            Self::Permission(id, ..) => {
                let waiting = instance.permissions.get(id)?;
                Some(Waiting {
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
                Some(Waiting {
                    session: waiting.session.clone(),
                    asked: waiting.items.len(),
                    about: short(first.unwrap_or_default()),
                    fingerprint: None,
                    obstacle: stopped.then_some(GrantError::Stopped),
                })
            }
        }
    }

    /// False while something of a request is only not known yet that a grant needs.
    fn is_known(&self, state: &State, instance: &InstanceId) -> bool {
        let obstacle = self
            .waiting(state, instance)
            .and_then(|waiting| waiting.obstacle);
        !obstacle.is_some_and(|obstacle| obstacle.may_pass())
    }

    fn check(&self, waiting: &Waiting) -> Result<(), CommandError> {
        let allowed = match (self, &waiting.obstacle) {
            (Self::Question(_, Answer::Rejected), _) => return Ok(()),
            (Self::Permission(_, answer), _) if !answer.allows() => return Ok(()),
            (_, Some(obstacle)) => Err(obstacle.clone()),
            (Self::Question(_, Answer::Given(answers)), None) if answers.len() != waiting.asked => {
                return Err(CommandError::Invalid(
                    "`answers` needs one list of answers for each question asked",
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

    async fn send(&self, server: &impl Server) -> Result<(), ClientError> {
        match self {
            Self::Permission(id, answer) => {
                let message = answer.message.as_deref();
                server
                    .reply_permission(id.as_str(), answer.reply, message)
                    .await
            }
            Self::Question(id, Answer::Given(answers)) => {
                server.reply_question(id.as_str(), answers).await
            }
            Self::Question(id, Answer::Rejected) => server.reject_question(id.as_str()).await,
        }
    }

    fn unknown(&self) -> CommandError {
        match self {
            Self::Permission(id, ..) => CommandError::UnknownPermission(id.clone()),
            Self::Question(id, _) => CommandError::UnknownQuestion(id.clone()),
        }
    }
}

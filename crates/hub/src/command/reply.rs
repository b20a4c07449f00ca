//! Answers to what waits for a person. The session's own folder is asked: elsewhere the request is not known.
//!
//! Answers to one request are sent one after the other; the server takes the first. A later one is told who was first,
//! and the same one again, by its key, is a success.

use model::State;
use model::ids::{InstanceId, PermissionId, QuestionId, SessionId};
use model::state::Outcome;
use opencode::ClientError;
use opencode::wire::PermissionReply;

use super::answers::Answering;
use super::port::{Server, Servers};
use super::{CommandError, Commands, to_the_end};
use crate::limits;

/// A person's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// For each thing asked the chosen labels, or words of one's own.
    Given(Vec<Vec<String>>),
    /// None: the turn ends.
    Rejected,
}

/// An answer to a request, as it is sent.
enum Said {
    Permission(PermissionId, PermissionReply, Option<String>),
    Question(QuestionId, Answer),
}

impl<S: Servers> Commands<S> {
    /// Answers a permission request, and waits a moment for it to be gone. The same key again is the same answer.
    ///
    /// # Errors
    /// Somebody was first, it does not wait (any more), or the server refuses.
    pub async fn reply_permission(
        &self,
        instance: &InstanceId,
        id: &PermissionId,
        reply: PermissionReply,
        message: Option<String>,
        key: Option<&str>,
    ) -> Result<(), CommandError> {
        let said = Said::Permission(id.clone(), reply, message);
        self.answer(instance, said, key).await
    }

    /// Answers a question, and waits a moment for it to be gone. The same key again is the same answer.
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
    ) -> Result<(), CommandError> {
        let said = Said::Question(id.clone(), answer);
        self.answer(instance, said, key).await
    }

    async fn answer(
        &self,
        instance: &InstanceId,
        said: Said,
        key: Option<&str>,
    ) -> Result<(), CommandError> {
        let key = super::prompt::checked(instance, said.id(), key)?.map(|key| key.key);
        let turn = self.turns.take(instance, said.id()).await;
        let answering = Answering {
            instance: instance.clone(),
            request: said.id().into(),
            key,
            outcome: said.outcome(),
        };
        let commands = self.clone();
        to_the_end(async move {
            let _turn = turn;
            commands.send_answer(&said, &answering).await
        })
        .await
    }

    async fn send_answer(&self, said: &Said, answer: &Answering) -> Result<(), CommandError> {
        let instance = &answer.instance;
        self.link(instance).await?;
        let waiting = self.engine.read(|state| said.waiting(state, instance));
        let Some((session, asked)) = waiting else {
            return self.too_late(said, answer);
        };
        said.check(asked)?;
        let server = self.at_session(instance, &session).await?;
        self.answers.sending(answer, self.engine.now());
        match said.send(&server).await {
            Ok(()) => self.answers.taken(answer),
            Err(ClientError::NotFound { .. }) => {
                // Whoever was first, the server tells of it in a moment.
                let heard = |state: &State| said.waiting(state, instance).is_none();
                self.until(limits::ECHO_WAIT, heard).await;
                return self.too_late(said, answer);
            }
            Err(error) => return Err(error.into()),
        }
        self.until(limits::ECHO_WAIT, |state| {
            said.waiting(state, instance).is_none()
        })
        .await;
        Ok(())
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
            Self::Permission(_, PermissionReply::Once, _) => Outcome::Once,
            Self::Permission(_, PermissionReply::Always, _) => Outcome::Always,
            Self::Permission(_, PermissionReply::Reject, _)
            | Self::Question(_, Answer::Rejected) => Outcome::Rejected,
            Self::Question(_, Answer::Given(_)) => Outcome::Answered,
        }
    }

    /// The session that waits for it, and how many answers it wants.
    fn waiting(&self, state: &State, instance: &InstanceId) -> Option<(SessionId, usize)> {
        let instance = state.instances.get(instance)?;
        match self {
            Self::Permission(id, ..) => {
                let waiting = instance.permissions.get(id)?;
                Some((waiting.session.clone(), 1))
            }
            Self::Question(id, _) => {
                let waiting = instance.questions.get(id)?;
                Some((waiting.session.clone(), waiting.items.len()))
            }
        }
    }

    fn check(&self, asked: usize) -> Result<(), CommandError> {
        match self {
            Self::Question(_, Answer::Given(answers)) if answers.len() != asked => {
                Err(CommandError::Invalid(
                    "`answers` needs one list of answers for each question asked",
                ))
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, server: &impl Server) -> Result<(), ClientError> {
        match self {
            Self::Permission(id, reply, message) => {
                let message = message.as_deref();
                server.reply_permission(id.as_str(), *reply, message).await
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

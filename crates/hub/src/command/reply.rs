//! Answers to what waits for a person. The session's own folder is asked: elsewhere the request is not known.

use model::ids::{InstanceId, PermissionId, QuestionId};
use opencode::ClientError;
use opencode::wire::PermissionReply;

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

impl Commands {
    /// Answers a permission request, and waits a moment for it to be gone.
    ///
    /// # Errors
    /// It does not wait (any more), or the server refuses.
    pub async fn reply_permission(
        &self,
        instance: &InstanceId,
        id: &PermissionId,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), CommandError> {
        let unknown = || CommandError::UnknownPermission(id.clone());
        self.link(instance).await?;
        let session = self.hub.engine().read(|state| {
            let waiting = state.instances.get(instance)?.permissions.get(id)?;
            Some(waiting.session.clone())
        });
        let client = self
            .at_session(instance, &session.ok_or_else(unknown)?)
            .await?;
        match client.reply_permission(id.as_str(), reply, message).await {
            Err(ClientError::NotFound { .. }) => return Err(unknown()),
            replied => replied?,
        }
        self.until(limits::ECHO_WAIT, |state| {
            let instance = state.instances.get(instance);
            instance.is_none_or(|instance| !instance.permissions.contains_key(id))
        })
        .await;
        Ok(())
    }

    /// Answers a question, and waits a moment for it to be gone.
    ///
    /// # Errors
    /// It does not wait (any more), the answers are not as many as the questions, or the server refuses.
    pub async fn reply_question(
        &self,
        instance: &InstanceId,
        id: &QuestionId,
        answer: &Answer,
    ) -> Result<(), CommandError> {
        let unknown = || CommandError::UnknownQuestion(id.clone());
        self.link(instance).await?;
        let waiting = self.hub.engine().read(|state| {
            let waiting = state.instances.get(instance)?.questions.get(id)?;
            Some((waiting.session.clone(), waiting.items.len()))
        });
        let (session, asked) = waiting.ok_or_else(unknown)?;
        let client = self.at_session(instance, &session).await?;
        let replied = match answer {
            Answer::Given(answers) if answers.len() != asked => {
                return Err(CommandError::Invalid(
                    "`answers` needs one list of answers for each question asked",
                ));
            }
            Answer::Given(answers) => client.reply_question(id.as_str(), answers).await,
            Answer::Rejected => client.reject_question(id.as_str()).await,
        };
        match replied {
            Err(ClientError::NotFound { .. }) => return Err(unknown()),
            replied => replied?,
        }
        self.until(limits::ECHO_WAIT, |state| {
            let instance = state.instances.get(instance);
            instance.is_none_or(|instance| !instance.questions.contains_key(id))
        })
        .await;
        Ok(())
    }
}

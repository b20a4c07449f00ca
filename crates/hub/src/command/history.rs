//! Changes of a session's history: revert, its undo, and compaction.

use model::State;
use model::ids::{InstanceId, MessageId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fork::known_message;
use super::port::{Capability, ModelChoice, Server, ServerError, Servers, SessionFound, Sessions};
use super::read::described;
use super::{CommandError, Commands, able, gone};
use crate::limits;
use crate::tasks;

/// A revert: the messages that it affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revert {
    /// The first reverted message. An answer stands for its prompt.
    #[serde(rename = "messageID")]
    #[schema(value_type = String)]
    pub message: MessageId,
}

/// Options of a compaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compact {
    /// The model that writes the summary; the last model of the session if absent.
    #[serde(default)]
    pub model: Option<ModelChoice>,
}

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// Reverts a session's messages from one on, with their changes to files. [`unrevert`](Self::unrevert) restores them until
    /// the next prompt, which deletes them. Idempotent.
    ///
    /// # Errors
    /// The session or message is not there, the session runs, or the server refuses.
    pub async fn revert(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        revert: Revert,
    ) -> Result<Value, CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let server = commands.at_resting(&instance, &session).await?;
            able(&server, Capability::Revert)?;
            known_message(&server, &session, &revert.message).await?;
            let reverted = server.revert(&session, &revert.message).await;
            commands
                .rewritten(&instance, &session, reverted, true)
                .await
        })
        .await
    }

    /// Undoes a session's revert. Without a revert nothing changes.
    ///
    /// # Errors
    /// The session is not there or runs, or the server refuses.
    pub async fn unrevert(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Value, CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let server = commands.at_resting(&instance, &session).await?;
            able(&server, Capability::Revert)?;
            let brought_back = server.unrevert(&session).await;
            commands
                .rewritten(&instance, &session, brought_back, false)
                .await
        })
        .await
    }

    /// Replaces a session's context by a summary that a model writes. Returns once the compaction has begun or failed; the
    /// state shows its end.
    ///
    /// # Errors
    /// The session is not there or runs, no model is known, or the server refuses.
    pub async fn compact(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        compact: Compact,
    ) -> Result<(), CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            commands.compact_whole(&instance, &session, compact).await
        })
        .await
    }

    async fn compact_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        compact: Compact,
    ) -> Result<(), CommandError> {
        let server = self.at_resting(instance, session).await?;
        able(&server, Capability::Compact)?;
        if compact.model.is_some() {
            able(&server, Capability::CompactModel)?;
        }
        let model = match server.capabilities().has(Capability::CompactModel) {
            true => Some(
                self.writes_summary(&server, instance, session, compact)
                    .await?,
            ),
            false => None,
        };
        let of = session.clone();
        // The request stays open for as long as the model writes the summary.
        let written = tasks::to_the_end(async move { server.compact(&of, model.as_ref()).await });
        let runs = |state: &State| state.session(instance, session).is_none_or(runs);
        tokio::select! {
            // The request is sent before anything else.
            biased;
            written = written => {
                written.unwrap_or(Ok(())).map_err(gone(instance, session))
            }
            () = self.until(limits::COMPACT_BEGINS, runs) => Ok(()),
        }
    }

    /// The model that writes the summary: the chosen one, or the session's last.
    async fn writes_summary(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
        compact: Compact,
    ) -> Result<ModelChoice, CommandError> {
        match compact.model.or_else(|| self.model_of(instance, session)) {
            Some(model) => Ok(model),
            None => last_model(server, session)
                .await?
                .ok_or_else(|| CommandError::NoModel(session.clone())),
        }
    }

    /// The model that a session used last.
    fn model_of(&self, instance: &InstanceId, session: &SessionId) -> Option<ModelChoice> {
        self.engine.read(|state| {
            let model = state.session(instance, session)?.info.model.as_ref()?;
            Some(ModelChoice {
                provider_id: model.provider.to_string(),
                model_id: model.model.to_string(),
            })
        })
    }

    /// The server of a session that is not running.
    async fn at_resting(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<S::Server, CommandError> {
        let server = self.at_session(instance, session).await?;
        let running = self
            .engine
            .read(|state| state.session(instance, session).is_some_and(runs));
        match running {
            true => Err(CommandError::Running(session.clone())),
            false => Ok(server),
        }
    }

    /// The session that a server returned for a revert or its undo, once the state shows the change.
    async fn rewritten(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        answer: Result<SessionFound, ServerError>,
        reverted: bool,
    ) -> Result<Value, CommandError> {
        let answer = answer.map_err(gone(instance, session))?;
        self.until(limits::ECHO_WAIT, |state| {
            let known = state.session(instance, session);
            known.is_none_or(|known| known.info.reverted_from.is_some() == reverted)
        })
        .await;
        let known = self.known_session(instance, session);
        Ok(described(answer.raw.get(), known.as_ref()))
    }
}

/// The model of a session's newest message that has one: a fork has none of its own before its first prompt.
async fn last_model(
    server: &impl Sessions,
    session: &SessionId,
) -> Result<Option<ModelChoice>, CommandError> {
    let page = server.messages(session, Some(limits::MESSAGE_PAGE), None);
    let page = page.await?;
    let mut newest = page.messages.into_iter().rev();
    let model = newest.find_map(|(message, _)| message.model);
    Ok(model.map(|model| ModelChoice {
        provider_id: model.provider.to_string(),
        model_id: model.model.to_string(),
    }))
}

fn runs(session: &model::state::Session) -> bool {
    session.run.is_running()
}

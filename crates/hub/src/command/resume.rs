//! *Continue*: a prompt that continues an agent whose server ended during its turn, once for each
//! interruption.

use futures_util::{StreamExt, stream};
use model::ids::{InstanceId, SessionId};
use model::state::{Run, Session};
use model::time::Timestamp;
use model::view;

use serde::Deserialize;

use super::port::Servers;
use super::{CommandError, Commands, ModelChoice, Prompt, Prompted, unknown};
use crate::limits;
use crate::tasks::to_the_end;

/// The text that an interrupted agent receives.
pub const CONTINUE: &str = "You were interrupted: the server ended before your turn did. Go on from where you were. What \
    was running then may not have finished, so check before you rely on it.";

/// The prompt to an agent whose last turn failed.
pub const RETRY: &str = "Your last turn failed before it was done. Go on from where you were. What was running then may not \
    have finished, so check before you rely on it.";

/// The model with which a session is resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeWith {
    /// The model; the session's last model if absent.
    #[serde(default)]
    pub model: Option<ModelChoice>,
    /// Name of the model's variant; the default variant if absent.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A session that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Instance of the session.
    pub instance: InstanceId,
    /// The session.
    pub session: SessionId,
}

/// The result of resuming an interrupted session.
#[derive(Debug)]
pub struct Continued {
    /// The interrupted session.
    pub of: Interrupted,
    /// The prompt that was sent, or the error.
    pub outcome: Result<Prompted, CommandError>,
}

impl<S: Servers> Commands<S> {
    /// Resumes a session that was interrupted or whose last turn failed. Asked twice, also by two people, it is one prompt for
    /// one end; the second time with another model it is an error.
    ///
    /// # Errors
    /// The session does not exist, or is neither interrupted nor failed; or the prompt cannot be sent.
    pub async fn resume(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        with: ResumeWith,
    ) -> Result<Prompted, CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(
            |commands| async move { commands.resume_whole(&instance, &session, with).await },
        )
        .await
    }

    async fn resume_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        with: ResumeWith,
    ) -> Result<Prompted, CommandError> {
        self.link(instance).await?;
        let end = self.engine.read(|state| {
            let known = state.session(instance, session)?;
            Some(EndedEarly::of(known))
        });
        let Some(end) = end.ok_or_else(|| unknown(instance, session))? else {
            return Err(CommandError::NotInterrupted(session.clone()));
        };
        let prompt = Prompt {
            text: end.text().to_owned(),
            model: with.model,
            variant: with.variant,
            ..Prompt::default()
        };
        let prompted = self
            .prompt(instance, session, prompt, Some(&end.key()))
            .await?;
        self.until(limits::ECHO_WAIT, |state| {
            let known = state.session(instance, session);
            known.is_none_or(|known| EndedEarly::of(known) != Some(end))
        })
        .await;
        Ok(prompted)
    }

    /// Resumes every interrupted session of all instances that has no interrupted ancestor. The
    /// sessions are independent: one failure does not delay the others.
    pub async fn resume_all(&self) -> Vec<Continued> {
        let all = self.engine.read(view::interrupted);
        let all = all.into_iter().map(|row| Interrupted {
            instance: row.instance,
            session: row.session,
        });
        self.resume_these(all.collect()).await
    }

    /// Resumes these sessions, in the given order. Completes even if the caller goes away.
    pub async fn resume_these(&self, these: Vec<Interrupted>) -> Vec<Continued> {
        let (commands, named) = (self.clone(), these.clone());
        let done = to_the_end(async move { commands.resume_in_order(these).await }).await;
        done.unwrap_or_else(|| {
            let ended = named.into_iter().map(|of| Continued {
                of,
                outcome: Err(CommandError::Ended),
            });
            ended.collect()
        })
    }

    async fn resume_in_order(&self, these: Vec<Interrupted>) -> Vec<Continued> {
        let resumed = these.into_iter().map(|of| {
            let commands = self.clone();
            async move {
                let outcome = commands
                    .resume_whole(&of.instance, &of.session, ResumeWith::default())
                    .await;
                Continued { of, outcome }
            }
        });
        stream::iter(resumed)
            .buffered(limits::CONTINUED_AT_ONCE)
            .collect()
            .await
    }
}

/// How a run ended that can be resumed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndedEarly {
    /// Its server ended before it did.
    Interrupted(Timestamp),
    /// It failed.
    Failed(Timestamp),
}

impl EndedEarly {
    fn of(session: &Session) -> Option<Self> {
        match session.run {
            Run::Interrupted { at } => Some(Self::Interrupted(at)),
            Run::Idle if session.failure.is_some() => Some(Self::Failed(session.info.updated)),
            _ => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Interrupted(_) => CONTINUE,
            Self::Failed(_) => RETRY,
        }
    }

    /// One key for each end of a run, so that several callers continue it once.
    fn key(self) -> String {
        match self {
            Self::Interrupted(at) => format!("continue-{}", at.0),
            Self::Failed(at) => format!("retry-{}", at.0),
        }
    }
}

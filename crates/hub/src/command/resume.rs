//! *Continue*: a prompt that lets an agent go on whose server ended before it did, once for each interruption.

use futures_util::{StreamExt, stream};
use model::ids::{InstanceId, SessionId};
use model::state::Run;
use model::time::Timestamp;
use model::view;

use super::port::Servers;
use super::{CommandError, Commands, Prompt, Prompted, unknown};
use crate::limits;
use crate::tasks::to_the_end;

/// What an interrupted agent is told.
pub const CONTINUE: &str = "You were interrupted: the server ended before your turn did. Go on from where you were. What \
    was running then may not have finished, so check before you rely on it.";

/// A session that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Its instance.
    pub instance: InstanceId,
    /// The session.
    pub session: SessionId,
}

/// What became of an interrupted session that was to go on.
#[derive(Debug)]
pub struct Continued {
    /// Which.
    pub of: Interrupted,
    /// The prompt that it was given, or why it was not.
    pub outcome: Result<Prompted, CommandError>,
}

impl<S: Servers> Commands<S> {
    /// Lets an interrupted session go on. Asked twice, also by two people, it is one prompt for one interruption.
    ///
    /// # Errors
    /// It is not there, or not interrupted (any more); or the prompt cannot be sent.
    pub async fn resume(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Prompted, CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move { commands.resume_whole(&instance, &session).await })
            .await
    }

    async fn resume_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Prompted, CommandError> {
        self.link(instance).await?;
        let run = self.engine.read(|state| {
            state
                .session(instance, session)
                .map(|known| known.run.clone())
        });
        let at = match run {
            Some(Run::Interrupted { at }) => at,
            Some(_) => return Err(CommandError::NotInterrupted(session.clone())),
            None => return Err(unknown(instance, session)),
        };
        let prompt = Prompt {
            text: CONTINUE.to_owned(),
            ..Prompt::default()
        };
        let prompted = self
            .prompt(instance, session, prompt, Some(&key(at)))
            .await?;
        self.until(limits::ECHO_WAIT, |state| {
            let known = state.session(instance, session);
            known.is_none_or(|known| known.run != Run::Interrupted { at })
        })
        .await;
        Ok(prompted)
    }

    /// Lets every interrupted session go on that is not below another one, over all instances; each on its own, so that
    /// one which cannot holds up no other.
    pub async fn resume_all(&self) -> Vec<Continued> {
        let all = self.engine.read(view::interrupted);
        let all = all.into_iter().map(|row| Interrupted {
            instance: row.instance,
            session: row.session,
        });
        self.resume_these(all.collect()).await
    }

    /// Lets these go on, in the order given; all of them, also if who asked leaves.
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
                let outcome = commands.resume_whole(&of.instance, &of.session).await;
                Continued { of, outcome }
            }
        });
        stream::iter(resumed)
            .buffered(limits::CONTINUED_AT_ONCE)
            .collect()
            .await
    }
}

/// One key for one interruption, whoever asks.
fn key(at: Timestamp) -> String {
    format!("continue-{}", at.0)
}

//! Forks: a copy of a session, up to a message.

use model::ids::{InstanceId, MessageId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::port::{Capability, Folders, ServerError, SessionFound, Sessions};
use super::prompt::checked;
use super::session::is_an_id;
use super::{CommandError, Commands, able, gone};
use crate::limits;

/// The messages that a fork copies; all of them if neither bound is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// Copies the messages before this one, such as before a prompt that the person rewrites.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub before: Option<MessageId>,
    /// Copies the messages up to and including this one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub through: Option<MessageId>,
}

impl<S: Folders> Commands<S>
where
    S::Server: Sessions,
{
    /// Copies a session into a new one, and waits for the copy in the state, for [`limits::ECHO_WAIT`] at most. The same key
    /// returns the same fork.
    ///
    /// # Errors
    /// The session or message does not exist, the key belongs to another fork or cannot be stored, the outcome of an earlier
    /// attempt under it is unknown, or the server refuses.
    pub async fn fork_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        fork: Fork,
        key: Option<&str>,
    ) -> Result<Value, CommandError> {
        if fork.before.is_some() && fork.through.is_some() {
            return Err(CommandError::Invalid(
                "give `before` or `through`, not both",
            ));
        }
        let key = checked(instance, session.as_str(), key)?;
        let turn = key.as_ref().map(|key| self.turns.take(instance, &key.key));
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let _turn = match turn {
                Some(turn) => Some(turn.comes().await),
                None => None,
            };
            match key {
                Some(key) => commands.fork_once(&instance, &session, &fork, key).await,
                None => {
                    let (server, before) = commands.target(&instance, &session, &fork).await?;
                    let made = copied(&server, &session, before.as_ref()).await;
                    let made = made.map_err(gone(&instance, &session))?;
                    commands.made(&instance, made).await
                }
            }
        })
        .await
    }

    async fn fork_once(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        fork: &Fork,
        key: Key,
    ) -> Result<Value, CommandError> {
        let now = self.engine.now();
        let sending = Sending {
            id: self.ids.mark(instance, now).into(),
            parts: Vec::new(),
            fingerprint: Fingerprint::of(&("fork", fork)),
            at: now,
            taken: None,
        };
        let target = self.target(instance, session, fork).await;
        if let Claim::Known(known) = self.claim(&key, &sending).await? {
            let made = known
                .taken
                .ok_or(CommandError::ForkUnclear(session.clone()))?;
            return self.session(instance, &SessionId::from(&*made)).await;
        }
        let (server, before) = match target {
            Ok(target) => target,
            Err(error) => {
                // Nothing was sent under the key, so a corrected request may use it.
                self.let_go(key).await;
                return Err(error);
            }
        };
        match copied(&server, session, before.as_ref()).await {
            Ok(made) => {
                self.taken(key, &made.id).await;
                self.made(instance, made).await
            }
            Err(error) => {
                self.refused(key, &error).await;
                Err(gone(instance, session)(error))
            }
        }
    }

    /// The server of a session, and the message before which the copy ends.
    async fn target(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        fork: &Fork,
    ) -> Result<(S::Server, Option<MessageId>), CommandError> {
        let server = self.at_session(instance, session).await?;
        able(&server, Capability::Fork)?;
        let before = match (&fork.before, &fork.through) {
            (Some(before), _) => {
                known_message(&server, session, before).await?;
                Some(before.clone())
            }
            (None, Some(through)) => message_after(&server, session, through).await?,
            (None, None) => None,
        };
        Ok((server, before))
    }
}

/// Forks a session on its server, and checks the id of the copy.
async fn copied(
    server: &impl Sessions,
    session: &SessionId,
    before: Option<&MessageId>,
) -> Result<SessionFound, ServerError> {
    let made = server.fork(session, before).await?;
    match is_an_id(&made.id) {
        true => Ok(made),
        false => Err(ServerError::invalid_reply(
            "the id of the new session is not a valid id",
        )),
    }
}

/// Checks that a session has a message: OpenCode 1.18 accepts any id, and then forks or reverts something else.
pub(super) async fn known_message(
    server: &impl Sessions,
    session: &SessionId,
    message: &MessageId,
) -> Result<(), CommandError> {
    match server.has_message(session, message.as_str()).await? {
        true => Ok(()),
        false => Err(CommandError::UnknownMessage(message.clone())),
    }
}

/// The message after another one; `None` if that is the last.
async fn message_after(
    server: &impl Sessions,
    session: &SessionId,
    message: &MessageId,
) -> Result<Option<MessageId>, CommandError> {
    let (mut cursor, mut after): (Option<String>, Option<MessageId>) = (None, None);
    loop {
        let page = server.messages(session, Some(limits::MESSAGE_PAGE), cursor.as_deref());
        let page = page.await?;
        for (found, _) in page.messages.iter().rev() {
            if found.id == *message {
                return Ok(after);
            }
            after = Some(found.id.clone());
        }
        // An empty page with a cursor would loop.
        cursor = page.before.filter(|_| !page.messages.is_empty());
        if cursor.is_none() {
            return Err(CommandError::UnknownMessage(message.clone()));
        }
    }
}

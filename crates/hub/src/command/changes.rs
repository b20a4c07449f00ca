//! The files that a session changed, as its server recorded them.

use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Role;

use super::port::{Capability, ChangedFile, Servers, Sessions};
use super::{CommandError, Commands, able, gone};
use crate::limits;

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// The files that a session changed, or that one prompt of it did. A server without git records none.
    ///
    /// # Errors The session does not exist, or its server cannot be asked.
    pub async fn changed_files(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, CommandError> {
        let server = self.at_session(instance, session).await?;
        able(
            &server,
            match message {
                Some(_) => Capability::PromptChanges,
                None => Capability::Changes,
            },
        )?;
        let read = server.changes(session, message).await;
        read.map_err(gone(instance, session))
    }

    /// The last prompt of a session; `None` if it has none among its newest messages.
    ///
    /// # Errors The session does not exist, or its server cannot be asked.
    pub async fn last_prompt(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Option<MessageId>, CommandError> {
        let known = self.engine.read(|state| {
            let loaded = state.session(instance, session)?.loaded()?;
            let mut newest = loaded.in_order().rev();
            let prompt = newest.find(|message| message.info.role == Role::User)?;
            Some(prompt.info.id.clone())
        });
        if known.is_some() {
            return Ok(known);
        }
        let server = self.at_session(instance, session).await?;
        let page = server.messages(session, Some(limits::MESSAGE_PAGE), None);
        let page = page.await.map_err(gone(instance, session))?;
        let mut newest = page.messages.into_iter().rev();
        let prompt = newest.find(|(info, _)| info.role == Role::User);
        Ok(prompt.map(|(info, _)| info.id))
    }
}

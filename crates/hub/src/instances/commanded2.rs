//! Implements the ports of commands with OpenCode 2 services.

mod bodies;
mod catalog;
mod errors;
mod forms;

use std::sync::Arc;

use model::event::ReadPage;
use model::ids::{MessageId, SessionId};
use model::time::Timestamp;
use opencode::client2::Tag;
use opencode::client2::{self, NewPrompt, SessionFilter, StageRevert};
use opencode::wire2::{self, Decision, FormId, FormOwner, InboxId, Location, PermissionId};

use super::LinkedService;
use crate::command::port::{
    AgentFound, ChangedFile, CommandFound, IdForm, Lookups, MessagePage, NewCommand, NewMessage,
    NewSession, NewShell, OlderPage, PermissionReply, Server, ServerError, ServerKind,
    SessionFound, Sessions,
};
use crate::command::{Change, ModelChoice, ModelOffer};
use crate::ingest::dialect::{self, Dialect};
use crate::limits;

use bodies::{Choice, Sent};
use errors::{refused, unknown, unsent};

impl LinkedService {
    /// The folder by name; empty for that of the service's process.
    fn folder(&self) -> &str {
        self.directory.as_deref().unwrap_or_default()
    }

    /// Sets the agent and the model of a session to those of a prompt: the service has them in the session's row.
    async fn choose(
        &self,
        id: &wire2::SessionId,
        row: &wire2::SessionInfo,
        choice: Choice<'_>,
    ) -> Result<(), ServerError> {
        if let Some(agent) = choice.agent
            && row.agent.as_deref() != Some(agent)
        {
            self.client.set_agent(id, agent).await?;
        }
        if let Some(model) = choice.model_after(row.model.as_ref())? {
            self.client.set_model(id, &model).await?;
        }
        Ok(())
    }

    async fn found(&self, id: &wire2::SessionId) -> Result<SessionFound, ServerError> {
        found(&self.client.session(id).await?)
    }
}

impl Server for LinkedService {
    fn kind(&self) -> ServerKind {
        Dialect::V2.kind()
    }

    fn ids(&self) -> IdForm {
        IdForm::Opaque
    }

    fn at(&self, directory: &str) -> Self {
        let mut service = self.clone();
        if !directory.is_empty() {
            service.directory = Some(directory.into());
        }
        service
    }

    async fn session(&self, id: &SessionId) -> Result<SessionFound, ServerError> {
        self.found(&session_id(id)?).await
    }

    async fn viewed(&self, session: &SessionId) -> Result<(), ServerError> {
        let id = session_id(session)?;
        let row = self.client.session(&id).await?;
        // The mark is sent as it came: a rounded one would leave the session unread.
        match row.time.idle.filter(|_| row.is_unread()) {
            Some(idle) => Ok(self.client.view(&id, idle).await?),
            None => Ok(()),
        }
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ServerError> {
        let (Ok(session), Ok(message)) = (session_id(session), wire2::MessageId::parse(message))
        else {
            return Ok(false);
        };
        let has = self.client.has_prompt(&session, &message).await;
        match has.map_err(ServerError::from) {
            Err(ServerError::NotFound(_)) => Ok(false),
            has => has,
        }
    }

    async fn prompt(&self, session: &SessionId, message: &NewMessage) -> Result<(), ServerError> {
        let id = session_id(session)?;
        let item = InboxId::parse(&message.id).map_err(refused)?;
        let Sent {
            text,
            files,
            agents,
        } = Sent::of(&message.parts)?;
        let row = self.client.session(&id).await?;
        self.choose(&id, &row, Choice::of_message(message)).await?;
        // Whether a prompt makes what is taken back final by itself was not seen.
        if row.revert.is_some() {
            self.client.commit_revert(&id).await?;
        }
        let prompt = NewPrompt {
            id: &item,
            text: &text,
            files: &files,
            agents: &agents,
            delivery: bodies::delivery(message.delivery),
            resume: None,
        };
        self.client.prompt(&id, &prompt).await?;
        Ok(())
    }

    async fn command(&self, session: &SessionId, command: &NewCommand) -> Result<(), ServerError> {
        let id = session_id(session)?;
        let Sent { files, .. } = Sent::of(&command.parts)?;
        let prepared = async {
            let row = self.client.session(&id).await?;
            self.choose(&id, &row, Choice::of_command(command)).await
        };
        prepared.await.map_err(unsent)?;
        let new = client2::NewCommand {
            name: &command.name,
            text: &command.arguments,
            files: &files,
            delivery: Some(bodies::delivery(command.delivery)),
        };
        Ok(self.client.command(&id, &new).await?)
    }

    async fn shell(&self, session: &SessionId, shell: &NewShell) -> Result<(), ServerError> {
        let id = session_id(session)?;
        Ok(self.client.shell(&id, &shell.command).await?)
    }

    async fn reply_permission(
        &self,
        session: &SessionId,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ServerError> {
        let session = session_id(session)?;
        let request = PermissionId::parse(id).map_err(unknown)?;
        let decision = match reply {
            PermissionReply::Once => Decision::Once,
            PermissionReply::Always => Decision::Always,
            PermissionReply::Reject => Decision::Reject,
        };
        let replied = self
            .client
            .reply_permission(&session, &request, &decision, message);
        Ok(replied.await?)
    }

    async fn reply_question(
        &self,
        session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ServerError> {
        let (owner, id) = form_of(session, id)?;
        let form = self.client.form(&owner, &id).await?;
        let answer = forms::answer(&form, answers)?;
        let replied = self.client.reply_form(&owner, &id, &answer, self.folder());
        Ok(replied.await?)
    }

    async fn reject_question(&self, session: &SessionId, id: &str) -> Result<(), ServerError> {
        let (owner, id) = form_of(session, id)?;
        let dismissed = self.client.cancel_form(&owner, &id, None, self.folder());
        Ok(dismissed.await?)
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ServerError> {
        let id = session_id(session)?;
        // What waits in the inbox stays there until the next prompt.
        self.client.interrupt(&id, false).await?;
        Ok(())
    }
}

impl Lookups for LinkedService {
    async fn commands(&self) -> Result<Vec<CommandFound>, ServerError> {
        let read = self.client.catalog("command", self.folder()).await?;
        Ok(catalog::commands(&read.value))
    }

    async fn agents(&self) -> Result<Vec<AgentFound>, ServerError> {
        let read = self.client.catalog("agent", self.folder()).await?;
        Ok(catalog::agents(&read.value))
    }

    async fn models(&self) -> Result<Vec<ModelOffer>, ServerError> {
        let (models, providers) = tokio::try_join!(
            self.client.catalog("model", self.folder()),
            self.client.catalog("provider", self.folder()),
        )?;
        Ok(catalog::models(&models.value, &providers.value))
    }

    async fn find_files(&self, query: &str, most: usize) -> Result<Vec<String>, ServerError> {
        let mut found = self.client.find_files(self.folder(), query).await?;
        found.truncate(most);
        Ok(found)
    }
}

impl Sessions for LinkedService {
    async fn newest(&self, most: usize) -> Result<Vec<SessionFound>, ServerError> {
        let filter = SessionFilter {
            directory: self.directory.as_deref().map(str::to_owned),
            ..SessionFilter::default()
        };
        let page = self.client.sessions(&filter, None).await?;
        let listed = page.items.iter().take(most);
        Ok(listed.filter_map(|row| found(row).ok()).collect())
    }

    async fn older(&self, _before: Timestamp) -> Result<Option<OlderPage>, ServerError> {
        // Its list has all sessions.
        Ok(None)
    }

    async fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ServerError> {
        let id = session_id(session)?;
        // Read before the messages: what is delivered meanwhile is then in both.
        let inbox = match before {
            None => self.client.inbox(&id).await?.value,
            Some(_) => Vec::new(),
        };
        let (mut messages, mut malformed) = (Vec::new(), 0);
        let mut cursor = before.map(str::to_owned);
        loop {
            let most = limit.unwrap_or(limits::MESSAGE_PAGE);
            let page = self.client.messages_up_to(&id, most, cursor.as_deref());
            let page = page.await?;
            malformed += page.malformed;
            let waiting = if cursor.is_none() { &*inbox } else { &[] };
            let newer = std::mem::take(&mut messages);
            let read = dialect::service_messages(&id, page, waiting, ReadPage::Newest);
            messages = read.messages;
            messages.extend(newer);
            cursor = read.older.as_deref().map(str::to_owned);
            let is_full = messages.len() + malformed >= limits::SERVICE_MESSAGES;
            if limit.is_some() || cursor.is_none() || is_full {
                break;
            }
        }
        Ok(MessagePage {
            messages,
            before: cursor,
            malformed,
        })
    }

    async fn create(&self, new: &NewSession) -> Result<SessionFound, ServerError> {
        let id = new.id.as_deref().map(wire2::SessionId::parse);
        let parent = new.parent.as_deref().map(wire2::SessionId::parse);
        // A child works in its parent's folder.
        let folder = self.directory.as_deref().filter(|_| parent.is_none());
        let new = client2::NewSession {
            id: id.transpose().map_err(refused)?,
            parent_id: parent.transpose().map_err(unknown)?,
            title: new.title.clone(),
            location: folder.map(|directory| Location {
                directory: directory.to_owned(),
                workspace_id: None,
            }),
            metadata: Some(new.metadata.clone()).filter(|metadata| !metadata.is_empty()),
            ..client2::NewSession::default()
        };
        found(&self.client.create_session(&new).await?)
    }

    async fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> Result<SessionFound, ServerError> {
        let id = session_id(session)?;
        if let Some(title) = &change.title {
            self.client.rename(&id, title).await?;
        }
        if let Some(archived) = change.time.as_ref().and_then(|time| time.archived) {
            self.client.set_archived(&id, archived != 0).await?;
        }
        self.found(&id).await
    }

    async fn changes(
        &self,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, ServerError> {
        if message.is_some() {
            return Err(errors::cannot("list what one prompt changed"));
        }
        let files = self.client.changed_files(&session_id(session)?).await?;
        let files = files.into_iter().take(limits::SESSION_FILES);
        Ok(files.map(bodies::changed_file).collect())
    }

    async fn delete(&self, session: &SessionId) -> Result<(), ServerError> {
        Ok(self.client.delete_session(&session_id(session)?).await?)
    }

    async fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), ServerError> {
        let id = session_id(session)?;
        let item = InboxId::parse(message.as_str()).map_err(unknown)?;
        let inbox = self.client.inbox(&id).await?.value;
        let waited = inbox.iter().any(|entry| entry.id == item);
        if waited {
            self.client.cancel(&id, &item).await?;
        }
        // A service says the same of an item that is gone: this one may have been delivered since the inbox was read.
        match self.client.message(&id, &item.message()).await {
            Ok(_) => Err(errors::cannot("delete a message")),
            Err(error) if waited && error.tag() == Some(&Tag::MessageNotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn steer(&self, session: &SessionId, message: &MessageId) -> Result<(), ServerError> {
        let id = session_id(session)?;
        let item = InboxId::parse(message.as_str()).map_err(unknown)?;
        let moved = self
            .client
            .set_delivery(&id, &item, &wire2::Delivery::Steer);
        Ok(moved.await?)
    }

    async fn fork(
        &self,
        session: &SessionId,
        before: Option<&MessageId>,
    ) -> Result<SessionFound, ServerError> {
        let before = before.map(message_id).transpose()?;
        let id = session_id(session)?;
        found(&self.client.fork(&id, before.as_ref()).await?)
    }

    async fn revert(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<SessionFound, ServerError> {
        let (id, message) = (session_id(session)?, message_id(message)?);
        let stage = StageRevert {
            message_id: &message,
            files: true,
        };
        self.client.stage_revert(&id, &stage).await?;
        self.found(&id).await
    }

    async fn unrevert(&self, session: &SessionId) -> Result<SessionFound, ServerError> {
        let id = session_id(session)?;
        self.client.clear_revert(&id).await?;
        self.found(&id).await
    }

    async fn compact(
        &self,
        session: &SessionId,
        model: Option<&ModelChoice>,
    ) -> Result<(), ServerError> {
        if model.is_some() {
            return Err(errors::cannot("compact with another model"));
        }
        self.client.compact(&session_id(session)?, None).await?;
        Ok(())
    }
}

/// A row, in the format in which the hub's API has it.
fn found(row: &wire2::SessionInfo) -> Result<SessionFound, ServerError> {
    let read = dialect::service_session(row);
    let read = read.ok_or_else(|| ServerError::invalid_reply("it is no session"))?;
    Ok(SessionFound {
        id: Arc::from(row.id.as_str()),
        directory: read.directory,
        raw: read.raw,
    })
}

fn session_id(id: &SessionId) -> Result<wire2::SessionId, ServerError> {
    wire2::SessionId::parse(id.as_str()).map_err(unknown)
}

fn message_id(id: &MessageId) -> Result<wire2::MessageId, ServerError> {
    wire2::MessageId::parse(id.as_str()).map_err(unknown)
}

/// The owner and the id of a form.
fn form_of(session: &SessionId, id: &str) -> Result<(FormOwner, FormId), ServerError> {
    let form = FormId::parse(id).map_err(unknown)?;
    let session = session_id(session)?;
    let owner = match session.as_str() == FormOwner::Folder.as_str() {
        true => FormOwner::Folder,
        false => FormOwner::Session(session),
    };
    Ok((owner, form))
}

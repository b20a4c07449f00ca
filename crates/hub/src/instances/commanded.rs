//! Implements the ports of commands with the hub's servers.

mod bodies;

use std::path::Path;

use model::ids::{MessageId, SessionId};
use model::time::Timestamp;
use opencode::client::{AgentInfo, ProviderInfo};
use opencode::{ClientError, client, wire};

use super::{Hub, LinkedServer};
use crate::command::port::{
    AgentFound, ChangedFile, CommandFound, Folders, IdForm, Lookups, MessagePage, NewCommand,
    NewMessage, NewSession, NewShell, OlderPage, PermissionReply, Server, ServerError, ServerKind,
    SessionFound, Sessions,
};
use crate::command::{Change, ModelChoice, ModelOffer};
use crate::ingest::assemble;
use crate::ingest::dialect;
use crate::limits;
use crate::registry::AddError;
use crate::workspace::Folder;

impl Server for LinkedServer {
    fn kind(&self) -> ServerKind {
        self.dialect.kind()
    }

    fn ids(&self) -> IdForm {
        IdForm::Sorted
    }

    fn at(&self, directory: &str) -> Self {
        let mut server = self.clone();
        server.client = if directory.is_empty() {
            self.here()
        } else {
            self.client.at(directory)
        };
        server
    }

    async fn session(&self, id: &SessionId) -> Result<SessionFound, ServerError> {
        Ok(found(self.client.session(id.as_str()).await?))
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ServerError> {
        Ok(self.client.has_message(session.as_str(), message).await?)
    }

    async fn prompt(&self, session: &SessionId, message: &NewMessage) -> Result<(), ServerError> {
        let body = bodies::message(message);
        Ok(self.client.prompt_async(session.as_str(), &body).await?)
    }

    async fn command(&self, session: &SessionId, command: &NewCommand) -> Result<(), ServerError> {
        let body = bodies::command(command);
        Ok(self.client.command(session.as_str(), &body).await?)
    }

    async fn shell(&self, session: &SessionId, shell: &NewShell) -> Result<(), ServerError> {
        let body = bodies::shell(shell);
        Ok(self.client.shell(session.as_str(), &body).await?)
    }

    async fn reply_permission(
        &self,
        _session: &SessionId,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ServerError> {
        let reply = wire_reply(reply);
        Ok(self.client.reply_permission(id, reply, message).await?)
    }

    async fn reply_question(
        &self,
        _session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ServerError> {
        Ok(self.client.reply_question(id, answers).await?)
    }

    async fn reject_question(&self, _session: &SessionId, id: &str) -> Result<(), ServerError> {
        Ok(self.client.reject_question(id).await?)
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ServerError> {
        Ok(self.client.abort(session.as_str()).await?)
    }
}

impl Lookups for LinkedServer {
    async fn commands(&self) -> Result<Vec<CommandFound>, ServerError> {
        let commands = self.client.commands().await?.value.into_iter();
        let found = commands.map(|command| CommandFound {
            name: command.name,
            description: command.description.unwrap_or_default(),
            hints: command.hints,
        });
        Ok(found.collect())
    }

    async fn agents(&self) -> Result<Vec<AgentFound>, ServerError> {
        let agents = self.client.agents().await?.value.into_iter();
        let shown = agents.filter(|agent| !agent.hidden);
        Ok(shown.map(agent_found).collect())
    }

    async fn models(&self) -> Result<Vec<ModelOffer>, ServerError> {
        let providers = self.client.providers().await?.value.providers;
        Ok(providers.into_iter().flat_map(models_of).collect())
    }

    async fn find_files(&self, query: &str, most: usize) -> Result<Vec<String>, ServerError> {
        Ok(self.client.find_files(query, most).await?)
    }
}

impl Folders for Hub {
    fn check_trust(&self, folder: &Folder) -> Result<(), AddError> {
        Self::check_trust(self, folder)
    }

    fn trust(&self, folder: &Path) -> Result<(), AddError> {
        Self::trust(self, folder)
    }
}

impl Sessions for LinkedServer {
    async fn newest(&self, most: usize) -> Result<Vec<SessionFound>, ServerError> {
        let listed = self.client.sessions(Some(most)).await?.value;
        Ok(listed.into_iter().map(found).collect())
    }

    async fn older(&self, before: Timestamp) -> Result<Option<OlderPage>, ServerError> {
        if self.capabilities().is_empty() {
            return Ok(None);
        }
        let page = self
            .client
            .sessions_before(before.0, limits::SESSIONS)
            .await?;
        let page = assemble::older(page, before);
        Ok(Some((page.sessions, page.older)))
    }

    async fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ServerError> {
        let page = self.client.messages(session.as_str(), limit, before);
        let page = page.await?;
        Ok(MessagePage {
            messages: dialect::conversation(page.messages),
            before: page.next,
            malformed: page.malformed,
        })
    }

    async fn create(&self, new: &NewSession) -> Result<SessionFound, ServerError> {
        let new = client::NewSession {
            title: new.title.clone(),
            parent_id: new.parent.clone(),
            metadata: Some(new.metadata.clone()).filter(|metadata| !metadata.is_empty()),
            ..client::NewSession::default()
        };
        Ok(found(self.client.create_session(&new).await?))
    }

    async fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> Result<SessionFound, ServerError> {
        let changed = self.client.update_session(session.as_str(), change).await;
        Ok(found(changed?))
    }

    async fn changes(
        &self,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, ServerError> {
        let message = message.map(|id| id.as_str());
        let files = self.client.changed_files(session.as_str(), message).await?;
        let file = |file: client::ChangedFile| ChangedFile {
            file: file.file,
            patch: file.patch,
            additions: file.additions,
            deletions: file.deletions,
            status: file.status,
        };
        let files = files.into_iter().take(limits::SESSION_FILES);
        Ok(files.map(file).collect())
    }

    async fn delete(&self, session: &SessionId) -> Result<(), ServerError> {
        Ok(self.client.delete_session(session.as_str()).await?)
    }

    async fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), ServerError> {
        let (session, message) = (session.as_str(), message.as_str());
        Ok(self.client.delete_message(session, message).await?)
    }

    async fn steer(&self, _session: &SessionId, _message: &MessageId) -> Result<(), ServerError> {
        let text = "OpenCode 1 has no inbox of prompts";
        Err(ServerError::Rejected(text.to_owned()))
    }

    async fn fork(
        &self,
        session: &SessionId,
        before: Option<&MessageId>,
    ) -> Result<SessionFound, ServerError> {
        let before = before.map(MessageId::as_str);
        Ok(found(
            self.client.fork_session(session.as_str(), before).await?,
        ))
    }

    async fn revert(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<SessionFound, ServerError> {
        let reverted = self.client.revert(session.as_str(), message.as_str());
        Ok(found(reverted.await?))
    }

    async fn unrevert(&self, session: &SessionId) -> Result<SessionFound, ServerError> {
        Ok(found(self.client.unrevert(session.as_str()).await?))
    }

    async fn compact(
        &self,
        session: &SessionId,
        model: Option<&ModelChoice>,
    ) -> Result<(), ServerError> {
        let Some(model) = model else {
            let text = "OpenCode 1 asks for the model that writes the summary";
            return Err(ServerError::Rejected(text.to_owned()));
        };
        let (provider, model) = (&model.provider_id, &model.model_id);
        let summary = self.client.summarize(session.as_str(), provider, model);
        Ok(summary.await?)
    }
}

fn found(session: wire::SessionInfo) -> SessionFound {
    SessionFound {
        id: session.id.into(),
        directory: session.directory.into(),
        raw: dialect::json(session.raw),
    }
}

fn wire_reply(reply: PermissionReply) -> wire::PermissionReply {
    match reply {
        PermissionReply::Once => wire::PermissionReply::Once,
        PermissionReply::Always => wire::PermissionReply::Always,
        PermissionReply::Reject => wire::PermissionReply::Reject,
    }
}

fn agent_found(agent: AgentInfo) -> AgentFound {
    let mode = agent.mode.as_deref();
    AgentFound {
        can_be_chosen: mode != Some("subagent"),
        can_be_mentioned: mode != Some("primary"),
        name: agent.name,
        description: agent.description.unwrap_or_default(),
    }
}

fn models_of(provider: ProviderInfo) -> impl Iterator<Item = ModelOffer> {
    let (id, name) = (provider.id, provider.name);
    provider.models.into_iter().map(move |model| ModelOffer {
        provider_id: id.clone(),
        provider: name.clone(),
        model_id: model.id,
        name: model.name,
        context: model.context,
        input: model.cost.input,
        output: model.cost.output,
        variants: model.variants,
    })
}

impl From<ClientError> for ServerError {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::NotFound { .. } => Self::NotFound(text),
            ClientError::Conflict { .. } => Self::Running(text),
            ClientError::Unauthorized { .. } | ClientError::Forbidden { .. } => Self::Denied(text),
            ClientError::Status {
                status: 408 | 429, ..
            } => Self::TryLater(text),
            ClientError::Timeout { .. } => Self::Timeout(text),
            error if error.is_refusal() => Self::Rejected(text),
            _ => Self::Failed(text),
        }
    }
}

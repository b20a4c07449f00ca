//! The servers of the hub, as the ones that commands are for.

use std::path::Path;

use model::ids::{InstanceId, MessageId, SessionId};
use opencode::client::{MessagePage, NewSession};
use opencode::{ClientError, wire};
use serde::Serialize;

use super::{Hub, LinkedServer};
use crate::command::Change;
use crate::command::port::{Folders, Found, PermissionReply, Server, Servers, Sessions};
use crate::ingest::dialect::{self, Dialect};
use crate::registry::AddError;
use crate::workspace::Folder;

impl Servers for Hub {
    type Server = LinkedServer;

    fn server(&self, instance: &InstanceId) -> Option<LinkedServer> {
        Self::server(self, instance)
    }
}

impl Server for LinkedServer {
    fn dialect(&self) -> Dialect {
        self.dialect
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

    async fn session(&self, id: &SessionId) -> Result<Found, ClientError> {
        Ok(found(self.client.session(id.as_str()).await?))
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ClientError> {
        self.client.has_message(session.as_str(), message).await
    }

    async fn prompt(
        &self,
        session: &SessionId,
        body: &(impl Serialize + Sync),
    ) -> Result<(), ClientError> {
        self.client.prompt_async(session.as_str(), body).await
    }

    async fn reply_permission(
        &self,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ClientError> {
        self.client
            .reply_permission(id, wire_reply(reply), message)
            .await
    }

    async fn reply_question(&self, id: &str, answers: &[Vec<String>]) -> Result<(), ClientError> {
        self.client.reply_question(id, answers).await
    }

    async fn reject_question(&self, id: &str) -> Result<(), ClientError> {
        self.client.reject_question(id).await
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ClientError> {
        self.client.abort(session.as_str()).await
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
    async fn newest(&self, most: usize) -> Result<Vec<Found>, ClientError> {
        let listed = self.client.sessions(Some(most)).await?.value;
        Ok(listed.into_iter().map(found).collect())
    }

    async fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ClientError> {
        self.client.messages(session.as_str(), limit, before).await
    }

    async fn create(&self, new: &NewSession) -> Result<Found, ClientError> {
        Ok(found(self.client.create_session(new).await?))
    }

    async fn change(&self, session: &SessionId, change: &Change) -> Result<Found, ClientError> {
        let changed = self.client.update_session(session.as_str(), change).await;
        Ok(found(changed?))
    }

    async fn delete(&self, session: &SessionId) -> Result<(), ClientError> {
        self.client.delete_session(session.as_str()).await
    }

    async fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), ClientError> {
        let (session, message) = (session.as_str(), message.as_str());
        self.client.delete_message(session, message).await
    }
}

fn found(session: wire::SessionInfo) -> Found {
    Found {
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

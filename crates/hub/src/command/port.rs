//! The port to servers that are told things: what a prompt and an answer need of one, so that a simulation can be one.

use std::future::Future;

use model::ids::{InstanceId, SessionId};
use opencode::ClientError;
use opencode::wire::{PermissionReply, SessionInfo};
use serde::Serialize;

use crate::ingest::dialect::Dialect;
use crate::instances::Hub;
use crate::instances::LinkedServer;

/// The servers of a hub.
pub trait Servers: Clone + Send + Sync + 'static {
    /// One of them.
    type Server: Server;

    /// The server of an instance, once it has answered.
    fn server(&self, instance: &InstanceId) -> Option<Self::Server>;
}

/// A server, asked about one folder. Cheap to clone.
///
/// Each exchange ends in the way of [`ClientError`]: after one that is no [refusal](ClientError::is_refusal), what was
/// sent may have arrived.
pub trait Server: Clone + Send + Sync + 'static {
    /// How it speaks.
    fn dialect(&self) -> Dialect;

    /// The same server, asked about another folder; about its own if the name is empty.
    #[must_use]
    fn at(&self, directory: &str) -> Self;

    /// One session, of any folder.
    fn session(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<SessionInfo, ClientError>> + Send;

    /// Whether a session has a message. False as well if there is no such session.
    fn has_message(
        &self,
        session: &SessionId,
        message: &str,
    ) -> impl Future<Output = Result<bool, ClientError>> + Send;

    /// Gives a session a prompt, in OpenCode's shape.
    fn prompt(
        &self,
        session: &SessionId,
        body: &(impl Serialize + Sync),
    ) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Answers a permission request. The first answer counts; later ones are [not found](ClientError::NotFound).
    fn reply_permission(
        &self,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Answers a question, as [`reply_permission`](Self::reply_permission) does.
    fn reply_question(
        &self,
        id: &str,
        answers: &[Vec<String>],
    ) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Rejects a question, as [`reply_permission`](Self::reply_permission) does.
    fn reject_question(&self, id: &str) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Stops what a session does.
    fn abort(&self, session: &SessionId) -> impl Future<Output = Result<(), ClientError>> + Send;
}

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

    async fn session(&self, id: &SessionId) -> Result<SessionInfo, ClientError> {
        self.client.session(id.as_str()).await
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
        self.client.reply_permission(id, reply, message).await
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

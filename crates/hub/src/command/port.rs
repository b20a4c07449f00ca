//! The port to servers that are told things: what a prompt and an answer need of one, so that a simulation can be one.

use std::future::Future;

use std::path::Path;
use std::sync::Arc;

use model::ids::{InstanceId, MessageId, SessionId};
use model::json::Json;
use opencode::ClientError;
use opencode::client::{MessagePage, NewSession};
use serde::{Deserialize, Serialize};

use super::session::Change;
use crate::ingest::dialect::Dialect;
use crate::registry::AddError;
use crate::workspace::Folder;

/// A person's answer to a permission request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionReply {
    /// Allows this call alone.
    Once,
    /// Allows this call, and those that its `always` patterns match until the server ends.
    Always,
    /// Does not allow this call.
    Reject,
}

/// A session as its server tells it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id.
    pub id: Arc<str>,
    /// The folder that it works in.
    pub directory: Arc<str>,
    /// All that its server tells of it, in the server's own shape.
    pub raw: Json,
}

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
    fn session(&self, id: &SessionId) -> impl Future<Output = Result<Found, ClientError>> + Send;

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

/// Servers of which the hub runs some in folders of its own machine.
pub trait Folders: Servers {
    /// Looks whether a person trusts a folder. Blocks on the disk if not.
    ///
    /// # Errors
    /// Nobody does; it says what the folder's configuration would run.
    fn check_trust(&self, folder: &Folder) -> Result<(), AddError>;

    /// Notes that a person trusts a folder. Blocks on the disk.
    ///
    /// # Errors
    /// It is no folder, or that it is trusted cannot be kept.
    fn trust(&self, folder: &Path) -> Result<(), AddError>;
}

/// A server whose sessions can be listed, made, changed and removed.
pub trait Sessions: Server {
    /// The newest sessions of the folder that it is asked about, so many at most.
    fn newest(&self, most: usize) -> impl Future<Output = Result<Vec<Found>, ClientError>> + Send;

    /// A page of a session's messages: the newest, or those before a cursor; all of them without a limit.
    fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> impl Future<Output = Result<MessagePage, ClientError>> + Send;

    /// Makes a session in the folder that it is asked about.
    fn create(&self, new: &NewSession) -> impl Future<Output = Result<Found, ClientError>> + Send;

    /// Changes a session.
    fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> impl Future<Output = Result<Found, ClientError>> + Send;

    /// Removes a session with its children.
    fn delete(&self, session: &SessionId) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Removes a message.
    fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;
}

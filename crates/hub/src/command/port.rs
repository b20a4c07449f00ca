//! The port to servers for commands: what a prompt and an answer need of a server. A simulation can
//! implement it.

mod capabilities;
mod sent;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use model::ids::{InstanceId, MessageId, SessionId};
use model::json::Json;
use model::state::{MessageInfo, Part, SessionInfo};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::server_error::ServerError;
pub use capabilities::{Capabilities, Capability, IdForm, Incapable, ServerKind};
pub use sent::{Delivery, NewCommand, NewContent, NewMessage, NewPart, NewShell, Place};

use crate::registry::AddError;
use crate::workspace::Folder;

/// A person's answer to a permission request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionReply {
    /// Allows this call only.
    Once,
    /// Allows this call, and all calls that match its `always` patterns until the server ends.
    Always,
    /// Rejects this call.
    Reject,
}

/// A session as reported by its server.
#[derive(Clone, Debug)]
pub struct SessionFound {
    /// Id of the session.
    pub id: Arc<str>,
    /// The working folder of the session.
    pub directory: Arc<str>,
    /// All fields of the session, in the server's own format.
    pub raw: Json,
}

/// Sessions, and the time before which there are more.
pub type OlderPage = (Vec<SessionInfo>, Option<Timestamp>);

/// A model by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// Id of the model's provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Id of the model.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ModelOffer {
    /// Its provider's id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Its provider's name.
    pub provider: String,
    /// Its id at its provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
    /// Its name.
    pub name: String,
    /// Tokens that fit into its context; 0 where unknown.
    pub context: u64,
    /// US dollars for a million tokens that it reads; 0 where it is free, or unknown.
    pub input: f64,
    /// US dollars for a million tokens that it writes.
    pub output: f64,
    /// Names of its variants, such as how long it reasons.
    pub variants: Vec<String>,
}

/// A change of a session, in OpenCode's format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The new title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The changed times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<ChangeTime>,
}

/// Times of a session that can be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTime {
    /// When the session was archived, in milliseconds since 1970; 0 takes it out of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<u64>,
}

/// A page of a session's messages.
#[derive(Clone, Debug, PartialEq)]
pub struct MessagePage {
    /// The messages with their parts, oldest first.
    pub messages: Vec<(MessageInfo, Vec<Part>)>,
    /// Cursor of the previous (older) page; `None` on the oldest page.
    pub before: Option<String>,
    /// Number of messages and parts that could not be decoded and are omitted.
    pub malformed: usize,
}

/// A file that a session changed, as its server recorded it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path, as the server writes it.
    pub file: String,
    /// The patch; empty if the server has none.
    pub patch: String,
    /// Lines that came.
    pub additions: u64,
    /// Lines that went.
    pub deletions: u64,
    /// What happened to it: `added`, `deleted` or `modified`.
    pub status: String,
}

/// The parameters of a new session; the folder is that of [`Server::at`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, for a server that takes one: a session of that id is given back if there is one.
    pub id: Option<Arc<str>>,
    /// The title; chosen by the server if absent.
    pub title: Option<String>,
    /// Id of the parent session.
    pub parent: Option<String>,
    /// Data of the hub that the server stores with the session, by name.
    pub metadata: BTreeMap<String, String>,
}

/// A command that a prompt can begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandFound {
    /// The name, without the slash.
    pub name: String,
    /// The description; empty if the command has none.
    pub description: String,
    /// The arguments that the command takes, such as `$1`.
    pub hints: Vec<String>,
}

/// An agent that may be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFound {
    /// The name, which prompts refer to.
    pub name: String,
    /// The description; empty if the agent has none.
    pub description: String,
    /// True if a person can choose it for a prompt; false for an agent that only other agents call.
    pub can_be_chosen: bool,
    /// True if a prompt can mention it, so that the chosen agent calls it.
    pub can_be_mentioned: bool,
}

/// The servers of a hub.
pub trait Servers: Clone + Send + Sync + 'static {
    /// The type of one server.
    type Server: Server;

    /// The server of an instance, once it has connected.
    fn server(&self, instance: &InstanceId) -> Option<Self::Server>;
}

/// A server, scoped to one folder. Cheap to clone.
///
/// A failed request ends with a [`ServerError`]: unless the error is a
/// [refusal](ServerError::is_refusal), the request may have arrived.
pub trait Server: Clone + Send + Sync + 'static {
    /// What kind of server it is.
    fn kind(&self) -> ServerKind;

    /// What the server is, such as `OpenCode 1`: for sentences.
    fn product(&self) -> &'static str {
        self.kind().product
    }

    /// What the server can do.
    fn capabilities(&self) -> Capabilities {
        self.kind().can
    }

    /// The form of the ids that it takes.
    fn ids(&self) -> IdForm;

    /// The same server, scoped to another folder; to its own folder if the name is empty.
    #[must_use]
    fn at(&self, directory: &str) -> Self;

    /// Reads one session, of any folder.
    fn session(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// True if a session has a message. False also if the session does not exist.
    fn has_message(
        &self,
        session: &SessionId,
        message: &str,
    ) -> impl Future<Output = Result<bool, ServerError>> + Send;

    /// Sends a message to a session, after which a run begins. The first message of an id counts.
    fn prompt(
        &self,
        session: &SessionId,
        message: &NewMessage,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Begins a turn with a command, and waits until the server has it, or until the turn has ended.
    fn command(
        &self,
        session: &SessionId,
        command: &NewCommand,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Runs a shell command in a session's folder, and waits until the server has it, or until it has ended.
    fn shell(
        &self,
        session: &SessionId,
        shell: &NewShell,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Answers a permission request of a session. The first answer counts; later ones fail with [not
    /// found](ServerError::NotFound).
    fn reply_permission(
        &self,
        session: &SessionId,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Answers a question, as [`reply_permission`](Self::reply_permission) does.
    fn reply_question(
        &self,
        session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Rejects a question, as [`reply_permission`](Self::reply_permission) does.
    fn reject_question(
        &self,
        session: &SessionId,
        id: &str,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Notes for all clients of the server that a person has seen how the last run of a session ended.
    fn viewed(&self, _session: &SessionId) -> impl Future<Output = Result<(), ServerError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Aborts the run of a session.
    fn abort(&self, session: &SessionId) -> impl Future<Output = Result<(), ServerError>> + Send;
}

/// Servers of which the hub runs some in folders of its machine.
pub trait Folders: Servers {
    /// Checks that a person trusts a folder. Blocks on the disk.
    ///
    /// # Errors Nobody trusts the folder; the error lists what the folder's configuration would
    /// run.
    fn check_trust(&self, folder: &Folder) -> Result<(), AddError>;

    /// Records that a person trusts a folder. Blocks on the disk.
    ///
    /// # Errors The path is not a folder, or the trust cannot be saved.
    fn trust(&self, folder: &Path) -> Result<(), AddError>;
}

/// A server that says what a prompt can be made of.
pub trait Lookups: Server {
    /// Commands of the folder that it is asked about.
    fn commands(&self) -> impl Future<Output = Result<Vec<CommandFound>, ServerError>> + Send;

    /// Agents of the folder that may be shown to a person.
    fn agents(&self) -> impl Future<Output = Result<Vec<AgentFound>, ServerError>> + Send;

    /// Models of every configured provider, by provider.
    fn models(&self) -> impl Future<Output = Result<Vec<ModelOffer>, ServerError>> + Send;

    /// Paths in the folder that match a query, so many at most; those of folders end with a slash.
    fn find_files(
        &self,
        query: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<String>, ServerError>> + Send;
}

/// A server whose sessions can be listed, created, changed and deleted.
pub trait Sessions: Server {
    /// The newest sessions of the scoped folder, up to the given number.
    fn newest(
        &self,
        most: usize,
    ) -> impl Future<Output = Result<Vec<SessionFound>, ServerError>> + Send;

    /// A page of the scoped folder's sessions that last changed before a time of the server, newest first, with the time before which
    /// there are more; `None` if the server has no such list.
    fn older(
        &self,
        before: Timestamp,
    ) -> impl Future<Output = Result<Option<OlderPage>, ServerError>> + Send;

    /// A page of a session's messages: the newest, or those before a cursor; all messages without a
    /// limit.
    fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> impl Future<Output = Result<MessagePage, ServerError>> + Send;

    /// Creates a session in the scoped folder.
    fn create(
        &self,
        new: &NewSession,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// Changes a session.
    fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// The files that a session changed, or that one prompt of it did, as its server recorded them.
    fn changes(
        &self,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> impl Future<Output = Result<Vec<ChangedFile>, ServerError>> + Send;

    /// Deletes a session and its children.
    fn delete(&self, session: &SessionId) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Deletes a message; one that is not delivered yet is taken back.
    fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Delivers a prompt that waits in the server's inbox to the run that is under way. Rejected if the prompt waits no more.
    fn steer(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Copies a session: the messages before `before`, or all of them.
    fn fork(
        &self,
        session: &SessionId,
        before: Option<&MessageId>,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// Reverts a session's messages from `message` on, with their changes to files.
    fn revert(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// Undoes a revert.
    fn unrevert(
        &self,
        session: &SessionId,
    ) -> impl Future<Output = Result<SessionFound, ServerError>> + Send;

    /// Replaces a session's context by a summary, written by a model where the server lets its clients choose one. Returns once the
    /// server has the request, or once the summary is written, which may take minutes.
    fn compact(
        &self,
        session: &SessionId,
        model: Option<&ModelChoice>,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;
}

//! Rows of sessions, and what they refer to.

use serde::{Deserialize, Serialize};

use super::id::{Mark, MessageId, SessionId};
use super::words::{FileStatus, Outcome};
use crate::json::{Count, Raw, lenient, null_default};
use crate::wire::{FromRaw, Millis};

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// The session whose tool made it. A fork has [`fork`](Self::fork) instead.
    pub parent_id: Option<SessionId>,
    /// The session that it was copied from, and up to where.
    pub fork: Option<Fork>,
    /// Id of the project.
    pub project_id: Option<String>,
    /// The agent of the next step.
    pub agent: Option<String>,
    /// The model of the next step.
    pub model: Option<ModelRef>,
    /// Cost so far, in US dollars.
    pub cost: f64,
    /// Tokens so far.
    pub tokens: Tokens,
    /// How its last run ended; absent before the first end, and while it runs.
    pub outcome: Option<Outcome>,
    /// Times of the row.
    pub time: SessionTime,
    /// The title; absent until one is made.
    pub title: Option<String>,
    /// The folder within the project.
    pub subpath: Option<String>,
    /// What clients put there.
    pub metadata: Option<Raw>,
    /// Rules of its own for permissions.
    pub permissions: Vec<PermissionRule>,
    /// Set while messages are taken back and this is not committed.
    pub revert: Option<Revert>,
    /// Where it works.
    pub location: Location,
    /// The JSON of the object.
    pub raw: Raw,
}

impl SessionInfo {
    /// True if its last run ended after a person last looked at it.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        match (self.time.idle, self.time.viewed) {
            (Some(idle), Some(viewed)) => idle > viewed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Times of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SessionTime {
    /// Time of creation.
    #[serde(deserialize_with = "lenient")]
    pub created: Millis,
    /// Time of the last change.
    #[serde(deserialize_with = "lenient")]
    pub updated: Millis,
    /// End of the last run.
    #[serde(deserialize_with = "lenient")]
    pub idle: Option<Mark>,
    /// The end up to which somebody has seen it, in any client.
    #[serde(deserialize_with = "lenient")]
    pub viewed: Option<Mark>,
    /// Time of archival.
    #[serde(deserialize_with = "lenient")]
    pub archived: Option<Millis>,
}

/// Where a session was copied from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fork {
    /// The session.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// How much of it.
    pub boundary: Boundary,
}

/// How much of a history is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Boundary {
    /// `before` or `through`.
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub kind: String,
    /// The message at the boundary.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
}

/// A folder, and the workspace that it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The folder.
    pub directory: String,
    /// Id of the workspace.
    #[serde(rename = "workspaceID", default, deserialize_with = "lenient")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

/// A reference to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// The model's id at its provider.
    pub id: String,
    /// Id of the provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Named variant, such as a reasoning effort.
    #[serde(default, deserialize_with = "lenient")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input tokens, excluding cached ones.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Output tokens of reasoning.
    pub reasoning: u64,
    /// Input tokens read from the provider's cache.
    pub cache_read: u64,
    /// Input tokens written to the provider's cache.
    pub cache_write: u64,
}

/// A rule for permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRule {
    /// The action.
    pub action: String,
    /// What it is done to, as a pattern.
    pub resource: String,
    /// `allow`, `deny` or `ask`.
    pub effect: String,
}

/// From where messages are taken back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revert {
    /// The first message that is taken back.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// The first piece of it.
    #[serde(rename = "partID", default, deserialize_with = "lenient")]
    pub part_id: Option<String>,
    /// The files as they were.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot: Option<String>,
    /// What changed in files, with whole patches.
    #[serde(default, deserialize_with = "null_default")]
    pub files: Vec<FileDiff>,
}

/// What changed in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileDiff {
    /// Its path.
    pub file: String,
    /// The unified diff.
    #[serde(default, deserialize_with = "lenient")]
    pub patch: String,
    /// Lines that came.
    #[serde(default, deserialize_with = "count")]
    pub additions: u64,
    /// Lines that went.
    #[serde(default, deserialize_with = "count")]
    pub deletions: u64,
    /// What happened to it.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<FileStatus>,
}

/// A count that a server may write as a float, or not at all.
pub(super) fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    lenient::<D, Count>(deserializer).map(|count| count.0)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokensWire {
    input: Count,
    output: Count,
    reasoning: Count,
    #[serde(deserialize_with = "lenient")]
    cache: CacheWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheWire {
    read: Count,
    write: Count,
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = TokensWire::deserialize(deserializer)?;
        Ok(Self {
            input: wire.input.0,
            output: wire.output.0,
            reasoning: wire.reasoning.0,
            cache_read: wire.cache.read.0,
            cache_write: wire.cache.write.0,
        })
    }
}

#[derive(Deserialize)]
struct SessionWire {
    id: SessionId,
    #[serde(rename = "parentID", default)]
    parent_id: Option<SessionId>,
    #[serde(default, deserialize_with = "lenient")]
    fork: Option<Fork>,
    #[serde(rename = "projectID", default, deserialize_with = "lenient")]
    project_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    agent: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    model: Option<ModelRef>,
    #[serde(default, deserialize_with = "lenient")]
    cost: f64,
    #[serde(default, deserialize_with = "lenient")]
    tokens: Tokens,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default, deserialize_with = "lenient")]
    time: SessionTime,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    subpath: Option<String>,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    permissions: Vec<PermissionRule>,
    #[serde(default)]
    revert: Option<Revert>,
    location: Location,
}

impl FromRaw for SessionInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: SessionWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            parent_id: wire.parent_id,
            fork: wire.fork,
            project_id: wire.project_id,
            agent: wire.agent,
            model: wire.model,
            cost: wire.cost,
            tokens: wire.tokens,
            outcome: wire.outcome,
            time: wire.time,
            title: wire.title,
            subpath: wire.subpath,
            metadata: wire.metadata,
            permissions: wire.permissions,
            revert: wire.revert,
            location: wire.location,
            raw,
        })
    }
}

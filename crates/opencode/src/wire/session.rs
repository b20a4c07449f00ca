//! Sessions and their status.

use serde::Deserialize;

use super::{FromRaw, Millis};
use crate::json::{Count, Raw, lenient, null_default};

/// The fields of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInfo {
    /// `ses_…`
    pub id: String,
    /// The session that started this one through the `task` tool.
    pub parent_id: Option<String>,
    /// Title; empty if the server sent none.
    pub title: String,
    /// Working folder; empty if the server sent none.
    pub directory: String,
    /// Id of the project.
    pub project_id: Option<String>,
    /// Agent of the last prompt.
    pub agent: Option<String>,
    /// Model of the last prompt.
    pub model: Option<ModelRef>,
    /// Times of creation, change and archival.
    pub time: SessionTime,
    /// Set while messages are reverted but not yet deleted.
    pub revert: Option<Revert>,
    /// Total cost in US dollars.
    pub cost: f64,
    /// Total token counts.
    pub tokens: Tokens,
    /// Lines and files that it changed so far; absent where the server counts none.
    pub summary: Option<Summary>,
    /// Version of OpenCode that created it.
    pub version: Option<String>,
    /// Public URL, if it is shared.
    pub share_url: Option<String>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// What a session changed in files, counted by its server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Files touched.
    pub files: u64,
}

/// Times of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SessionTime {
    /// Time of creation.
    pub created: Millis,
    /// Time of the last change.
    pub updated: Millis,
    /// Time of archival.
    pub archived: Option<Millis>,
    /// Set while its history is being compacted.
    pub compacting: Option<Millis>,
}

/// A reference to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// Id of the provider, for example `anthropic`.
    pub provider_id: String,
    /// The model's id at that provider.
    pub model_id: String,
    /// Named variant, such as a reasoning effort.
    pub variant: Option<String>,
}

/// The position from which messages are reverted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revert {
    /// The first reverted message.
    #[serde(rename = "messageID")]
    pub message_id: String,
    /// The first reverted part in it.
    #[serde(rename = "partID", default)]
    pub part_id: Option<String>,
}

/// Token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Total as reported by the server, if it did.
    pub total: Option<u64>,
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

/// The status of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStatus {
    /// No turn is running.
    Idle,
    /// A turn is running.
    Busy,
    /// The provider failed; the turn waits for its next attempt.
    Retry {
        /// Number of failed attempts.
        attempt: u64,
        /// The error of the provider.
        message: String,
        /// Time of the next attempt.
        next: Option<Millis>,
    },
    /// A status unknown to this version, by its name.
    Other(String),
}

#[derive(Deserialize)]
struct SessionWire {
    id: String,
    #[serde(rename = "parentID", default)]
    parent_id: Option<String>,
    #[serde(default, deserialize_with = "null_default")]
    title: String,
    #[serde(default, deserialize_with = "null_default")]
    directory: String,
    #[serde(rename = "projectID", default, deserialize_with = "lenient")]
    project_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    agent: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    model: Option<ModelWire>,
    #[serde(default, deserialize_with = "lenient")]
    time: SessionTime,
    #[serde(default)]
    revert: Option<Revert>,
    #[serde(default, deserialize_with = "lenient")]
    cost: f64,
    #[serde(default, deserialize_with = "lenient")]
    tokens: TokensWire,
    #[serde(default, deserialize_with = "lenient")]
    summary: Option<SummaryWire>,
    #[serde(default, deserialize_with = "lenient")]
    version: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    share: Option<Share>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SummaryWire {
    additions: Count,
    deletions: Count,
    files: Count,
}

#[derive(Deserialize)]
struct Share {
    url: String,
}

/// A session names its model's id `id`, a message `modelID`.
#[derive(Deserialize)]
pub(super) struct ModelWire {
    #[serde(rename = "providerID")]
    provider_id: String,
    #[serde(rename = "modelID", default)]
    model_id: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokensWire {
    total: Option<Count>,
    input: Count,
    output: Count,
    reasoning: Count,
    cache: CacheWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheWire {
    read: Count,
    write: Count,
}

#[derive(Deserialize)]
struct StatusWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    attempt: Count,
    #[serde(default, deserialize_with = "lenient")]
    message: String,
    #[serde(default, deserialize_with = "lenient")]
    next: Option<Millis>,
}

impl FromRaw for SessionInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: SessionWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            parent_id: wire.parent_id,
            title: wire.title,
            directory: wire.directory,
            project_id: wire.project_id,
            agent: wire.agent,
            model: wire.model.and_then(ModelWire::into_ref),
            time: wire.time,
            revert: wire.revert,
            cost: wire.cost,
            tokens: wire.tokens.into(),
            summary: wire.summary.map(|summary| Summary {
                additions: summary.additions.0,
                deletions: summary.deletions.0,
                files: summary.files.0,
            }),
            version: wire.version,
            share_url: wire.share.map(|share| share.url),
            raw,
        })
    }
}

impl ModelWire {
    pub(super) fn into_ref(self) -> Option<ModelRef> {
        Some(ModelRef {
            provider_id: self.provider_id,
            model_id: self.model_id.or(self.id)?,
            variant: self.variant,
        })
    }
}

impl From<TokensWire> for Tokens {
    fn from(wire: TokensWire) -> Self {
        Self {
            total: wire.total.map(|total| total.0),
            input: wire.input.0,
            output: wire.output.0,
            reasoning: wire.reasoning.0,
            cache_read: wire.cache.read.0,
            cache_write: wire.cache.write.0,
        }
    }
}

impl<'de> Deserialize<'de> for SessionStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = StatusWire::deserialize(deserializer)?;
        Ok(match wire.kind.as_str() {
            "idle" => Self::Idle,
            "busy" => Self::Busy,
            "retry" => Self::Retry {
                attempt: wire.attempt.0,
                message: wire.message,
                next: wire.next,
            },
            _ => Self::Other(wire.kind),
        })
    }
}

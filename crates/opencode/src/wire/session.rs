//! Sessions and their status.

use serde::Deserialize;

use super::{FromRaw, Millis};
use crate::json::{Count, Raw, lenient, null_default};

/// A session's own description.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInfo {
    /// `ses_…`
    pub id: String,
    /// The session that started this one through the `task` tool.
    pub parent_id: Option<String>,
    /// Empty when the server gave none.
    pub title: String,
    /// The folder it works in; empty when the server gave none.
    pub directory: String,
    /// The project's id.
    pub project_id: Option<String>,
    /// The agent of the last prompt.
    pub agent: Option<String>,
    /// The model of the last prompt.
    pub model: Option<ModelRef>,
    /// When it was created, changed, archived.
    pub time: SessionTime,
    /// Set while messages are reverted but not yet dropped.
    pub revert: Option<Revert>,
    /// US dollars so far.
    pub cost: f64,
    /// Tokens so far.
    pub tokens: Tokens,
    /// The OpenCode version that made it.
    pub version: Option<String>,
    /// The public address, when it is shared.
    pub share_url: Option<String>,
    /// The object itself.
    pub raw: Raw,
}

/// Times of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SessionTime {
    /// Creation.
    pub created: Millis,
    /// Last change.
    pub updated: Millis,
    /// Set when archived.
    pub archived: Option<Millis>,
    /// Set while its history is being compacted.
    pub compacting: Option<Millis>,
}

/// A model by its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// For example `anthropic`.
    pub provider_id: String,
    /// The model's id at that provider.
    pub model_id: String,
    /// A named reasoning effort or the like.
    pub variant: Option<String>,
}

/// From where on messages are reverted.
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
    /// As the server summed it, if it did.
    pub total: Option<u64>,
    /// Sent, not from the cache.
    pub input: u64,
    /// Received.
    pub output: u64,
    /// Received as reasoning.
    pub reasoning: u64,
    /// Sent from the provider's cache.
    pub cache_read: u64,
    /// Written to the provider's cache.
    pub cache_write: u64,
}

/// What a session is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStatus {
    /// Nothing.
    Idle,
    /// A turn is running.
    Busy,
    /// The provider failed; the turn waits for its next attempt.
    Retry {
        /// How many attempts have failed.
        attempt: u64,
        /// Why.
        message: String,
        /// When the next attempt starts.
        next: Option<Millis>,
    },
    /// A status this version does not know, by its name.
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
    version: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    share: Option<Share>,
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

//! What a server offers. Providers are read by name only: their full objects hold API keys.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Client, ClientError, Tolerant};
use crate::json::{Raw, lenient};

/// `GET /path`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PathInfo {
    /// The user's home.
    pub home: String,
    /// Where OpenCode keeps its state; servers with the same one share their sessions.
    pub state: String,
    /// Where its configuration is.
    pub config: String,
    /// The project's folder.
    pub worktree: String,
    /// The folder asked about, or the server's own.
    pub directory: String,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AgentInfo {
    /// Its name, by which prompts ask for it.
    pub name: String,
    /// What it is for.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    /// `primary`, `subagent` or `all`.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: Option<String>,
    /// Not to be offered to a person.
    #[serde(default, deserialize_with = "lenient")]
    pub hidden: bool,
    /// Built into OpenCode.
    #[serde(default, deserialize_with = "lenient")]
    pub native: bool,
}

/// The configured providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Providers {
    /// Each provider, with its models.
    pub providers: Vec<ProviderInfo>,
    /// Each provider's default model, by provider id.
    pub default: BTreeMap<String, String>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderInfo {
    /// Its id, by which prompts ask for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its models, by id.
    pub models: Vec<ModelEntry>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ModelEntry {
    /// Its id at its provider, by which prompts ask for it.
    pub id: String,
    /// Its name, empty when it has none.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// Tokens that fit into its context, zero where it does not tell.
    #[serde(rename = "limit", default, deserialize_with = "context")]
    pub context: u64,
}

fn context<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Default, Deserialize)]
    struct Limit {
        #[serde(default)]
        context: f64,
    }
    let limit: Limit = lenient(deserializer)?;
    Ok(limit.context as u64)
}

/// What a folder's configuration chooses, of what matters to a prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ConfigInfo {
    /// The model, as `provider/model`.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<String>,
}

#[derive(Deserialize)]
struct ProvidersWire {
    providers: Vec<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    default: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ProviderWire {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    models: BTreeMap<String, ModelEntry>,
}

impl Client {
    /// `GET /path`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn path(&self) -> Result<PathInfo, ClientError> {
        self.get(&["path"]).await
    }

    /// `GET /config` of the folder ([`at`](Self::at)).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn config(&self) -> Result<ConfigInfo, ClientError> {
        self.get(&["config"]).await
    }

    /// `GET /agent` of the folder ([`at`](Self::at)).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn agents(&self) -> Result<Tolerant<Vec<AgentInfo>>, ClientError> {
        let elements: Vec<Raw> = self.get(&["agent"]).await?;
        let total = elements.len();
        let value: Vec<_> = elements
            .iter()
            .filter_map(|raw| serde_json::from_str(raw.get()).ok())
            .collect();
        Ok(Tolerant {
            malformed: total - value.len(),
            value,
        })
    }

    /// `GET /config/providers` of the folder ([`at`](Self::at)).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn providers(&self) -> Result<Tolerant<Providers>, ClientError> {
        let wire: ProvidersWire = self.get(&["config", "providers"]).await?;
        let decoded = wire
            .providers
            .iter()
            .filter_map(|raw| serde_json::from_str::<ProviderWire>(raw.get()).ok());
        let providers: Vec<_> = decoded.map(ProviderInfo::from).collect();
        let malformed = wire.providers.len() - providers.len();
        Ok(Tolerant {
            value: Providers {
                providers,
                default: wire.default,
            },
            malformed,
        })
    }
}

impl From<ProviderWire> for ProviderInfo {
    fn from(wire: ProviderWire) -> Self {
        Self {
            id: wire.id,
            name: wire.name,
            models: wire.models.into_values().collect(),
        }
    }
}

//! Agents, providers and configuration of a server. Only the names of providers are decoded: their full objects contain
//! API keys.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::{Client, ClientError, Tolerant};
use crate::json::{Raw, lenient};
use crate::limits::MAX_REPLY_BYTES;

/// The reply of `GET /path`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PathInfo {
    /// Home folder of the user.
    pub home: String,
    /// Folder of OpenCode's state; servers with the same folder share their sessions.
    pub state: String,
    /// Folder of the configuration.
    pub config: String,
    /// Top folder of the project.
    pub worktree: String,
    /// The folder of the request, or the server's own.
    pub directory: String,
}

/// `GET /vcs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VcsInfo {
    /// The branch that is checked out; absent without version control.
    #[serde(deserialize_with = "lenient")]
    pub branch: Option<String>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AgentInfo {
    /// Name, which prompts refer to.
    pub name: String,
    /// Description of its purpose.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    /// `primary`, `subagent` or `all`.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: Option<String>,
    /// True if it must not be offered to a person.
    #[serde(default, deserialize_with = "lenient")]
    pub hidden: bool,
    /// True if it is built into OpenCode.
    #[serde(default, deserialize_with = "lenient")]
    pub native: bool,
}

/// The configured providers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Providers {
    /// Each provider, with its models.
    pub providers: Vec<ProviderInfo>,
    /// Each provider's default model, by provider id.
    pub default: BTreeMap<String, String>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderInfo {
    /// Id, which prompts refer to.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its models, by id.
    pub models: Vec<ModelEntry>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ModelEntry {
    /// Id at its provider, which prompts refer to.
    pub id: String,
    /// Display name; empty if it has none.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// Size of the context in tokens; zero if unknown.
    #[serde(rename = "limit", default, deserialize_with = "context")]
    pub context: u64,
    /// What it costs; zero where it does not tell.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: ModelCost,
    /// Names of its variants, such as how long it reasons.
    #[serde(default, deserialize_with = "names")]
    pub variants: Vec<String>,
}

/// What a model costs, in US dollars for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct ModelCost {
    /// Price of input tokens.
    #[serde(default, deserialize_with = "lenient")]
    pub input: f64,
    /// Price of output tokens.
    #[serde(default, deserialize_with = "lenient")]
    pub output: f64,
}

/// The names of an object's fields; none where it is no object.
fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let object: BTreeMap<String, serde::de::IgnoredAny> = lenient(deserializer)?;
    Ok(object.into_keys().collect())
}

/// A command that a prompt can begin with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommandInfo {
    /// Its name, without the slash.
    pub name: String,
    /// Description of its effect.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    /// `command`, `mcp` or `skill`.
    #[serde(default, deserialize_with = "lenient")]
    pub source: Option<String>,
    /// The arguments that its text has places for, such as `$1` or `$ARGUMENTS`.
    #[serde(default, deserialize_with = "lenient")]
    pub hints: Vec<String>,
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

/// The settings of a folder's configuration that affect prompts.
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

    /// `GET /vcs` of the folder ([`at`](Self::at)).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn vcs(&self) -> Result<VcsInfo, ClientError> {
        self.get(&["vcs"]).await
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

    /// `GET /command` of the folder ([`at`](Self::at)).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn commands(&self) -> Result<Tolerant<Vec<CommandInfo>>, ClientError> {
        let elements: Vec<Raw> = self.get(&["command"]).await?;
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

    /// `GET /find/file` of the folder ([`at`](Self::at)): paths that match a query, the best first, relative to the
    /// folder; those of folders end with a slash.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn find_files(&self, query: &str, most: usize) -> Result<Vec<String>, ClientError> {
        let most = most.to_string();
        let request = self.request(Method::GET, &["find", "file"]).query(&[
            ("query", query),
            ("dirs", "true"),
            ("limit", &most),
        ]);
        let reply = self.exchange(request, MAX_REPLY_BYTES).await?;
        reply.decode().await
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

//! Messages, without their parts.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::session::{ModelWire, TokensWire};
use super::time::TimeWire;
use super::{FromRaw, Millis, ModelRef, PartInfo, Tokens};
use crate::json::{Raw, lenient, null_default};

/// The fields of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageInfo {
    /// `msg_…`
    pub id: String,
    /// Id of the session.
    pub session_id: String,
    /// The author.
    pub role: Role,
    /// The user message that an assistant message answers; several may answer one.
    pub parent_id: Option<String>,
    /// Time of creation.
    pub created: Option<Millis>,
    /// Time of completion of an assistant message; absent while it runs, and forever if its server died.
    pub completed: Option<Millis>,
    /// The failure of an assistant message.
    pub error: Option<ErrorInfo>,
    /// The reason why the model stopped: `stop`, `tool-calls`, …
    pub finish: Option<String>,
    /// True for an assistant message that summarizes a compacted history.
    pub summary: bool,
    /// The agent of the message.
    pub agent: Option<String>,
    /// The agent's mode, on assistant messages.
    pub mode: Option<String>,
    /// The model of the message.
    pub model: Option<ModelRef>,
    /// Cost in US dollars.
    pub cost: f64,
    /// Token counts.
    pub tokens: Tokens,
    /// Working folder, on assistant messages.
    pub cwd: Option<String>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// The model.
    Assistant,
}

/// An error of OpenCode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorInfo {
    /// Name such as `MessageAbortedError`, `APIError`, `ProviderAuthError`.
    pub name: String,
    /// A sentence, or the name if there is none.
    pub message: String,
    /// The JSON of the object.
    pub raw: Raw,
}

impl ErrorInfo {
    /// True if a person stopped the turn, which is not a failure.
    #[must_use]
    pub fn is_abort(&self) -> bool {
        self.name == "MessageAbortedError"
    }
}

/// A message with its parts, as in REST replies.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageWithParts {
    /// The message.
    pub info: MessageInfo,
    /// Its parts, in order.
    pub parts: Vec<PartInfo>,
}

#[derive(Deserialize)]
struct MessageWire {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    role: Role,
    #[serde(rename = "parentID", default)]
    parent_id: Option<String>,
    #[serde(default, deserialize_with = "null_default")]
    time: TimeWire,
    #[serde(default)]
    error: Option<ErrorInfo>,
    #[serde(default, deserialize_with = "lenient")]
    finish: Option<String>,
    // On user messages an object of diffs, on assistant messages a flag.
    #[serde(default, deserialize_with = "lenient")]
    summary: bool,
    #[serde(default, deserialize_with = "lenient")]
    agent: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    mode: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    model: Option<ModelWire>,
    #[serde(rename = "providerID", default, deserialize_with = "lenient")]
    provider_id: Option<String>,
    #[serde(rename = "modelID", default, deserialize_with = "lenient")]
    model_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    variant: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    cost: f64,
    #[serde(default, deserialize_with = "lenient")]
    tokens: TokensWire,
    #[serde(default, deserialize_with = "lenient")]
    path: Option<PathWire>,
}

#[derive(Deserialize)]
struct PathWire {
    cwd: String,
}

#[derive(Deserialize)]
struct WithPartsWire<'a> {
    #[serde(borrow)]
    info: &'a RawValue,
    #[serde(borrow, default)]
    parts: Vec<&'a RawValue>,
}

impl FromRaw for MessageInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: MessageWire = serde_json::from_str(raw.get())?;
        let model = match (wire.model, wire.provider_id, wire.model_id) {
            (Some(model), _, _) => model.into_ref(),
            (None, Some(provider_id), Some(model_id)) => Some(ModelRef {
                provider_id,
                model_id,
                variant: wire.variant,
            }),
            (None, _, _) => None,
        };
        Ok(Self {
            id: wire.id,
            session_id: wire.session_id,
            role: wire.role,
            parent_id: wire.parent_id,
            created: wire.time.created,
            completed: wire.time.completed,
            error: wire.error,
            finish: wire.finish,
            summary: wire.summary,
            agent: wire.agent,
            mode: wire.mode,
            model,
            cost: wire.cost,
            tokens: wire.tokens.into(),
            cwd: wire.path.map(|path| path.cwd),
            raw,
        })
    }
}

impl MessageWithParts {
    /// Decodes a list of messages in the shape of REST. A message or part that does not decode is omitted.
    ///
    /// # Errors
    /// When `json` is not a JSON array.
    pub fn parse_list(json: &str) -> Result<Vec<Self>, serde_json::Error> {
        let listed: Vec<&RawValue> = serde_json::from_str(json)?;
        let mut malformed = 0;
        let decoded = listed
            .into_iter()
            .filter_map(|one| Self::from_value(one, &mut malformed).ok());
        Ok(decoded.collect())
    }

    /// Decodes an element of a message list; a part that does not decode is omitted and counted in `malformed`.
    pub(crate) fn from_value(
        value: &RawValue,
        malformed: &mut usize,
    ) -> Result<Self, serde_json::Error> {
        let wire: WithPartsWire<'_> = serde_json::from_str(value.get())?;
        let info = MessageInfo::from_value(wire.info)?;
        let mut parts = Vec::with_capacity(wire.parts.len());
        for part in wire.parts {
            match PartInfo::from_value(part) {
                Ok(part) => parts.push(part),
                Err(_) => *malformed += 1,
            }
        }
        Ok(Self { info, parts })
    }
}

/// Servers, providers and plugins write errors of any form: every value decodes as an error.
impl<'de> Deserialize<'de> for ErrorInfo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let field = |name: &str| value.get(name).and_then(text);
        let name = field("name").or_else(|| field("_tag")).unwrap_or_default();
        let data = value.get("data").unwrap_or(&Value::Null);
        let message = data.get("message").and_then(text);
        let message = message.or_else(|| field("message")).or_else(|| text(data));
        let message = message
            .or_else(|| text(&value))
            .filter(|message| !message.trim().is_empty());
        // Without a name the JSON of the value is the message.
        let message = match message {
            Some(message) => message,
            None if name.is_empty() && !value.is_null() => raw.get().to_owned(),
            None => name.clone(),
        };
        Ok(Self { name, message, raw })
    }
}

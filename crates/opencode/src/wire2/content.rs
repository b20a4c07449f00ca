//! What a step of the model consists of.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::Failure;
use super::id::CallId;
use crate::json::{Raw, lenient, null_default};
use crate::wire::Millis;

/// One piece of a step. What a provider keeps for itself in it is left out: it may be large, and says nothing to people.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A part of the answer; empty over REST while it is open.
    Text {
        /// The text.
        text: String,
    },
    /// A part of the thinking; empty over REST while it is open.
    Reasoning {
        /// The text.
        text: String,
        /// When it began.
        created: Option<Millis>,
        /// When it was done.
        completed: Option<Millis>,
    },
    /// A call of a tool.
    Tool(Box<Tool>),
    /// A kind that this version does not know, or one that does not decode, by its name.
    Other(String),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its id, unique within its message alone.
    pub id: CallId,
    /// The tool.
    pub name: String,
    /// Whether the provider did it, and not the server.
    pub by_provider: bool,
    /// How far it is.
    pub state: ToolState,
    /// When it began to run.
    pub ran: Option<Millis>,
    /// When it ended.
    pub completed: Option<Millis>,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolState {
    /// Its input is being written.
    Streaming {
        /// The input so far, which is no JSON yet; empty over REST.
        input: String,
    },
    /// It runs.
    Running {
        /// The input.
        input: Raw,
        /// What it says of itself; empty over REST.
        metadata: Option<Raw>,
    },
    /// It gave a result.
    Completed {
        /// The input.
        input: Raw,
        /// The result.
        content: Vec<ToolContent>,
        /// What it says of itself.
        metadata: Option<Raw>,
    },
    /// It failed.
    Failed {
        /// The input.
        input: Raw,
        /// Why.
        error: Failure,
        /// What it gave before.
        content: Vec<ToolContent>,
        /// What it says of itself.
        metadata: Option<Raw>,
    },
    /// A state that this version does not know, by its name.
    Other(String),
}

/// A piece of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolContent {
    /// A text.
    Text(String),
    /// A file.
    File {
        /// Where it is, which may be a `data:` address of megabytes.
        uri: String,
        /// Its media type.
        mime: String,
        /// Its name.
        name: Option<String>,
    },
    /// A kind that this version does not know, by its name.
    Other(String),
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    kind: String,
}

#[derive(Deserialize)]
struct TextWire {
    #[serde(default, deserialize_with = "null_default")]
    text: String,
    #[serde(default, deserialize_with = "lenient")]
    time: TimeWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TimeWire {
    created: Option<Millis>,
    ran: Option<Millis>,
    completed: Option<Millis>,
}

#[derive(Deserialize)]
struct ToolWire {
    id: CallId,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    executed: bool,
    state: ToolState,
    #[serde(default, deserialize_with = "lenient")]
    time: TimeWire,
}

#[derive(Deserialize)]
struct StateWire {
    status: String,
    #[serde(default)]
    input: Option<Raw>,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "null_default")]
    content: Vec<ToolContent>,
    #[serde(default)]
    error: Failure,
}

#[derive(Deserialize)]
struct ResultWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "null_default")]
    text: String,
    #[serde(default, deserialize_with = "null_default")]
    uri: String,
    #[serde(default, deserialize_with = "lenient")]
    mime: String,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
}

impl Content {
    /// Reads a piece. One that does not decode keeps its place.
    pub(super) fn of(value: &RawValue) -> Self {
        Self::decoded(value.get()).unwrap_or_else(|_| {
            let kind = serde_json::from_str::<Kind>(value.get());
            Self::Other(kind.map(|kind| kind.kind).unwrap_or_default())
        })
    }

    fn decoded(json: &str) -> Result<Self, serde_json::Error> {
        let Kind { kind } = serde_json::from_str(json)?;
        Ok(match kind.as_str() {
            "text" => Self::Text {
                text: serde_json::from_str::<TextWire>(json)?.text,
            },
            "reasoning" => {
                let wire: TextWire = serde_json::from_str(json)?;
                Self::Reasoning {
                    text: wire.text,
                    created: wire.time.created,
                    completed: wire.time.completed,
                }
            }
            "tool" => {
                let wire: ToolWire = serde_json::from_str(json)?;
                Self::Tool(Box::new(Tool {
                    id: wire.id,
                    name: wire.name,
                    by_provider: wire.executed,
                    state: wire.state,
                    ran: wire.time.ran,
                    completed: wire.time.completed,
                }))
            }
            _ => Self::Other(kind),
        })
    }
}

impl<'de> Deserialize<'de> for ToolState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let wire = StateWire::deserialize(deserializer)?;
        let input = || {
            let empty = || Raw::parse("{}").map_err(D::Error::custom);
            wire.input.clone().map_or_else(empty, Ok)
        };
        Ok(match wire.status.as_str() {
            "streaming" => Self::Streaming {
                input: match &wire.input {
                    Some(input) => serde_json::from_str(input.get()).unwrap_or_default(),
                    None => String::new(),
                },
            },
            "running" => Self::Running {
                input: input()?,
                metadata: wire.metadata,
            },
            "completed" => Self::Completed {
                input: input()?,
                content: wire.content,
                metadata: wire.metadata,
            },
            "error" => Self::Failed {
                input: input()?,
                error: wire.error,
                content: wire.content,
                metadata: wire.metadata,
            },
            _ => Self::Other(wire.status),
        })
    }
}

impl<'de> Deserialize<'de> for ToolContent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = ResultWire::deserialize(deserializer)?;
        Ok(match wire.kind.as_str() {
            "text" => Self::Text(wire.text),
            "file" => Self::File {
                uri: wire.uri,
                mime: wire.mime,
                name: wire.name,
            },
            _ => Self::Other(wire.kind),
        })
    }
}

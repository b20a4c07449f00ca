//! Messages of a session, and what they consist of.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::Content;
use super::failure::Failure;
use super::id::{MessageId, ShellId};
use super::inbox::Prompt;
use super::session::{Location, ModelRef, Tokens};
use super::words::{CompactionReason, Outcome, ShellStatus};
use crate::json::{Raw, lenient, null_default};
use crate::wire::{FromRaw, Millis};

/// One entry of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id, which says nothing of its place.
    pub id: MessageId,
    /// Time of creation.
    pub created: Millis,
    /// What it is.
    pub kind: MessageKind,
    /// The JSON of the object.
    pub raw: Raw,
}

/// The kinds of messages.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageKind {
    /// A person's prompt.
    User(Box<Prompt>),
    /// A step of the model.
    Assistant(Box<Assistant>),
    /// A text that nobody typed.
    Synthetic(Note),
    /// Instructions that changed.
    System(Note),
    /// A skill that was made use of.
    Skill {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
    /// Another agent from here on.
    AgentSwitched {
        /// The agent.
        agent: String,
    },
    /// Another model from here on.
    ModelSwitched {
        /// The model.
        model: ModelRef,
    },
    /// Another folder from here on.
    LocationSwitched {
        /// The folder.
        location: Location,
    },
    /// A shell command of a person.
    Shell(Box<Shell>),
    /// The history before was made shorter here.
    Compaction(Box<Compaction>),
    /// A run ended here.
    Idle {
        /// How it ended.
        outcome: Outcome,
        /// Why it failed.
        error: Option<Failure>,
    },
    /// A kind that this version does not know, by its name.
    Other(String),
}

/// A text between the steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// The text.
    #[serde(default, deserialize_with = "null_default")]
    pub text: String,
    /// What it is, in a few words.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
}

/// A step of the model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Assistant {
    /// The agent.
    #[serde(default, deserialize_with = "lenient")]
    pub agent: String,
    /// The model.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<ModelRef>,
    /// Texts, reasoning and tools, in the order in which they began.
    #[serde(default, deserialize_with = "contents")]
    pub content: Vec<Content>,
    /// Why the model stopped.
    #[serde(default, deserialize_with = "lenient")]
    pub finish: Option<String>,
    /// Cost in US dollars.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: f64,
    /// Tokens.
    #[serde(default, deserialize_with = "lenient")]
    pub tokens: Tokens,
    /// Why the step failed.
    #[serde(default)]
    pub error: Option<Failure>,
    /// Set while it waits for another attempt.
    #[serde(default, deserialize_with = "lenient")]
    pub retry: Option<Retry>,
    /// Its times.
    #[serde(default, deserialize_with = "lenient")]
    pub time: StepTime,
}

/// Times of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StepTime {
    /// When the provider was done; tools may run on.
    pub streamed: Option<Millis>,
    /// When all was done.
    pub completed: Option<Millis>,
}

/// The next attempt of a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Retry {
    /// Which attempt it is.
    #[serde(default, deserialize_with = "super::session::count")]
    pub attempt: u64,
    /// When it begins.
    #[serde(default, deserialize_with = "lenient")]
    pub at: Option<Millis>,
    /// Why the one before failed.
    #[serde(default)]
    pub error: Failure,
}

/// A shell command of a person.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Shell {
    /// Id of the command.
    #[serde(rename = "shellID")]
    pub shell_id: ShellId,
    /// The command.
    #[serde(default, deserialize_with = "lenient")]
    pub command: String,
    /// What it is doing.
    pub status: ShellStatus,
    /// Its exit code; absent where it has none that is a number.
    #[serde(default, deserialize_with = "lenient")]
    pub exit: Option<f64>,
    /// What it printed.
    #[serde(default, deserialize_with = "lenient")]
    pub output: Option<ShellOutput>,
}

/// What a command printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShellOutput {
    /// The text.
    #[serde(deserialize_with = "lenient")]
    pub output: String,
    /// Whether there is more than the text.
    #[serde(deserialize_with = "lenient")]
    pub truncated: bool,
}

/// A history that was made shorter.
#[derive(Debug, Clone, PartialEq)]
pub struct Compaction {
    /// `running`, `completed` or `failed`.
    pub status: String,
    /// Why.
    pub reason: CompactionReason,
    /// What stands for the history.
    pub summary: String,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// Elements that decode; what does not decode counts as of an unknown kind, so that the places of the others stay.
fn contents<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Content>, D::Error> {
    let listed = Vec::<&RawValue>::deserialize(deserializer)?;
    Ok(listed.into_iter().map(Content::of).collect())
}

#[derive(Deserialize)]
struct MessageWire {
    id: MessageId,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    time: TimeWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TimeWire {
    created: Millis,
}

#[derive(Deserialize)]
struct SkillWire {
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    text: String,
}

#[derive(Deserialize)]
struct AgentWire {
    agent: String,
}

#[derive(Deserialize)]
struct ModelWire {
    model: ModelRef,
}

#[derive(Deserialize)]
struct LocationWire {
    location: Location,
}

#[derive(Deserialize)]
struct CompactionWire {
    status: String,
    reason: CompactionReason,
    #[serde(default, deserialize_with = "null_default")]
    summary: String,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct IdleWire {
    outcome: Outcome,
    #[serde(default)]
    error: Option<Failure>,
}

fn kind(name: String, json: &str) -> Result<MessageKind, serde_json::Error> {
    Ok(match name.as_str() {
        "user" => MessageKind::User(serde_json::from_str(json)?),
        "assistant" => MessageKind::Assistant(serde_json::from_str(json)?),
        "synthetic" => MessageKind::Synthetic(serde_json::from_str(json)?),
        "system" => MessageKind::System(serde_json::from_str(json)?),
        "skill" => {
            let SkillWire { name, text } = serde_json::from_str(json)?;
            MessageKind::Skill { name, text }
        }
        "agent-switched" => {
            let AgentWire { agent } = serde_json::from_str(json)?;
            MessageKind::AgentSwitched { agent }
        }
        "model-switched" => {
            let ModelWire { model } = serde_json::from_str(json)?;
            MessageKind::ModelSwitched { model }
        }
        "location-switched" => {
            let LocationWire { location } = serde_json::from_str(json)?;
            MessageKind::LocationSwitched { location }
        }
        "shell" => MessageKind::Shell(serde_json::from_str(json)?),
        "compaction" => {
            let wire: CompactionWire = serde_json::from_str(json)?;
            MessageKind::Compaction(Box::new(Compaction {
                status: wire.status,
                reason: wire.reason,
                summary: wire.summary,
                error: wire.error,
            }))
        }
        "idle" => {
            let IdleWire { outcome, error } = serde_json::from_str(json)?;
            MessageKind::Idle { outcome, error }
        }
        _ => MessageKind::Other(name),
    })
}

impl FromRaw for Message {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: MessageWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            created: wire.time.created,
            kind: kind(wire.kind, raw.get())?,
            raw,
        })
    }
}

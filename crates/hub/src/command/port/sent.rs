//! What is sent to a session, in no server's own format.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ModelChoice;

/// When a prompt for a running session is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// After the run.
    #[default]
    Queue,
    /// Into the run, at its next step.
    Steer,
}

/// A message of a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMessage {
    /// Its id.
    pub id: Arc<str>,
    /// What it consists of, in order.
    pub parts: Vec<NewPart>,
    /// Name of the agent; the session's last agent if absent.
    pub agent: Option<String>,
    /// The model; the session's last model if absent.
    pub model: Option<ModelChoice>,
    /// Name of the model's variant; the default variant if absent.
    pub variant: Option<String>,
    /// When it is delivered, for a server that lets its clients choose.
    pub delivery: Delivery,
}

/// A turn that begins with a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewCommand {
    /// Id of its message, for a server that takes one.
    pub id: Arc<str>,
    /// Name of the command, without its slash.
    pub name: String,
    /// Its arguments.
    pub arguments: String,
    /// Files beside them.
    pub parts: Vec<NewPart>,
    /// Name of the agent; the command's own if absent.
    pub agent: Option<String>,
    /// The model; the command's own if absent.
    pub model: Option<ModelChoice>,
    /// Name of the model's variant; the default variant if absent.
    pub variant: Option<String>,
    /// When it is delivered, for a server that lets its clients choose.
    pub delivery: Delivery,
}

/// A shell command for a session's folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewShell {
    /// Id of its message, for a server that takes one.
    pub id: Arc<str>,
    /// The command.
    pub command: String,
    /// Name of the agent on whose behalf it runs.
    pub agent: String,
    /// The model of the message; the session's last model if absent.
    pub model: Option<ModelChoice>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPart {
    /// Its id, for a server that takes one.
    pub id: Option<Arc<str>>,
    /// What it is.
    pub content: NewContent,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum NewContent {
    /// A text.
    Text(String),
    /// A file or folder that the text mentions.
    File {
        /// Its path, relative to the session's folder.
        path: String,
        /// Its address.
        url: String,
        /// True for a folder.
        is_folder: bool,
        /// Where it is mentioned.
        place: Place,
    },
    /// An agent that the text mentions.
    Agent {
        /// Its name.
        name: String,
        /// Where it is mentioned.
        place: Place,
    },
    /// A part as the caller gave it, in the format of OpenCode 1: any kind, with any fields.
    Given(Map<String, Value>),
}

/// Where something is mentioned in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The mention itself.
    pub value: String,
    /// Its first character, in UTF-16 as OpenCode counts.
    pub start: usize,
    /// The character after it.
    pub end: usize,
}

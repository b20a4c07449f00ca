//! Items of a session's inbox: what was sent, and is not yet delivered.

use serde::Deserialize;

use super::id::{InboxId, SessionId};
use super::session::Location;
use super::words::Delivery;
use crate::json::{Raw, lenient, null_default};
use crate::wire::{FromRaw, Millis};

/// What waits, or was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxItem {
    /// What it is.
    pub kind: InboxKind,
    /// When it is delivered.
    pub delivery: Delivery,
}

/// The kinds of items.
#[derive(Debug, Clone, PartialEq)]
pub enum InboxKind {
    /// A person's prompt.
    User(Box<Prompt>),
    /// A text that nobody typed, such as the report of a subagent.
    Synthetic {
        /// The text.
        text: String,
        /// What it is, in a few words.
        description: Option<String>,
    },
    /// The history shall be compacted.
    Compaction,
    /// The session shall go on in another folder.
    Move {
        /// The folder.
        location: Location,
    },
    /// A kind that this version does not know, by its name.
    Other(String),
}

/// A person's prompt.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Prompt {
    /// The text.
    #[serde(default, deserialize_with = "null_default")]
    pub text: String,
    /// Files with their bytes.
    #[serde(default, deserialize_with = "lenient")]
    pub files: Vec<PromptFile>,
    /// Agents that it names.
    #[serde(default, deserialize_with = "lenient")]
    pub agents: Vec<Named>,
    /// Skills that it names.
    #[serde(default, deserialize_with = "lenient")]
    pub skills: Vec<Named>,
    /// What the client put there.
    #[serde(default)]
    pub metadata: Option<Raw>,
}

/// A file of a prompt, as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PromptFile {
    /// Its bytes in base64; megabytes where it is a picture.
    #[serde(default, deserialize_with = "lenient")]
    pub data: String,
    /// Its media type.
    #[serde(default, deserialize_with = "lenient")]
    pub mime: String,
    /// Its name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// What it shows, in a few words.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
}

/// Something that a prompt names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// An item with its place in the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxEntry {
    /// Its id, which is that of the message once it is delivered.
    pub id: InboxId,
    /// The session.
    pub session_id: SessionId,
    /// When it was admitted.
    pub created: Millis,
    /// The item.
    pub item: InboxItem,
    /// The JSON of the object.
    pub raw: Raw,
}

#[derive(Deserialize)]
struct ItemWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Option<Raw>,
    delivery: Delivery,
}

#[derive(Deserialize)]
struct SyntheticWire {
    #[serde(default, deserialize_with = "null_default")]
    text: String,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
}

#[derive(Deserialize)]
struct MoveWire {
    location: Location,
}

impl<'de> Deserialize<'de> for InboxItem {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let wire = ItemWire::deserialize(deserializer)?;
        let payload = wire.payload.as_ref().map_or("{}", Raw::get);
        let kind = match wire.kind.as_str() {
            "user" => serde_json::from_str(payload).map(|prompt| InboxKind::User(Box::new(prompt))),
            "synthetic" => {
                serde_json::from_str(payload).map(|wire: SyntheticWire| InboxKind::Synthetic {
                    text: wire.text,
                    description: wire.description,
                })
            }
            "compaction" => Ok(InboxKind::Compaction),
            "move" => serde_json::from_str(payload).map(|wire: MoveWire| InboxKind::Move {
                location: wire.location,
            }),
            _ => Ok(InboxKind::Other(wire.kind)),
        };
        Ok(Self {
            kind: kind.map_err(D::Error::custom)?,
            delivery: wire.delivery,
        })
    }
}

impl FromRaw for InboxEntry {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        #[derive(Default, Deserialize)]
        struct Time {
            created: Millis,
        }
        #[derive(Deserialize)]
        struct Wire {
            id: InboxId,
            #[serde(rename = "sessionID")]
            session_id: SessionId,
            #[serde(default, deserialize_with = "lenient")]
            time: Time,
        }
        let wire: Wire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            session_id: wire.session_id,
            created: wire.time.created,
            item: serde_json::from_str(raw.get())?,
            raw,
        })
    }
}

//! What waits for a person: permissions and forms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{CallId, FormId, MessageId, PermissionId, SessionId};
use crate::json::{Raw, lenient, null_default};
use crate::wire::FromRaw;

/// A call that needs permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRequest {
    /// Its id.
    pub id: PermissionId,
    /// The session of the call; the child for a subagent.
    pub session_id: SessionId,
    /// The kind of permission.
    pub action: String,
    /// The exact commands, paths or addresses.
    pub resources: Vec<String>,
    /// The patterns that an answer of *always* would save; without any it saves nothing.
    pub save: Vec<String>,
    /// Data of the tool, such as diffs.
    pub metadata: Option<Raw>,
    /// The call.
    pub source: Option<CallRef>,
    /// A sentence for the person.
    pub message: Option<String>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// A reference to a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallRef {
    /// Its message.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// The call in it.
    #[serde(rename = "id")]
    pub call_id: CallId,
}

/// Whose form it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FormOwner {
    /// A session's.
    Session(SessionId),
    /// The folder's, as those of MCP servers are.
    Folder,
}

impl FormOwner {
    /// As it stands in addresses and bodies.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Session(id) => id.as_str(),
            Self::Folder => "global",
        }
    }
}

impl<'de> Deserialize<'de> for FormOwner {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = SessionId::deserialize(deserializer)?;
        Ok(match id.as_str() {
            "global" => Self::Folder,
            _ => Self::Session(id),
        })
    }
}

/// Questions to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct FormInfo {
    /// Its id.
    pub id: FormId,
    /// Whose it is.
    pub owner: FormOwner,
    /// Its title.
    pub title: String,
    /// Why it is there; of a tool's question the call.
    pub metadata: Option<Raw>,
    /// The fields in their order.
    pub fields: Vec<FormField>,
    /// What became of it, where the server reports that.
    pub state: Option<FormState>,
    /// The JSON of the object.
    pub raw: Raw,
}

/// What became of a form.
#[derive(Debug, Clone, PartialEq)]
pub enum FormState {
    /// It waits.
    Pending,
    /// It was answered.
    Answered(Answer),
    /// It was dismissed.
    Cancelled {
        /// What the person wrote.
        message: Option<String>,
    },
    /// A state that this version does not know, by its name.
    Other(String),
}

/// Answers by the keys of the fields.
pub type Answer = BTreeMap<String, AnswerValue>;

/// The answer to a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AnswerValue {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text, or the value of an option. Also `Infinity`, `-Infinity` and `NaN`, which JSON has no numbers for.
    Text(String),
    /// Values of several options.
    Several(Vec<String>),
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct FormField {
    /// The key of its answer.
    pub key: String,
    /// Its title.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Whether the form cannot be sent without it.
    pub required: bool,
    /// Whether it is not shown.
    pub hidden: bool,
    /// Conditions under which it is asked at all; how several join was not seen, *all* is assumed.
    pub when: Vec<FormWhen>,
    /// What can be put in.
    pub kind: FieldKind,
}

/// What can be put into a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// A text, or one of some options.
    Text(Box<TextField>),
    /// A number.
    Number {
        /// Whether it has to be whole.
        whole: bool,
        /// The least.
        minimum: Option<FormNumber>,
        /// The most.
        maximum: Option<FormNumber>,
        /// Where nothing is put in.
        default: Option<FormNumber>,
    },
    /// Yes or no.
    Flag {
        /// Where nothing is put in.
        default: Option<bool>,
    },
    /// Any of some options.
    Several {
        /// The options.
        options: Vec<FormOption>,
        /// The fewest.
        least: Option<u64>,
        /// The most.
        most: Option<u64>,
        /// Whether a text of one's own may be put in.
        custom: bool,
        /// Where nothing is put in.
        default: Vec<String>,
    },
    /// A page to open.
    External {
        /// Its address, of which nothing is known.
        url: String,
    },
    /// A kind that this version does not know, by its name.
    Other(String),
}

/// Bounds and options of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TextField {
    /// `email`, `uri`, `date` or `date-time`.
    #[serde(deserialize_with = "lenient")]
    pub format: Option<String>,
    /// The fewest characters.
    #[serde(deserialize_with = "lenient")]
    pub min_length: Option<u64>,
    /// The most characters.
    #[serde(deserialize_with = "lenient")]
    pub max_length: Option<u64>,
    /// A regular expression.
    #[serde(deserialize_with = "lenient")]
    pub pattern: Option<String>,
    /// What stands there while it is empty.
    #[serde(deserialize_with = "lenient")]
    pub placeholder: Option<String>,
    /// Where nothing is put in.
    #[serde(rename = "default", deserialize_with = "lenient")]
    pub preset: Option<String>,
    /// The options.
    #[serde(deserialize_with = "lenient")]
    pub options: Vec<FormOption>,
    /// Whether a text of one's own may be put in beside the options.
    #[serde(deserialize_with = "lenient")]
    pub custom: bool,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FormOption {
    /// What is answered.
    pub value: String,
    /// What is shown.
    #[serde(default, deserialize_with = "lenient")]
    pub label: String,
    /// What it means.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
}

/// A condition on another field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FormWhen {
    /// The other field.
    pub key: String,
    /// `eq` or `neq`.
    pub op: String,
    /// What it is compared with.
    pub value: AnswerValue,
}

/// A number that may be infinite or none, which JSON has only texts for.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct FormNumber(pub f64);

impl<'de> Deserialize<'de> for FormNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        match AnswerValue::deserialize(deserializer)? {
            AnswerValue::Number(number) => Ok(Self(number)),
            AnswerValue::Text(text) => match text.as_str() {
                "Infinity" => Ok(Self(f64::INFINITY)),
                "-Infinity" => Ok(Self(f64::NEG_INFINITY)),
                "NaN" => Ok(Self(f64::NAN)),
                _ => Err(D::Error::custom("a text is not a number")),
            },
            AnswerValue::Flag(_) | AnswerValue::Several(_) => {
                Err(D::Error::custom("a value is not a number"))
            }
        }
    }
}

#[derive(Deserialize)]
struct FieldWire {
    key: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    required: bool,
    #[serde(default, deserialize_with = "lenient")]
    hidden: bool,
    // A condition that does not decode would show a field that must not be shown: the form does not decode then.
    #[serde(default, deserialize_with = "null_default")]
    when: Vec<FormWhen>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NumberWire {
    #[serde(deserialize_with = "lenient")]
    minimum: Option<FormNumber>,
    #[serde(deserialize_with = "lenient")]
    maximum: Option<FormNumber>,
    #[serde(deserialize_with = "lenient")]
    default: Option<FormNumber>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SeveralWire {
    #[serde(deserialize_with = "null_default")]
    options: Vec<FormOption>,
    #[serde(deserialize_with = "lenient")]
    min_items: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    max_items: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    custom: bool,
    #[serde(deserialize_with = "lenient")]
    default: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FlagWire {
    #[serde(deserialize_with = "lenient")]
    default: Option<bool>,
}

#[derive(Deserialize)]
struct ExternalWire {
    url: String,
}

fn kind(name: &str, json: &str) -> Result<FieldKind, serde_json::Error> {
    Ok(match name {
        "string" => FieldKind::Text(serde_json::from_str(json)?),
        "number" | "integer" => {
            let wire: NumberWire = serde_json::from_str(json)?;
            FieldKind::Number {
                whole: name == "integer",
                minimum: wire.minimum,
                maximum: wire.maximum,
                default: wire.default,
            }
        }
        "boolean" => FieldKind::Flag {
            default: serde_json::from_str::<FlagWire>(json)?.default,
        },
        "multiselect" => {
            let wire: SeveralWire = serde_json::from_str(json)?;
            FieldKind::Several {
                options: wire.options,
                least: wire.min_items,
                most: wire.max_items,
                custom: wire.custom,
                default: wire.default,
            }
        }
        "external" => FieldKind::External {
            url: serde_json::from_str::<ExternalWire>(json)?.url,
        },
        _ => FieldKind::Other(name.to_owned()),
    })
}

impl<'de> Deserialize<'de> for FormField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let raw = Raw::deserialize(deserializer)?;
        let wire: FieldWire = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let kind = kind(&wire.kind, raw.get()).map_err(D::Error::custom)?;
        Ok(Self {
            key: wire.key,
            title: wire.title,
            description: wire.description,
            required: wire.required,
            hidden: wire.hidden,
            when: wire.when,
            kind,
        })
    }
}

impl<'de> Deserialize<'de> for FormState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            status: String,
            #[serde(default, deserialize_with = "lenient")]
            answer: Answer,
            #[serde(default, deserialize_with = "lenient")]
            message: Option<String>,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(match wire.status.as_str() {
            "pending" => Self::Pending,
            "answered" => Self::Answered(wire.answer),
            "cancelled" => Self::Cancelled {
                message: wire.message,
            },
            _ => Self::Other(wire.status),
        })
    }
}

#[derive(Deserialize)]
struct PermissionWire {
    id: PermissionId,
    #[serde(rename = "sessionID")]
    session_id: SessionId,
    #[serde(default, deserialize_with = "null_default")]
    action: String,
    #[serde(default, deserialize_with = "null_default")]
    resources: Vec<String>,
    #[serde(default, deserialize_with = "null_default")]
    save: Vec<String>,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "lenient")]
    source: Option<CallRef>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<String>,
}

impl FromRaw for PermissionRequest {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: PermissionWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            session_id: wire.session_id,
            action: wire.action,
            resources: wire.resources,
            save: wire.save,
            metadata: wire.metadata,
            source: wire.source,
            message: wire.message,
            raw,
        })
    }
}

#[derive(Deserialize)]
struct FormWire {
    id: FormId,
    #[serde(rename = "sessionID")]
    owner: FormOwner,
    #[serde(default, deserialize_with = "null_default")]
    title: String,
    #[serde(default)]
    metadata: Option<Raw>,
    #[serde(default, deserialize_with = "null_default")]
    fields: Vec<FormField>,
    #[serde(default, deserialize_with = "lenient")]
    state: Option<FormState>,
}

impl FromRaw for FormInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        let wire: FormWire = serde_json::from_str(raw.get())?;
        Ok(Self {
            id: wire.id,
            owner: wire.owner,
            title: wire.title,
            metadata: wire.metadata,
            fields: wire.fields,
            state: wire.state,
            raw,
        })
    }
}

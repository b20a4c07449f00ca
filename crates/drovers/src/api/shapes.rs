//! API shapes that the command line uses.
//!
//! Objects store their own JSON text, so that `--json` prints exactly what the hub sent.

use std::fmt;

use opencode::Raw;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::folders::Launch;

/// An object that was understood in part, and is printed whole.
macro_rules! kept {
    ($name:ident, $known:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = Raw::deserialize(deserializer)?;
                let known = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
                Ok(Self { known, raw })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.raw.serialize(serializer)
            }
        }

        impl std::ops::Deref for $name {
            type Target = $known;

            fn deref(&self) -> &$known {
                &self.known
            }
        }
    };
}

/// An instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    known: KnownInstance,
    /// The object itself.
    pub(crate) raw: Raw,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KnownInstance {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) folder: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
    pub(crate) status: Link,
    #[serde(default)]
    pub(crate) attempt: Option<u32>,
    #[serde(default)]
    pub(crate) max_attempts: Option<u32>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) reason_kind: Option<String>,
    /// True if its server has older sessions than those that are listed.
    #[serde(default)]
    pub(crate) older_sessions: bool,
    /// How many of its server's folders the hub reads, where the server works in more.
    #[serde(default)]
    pub(crate) folders_cut: Option<usize>,
    /// The folder that was to be added, where the instance is the service of OpenCode 2 that works in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serves: Option<String>,
    /// Copy of OpenCode 1's sessions that the server makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copying: Option<serde_json::Value>,
    /// Milliseconds by which its server's clock is ahead of the hub's.
    #[serde(default)]
    pub(crate) clock_ahead: i64,
    /// What its server can do, once it has connected.
    #[serde(default)]
    pub(crate) capabilities: Option<Vec<String>>,
    /// The folders in which it has sessions, where it has no folder of its own.
    #[serde(default)]
    pub(crate) folders: Vec<FolderOfService>,
    /// The colour that a person gave it.
    #[serde(default)]
    pub(crate) colour: Option<String>,
    /// Its place among the others.
    #[serde(default)]
    pub(crate) order: Option<u32>,
    /// How its server is started, where the hub starts it.
    #[serde(default)]
    pub(crate) launch: Option<Launch>,
}

/// A folder in which an instance without one of its own has sessions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FolderOfService {
    pub(crate) directory: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) branch: Option<String>,
}

impl KnownInstance {
    /// True if its server has no folder of its own: each session names one.
    pub(crate) fn has_many_folders(&self) -> bool {
        let can = self.capabilities.iter().flatten();
        can.into_iter().any(|one| one == "many_folders")
    }
}

/// State of the hub's link to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Link {
    Connecting,
    Connected,
    Stale,
    Error,
    Disconnected,
}

/// A session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    known: KnownSession,
    /// The object itself.
    pub(crate) raw: Raw,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KnownSession {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) title: String,
    /// The folder that it works in.
    #[serde(default)]
    pub(crate) directory: String,
    #[serde(rename = "parentID", default)]
    pub(crate) parent: Option<String>,
    #[serde(default)]
    pub(crate) time: SessionTime,
    #[serde(default)]
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) mark: Mark,
    #[serde(default)]
    pub(crate) clashes: Vec<Clash>,
}

/// Another session that changes the same.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Clash {
    /// As a sentence.
    #[serde(default)]
    pub(crate) words: String,
}

impl Session {
    /// The session as it is once it was deleted: nothing of it runs.
    pub(crate) fn ended(&self) -> Self {
        let mut ended = self.clone();
        ended.known.mark = Mark {
            name: "idle".to_owned(),
            word: "Deleted".to_owned(),
            ..Mark::default()
        };
        ended
    }
}

impl SessionTime {
    /// True for a session that is archived.
    pub(crate) fn is_archived(&self) -> bool {
        self.archived.is_some_and(|at| at != 0.0)
    }
}

/// The one state that is shown of a session, in words.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Mark {
    /// Name of the mark in the API, such as `to_review`.
    #[serde(rename = "state", default)]
    pub(crate) name: String,
    /// Label of the mark, such as `To review`.
    #[serde(default)]
    pub(crate) word: String,
    /// Reason of the mark, as a sentence.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// Next step, as a sentence.
    #[serde(default)]
    pub(crate) next: Option<String>,
    /// Since when it is so, in Unix milliseconds.
    #[serde(default)]
    pub(crate) since: Option<f64>,
}

impl Mark {
    /// The current step of the session, or the reason why it is idle, and since when; absent if the label is enough.
    pub(crate) fn evidence(&self, now: f64) -> Option<String> {
        let reason = self.reason.as_deref()?;
        let since = self.since.filter(|since| *since > 0.0)?;
        let seconds = ((now - since) / 1000.0).max(0.0) as u64;
        let age = match seconds {
            0..120 => format!("{seconds} s"),
            120..7200 => format!("{} min", seconds / 60),
            7200..172_800 => format!("{} h", seconds / 3600),
            _ => format!("{} d", seconds / 86_400),
        };
        Some(format!("{} ({age})", reason.trim_end_matches('.')))
    }

    /// Reason of the state, and the next step: the command, where the page has a button.
    pub(crate) fn sentence(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or(&self.word);
        let command = match &*self.name {
            "interrupted" => Some("Resume it with `drovers continue`."),
            "needs_you" => Some("Answer it with `drovers allow`, `reject` or `answer`."),
            "to_review" => Some("`drovers show` and `drovers diff` show its work."),
            _ => None,
        };
        let next = self.next.as_deref();
        match next.map(|next| command.unwrap_or(next)) {
            Some(next) => format!("{reason} {next}"),
            None => reason.to_owned(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct SessionTime {
    /// Unix milliseconds.
    #[serde(default)]
    pub(crate) updated: f64,
    /// When it was archived; 0 or absent if it is not.
    #[serde(default)]
    archived: Option<f64>,
}

/// Run status of a session, in OpenCode's terms.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Status {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
}

/// A permission or a question.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    known: KnownWaiting,
    /// The object itself.
    pub(crate) raw: Raw,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KnownWaiting {
    #[serde(rename = "sessionID")]
    pub(crate) session: String,
    #[serde(default)]
    permission: Option<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    questions: Vec<QuestionText>,
}

#[derive(Debug, Clone, Deserialize)]
struct QuestionText {
    #[serde(default)]
    question: String,
}

impl KnownWaiting {
    /// Summary of the request.
    pub(crate) fn words(&self) -> String {
        match &self.permission {
            Some(permission) => {
                format!("permission for {permission}: {}", self.patterns.join(", "))
            }
            None => {
                let questions: Vec<_> = self
                    .questions
                    .iter()
                    .map(|asked| asked.question.as_str())
                    .collect();
                format!("question: {}", questions.join(" / "))
            }
        }
    }
}

kept!(Instance, KnownInstance);
kept!(Session, KnownSession);
kept!(Waiting, KnownWaiting);

/// A message with its parts.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SessionMessage {
    pub(crate) info: Info,
    #[serde(default)]
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Info {
    pub(crate) role: String,
    #[serde(rename = "parentID", default)]
    pub(crate) parent: Option<String>,
    #[serde(default)]
    pub(crate) time: InfoTime,
    #[serde(default)]
    pub(crate) finish: Option<String>,
    /// In any shape: the hub says what it means.
    #[serde(default)]
    pub(crate) error: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct InfoTime {
    #[serde(default)]
    pub(crate) completed: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Part {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) synthetic: bool,
}

/// An instance to be added.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum NewInstance {
    /// A folder in which the hub runs a server.
    Folder {
        folder: String,
        /// A person trusts what its configuration runs.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        trust: bool,
    },
    /// A server that runs already.
    Url {
        url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    },
    /// The background service of OpenCode 2.
    Service {
        /// Always true.
        service: bool,
    },
}

/// A session to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct NewSession {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// Its folder; that of the instance if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<String>,
}

/// Prompt to a session.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<ModelChoice>,
}

impl Prompt {
    /// Only text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            agent: None,
            model: None,
        }
    }
}

/// A model by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelChoice {
    #[serde(rename = "providerID")]
    pub(crate) provider: String,
    #[serde(rename = "modelID")]
    pub(crate) model: String,
}

impl std::str::FromStr for ModelChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => Ok(Self {
                provider: provider.to_owned(),
                model: model.to_owned(),
            }),
            _ => Err("write a model as PROVIDER/MODEL, as listed by `opencode models`"),
        }
    }
}

/// The answer to a prompt.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Prompted {
    /// The message that it became.
    #[serde(rename = "messageID")]
    pub(crate) message: String,
}

/// Health of the hub.
#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    pub(super) log: LogHealth,
    /// The problems, as sentences.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
    /// State of the journal.
    pub(crate) journal: JournalHealth,
}

/// Health of the journal.
#[derive(Debug, Deserialize)]
pub(crate) struct JournalHealth {
    /// Status of the journal.
    pub(crate) status: String,
    /// Reason of a failure.
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogHealth {
    pub(super) end: String,
}

/// Sessions to continue; all interrupted sessions if none are named.
#[derive(Debug, Serialize)]
pub(super) struct ResumeSelection<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sessions: Option<[SessionPath<'a>; 1]>,
}

/// A session by its instance.
#[derive(Debug, Serialize)]
pub(super) struct SessionPath<'a> {
    pub(super) instance: &'a str,
    pub(super) session: &'a str,
}

/// Result of resuming sessions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Resumed {
    /// Those that do.
    pub(crate) continued: Vec<Continued>,
    /// Those that do not.
    pub(crate) failed: Vec<NotResumed>,
}

/// A continued session.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Continued {
    pub(crate) instance: String,
    pub(crate) session: String,
    #[serde(rename = "messageID")]
    pub(crate) message: String,
}

/// A session that does not.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NotResumed {
    pub(crate) instance: String,
    pub(crate) session: String,
    pub(crate) problem: Problem,
}

/// A refusal (RFC 9457).
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    next: Option<String>,
}

impl Problem {
    /// The problem of the hub about a folder that is not trusted, if this is one.
    pub(crate) fn of_untrusted(&self) -> Option<&str> {
        let untrusted = self.kind.as_deref() == Some("urn:drovers:problem:untrusted-folder");
        self.detail.as_deref().filter(|_| untrusted)
    }
}

impl Problem {
    /// True if nobody allowed a project's set-up command yet.
    pub(crate) fn is_setup(&self) -> bool {
        self.kind.as_deref() == Some("urn:drovers:problem:setup-not-allowed")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.detail.as_deref().or(self.title.as_deref());
        f.write_str(message.unwrap_or("the hub refused the request without a reason"))?;
        match &self.next {
            Some(next) => write!(f, ". {next}"),
            None => Ok(()),
        }
    }
}

/// A permission request with all that a person has to know to allow it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Asking {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) permission: String,
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
    #[serde(default)]
    pub(crate) always: Vec<String>,
    pub(crate) fingerprint: String,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) hidden: Option<String>,
    #[serde(default)]
    pub(crate) directory: String,
    #[serde(default)]
    pub(crate) agent: Option<String>,
    #[serde(default)]
    pub(crate) way: Vec<String>,
}

/// A piece of what would run.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    Command(String),
    Diff { path: Option<String>, diff: String },
    Field { name: String, value: String },
}

impl Asking {
    /// Summary of the request.
    pub(crate) fn words(&self) -> String {
        let command = self.pieces.iter().find_map(|piece| match piece {
            Piece::Command(command) => Some(command.as_str()),
            Piece::Diff { path, .. } => path.as_deref(),
            Piece::Field { .. } => None,
        });
        let about = command.map_or_else(|| self.patterns.join(", "), str::to_owned);
        format!("{}: {about}", self.permission)
    }
}

/// An answer to a permission request.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) reply: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

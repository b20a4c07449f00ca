//! How the link to a server stands, and why.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::time::Timestamp;
use crate::{limits, plain};

/// The state of a link, as its supervisor tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkStatus {
    /// Connecting, or reading the state after a connection.
    Connecting {
        /// Tries that failed in a row before this one.
        attempt: u32,
    },
    /// Live: everything shown is true.
    Connected,
    /// Open, but silent for too long: what is shown may be old.
    Stale,
    /// Down; another try is due.
    Error {
        /// Tries that failed in a row.
        attempt: u32,
        /// Tries after which it is given up.
        of: u32,
        /// When the next is due.
        retry_at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Given up until someone asks, or a slow probe finds the server again.
    Disconnected {
        /// Why.
        reason: Reason,
    },
}

impl LinkStatus {
    /// Why it is down; `None` while it is not.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Error { reason, .. } | Self::Disconnected { reason } => Some(reason),
            Self::Connecting { .. } | Self::Connected | Self::Stale => None,
        }
    }
}

/// A link, and since when it is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its state.
    pub status: LinkStatus,
    /// Since when.
    pub since: Timestamp,
    /// When bytes last arrived.
    pub last_event_at: Option<Timestamp>,
    /// Whether the last try failed for want of a login: so also while the next one is under way.
    pub refused: bool,
}

/// Why a link is down: a kind for programs, and a sentence for a person that says what to do where something can be
/// done. It never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Of which kind.
    pub kind: ReasonKind,
    /// In words.
    pub text: Arc<str>,
}

impl Reason {
    /// A reason. What a server said in it is shown as all that others wrote, [`limits::REASON_CHARS`] of it.
    pub fn new(kind: ReasonKind, text: impl AsRef<str>) -> Self {
        Self {
            kind,
            text: plain::line(text.as_ref(), limits::REASON_CHARS).into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What kind of reason keeps a link down. Its name in `snake_case` is part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// The address is not one of a server.
    BadAddress,
    /// The server's process could not be started, or ended before it listened.
    NotStarted,
    /// The name of its host is not known.
    Dns,
    /// Nothing listens there.
    Refused,
    /// No way leads there.
    Unreachable,
    /// No secure connection is possible.
    Tls,
    /// It accepts the connection and does not answer.
    Timeout,
    /// It ended the stream, properly.
    Ended,
    /// The connection was cut.
    Reset,
    /// The connection stands, and nothing was heard on it for too long.
    Silent,
    /// It asks for a password, or refuses ours.
    Unauthorized,
    /// It points elsewhere.
    Redirect,
    /// It failed: status 5xx.
    ServerError,
    /// It answered with nothing, as with status 204.
    EmptyAnswer,
    /// It answered with something of another kind.
    ContentType,
    /// It answered with something that makes no sense.
    BadAnswer,
    /// What answers is not OpenCode.
    #[serde(rename = "not_opencode")]
    NotOpenCode,
    /// It is OpenCode 2.
    #[serde(rename = "opencode2")]
    OpenCode2,
    /// Its events can be heard, its state cannot be read.
    StateUnreadable,
    /// It said more than can be held while its state was read.
    Flooded,
    /// The hub itself failed.
    HubFailed,
}

impl ReasonKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::BadAddress,
        Self::NotStarted,
        Self::Dns,
        Self::Refused,
        Self::Unreachable,
        Self::Tls,
        Self::Timeout,
        Self::Ended,
        Self::Reset,
        Self::Silent,
        Self::Unauthorized,
        Self::Redirect,
        Self::ServerError,
        Self::EmptyAnswer,
        Self::ContentType,
        Self::BadAnswer,
        Self::NotOpenCode,
        Self::OpenCode2,
        Self::StateUnreadable,
        Self::Flooded,
        Self::HubFailed,
    ];
}

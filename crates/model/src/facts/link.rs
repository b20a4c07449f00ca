//! State of the link to a server, with the reason.

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
        /// Time of the next attempt.
        retry_at: Timestamp,
        /// Reason, as a sentence.
        reason: Reason,
    },
    /// Given up until someone asks, or a slow probe finds the server again.
    Disconnected {
        /// Reason, as a sentence.
        reason: Reason,
    },
}

impl LinkStatus {
    /// Reason why the link is down; `None` while it is up.
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
    /// State of the link.
    pub status: LinkStatus,
    /// Since when.
    pub since: Timestamp,
    /// Time at which bytes last arrived.
    pub last_event_at: Option<Timestamp>,
    /// Whether the last attempt failed because a login is required; stays set during the next attempt.
    pub refused: bool,
}

/// The reason why a link is down: a kind for programs, and a sentence for a person with the next step, where something can be
/// done. It never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Of which kind.
    pub kind: ReasonKind,
    /// The text.
    pub text: Arc<str>,
}

impl Reason {
    /// A reason. Text of the server in it is escaped like all foreign text, and cut to [`limits::REASON_CHARS`].
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

/// Kind of reason that keeps a link down. The name in `snake_case` is part of the API.
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
    /// The server accepts the connection and does not answer.
    Timeout,
    /// The server closed the stream in an orderly way.
    Ended,
    /// The connection was cut.
    Reset,
    /// The connection is open, and no event arrived within the timeout.
    Silent,
    /// The server requires a password, or rejects the configured one.
    Unauthorized,
    /// The server redirects to another address.
    Redirect,
    /// The server failed with status 5xx.
    ServerError,
    /// The answer has no body, as with status 204.
    EmptyAnswer,
    /// The answer has another content type.
    ContentType,
    /// The answer cannot be parsed.
    BadAnswer,
    /// The server is not OpenCode.
    #[serde(rename = "not_opencode")]
    NotOpenCode,
    /// The server is OpenCode 2.
    #[serde(rename = "opencode2")]
    OpenCode2,
    /// The event stream works, but the state cannot be read.
    StateUnreadable,
    /// The buffer for events was full before the state was read.
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

/// A copy of an earlier version's sessions that a server makes. Its lists grow without an event meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copying {
    /// It has not begun.
    Due,
    /// It goes on.
    Running {
        /// Number of copied sessions, if the server reports it.
        done: Option<u64>,
        /// Number of all sessions, if the server reports it.
        of: Option<u64>,
    },
    /// It failed: sessions that were not copied are missing.
    Failed(Reason),
}

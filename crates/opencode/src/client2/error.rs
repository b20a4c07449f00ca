//! Errors of requests: refusals with a tag are final, a missing route is something else, and the rest is the transport's.

use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::client::{Answered, Client, ClientError};
use crate::json::one_line;

/// The reason why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The transport failed, or the reply is not OpenCode 2's.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The service refused the request, and named the reason.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The service has no such route: it is of another version.
    #[error("{server} does not offer {path}")]
    NoRoute {
        /// Its address.
        server: String,
        /// Path of the request.
        path: String,
    },
}

/// A refusal with a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Address of the service.
    pub server: String,
    /// The HTTP status.
    pub status: u16,
    /// What it is.
    pub tag: Tag,
    /// A sentence of the service, as one bounded line.
    pub message: String,
    /// By which its log names an unexpected error.
    pub reference: Option<String>,
}

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Tags of refusals.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Tag {
            $($(#[$doc])* $name,)+
            /// A tag that this version does not know.
            Other(String),
        }

        impl Tag {
            fn of(tag: &str) -> Self {
                match tag.strip_suffix("Error").unwrap_or(tag) {
                    $(stringify!($name) => Self::$name,)+
                    _ => Self::Other(one_line(tag)),
                }
            }

            /// The tag without its ending.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => stringify!($name),)+
                    Self::Other(tag) => tag,
                }
            }
        }
    };
}

tags! {
    /// 401: a password is needed, or another one.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 400: the request is wrong.
    InvalidRequest,
    /// 400: the cursor is none, or of another list.
    InvalidCursor,
    /// 404: no such session.
    SessionNotFound,
    /// 404: no such message in it.
    MessageNotFound,
    /// 404: no such folder.
    LocationNotFound,
    /// 404: the request is not there, or was answered.
    PermissionNotFound,
    /// 404: the form is not there, or was settled a while ago.
    FormNotFound,
    /// 409: the form was settled.
    FormAlreadySettled,
    /// 400: the answer does not fit the form.
    FormInvalidAnswer,
    /// 409: the id is another's.
    Conflict,
    /// 409: the session runs.
    SessionBusy,
    /// 404: no such command.
    CommandNotFound,
    /// 500: the command failed.
    CommandExecution,
    /// 404: no such skill.
    SkillNotFound,
    /// 404: no such agent.
    AgentNotFound,
    /// 503.
    ServiceUnavailable,
    /// 500: something unexpected.
    Unknown,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "_tag")]
    tag: String,
    #[serde(default)]
    message: String,
    #[serde(rename = "ref", default)]
    reference: Option<String>,
}

impl Error {
    /// What a reply that is no success means.
    pub(super) fn refused(client: &Client, answered: &Answered) -> Self {
        let server = client.name();
        let status = answered.status;
        if let Ok(body) = serde_json::from_str::<Body>(&answered.text) {
            return Self::Refused(Box::new(Refusal {
                server,
                status: status.as_u16(),
                tag: Tag::of(&body.tag),
                message: one_line(&body.message),
                reference: body.reference.as_deref().map(one_line),
            }));
        }
        let path = answered.path.clone();
        match status {
            StatusCode::NOT_FOUND => Self::NoRoute { server, path },
            StatusCode::UNAUTHORIZED => Self::Client(ClientError::Unauthorized {
                server,
                given: client.has_credentials(),
            }),
            _ => Self::Client(ClientError::Status {
                server,
                path,
                status: status.as_u16(),
                excerpt: one_line(&answered.text),
            }),
        }
    }

    /// The tag of a refusal.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Refused(refusal) => Some(&refusal.tag),
            Self::Client(_) | Self::NoRoute { .. } => None,
        }
    }

    /// True if the request had no effect and never will. After anything else it may have arrived: it is asked for, and sent again with
    /// the same ids.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            // 408 and 429 ask for a repetition.
            Self::Refused(refusal) => {
                matches!(refusal.status, 400..=499) && ![408, 429].contains(&refusal.status)
            }
            Self::Client(error) => error.is_refusal(),
            Self::NoRoute { .. } => true,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            message,
            tag,
            ..
        } = self;
        match tag {
            Tag::Unauthorized => write!(f, "{server} refuses the password, or asks for one"),
            _ if message.is_empty() => write!(f, "{server} refuses this: {}", tag.as_str()),
            _ => write!(f, "{server} refuses this: {message}"),
        }
    }
}

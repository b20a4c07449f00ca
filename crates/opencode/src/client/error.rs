//! Why a server could not be asked, told apart so that a person knows what to do.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use hyper_util::client::legacy;
use serde::Deserialize;
use url::Url;

use crate::json::{one_line, reason};
use crate::limits::CONNECT_TIMEOUT;

/// Why a request failed. `server` is its address, without user and password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one of a server.
    #[error(
        "an address that begins with `{scheme}:` is not one of a server: it has to begin with http:// or https://"
    )]
    BadAddress {
        /// What it begins with.
        scheme: String,
    },
    /// No HTTP client could be made.
    #[error("the HTTP client cannot be set up: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
    /// The host's name does not resolve.
    #[error("the name `{host}` is not known on this network")]
    Dns {
        /// The name.
        host: String,
    },
    /// Nothing listens there.
    #[error("nothing listens at {server}: the server is not running, or on another port")]
    Refused {
        /// Its address.
        server: String,
    },
    /// The connection was cut before the reply, or the stream, had ended.
    #[error("{server} broke off the connection")]
    Reset {
        /// Its address.
        server: String,
    },
    /// No answer in time.
    #[error("{server} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// Its address.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// The encrypted connection could not be made.
    #[error("no secure connection to {server} is possible: {reason}")]
    Tls {
        /// Its address.
        server: String,
        /// Why.
        reason: String,
    },
    /// Any other failure of the connection.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server points elsewhere. It is not followed: a password must not travel on.
    #[error("{server} redirects to {}: give that address instead", location.as_deref().unwrap_or("an unnamed place"))]
    Redirect {
        /// Its address.
        server: String,
        /// The HTTP status, 3xx.
        status: u16,
        /// Where it points, without user, password and query.
        location: Option<String>,
    },
    /// 401.
    #[error("{server} {}", if *given { "refuses the password" } else { "asks for a password" })]
    Unauthorized {
        /// Its address.
        server: String,
        /// Whether one was sent.
        given: bool,
    },
    /// 403.
    #[error("{server} does not let Drovers in (status 403){}", told(excerpt))]
    Forbidden {
        /// Its address.
        server: String,
        /// What the server says.
        excerpt: String,
    },
    /// 404.
    #[error("{server} does not know {path}{}", told(excerpt))]
    NotFound {
        /// Its address.
        server: String,
        /// What was asked for.
        path: String,
        /// What the server says.
        excerpt: String,
    },
    /// 409: the session is busy.
    #[error("{server} cannot do this now, as the session is busy{}", told(excerpt))]
    Conflict {
        /// Its address.
        server: String,
        /// What was asked for.
        path: String,
        /// What the server says.
        excerpt: String,
    },
    /// Any other refusal.
    #[error("{server} answered {path} with status {status}{}", told(excerpt))]
    Status {
        /// Its address.
        server: String,
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What the server says.
        excerpt: String,
    },
    /// An event stream was asked for, and the server has none to give (204 and the like).
    #[error("{server} gives no event stream (status {status})")]
    NoStream {
        /// Its address.
        server: String,
        /// The HTTP status, 2xx but not 200.
        status: u16,
    },
    /// A reply was asked for, and nothing came (204 and the like).
    #[error("{server} answered {path} with nothing (status {status})")]
    Empty {
        /// Its address.
        server: String,
        /// What was asked for.
        path: String,
        /// The HTTP status, 2xx.
        status: u16,
    },
    /// The reply is of another kind.
    #[error("{server} answered with {} instead of {wanted}", found.as_deref().unwrap_or("data of no kind"))]
    ContentType {
        /// Its address.
        server: String,
        /// The media type asked for.
        wanted: &'static str,
        /// The media type given.
        found: Option<String>,
    },
    /// Something answers, but not OpenCode.
    #[error("the server at {server} is not OpenCode")]
    NotOpenCode {
        /// Its address.
        server: String,
    },
    /// OpenCode 2 answers, whose protocol is another one.
    #[error("the server at {server} is OpenCode {}, and Drovers needs version 1 for now", version.as_deref().unwrap_or("2"))]
    V2NotSpoken {
        /// Its address.
        server: String,
        /// For example `2.1.2`, where it tells.
        version: Option<String>,
    },
    /// The reply is not the JSON that was expected.
    #[error("the server's reply does not make sense: {reason}")]
    BadJson {
        /// Why.
        reason: String,
    },
    /// The reply is larger than is accepted.
    #[error("the reply of {server} is larger than {} MiB", limit / (1024 * 1024))]
    TooLarge {
        /// Its address.
        server: String,
        /// The bound, in bytes.
        limit: usize,
    },
}

impl ClientError {
    /// True if the server answered that it does not do what it was asked, so that nothing came of it. After any other
    /// failure it may have been done.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. } => true,
            // 408 and 429 ask to try again.
            Self::Status { status, .. } => {
                matches!(status, 400..=499) && ![408, 429].contains(status)
            }
            _ => false,
        }
    }

    pub(super) fn bad_json(error: serde_json::Error) -> Self {
        Self::BadJson {
            reason: reason(&error),
        }
    }
}

fn told(excerpt: &str) -> String {
    if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    }
}

/// An exchange that failed, and what whoever carried it says of that.
pub(super) struct Failure {
    error: Box<dyn StdError + Send + Sync>,
    /// The host's name does not resolve.
    nameless: bool,
    /// There was no answer in time.
    late: bool,
    /// There was no connection yet.
    connecting: bool,
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self {
            nameless: error.is_dns(),
            late: error.is_timeout(),
            connecting: error.is_connect() || error.is_builder(),
            error: error.into(),
        }
    }
}

impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        Self {
            // Known by its cause alone; a name that did not resolve was told by the request before the stream's.
            nameless: false,
            late: io_kind(&error) == Some(io::ErrorKind::TimedOut),
            connecting: error.is_connect(),
            error: error.into(),
        }
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        Self {
            nameless: false,
            late: false,
            connecting: true,
            error: error.into(),
        }
    }
}

/// Names a failure, by the errors it is made of.
pub(super) fn classify(failure: &Failure, base: &Url) -> ClientError {
    let server = base.to_string();
    if failure.nameless {
        return ClientError::Dns {
            host: base.host_str().unwrap_or_default().to_owned(),
        };
    }
    if failure.late {
        return ClientError::Timeout {
            server,
            after: CONNECT_TIMEOUT,
        };
    }
    let error = &*failure.error;
    if hyper_cause(error).is_some_and(hyper::Error::is_parse) {
        return ClientError::NotOpenCode { server };
    }
    let reason = innermost(error);
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => ClientError::Refused { server },
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => ClientError::Reset { server },
        // No socket reports these: they are what rustls makes of a handshake.
        None | Some(io::ErrorKind::InvalidData | io::ErrorKind::Other)
            if failure.connecting && base.scheme() == "https" =>
        {
            ClientError::Tls { server, reason }
        }
        // Nor these: they are a body whose chunks or compression are broken.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
            ClientError::BadJson { reason }
        }
        _ if failure.connecting => ClientError::Unreachable { server, reason },
        // What is left ends an HTTP exchange half-way: before the reply, or before its last chunk.
        _ => ClientError::Reset { server },
    }
}

fn hyper_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a hyper::Error> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    chain(error)
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}

/// What a person may learn from a failed reply: OpenCode's own sentence, or the beginning of the text.
pub(super) fn excerpt(body: &str) -> String {
    // `{name, data: {message}}` from most routes, `{_tag, message}` from others.
    #[derive(Deserialize)]
    struct Told {
        message: Option<String>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        message: Option<String>,
    }
    let told = serde_json::from_str::<Told>(body).ok();
    let message = told.and_then(|told| told.message.or_else(|| told.data?.message));
    let text = message.as_deref().unwrap_or(body);
    one_line(text)
}

/// What kind of error OpenCode 2 says that it is, and OpenCode 1 on a few routes: `_tag`.
pub(super) fn tag(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(rename = "_tag")]
        tag: String,
    }
    serde_json::from_str::<Told>(body).ok().map(|told| told.tag)
}

/// Where a redirect points, as far as it may be shown.
pub(super) fn place(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else {
        let path = location.split(['?', '#']).next().unwrap_or_default();
        return one_line(path);
    };
    // Both fail only where there is no host, and so nothing to hide.
    let _hostless = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    one_line(url.as_str())
}

/// The last cause, which names what really happened.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(String::new, |cause| one_line(&cause.to_string()))
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

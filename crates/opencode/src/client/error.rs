//! Errors of requests to a server, distinguished by what a person has to do.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use hyper_util::client::legacy;
use serde::Deserialize;
use url::Url;

use crate::json::{one_line, reason};
use crate::limits::CONNECT_TIMEOUT;

/// The reason why a request failed. `server` is the address without user and password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be that of a server.
    #[error(
        "an address that begins with `{scheme}:` is not one of a server: it has to begin with http:// or https://"
    )]
    BadAddress {
        /// Scheme of the address.
        scheme: String,
    },
    /// The HTTP client cannot be created.
    #[error("the HTTP client cannot be set up: {reason}")]
    Setup {
        /// Reason, as a sentence.
        reason: String,
    },
    /// The host's name does not resolve.
    #[error("the name `{host}` is not known on this network")]
    Dns {
        /// The name.
        host: String,
    },
    /// Nothing listens at the address.
    #[error("nothing listens at {server}: the server is not running, or on another port")]
    Refused {
        /// Its address.
        server: String,
    },
    /// The connection was closed before the end of the reply or stream.
    #[error("{server} closed the connection")]
    Reset {
        /// Its address.
        server: String,
    },
    /// No reply within the timeout.
    #[error("{server} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// Its address.
        server: String,
        /// The timeout.
        after: Duration,
    },
    /// The TLS connection failed.
    #[error("no secure connection to {server} is possible: {reason}")]
    Tls {
        /// Its address.
        server: String,
        /// Reason, as a sentence.
        reason: String,
    },
    /// Any other failure of the connection.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Reason, as a sentence.
        reason: String,
    },
    /// The server redirects. Redirects are not followed, as the password must not be sent to another server.
    #[error("{server} redirects to {}: give that address instead", location.as_deref().unwrap_or("an unnamed address"))]
    Redirect {
        /// Its address.
        server: String,
        /// The HTTP status, 3xx.
        status: u16,
        /// Target of the redirect, without user, password and query.
        location: Option<String>,
    },
    /// 401.
    #[error("{}", unauthorized(server, *given))]
    Unauthorized {
        /// Its address.
        server: String,
        /// True if a password was sent.
        given: bool,
    },
    /// 403.
    #[error("{server} denies access to Drovers (status 403){}", colon(excerpt))]
    Forbidden {
        /// Its address.
        server: String,
        /// Excerpt of the server's reply.
        excerpt: String,
    },
    /// 404.
    #[error("{server} does not know {path}{}", colon(excerpt))]
    NotFound {
        /// Its address.
        server: String,
        /// Path of the request.
        path: String,
        /// Excerpt of the server's reply.
        excerpt: String,
    },
    /// 409: the session is busy.
    #[error(
        "{server} cannot do this now, as the session is busy{}",
        colon(excerpt)
    )]
    Conflict {
        /// Its address.
        server: String,
        /// Path of the request.
        path: String,
        /// Excerpt of the server's reply.
        excerpt: String,
    },
    /// Any other refusal.
    #[error("{server} answered {path} with status {status}{}", colon(excerpt))]
    Status {
        /// Its address.
        server: String,
        /// Path of the request.
        path: String,
        /// The HTTP status.
        status: u16,
        /// Excerpt of the server's reply.
        excerpt: String,
    },
    /// The server returned no event stream (204 and the like).
    #[error("{server} returned no event stream (status {status})")]
    NoStream {
        /// Its address.
        server: String,
        /// The HTTP status, 2xx but not 200.
        status: u16,
    },
    /// The server returned no content (204 and the like).
    #[error("{server} returned an empty reply for {path} (status {status})")]
    Empty {
        /// Its address.
        server: String,
        /// Path of the request.
        path: String,
        /// The HTTP status, 2xx.
        status: u16,
    },
    /// The media type of the reply differs from the requested one.
    #[error("{server} answered with {} instead of {wanted}", found.as_deref().unwrap_or("data without a content type"))]
    ContentType {
        /// Its address.
        server: String,
        /// The media type asked for.
        wanted: &'static str,
        /// The media type given.
        found: Option<String>,
    },
    /// The program at the address is not OpenCode.
    #[error("the server at {server} is not OpenCode")]
    NotOpenCode {
        /// Its address.
        server: String,
    },
    /// The server is OpenCode 2, which has another protocol.
    #[error("the server at {server} is OpenCode {}, and Drovers supports version 1, and 2.1 or newer", version.as_deref().unwrap_or("2"))]
    V2NotSpoken {
        /// Its address.
        server: String,
        /// Version such as `2.1.2`, if known.
        version: Option<String>,
    },
    /// The reply is not the expected JSON.
    #[error("the server's reply is invalid: {reason}")]
    BadJson {
        /// Reason, as a sentence.
        reason: String,
    },
    /// The reply is larger than the limit.
    #[error("the reply of {server} is larger than {} MiB", limit / (1024 * 1024))]
    TooLarge {
        /// Its address.
        server: String,
        /// The limit in bytes.
        limit: usize,
    },
}

impl ClientError {
    /// True if the server rejected the request, so that it had no effect. After any other failure the request may have
    /// been executed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. } => true,
            // 408 and 429 request a retry.
            Self::Status { status, .. } => {
                matches!(status, 400..=499) && ![408, 429].contains(status)
            }
            _ => false,
        }
    }

    pub(crate) fn bad_json(error: serde_json::Error) -> Self {
        Self::BadJson {
            reason: reason(&error),
        }
    }
}

/// The sentence for a server that asks for a password.
fn unauthorized(server: &str, given: bool) -> String {
    match given {
        true => format!("{server} refuses the password"),
        false => format!("{server} asks for a password"),
    }
}

fn colon(excerpt: &str) -> String {
    if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    }
}

/// A failed exchange, with the properties of the transport's error.
pub(super) struct Failure {
    error: Box<dyn StdError + Send + Sync>,
    /// The host name does not resolve.
    nameless: bool,
    /// The timeout has passed.
    late: bool,
    /// The connection was not established yet.
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
            // Determined by the cause; an unresolved name was already reported by the request before the stream.
            nameless: false,
            late: io_kind(&error) == Some(io::ErrorKind::TimedOut),
            connecting: error.is_connect(),
            error: error.into(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            nameless: false,
            late: error.kind() == io::ErrorKind::TimedOut,
            connecting: error.kind() == io::ErrorKind::ConnectionRefused,
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

/// Classifies a failure by its chain of errors.
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
        // Sockets never report these kinds: rustls does, for a failed handshake.
        None | Some(io::ErrorKind::InvalidData | io::ErrorKind::Other)
            if failure.connecting && base.scheme() == "https" =>
        {
            ClientError::Tls { server, reason }
        }
        // Nor these: they are a body with invalid chunks or compression.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
            ClientError::BadJson { reason }
        }
        _ if failure.connecting => ClientError::Unreachable { server, reason },
        // All others end an HTTP exchange early: before the reply, or before its last chunk.
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

/// The text of a failed reply for people: OpenCode's own sentence, or the first characters.
pub(super) fn excerpt(body: &str) -> String {
    // `{name, data: {message}}` from most routes, `{_tag, message}` from others.
    #[derive(Deserialize)]
    struct ErrorBody {
        message: Option<String>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        message: Option<String>,
    }
    let parsed = serde_json::from_str::<ErrorBody>(body).ok();
    let message = parsed.and_then(|body| body.message.or_else(|| body.data?.message));
    let text = message.as_deref().unwrap_or(body);
    one_line(text)
}

/// The `_tag` of an error, which OpenCode 2 sends, and OpenCode 1 on a few routes.
pub(super) fn tag(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        #[serde(rename = "_tag")]
        tag: String,
    }
    serde_json::from_str::<ErrorBody>(body)
        .ok()
        .map(|body| body.tag)
}

/// The target of a redirect, without credentials and query.
pub(super) fn place(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else {
        let path = location.split(['?', '#']).next().unwrap_or_default();
        return one_line(path);
    };
    // Both fail only for a URL without a host, which has no credentials.
    let _hostless = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    one_line(url.as_str())
}

/// The innermost cause, which describes the actual failure.
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

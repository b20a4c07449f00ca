//! Errors as the API tells them: RFC 9457 problems, each with what happened and the next step.
//!
//! The one place that knows both errors and status codes.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::plain;
use model::state::Outcome;
use opencode::ClientError;
use serde::Serialize;

use super::needs::Need;
use crate::access::{KeyringError, Refusal};
use crate::command::{CommandError, First, GrantError, Who};
use crate::limits;
use crate::record::log::BadCursor;
use crate::registry::AddError;
use crate::registry::RegistryError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// What kind of problem it is; always the same for the same kind.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened.
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Of an answer that came too late: the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<FirstJson>,
}

/// The first answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct FirstJson {
    /// `drovers` for a page or program of this hub, `other` for another client of the server.
    #[schema(value_type = String)]
    who: Who,
    /// When, in milliseconds since 1970.
    at: i64,
    /// `once`, `always`, `rejected`, `answered` or `unknown`.
    #[schema(value_type = String)]
    outcome: Outcome,
}

impl From<First> for FirstJson {
    fn from(first: First) -> Self {
        Self {
            who: first.who,
            at: first.at.0,
            outcome: first.outcome,
        }
    }
}

impl Problem {
    /// A problem of a kind: a slug for programs, its title, and what happened.
    fn new(status: StatusCode, slug: &str, title: &str, detail: impl ToString) -> Self {
        Self {
            kind: format!("urn:drovers:problem:{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            // It may hold what a server said.
            detail: plain::block(&detail.to_string()),
            next: None,
            first: None,
        }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// There are as many viewers as there may be.
    pub(super) fn crowded() -> Self {
        let detail = "As many viewers are connected as there may be";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-viewers",
            "Too many viewers",
            detail,
        )
        .next("Close pages or programs that follow this hub, and try again")
    }

    /// There is no such thing on the page that is looked at.
    pub(super) fn no_fragment() -> Self {
        let detail = "What is looked at has no such element now";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-element",
            "No such element",
            detail,
        )
        .next("Load the page again")
    }

    /// The request's own words make no sense.
    pub(super) fn invalid(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "The request makes no sense",
            detail,
        )
        .next("GET /api/openapi.json tells what is expected")
    }

    /// Nobody is named, or somebody who is not known.
    pub(super) fn stranger() -> Self {
        let detail = "This request shows no key of this hub, or one that is good no more";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unknown-caller",
            "Who is asking?",
            detail,
        )
        .next(
            "In a browser open the link that `drovers link` prints. In a script send `Authorization: Bearer TOKEN`, with a \
             token made by `drovers token add NAME --role watch`",
        )
    }

    /// Somebody who is known, and may not do this.
    /// A page's cookie alone may watch: a server on another port of this host can have it.
    pub(super) fn unproven() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-proven",
            "Not proven",
            "This browser shows its cookie without the proof that this page keeps, which commands need".to_owned(),
        )
        .next("Open a new link: `drovers link` prints one")
    }

    pub(super) fn too_small(caller: &str, need: Need) -> Self {
        let (lacks, role) = match need {
            Need::One(power) => {
                let role = power.role();
                (format!("what the role `{role}` has"), role.name())
            }
            _ => ("what the role `admin` has".to_owned(), "admin"),
        };
        Self::new(
            StatusCode::FORBIDDEN,
            "not-allowed",
            "Not allowed",
            format!("The {caller} lacks {lacks}"),
        )
        .next(format!(
            "Use the page, or a token made by `drovers token add NAME --role {role}`"
        ))
    }

    /// So many wrong keys are shown that this one is not answered in its turn.
    pub(super) fn guessing() -> Self {
        let detail = "Too many wrong keys were shown just now";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many tries",
            detail,
        )
        .next("Try again in a minute. Whoever has a right key is let in meanwhile")
    }

    /// A server could not be asked for what it did not list.
    pub(super) fn not_read() -> Self {
        let detail = "Its server did not give its older sessions";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-read",
            "Not read",
            detail,
        )
        .next("Try again once it is connected")
    }

    /// A link that is good no more.
    pub(super) fn spent() -> Self {
        let detail = "This link was used already, or is older than ten minutes";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "link-spent",
            "The link is good no more",
            detail,
        )
        .next("`drovers link` prints a new one")
    }

    /// There is no such token or page.
    pub(super) fn unknown_credential(what: &str) -> Self {
        let detail = format!("There is no such {what}");
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-credential",
            "Unknown token or page",
            detail,
        )
        .next("GET /api/tokens lists them")
    }

    /// The hub asks nobody who they are.
    pub(super) fn no_keys() -> Self {
        let detail =
            "This hub was started with --no-auth: it lets everybody in, and keeps no tokens";
        Self::new(StatusCode::CONFLICT, "no-keys", "No tokens here", detail)
            .next("Start it without --no-auth")
    }

    /// A failure that is no fault of who asks.
    pub(super) fn internal(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failure",
            "The hub failed",
            detail,
        )
        .next("Look at what `drovers` printed")
    }

    fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        let detail = error.to_string();
        match error {
            E::UnknownInstance(_) => {
                Self::new(StatusCode::NOT_FOUND, "unknown-instance", "Unknown instance", detail)
                    .next("GET /api/instances lists them")
            }
            E::UnknownSession { instance, .. } => {
                Self::new(StatusCode::NOT_FOUND, "unknown-session", "Unknown session", detail)
                    .next(format!("GET /api/instances/{instance}/sessions lists them"))
            }
            E::UnknownPermission(_) => {
                Self::new(StatusCode::NOT_FOUND, "nothing-waits", "Nothing waits for this answer", detail)
                    .next("GET the instance's permissions to see what waits")
            }
            E::UnknownQuestion(_) => {
                Self::new(StatusCode::NOT_FOUND, "nothing-waits", "Nothing waits for this answer", detail)
                    .next("GET the instance's questions to see what waits")
            }
            E::NotConnected { instance, .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-connected", "Not connected", detail).next(format!(
                    "Mend the reason, then POST /api/instances/{instance}/reconnect, or wait for the next try"
                ))
            }
            E::OnlyEvents(_) => {
                Self::new(StatusCode::CONFLICT, "only-events", "This server has events only", detail)
                    .next("Follow it through /api/log or the page")
            }
            E::Answered(first) => {
                let problem = Self::new(StatusCode::CONFLICT, "answered-already", "Answered already", detail)
                    .next("Nothing is left to do: the first answer counts");
                Self { first: Some(first.into()), ..problem }
            }
            E::Grant(error) => error.into(),
            E::UnknownMessage(_) => {
                Self::new(StatusCode::NOT_FOUND, "unknown-message", "No such message", detail)
                    .next("Nothing is left to do")
            }
            E::Running(_) => {
                Self::new(StatusCode::CONFLICT, "running", "The session is running", detail)
                    .next("Stop it first, or let the model answer")
            }
            E::NotInterrupted(_) => {
                Self::new(StatusCode::CONFLICT, "not-interrupted", "Not interrupted", detail)
                    .next("Send a prompt if it should do more")
            }
            E::NotRemembered(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "not-remembered", "It was not sent", detail)
                    .next("Mend what the disk says and send it again, or send it without an `Idempotency-Key`")
            }
            E::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many commands", detail)
                    .next("Try again in a moment: servers that do not answer hold up the rest")
            }
            E::Ended => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ended", "The hub ended", detail)
                    .next("Ask again: under the same `Idempotency-Key` nothing is done twice")
            }
            E::KeyReused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Idempotency key used before", detail)
                    .next("Give each prompt a key of its own, and repeat a key only with the same prompt")
            }
            E::Folder(error) => error.into(),
            E::Invalid(_) => Self::invalid(detail),
            E::Upstream(error) => error.into(),
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        use GrantError as E;
        let detail = error.to_string();
        match error {
            E::NotNamed => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "content-not-named", "The content is not named", detail)
                    .next("GET the instance's permissions, read what would run, and send its `fingerprint` with the answer")
            }
            E::ContentChanged => {
                Self::new(StatusCode::CONFLICT, "content-changed", "The request changed", detail)
                    .next("Read what would run now, and answer that")
            }
            E::NotWhole(_) => {
                Self::new(StatusCode::CONFLICT, "not-whole", "It cannot be shown whole", detail)
                    .next("Reject it, or look at it in the session and allow it in OpenCode's own client")
            }
            E::Stopped => {
                Self::new(StatusCode::CONFLICT, "stopped", "The session was stopped", detail)
                    .next("Send it a prompt if it should go on")
            }
            E::RunEnded => {
                Self::new(StatusCode::CONFLICT, "run-ended", "The run ended", detail)
                    .next("Nothing is left to do: send a prompt if it should go on")
            }
            E::NotProven => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-connected", "Not connected", detail)
                    .next("Wait until its link is proven, and answer then")
            }
            E::NotRead => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-read", "Not read yet", detail)
                    .next("Try again in a moment, or open the session, which reads it")
            }
            E::NotAudited(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "not-audited", "It was not allowed", detail)
                    .next("Mend what the disk says, and allow it again; rejecting works meanwhile")
            }
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        use ClientError as E;
        let detail = error.to_string();
        let (status, next) = match error {
            E::Conflict { .. } => (
                StatusCode::CONFLICT,
                "Wait until the session is idle, or stop it first",
            ),
            E::NotFound { .. } => (
                StatusCode::NOT_FOUND,
                "Check the id: it may have been removed",
            ),
            E::Status { status, .. } if status < 500 => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Mend what the server names, and try again",
            ),
            E::Timeout { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "Try again; the server may be busy or hang",
            ),
            E::Unauthorized { .. } | E::Forbidden { .. } => (
                StatusCode::BAD_GATEWAY,
                "POST the instance to /api/instances again, with its `username` and `password`",
            ),
            _ => (
                StatusCode::BAD_GATEWAY,
                "Check that the server runs, and try again",
            ),
        };
        Self::new(
            status,
            "upstream",
            "The OpenCode server did not do it",
            detail,
        )
        .next(next)
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Folder(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad-folder",
                "This folder cannot be used",
                error,
            )
            .next("Name a folder of this machine that exists and that you may enter"),
            AddError::Untrusted(error) => Self::new(
                StatusCode::CONFLICT,
                "untrusted-folder",
                "This folder is not trusted yet",
                error,
            )
            .next("Look at it, then add it with `--trust` on the command line or `\"trust\": true` in the API"),
            AddError::Url(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad-url",
                "This is no server's address",
                error,
            )
            .next("Write it as http://HOST:PORT"),
            AddError::Registry(error) => error.into(),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let status = match error {
            RegistryError::Full => StatusCode::CONFLICT,
            RegistryError::Ended => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(
            status,
            "not-kept",
            "The list of instances cannot be changed",
            error,
        )
        .next("Nothing was changed: do as it says, and try again")
    }
}

impl From<KeyringError> for Problem {
    fn from(error: KeyringError) -> Self {
        use KeyringError as E;
        let detail = error.to_string();
        match error {
            E::Disk { .. } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "not-kept",
                "Who may come in cannot be kept",
                detail,
            )
            .next("Do as it says, and try again"),
            E::Name | E::NoRole | E::Over => Self::invalid(detail),
            E::Taken(_) | E::Full => Self::new(
                StatusCode::CONFLICT,
                "no-such-token",
                "The token cannot be made",
                detail,
            )
            .next("GET /api/tokens lists what there is"),
        }
    }
}

impl From<BadCursor> for Problem {
    fn from(error: BadCursor) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-cursor",
            "This is no cursor",
            error,
        )
        .next("Leave `after` and `Last-Event-ID` out to begin with the oldest event that is kept")
    }
}

impl From<Refusal> for Problem {
    fn from(error: Refusal) -> Self {
        let next = match error {
            Refusal::Host => {
                "Use the address that `drovers` printed, such as http://127.0.0.1:7878, or a port of `localhost` or \
                 127.0.0.1 that is forwarded to it"
            }
            Refusal::Origin => "Use the hub's own page, or a program that is not a browser",
        };
        Self::new(StatusCode::FORBIDDEN, "not-admitted", "Not let in", error).next(next)
    }
}

/// Makes problems of the refusals that come from routing and reading requests, which are plain text or empty.
pub(super) async fn explain(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let status = response.status();
    let explained = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || explained {
        return response;
    }
    let (parts, body) = response.into_parts();
    let mut told = refused(status, &asked, &reason(body).await, &parts.headers).into_response();
    if let Some(allow) = parts.headers.get(ALLOW) {
        told.headers_mut().insert(ALLOW, allow.clone());
    }
    told
}

async fn reason(body: Body) -> String {
    let bytes = to_bytes(body, limits::PROBLEM_REASON_BYTES)
        .await
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refused(status: StatusCode, asked: &str, reason: &str, headers: &HeaderMap) -> Problem {
    let because = |otherwise: &str| {
        if reason.is_empty() {
            otherwise.to_owned()
        } else {
            reason.to_owned()
        }
    };
    match status {
        StatusCode::NOT_FOUND => Problem::new(
            status,
            "unknown-path",
            "Unknown path",
            format!("There is no {asked}"),
        )
        .next("GET /api/openapi.json lists what there is"),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = headers
                .get(ALLOW)
                .and_then(|allow| allow.to_str().ok())
                .unwrap_or("another method");
            Problem::new(
                status,
                "unknown-method",
                "Unknown method",
                format!("There is no {asked}"),
            )
            .next(format!("This path has {allowed}"))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = because("The body is larger than is accepted");
            Problem::new(status, "too-large", "The body is too large", detail)
                .next("Send less at once")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = because("The body is of another kind than is accepted");
            Problem::new(status, "not-json", "The body is not JSON", detail)
                .next("Send JSON, with `Content-Type: application/json`")
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let detail = because("It cannot be read");
            Problem::new(
                status,
                "invalid-request",
                "The request makes no sense",
                detail,
            )
            .next("GET /api/openapi.json tells what is expected")
        }
        _ => {
            let title = status.canonical_reason().unwrap_or("Refused");
            Problem::new(status, "refused", title, because(title))
                .next("GET /api/openapi.json tells what is expected")
        }
    }
}

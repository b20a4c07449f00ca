//! Errors of the API: RFC 9457 problems, each with what happened and the next step.
//!
//! The only place that maps errors to status codes.
//! Longer than 600 lines: an entry for each kind of error, all in one place.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::plain;
use model::state::Outcome;
use page::{Language, sentence, speak};
use serde::Serialize;

use super::needs::Need;
use crate::access::{Caller, KeyringError, Refusal};
use crate::command::find::SearchError;
use crate::command::port::ServerError;
use crate::command::{Answerer, CommandError, FirstAnswer, GrantError};
use crate::git::GitError;
use crate::limits;
use crate::record::log::BadCursor;
use crate::registry::{AddError, ChangeError, RegistryError};
use crate::review::ReviewError;
use crate::workspace::browse::MakeError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// The kind of the problem, as a stable URN.
    #[serde(rename = "type")]
    kind: String,
    /// Title of the kind.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The fact, as a sentence.
    detail: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// For an answer that came too late: the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<FirstJson>,
}

/// The first answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct FirstJson {
    /// `drovers` for a page or program of this hub, `other` for another client of the server.
    #[schema(value_type = String)]
    who: Answerer,
    /// Time of the answer, in milliseconds since 1970.
    at: i64,
    /// `once`, `always`, `rejected`, `answered` or `unknown`.
    #[schema(value_type = String)]
    outcome: Outcome,
}

impl From<FirstAnswer> for FirstJson {
    fn from(first: FirstAnswer) -> Self {
        Self {
            who: first.who,
            at: first.at.0,
            outcome: first.outcome,
        }
    }
}

impl Problem {
    /// A problem: its slug for programs, its title, and what happened.
    fn new(status: StatusCode, slug: &str, title: &str, detail: impl ToString) -> Self {
        Self {
            kind: format!("urn:drovers:problem:{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            // The detail may contain text of a server.
            detail: plain::block(&detail.to_string()),
            next: None,
            first: None,
        }
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The number of viewers is at its limit.
    pub(super) fn crowded() -> Self {
        let detail = "The maximum number of viewers is connected";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-viewers",
            "Too many viewers",
            detail,
        )
        .next("Close other pages or programs that follow this hub, then try again")
    }

    /// The page has no element with this key.
    pub(super) fn no_fragment() -> Self {
        let detail = "The page has no such element any more";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-element",
            "No such element",
            detail,
        )
        .next("Reload the page")
    }

    /// The log, or an opened bundle, does not have what is asked for.
    pub(super) fn not_in_log(detail: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-in-log",
            "Not in the log",
            detail,
        )
        .next("Choose another frame or session")
    }

    /// The request is invalid.
    pub(super) fn invalid(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "Invalid request",
            detail,
        )
        .next("See GET /api/openapi.json for the expected request")
    }

    /// The request has no valid credential.
    pub(super) fn stranger() -> Self {
        let detail =
            "This request has no valid key of this hub: the key is missing, expired or revoked";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unknown-caller",
            "Authentication required",
            detail,
        )
        .next(
            "In a browser open the link that `drovers link` prints. In a script send `Authorization: Bearer TOKEN`, with a \
             token made by `drovers token add NAME --role watch`",
        )
    }

    /// A page's cookie without its proof grants read access only: a server on another port of this host can have the
    /// cookie.
    pub(super) fn unproven() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-proven",
            "Proof missing",
            "The request has a valid cookie but lacks the proof that the page sends with each command".to_owned(),
        )
        .next("Run `drovers link` and open the link that it prints")
    }

    pub(super) fn too_small(caller: &Caller, need: Need) -> Self {
        let caller = &caller.name;
        let is_token = caller.starts_with("token ");
        let (lacks, role) = match need {
            Need::One(power) => {
                let role = power.role();
                (format!("the permissions of the role `{role}`"), role.name())
            }
            _ => ("the permissions of the role `admin`".to_owned(), "admin"),
        };
        Self::new(
            StatusCode::FORBIDDEN,
            "not-allowed",
            "Not allowed",
            format!("The {caller} lacks {lacks}"),
        )
        .next(match is_token {
            true => {
                format!("Use the page, or a token made by `drovers token add NAME --role {role}`")
            }
            false => format!(
                "Use a browser that may do this, or let this one in again with the role `{role}`"
            ),
        })
    }

    /// Too many invalid keys were presented recently, so this one is rejected without a delay.
    pub(super) fn guessing() -> Self {
        let detail = "Too many invalid keys were sent recently";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many attempts",
            detail,
        )
        .next("Try again in a minute. Requests with a valid key are still accepted")
    }

    /// A server could not be asked for its older sessions.
    pub(super) fn not_read() -> Self {
        let detail = "The server did not return the older sessions of this folder";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-read",
            "Not loaded",
            detail,
        )
        .next("Try again once the instance is connected")
    }

    /// The hub was not started as a program of its own.
    pub(super) fn no_restart() -> Self {
        let detail = "This hub was not started by `drovers up`, so that it cannot replace itself";
        Self::new(StatusCode::CONFLICT, "no-restart", "Not restarted", detail)
            .next("Stop it and start it again where it was started")
    }

    /// Sessions run on servers that a restart ends.
    pub(super) fn turns_would_end(sessions: usize) -> Self {
        let detail = match sessions {
            1 => "1 session runs on a server that ends with this hub".to_owned(),
            many => format!("{many} sessions run on servers that end with this hub"),
        };
        Self::new(
            StatusCode::CONFLICT,
            "turns-would-end",
            "Not restarted",
            detail,
        )
        .next("Wait until they are idle, or use `drovers restart --end-turns`")
    }

    /// Sessions run on a server that is to be restarted.
    pub(super) fn turns_would_be_interrupted(sessions: usize) -> Self {
        let detail = match sessions {
            1 => "1 session works there, and its turn would be interrupted".to_owned(),
            many => format!("{many} sessions work there, and their turns would be interrupted"),
        };
        let title = "Not restarted";
        Self::new(StatusCode::CONFLICT, "turns-would-end", title, detail)
            .next("Wait until they are idle, or restart it with `end_turns`")
    }

    /// The hub did not start a server.
    pub(super) fn not_our_server() -> Self {
        let detail = "Drovers did not start this server";
        Self::new(StatusCode::CONFLICT, "elsewhere", "Not restarted", detail)
            .next("Restart it where it was started")
    }

    /// A path depends on the folder that the hub was started in.
    pub(super) fn relative_folder() -> Self {
        let detail = "A path must begin with / or ~";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad-folder",
            "This folder cannot be used",
            detail,
        )
        .next("Write the whole path of the folder")
    }

    /// A disk does not answer.
    pub(super) fn slow_folder() -> Self {
        let detail = "The disk of this folder does not answer";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "slow-folder",
            "The folder was not read",
            detail,
        )
        .next("Check whether it is a network disk that is not connected, then try again")
    }

    /// The link is expired or used.
    pub(super) fn spent() -> Self {
        let detail = "This link was already used, or it has expired";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "link-spent",
            "The link has expired",
            detail,
        )
        .next("Run `drovers link` to get a new one")
    }

    /// No other device can reach the hub.
    pub(super) fn only_here() -> Self {
        let detail =
            "Drovers listens on its own machine only, so that no other device can reach it";
        Self::new(
            StatusCode::CONFLICT,
            "only-here",
            "No other device can come in",
            detail,
        )
        .next("Start it with `drovers up --listen 0.0.0.0:7878`, or see `drovers remote`")
    }

    /// The password is not right, or none is set.
    pub(super) fn wrong_password() -> Self {
        let detail = "The password is not right";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong-password",
            "Not logged in",
            detail,
        )
        .next("Try again, or run `drovers link` and open the link that it prints")
    }

    /// A passkey lets nobody in. Why is in the audit log alone.
    pub(super) fn wrong_passkey() -> Self {
        let detail = "This passkey does not let you in: it may be revoked";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong-passkey",
            "Not logged in",
            detail,
        )
        .next("Try again, or run `drovers link` and open the link that it prints")
    }

    /// Browsers take no passkeys at this address.
    pub(super) fn no_site() -> Self {
        let detail = "Browsers have passkeys for names only: for `localhost`, and for names over TLS. This address is a number";
        Self::new(
            StatusCode::CONFLICT,
            "no-passkeys-here",
            "No passkeys at this address",
            detail,
        )
        .next("Open Drovers as `localhost`, or by its name: see `--name`")
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

    /// No device and no target has this id.
    pub(super) fn no_recipient() -> Self {
        let detail = "There is no device and no target with this id";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-recipient",
            "No such device or target",
            detail,
        )
        .next("`drovers notify list` lists them")
    }

    /// There are as many devices or targets as there may be.
    pub(super) fn too_many_recipients() -> Self {
        let detail = "The hub already notifies as many as it can";
        Self::new(
            StatusCode::CONFLICT,
            "too-many-recipients",
            "Too many devices or targets",
            detail,
        )
        .next("Remove one first: `drovers notify list`")
    }

    /// The hub runs without authentication.
    pub(super) fn no_keys() -> Self {
        let detail =
            "This hub was started with --no-auth: it accepts every request and has no tokens";
        Self::new(
            StatusCode::CONFLICT,
            "no-keys",
            "Tokens are disabled",
            detail,
        )
        .next("Restart the hub without --no-auth")
    }

    /// git did not do what was asked; the error says what is next.
    pub(super) fn of_git(status: StatusCode, error: GitError) -> Self {
        let next = match error {
            GitError::Failed { .. } => Some("Fix what git reports, then try again"),
            GitError::Slow { .. } => Some("Try again, or run the command in a terminal"),
            _ => None,
        };
        let problem = Self::new(status, "git", "git did not do it", error);
        next.map_or(problem.clone(), |next| problem.next(next))
    }

    /// A mark or a comment is not stored.
    pub(super) fn of_review(status: StatusCode, error: ReviewError) -> Self {
        Self::new(status, "review", "Not stored", error)
    }

    /// A set-up command was not allowed.
    pub(super) fn setup(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "setup-not-allowed",
            "The set-up command is not allowed yet",
            detail,
        )
        .next("Allow it by its fingerprint in `allow_setup`, or send `skip_setup`")
    }

    /// Something is in the way of a work tree.
    pub(super) fn of_worktree(status: StatusCode, detail: impl ToString) -> Self {
        Self::new(status, "worktree", "Not done", detail)
    }

    /// The hub does not know how far a new work tree is.
    pub(super) fn no_making() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-work-tree",
            "Unknown work tree",
            "The hub does not know how far this work tree is: it was restarted, or that was long ago",
        )
        .next("See the list of work trees. The prompt is a draft of its session")
    }

    /// The server of a folder runs elsewhere.
    pub(super) fn not_here(folder: &str) -> Self {
        let detail = format!(
            "The server of {folder} does not run on this machine as far as Drovers sees, so that git cannot be asked here"
        );
        Self::new(
            StatusCode::CONFLICT,
            "not-here",
            "The folder is on another machine",
            detail,
        )
        .next(
            "Choose “This session” to see what the server recorded, or run Drovers on that machine",
        )
    }

    /// What happened and the next step, each for [`sentence`].
    pub(super) fn sentences(&self) -> Vec<String> {
        let all = [Some(&self.detail), self.next.as_ref()];
        all.into_iter().flatten().cloned().collect()
    }

    /// An internal failure.
    pub(super) fn internal(detail: impl ToString) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failure",
            "Internal error of the hub",
            detail,
        )
        .next("See the output of `drovers` for the cause")
    }

    /// The problem as JSON with its words in a language. Programs tell problems apart by `type`, which has none.
    pub(super) fn worded(self, language: Language) -> Vec<u8> {
        let worded = speak(language, || {
            let say = |text: &str| sentence(text).into_owned();
            Self {
                title: say(&self.title),
                detail: say(&self.detail),
                next: self.next.as_deref().map(say),
                ..self
            }
        });
        serde_json::to_vec(&worded).unwrap_or_default()
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
        response.extensions_mut().insert(self);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<CommandError> for Problem {
    // Longer than 70 lines: one list of all command errors.
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
                Self::new(StatusCode::NOT_FOUND, "nothing-waits", "Request not found", detail)
                    .next("GET the instance's permissions for the pending ones")
            }
            E::UnknownQuestion(_) => {
                Self::new(StatusCode::NOT_FOUND, "nothing-waits", "Request not found", detail)
                    .next("GET the instance's questions for the pending ones")
            }
            E::NotConnected { instance, .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-connected", "Not connected", detail).next(format!(
                    "Fix the cause, then POST /api/instances/{instance}/reconnect, or wait for the next attempt"
                ))
            }
            E::OnlyEvents(_) => {
                Self::new(StatusCode::CONFLICT, "only-events", "This server has events only", detail)
                    .next("Follow it on the page or through /api/log")
            }
            E::Incapable(_) => {
                Self::new(StatusCode::CONFLICT, "not-offered", "This server cannot do it", detail)
                    .next("The instance's `capabilities` list what its server can do")
            }
            E::CommandUnclear(_) => {
                Self::new(StatusCode::CONFLICT, "command-unclear", "The outcome of the command is unknown", detail)
                    .next("Look into the session; if the command is missing, send it again with another `Idempotency-Key`")
            }
            E::Answered(first) => {
                let problem = Self::new(StatusCode::CONFLICT, "answered-already", "Already answered", detail)
                    .next("No action is needed: the first answer counts");
                Self { first: Some(first.into()), ..problem }
            }
            E::Grant(error) => error.into(),
            E::UnknownMessage(_) => {
                Self::new(StatusCode::NOT_FOUND, "unknown-message", "Unknown message", detail)
                    .next("No action is needed")
            }
            E::UnknownParallel(_) => {
                Self::new(StatusCode::NOT_FOUND, "unknown-parallel-run", "Unknown parallel run", detail)
                    .next("GET the instance's `parallel` to see which are known")
            }
            E::NotQueued(_) => {
                Self::new(StatusCode::NOT_FOUND, "not-queued", "No such prompt", detail)
                    .next("GET the session's queue to see what waits")
            }
            E::Running(_) => {
                Self::new(StatusCode::CONFLICT, "running", "The session is running", detail)
                    .next("Stop the session first, or wait until it is idle")
            }
            E::StillRunning(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "still-running", "The session still runs", detail)
                    .next("Stop the session again; if it keeps running, restart its server")
            }
            E::NoModel(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-model", "No model is known", detail)
                    .next("Name a `model`, or send the session a prompt first")
            }
            E::ForkUnclear(_) => {
                Self::new(StatusCode::CONFLICT, "fork-unclear", "The outcome of the fork is unknown", detail)
                    .next("Look for the fork in the list of sessions; if it is missing, fork again with another `Idempotency-Key`")
            }
            E::NotInterrupted(_) => {
                Self::new(StatusCode::CONFLICT, "not-interrupted", "Not interrupted", detail)
                    .next("Send a prompt to give it more work")
            }
            E::NotRemembered(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "not-remembered", "Not sent", detail)
                    .next("Fix the disk error and send it again, or send it without an `Idempotency-Key`")
            }
            E::NotRead(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-read", "Not read", detail)
                    .next("Try again once the instance is connected")
            }
            E::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many commands", detail)
                    .next("Try again in a moment: servers that do not answer hold up the others")
            }
            E::Ended => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ended", "The hub is shutting down", detail)
                    .next("Retry: with the same `Idempotency-Key` nothing is done twice")
            }
            E::KeyReused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Idempotency key already used", detail)
                    .next("Use a new key for each prompt, and repeat a key only with the same prompt")
            }
            E::Folder(error) => error.into(),
            E::Invalid(_) => Self::invalid(detail),
            E::Upstream(error) => error.into(),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Query(error) => Self::invalid(error),
            error => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "search-unavailable",
                "Conversations cannot be searched",
                error,
            )
            .next("Look whether the disk is full, and try again in a minute."),
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        use GrantError as E;
        let detail = error.to_string();
        match error {
            E::NotNamed => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "content-not-named", "Fingerprint missing", detail)
                    .next("GET the instance's permissions, review what would run, and send its `fingerprint` with the answer")
            }
            E::ContentChanged => {
                Self::new(StatusCode::CONFLICT, "content-changed", "The request changed", detail)
                    .next("Review what would run now, then answer again")
            }
            E::NotWhole(_) => {
                Self::new(StatusCode::CONFLICT, "not-whole", "Request cannot be shown in full", detail)
                    .next("Reject it, or review it in the session and allow it in OpenCode's own client")
            }
            E::Stopped => {
                Self::new(StatusCode::CONFLICT, "stopped", "The session was stopped", detail)
                    .next("Send a prompt to continue the session")
            }
            E::RunEnded => {
                Self::new(StatusCode::CONFLICT, "run-ended", "The run ended", detail)
                    .next("No action is needed. Send a prompt to continue the session")
            }
            E::NotProven => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-connected", "Not connected", detail)
                    .next("Wait until the instance is connected, then answer again")
            }
            E::NotRead => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-read", "Not loaded yet", detail)
                    .next("Try again in a moment, or open the session to load it")
            }
            E::NotAudited(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "not-audited", "Not allowed: audit log not writable", detail)
                    .next("Fix the disk error, then allow it again. You can still reject it")
            }
        }
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        use ServerError as E;
        let detail = error.to_string();
        let (status, next) = match error {
            E::Running(_) => (
                StatusCode::CONFLICT,
                "Wait until the session is idle, or stop it first",
            ),
            E::NotFound(_) => (
                StatusCode::NOT_FOUND,
                "Check the id: it may have been removed",
            ),
            E::Rejected(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Fix what the server reports, then try again",
            ),
            E::TryLater(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Try again in a moment: the server has too much to do",
            ),
            E::Timeout(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "Try again. The server may be busy or stuck",
            ),
            E::Denied(_) => (
                StatusCode::BAD_GATEWAY,
                "POST the instance to /api/instances again with its `username` and `password`",
            ),
            E::Failed(_) => (
                StatusCode::BAD_GATEWAY,
                "Check that the server is running, then try again",
            ),
        };
        Self::new(
            status,
            "upstream",
            "The OpenCode server refused or failed",
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
            .next("Choose a folder on this machine that exists and that you can access"),
            AddError::Untrusted(error) => Self::new(
                StatusCode::CONFLICT,
                "untrusted-folder",
                "This folder is not trusted yet",
                error,
            )
            .next("Review the folder, then add it with `--trust` on the command line or `\"trust\": true` in the API"),
            AddError::Url(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad-url",
                "Invalid server address",
                error,
            )
            .next("Write it as http://HOST:PORT"),
            AddError::Registry(error) => error.into(),
            AddError::NoHome => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-home",
                "The service of OpenCode 2 cannot be found",
                error,
            )
            .next("Set HOME, and start Drovers again"),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Launch(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad-launch",
                "The server cannot be started so",
                error,
            )
            .next("Nothing was changed. Correct it, then try again"),
            ChangeError::Registry(error) => error.into(),
        }
    }
}

impl From<MakeError> for Problem {
    fn from(error: MakeError) -> Self {
        let status = match error {
            MakeError::Folder(error) => return AddError::Folder(error).into(),
            MakeError::Exists(_) => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(
            status,
            "folder-not-made",
            "The folder was not created",
            error,
        )
        .next("Choose another name or folder, then try again")
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
            "The list of instances cannot be saved",
            error,
        )
        .next("Nothing was changed. Fix the cause, then try again")
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
                "Tokens and pages cannot be saved",
                detail,
            )
            .next("Fix the cause, then try again"),
            E::Name | E::NoRole | E::Over => Self::invalid(detail),
            E::Beyond => Self::new(StatusCode::FORBIDDEN, "not-allowed", "Not allowed", detail)
                .next("Choose a role that you have"),
            E::Taken(_) | E::Full => Self::new(
                StatusCode::CONFLICT,
                "no-such-token",
                "The token cannot be created",
                detail,
            )
            .next("GET /api/tokens lists the existing tokens"),
            E::FullOfPasskeys | E::NoPage | E::Passkey(_) => Self::new(
                StatusCode::CONFLICT,
                "no-passkey",
                "The passkey is not registered",
                detail,
            )
            .next("GET /api/passkeys lists those that are"),
        }
    }
}

impl From<BadCursor> for Problem {
    fn from(error: BadCursor) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-cursor",
            "Invalid cursor",
            error,
        )
        .next("Omit `after` and `Last-Event-ID` to start at the oldest retained event")
    }
}

impl From<Refusal> for Problem {
    fn from(error: Refusal) -> Self {
        let next = match error {
            Refusal::Host => {
                "Use an address that `drovers access` prints, or a port of `localhost` or 127.0.0.1 that is forwarded to \
                 the hub. Other names are given with `--name`"
            }
            Refusal::Origin => "Use the hub's own page, or a client that is not a browser",
            Refusal::UnknownProxy => {
                "Name the proxy's address with `--behind-proxy`, or let clients reach the hub without a proxy"
            }
            Refusal::NotSecure => {
                "Let the proxy speak TLS, and send `X-Forwarded-Proto: https` with what it forwards"
            }
        };
        Self::new(StatusCode::FORBIDDEN, "not-admitted", "Forbidden", error).next(next)
    }
}

/// Converts the rejections of routing and request parsing, which are plain text or empty, to problems.
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
    let mut response = refused(status, &asked, &reason(body).await, &parts.headers).into_response();
    if let Some(allow) = parts.headers.get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
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
        .next("GET /api/openapi.json lists all paths"),
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
            .next(format!("This path supports {allowed}"))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = because("The body is larger than the limit");
            Problem::new(status, "too-large", "The body is too large", detail)
                .next("Send a smaller body")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = because("The content type of the body is not supported");
            Problem::new(status, "not-json", "The body is not JSON", detail)
                .next("Send JSON, with `Content-Type: application/json`")
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let detail = because("The request cannot be parsed");
            Problem::new(status, "invalid-request", "Invalid request", detail)
                .next("See GET /api/openapi.json for the expected request")
        }
        _ => {
            let title = status.canonical_reason().unwrap_or("Refused");
            Problem::new(status, "refused", title, because(title))
                .next("See GET /api/openapi.json for the expected request")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Power, Powers};

    #[test]
    fn a_browser_that_lacks_a_role_is_not_sent_to_tokens() {
        let next = |name: &str| {
            let caller = Caller {
                name: name.into(),
                powers: Powers::NONE,
            };
            let problem = Problem::too_small(&caller, Need::One(Power::Admin));
            problem.next.unwrap_or_default()
        };
        assert!(next("token ci").contains("drovers token add"));
        let page = next("page 3f2a (Firefox)");
        assert!(
            page.contains("`admin`") && !page.contains("token"),
            "{page}"
        );
    }
}

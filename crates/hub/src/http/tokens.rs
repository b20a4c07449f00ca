//! Access: tokens of scripts, pages, and login links. A secret is returned once, at its creation.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::instances::rfc3339;
use super::needs::ENTER;
use super::passkeys::PasskeyJson;
use super::problem::Problem;
use crate::access::{
    Access, Caller, CredentialKind, Key, Keyring, KeyringError, Listed, NewToken, Role,
};
use crate::limits;

/// All credentials, without secrets. Times are RFC 3339.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct AccessJson {
    /// Tokens of scripts.
    tokens: Vec<TokenJson>,
    /// Pages that entered by a link, the password or a passkey.
    pages: Vec<PageJson>,
    /// Passkeys.
    passkeys: Vec<PasskeyJson>,
}

/// A token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TokenJson {
    /// Name of the token.
    name: String,
    /// Roles of the token.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Time of creation.
    made: String,
    /// Time of expiry.
    expires: Option<String>,
    /// Time of the last use.
    used: Option<String>,
}

/// A page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PageJson {
    /// Id of the page.
    id: String,
    /// Name of the browser, as reported by it.
    browser: String,
    /// Roles of the page.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Time of the login.
    made: String,
    /// Time at which it must log in again, unless it is used before.
    expires: Option<String>,
    /// Time of the last use.
    used: Option<String>,
}

/// A new token.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// Name of the token: letters, digits, `.`, `_` and `-`.
    name: String,
    /// Roles of the token: `watch`, `answer`, `drive`, `admin`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Seconds until it expires.
    #[serde(default)]
    expires_in: Option<u64>,
}

/// The created token.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct NewTokenJson {
    /// Name of the token.
    name: String,
    /// The secret, returned only this once: `Authorization: Bearer …`.
    secret: String,
    /// Time of expiry.
    expires: Option<String>,
}

/// A single-use login link for a page.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LinkJson {
    /// Path of the link. The part after `#` is its key; a path of a page may be appended.
    path: String,
    /// Seconds until it expires.
    expires_in: u64,
}

/// Lists tokens, pages and passkeys.
#[utoipa::path(get, path = "/api/tokens", tag = "access", responses((status = 200, body = AccessJson)))]
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Json<AccessJson> {
    let mut known = AccessJson {
        tokens: Vec::new(),
        pages: Vec::new(),
        passkeys: Vec::new(),
    };
    let Access::Keys(keyring) = app.access() else {
        return Json(known);
    };
    let passkeys = keyring.passkeys(&caller).into_iter();
    known.passkeys = passkeys.map(PasskeyJson::from).collect();
    for listed in keyring.list() {
        let Listed {
            kind,
            made,
            expires,
            used,
            ..
        } = listed;
        let (made, expires, used) = (rfc3339(made), expires.map(rfc3339), used.map(rfc3339));
        match kind {
            CredentialKind::CommandLine => {}
            CredentialKind::Token { name, roles } => known.tokens.push(TokenJson {
                name,
                roles,
                made,
                expires,
                used,
            }),
            CredentialKind::Page { id, browser, roles } => known.pages.push(PageJson {
                id,
                browser,
                roles,
                made,
                expires,
                used,
            }),
        }
    }
    Json(known)
}

/// Creates a token.
#[utoipa::path(
    post, path = "/api/tokens", tag = "access", request_body = Add,
    responses((status = 201, body = NewTokenJson), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn add(State(app): State<App>, Json(add): Json<Add>) -> Result<Response, Problem> {
    let keyring = keys(&app)?;
    let now = app.hub().engine().now();
    let expires = add.expires_in.map(|seconds| after(now, seconds));
    let name = add.name.clone();
    let new = NewToken {
        name: add.name,
        roles: add.roles,
        expires,
    };
    let key: Key = blocking(move || keyring.add(new)).await?;
    let made = NewTokenJson {
        name,
        secret: key.reveal().to_owned(),
        expires: expires.map(rfc3339),
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Revokes a token: connections opened with it end at once.
#[utoipa::path(
    delete, path = "/api/tokens/{name}", tag = "access", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn revoke(
    State(app): State<App>,
    Path(name): Path<Arc<str>>,
) -> Result<StatusCode, Problem> {
    let keyring = keys(&app)?;
    match blocking(move || keyring.revoke_token(&name)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::unknown_credential("token")),
    }
}

/// Revokes a page: its socket ends at once, it must log in again, and passkeys that it registered are revoked.
#[utoipa::path(
    delete, path = "/api/pages/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn send_away(
    State(app): State<App>,
    Path(id): Path<Arc<str>>,
) -> Result<StatusCode, Problem> {
    let keyring = keys(&app)?;
    match blocking(move || keyring.revoke_page(&id)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::unknown_credential("page")),
    }
}

/// Revokes every page and every passkey: all browsers must log in again. Tokens are not revoked.
#[utoipa::path(delete, path = "/api/pages", tag = "access", responses((status = 204)))]
pub(super) async fn send_all_away(State(app): State<App>) -> Result<StatusCode, Problem> {
    let keyring = keys(&app)?;
    blocking(move || keyring.revoke_pages()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Logs the page of this request out: its socket ends at once. Passkeys that it registered stay. Another caller has nothing to log
/// out of.
#[utoipa::path(
    post, path = "/api/logout", tag = "access",
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn log_out(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let keyring = keys(&app)?;
    match blocking(move || keyring.log_out(&caller)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::unknown_credential("page")),
    }
}

/// Creates a single-use login link for a page.
#[utoipa::path(post, path = "/api/links", tag = "access", responses((status = 201, body = LinkJson)))]
pub(super) async fn link(State(app): State<App>) -> (StatusCode, Json<LinkJson>) {
    let path = match app.access() {
        Access::Keys(keyring) => format!("{ENTER}#{}", keyring.link().reveal()),
        // No login is needed.
        Access::Anybody => format!("{ENTER}#"),
    };
    let expires_in = limits::LINK_LIFE.as_secs();
    (StatusCode::CREATED, Json(LinkJson { path, expires_in }))
}

pub(super) fn keys(app: &App) -> Result<Keyring, Problem> {
    match app.access() {
        Access::Keys(keyring) => Ok(keyring.clone()),
        Access::Anybody => Err(Problem::no_keys()),
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Problem::internal)??)
}

fn after(now: Timestamp, seconds: u64) -> Timestamp {
    let by = Duration::from_secs(seconds).as_millis();
    Timestamp(now.0.saturating_add(i64::try_from(by).unwrap_or(i64::MAX)))
}

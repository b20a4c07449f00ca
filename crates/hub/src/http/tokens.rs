//! Who may come in: tokens of scripts, pages, and links that let a page in. A secret is told once, when it is made.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::instances::rfc3339;
use super::needs::ENTER;
use super::problem::Problem;
use crate::access::{Access, Key, Keyring, KeyringError, Kind, Listed, NewToken, Role};
use crate::limits;

/// Who may come in, without any secret. Times are RFC 3339.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Known {
    /// Tokens that were made for scripts.
    tokens: Vec<TokenJson>,
    /// Pages that entered by a link.
    pages: Vec<PageJson>,
}

/// A token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TokenJson {
    /// Its name.
    name: String,
    /// What it may be used for.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// When it was made.
    made: String,
    /// When it ends by itself.
    expires: Option<String>,
    /// When it was used last.
    used: Option<String>,
}

/// A page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PageJson {
    /// Its id.
    id: String,
    /// The browser, as far as it says.
    browser: String,
    /// When it entered.
    made: String,
    /// When it has to enter anew, unless it is used before.
    expires: Option<String>,
    /// When it was used last.
    used: Option<String>,
}

/// A token to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// Its name: letters, digits, `.`, `_` and `-`.
    name: String,
    /// What it is for: `watch`, `answer`, `drive`, `admin`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// In how many seconds it ends by itself.
    #[serde(default)]
    expires_in: Option<u64>,
}

/// A token that was made.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Made {
    /// Its name.
    name: String,
    /// Its secret, which is told this once: `Authorization: Bearer …`.
    secret: String,
    /// When it ends by itself.
    expires: Option<String>,
}

/// A link that lets one page in, once.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LinkJson {
    /// Its path on this hub. What follows the `#` is its key; a path of a page may be appended.
    path: String,
    /// Seconds that it is good for.
    expires_in: u64,
}

/// Tokens and pages that may come in.
#[utoipa::path(get, path = "/api/tokens", tag = "access", responses((status = 200, body = Known)))]
pub(super) async fn list(State(app): State<App>) -> Json<Known> {
    let mut known = Known {
        tokens: Vec::new(),
        pages: Vec::new(),
    };
    let Access::Keys(keyring) = app.access() else {
        return Json(known);
    };
    for listed in keyring.list() {
        let Listed {
            kind,
            made,
            expires,
            used,
        } = listed;
        let (made, expires, used) = (rfc3339(made), expires.map(rfc3339), used.map(rfc3339));
        match kind {
            Kind::CommandLine => {}
            Kind::Token { name, roles } => known.tokens.push(TokenJson {
                name,
                roles,
                made,
                expires,
                used,
            }),
            Kind::Page { id, browser } => known.pages.push(PageJson {
                id,
                browser,
                made,
                expires,
                used,
            }),
        }
    }
    Json(known)
}

/// Makes a token.
#[utoipa::path(
    post, path = "/api/tokens", tag = "access", request_body = Add,
    responses((status = 201, body = Made), (status = 409, body = Problem), (status = 422, body = Problem))
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
    let made = Made {
        name,
        secret: key.reveal().to_owned(),
        expires: expires.map(rfc3339),
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Revokes a token: what was opened with it ends at once.
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

/// Sends a page away: its socket ends at once, and it has to enter anew.
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

/// Makes a link that lets one page in, once.
#[utoipa::path(post, path = "/api/links", tag = "access", responses((status = 201, body = LinkJson)))]
pub(super) async fn link(State(app): State<App>) -> (StatusCode, Json<LinkJson>) {
    let path = match app.access() {
        Access::Keys(keyring) => format!("{ENTER}#{}", keyring.link().reveal()),
        // Whoever comes is in.
        Access::Anybody => format!("{ENTER}#"),
    };
    let expires_in = limits::LINK_LIFE.as_secs();
    (StatusCode::CREATED, Json(LinkJson { path, expires_in }))
}

fn keys(app: &App) -> Result<Keyring, Problem> {
    match app.access() {
        Access::Keys(keyring) => Ok(keyring.clone()),
        Access::Anybody => Err(Problem::no_keys()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Problem::internal)??)
}

fn after(now: Timestamp, seconds: u64) -> Timestamp {
    let by = Duration::from_secs(seconds).as_millis();
    Timestamp(now.0.saturating_add(i64::try_from(by).unwrap_or(i64::MAX)))
}

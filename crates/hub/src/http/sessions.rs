//! Sessions, in OpenCode's format with an additional `status`.

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use model::ids::{InstanceId, SessionId};
use serde::Deserialize;
use serde_json::Value;

use super::app::App;
use super::needs::Need;
use super::problem::Problem;
use super::prompts::key_of;
use super::spoken::{self, Spoken};
use crate::access::{Caller, Power};
use crate::command::{Change, Create};

/// Identifies a session.
pub(super) type SessionParam = Path<(InstanceId, SessionId)>;

/// Lists the sessions of an instance.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = [Object]), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Vec<Value>>, Problem> {
    Ok(Json(app.commands().sessions(&id).await?))
}

/// Creates a session. Idempotent by `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions", tag = "sessions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Option<Create>,
    responses(
        (status = 201, body = Object), (status = 404, body = Problem), (status = 503, body = Problem),
        (status = 403, description = "`trust` takes the role `admin`", body = Problem),
        (status = 409, description = "`directory` is not trusted yet: see `trust`", body = Problem)
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
    new: Option<Json<Create>>,
) -> Result<Response, Problem> {
    let Json(new) = new.unwrap_or_default();
    if new.trust && !caller.powers.has(Power::Admin) {
        let need = Need::One(Power::Admin);
        return Err(Problem::too_small(&caller, need));
    }
    if new.trust && new.directory.is_none() {
        return Err(Problem::invalid("`trust` needs a `directory`"));
    }
    let made = app
        .commands()
        .create_session(&id, new, key_of(&headers)?)
        .await?;
    let session = made["id"].as_str().unwrap_or_default();
    let location = [(LOCATION, format!("/api/instances/{id}/sessions/{session}"))];
    Ok((StatusCode::CREATED, location, Json(made)).into_response())
}

/// Returns a session.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((id, session)): SessionParam,
) -> Result<Json<Value>, Problem> {
    let mut read = app.commands().session(&id, &session).await?;
    spoken::word_mark(language, &mut read);
    Ok(Json(read))
}

/// Changes the title of a session, or archives it.
#[utoipa::path(
    patch, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Change,
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(super) async fn change(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    Json(change): Json<Change>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(
        app.commands()
            .change_session(&id, &session, &change)
            .await?,
    ))
}

/// Deletes a session and its children.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn delete(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<StatusCode, Problem> {
    app.commands().delete_session(&id, &session).await?;
    let drafts = app.hub().drafts().clone();
    let forgotten = tokio::task::spawn_blocking(move || drafts.forget(&id, Some(session.as_str())));
    forgotten.await.map_err(Problem::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops a session and its descendants. Their requests, pending and later ones, are refused until a prompt is sent.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/abort", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn abort(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, session)): SessionParam,
) -> Result<StatusCode, Problem> {
    app.commands().stop(&id, &session, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A look at a session.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    /// True if the state that the session is in needs nobody any more: it has no card until another state begins.
    #[serde(default)]
    done: bool,
}

/// Records that a person has seen how a session ended, or that its present state is done.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/reviewed", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Option<Review>,
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn reviewed(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    review: Option<Json<Review>>,
) -> Result<StatusCode, Problem> {
    let done = review.is_some_and(|Json(review)| review.done);
    app.commands().reviewed(&id, &session, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Changes of a session's history: fork, revert, its undo, compaction.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::ids::{InstanceId, SessionId};
use serde_json::Value;

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use crate::command::{Compact, Fork, Revert};

/// Names a session.
type SessionParam = Path<(InstanceId, SessionId)>;

/// Copies a session into a new one, up to a message or whole. The same `Idempotency-Key` returns the same fork.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/fork", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Option<Fork>,
    responses(
        (status = 201, body = Object), (status = 404, body = Problem), (status = 503, body = Problem),
        (status = 409, description = "An earlier attempt under this key may have made the fork", body = Problem)
    )
)]
pub(super) async fn fork(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    headers: HeaderMap,
    fork: Option<Json<Fork>>,
) -> Result<Response, Problem> {
    let Json(fork) = fork.unwrap_or_default();
    let key = key_of(&headers)?;
    let made = app
        .commands()
        .fork_session(&id, &session, fork, key)
        .await?;
    let fork = made["id"].as_str().unwrap_or_default();
    let location = [(LOCATION, format!("/api/instances/{id}/sessions/{fork}"))];
    Ok((StatusCode::CREATED, location, Json(made)).into_response())
}

/// Reverts the messages from one on, with their changes to files. The next prompt deletes them. The session must be idle.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/revert", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Revert,
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn revert(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    Json(revert): Json<Revert>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.commands().revert(&id, &session, revert).await?))
}

/// Undoes a revert. The session must be idle.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/unrevert", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn unrevert(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.commands().unrevert(&id, &session).await?))
}

/// Replaces the session's context by a summary that a model writes. Returns once the compaction has begun. The session must be idle.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/compact", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Option<Compact>,
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, description = "No model is known", body = Problem))
)]
pub(super) async fn compact(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    compact: Option<Json<Compact>>,
) -> Result<StatusCode, Problem> {
    let Json(compact) = compact.unwrap_or_default();
    app.commands().compact(&id, &session, compact).await?;
    Ok(StatusCode::ACCEPTED)
}

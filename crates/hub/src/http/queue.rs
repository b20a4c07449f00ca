//! The prompt queue of a session.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use crate::command::queue::{QueueChange, QueueContent};
use crate::command::{Prompt, Prompted};

/// A queued prompt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Enqueued {
    /// Its id in the queue.
    id: String,
}

/// A change of a waiting prompt.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueuedChange {
    /// Its new text.
    text: String,
}

/// The prompts that wait for a session.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}/queue", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = QueueContent), (status = 404, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
) -> Result<Json<QueueContent>, Problem> {
    Ok(Json(app.commands().queue(&id, &session).await?))
}

/// Appends a prompt to a session's queue. The hub sends it when the session and its subagents are idle and the prompts before it
/// are answered. A repeated `Idempotency-Key` adds no second prompt.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/queue", tag = "sessions", request_body = Prompt,
    params(("id" = String, Path), ("sid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Enqueued), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 507, description = "The queue cannot be written; nothing was queued", body = Problem))
)]
pub(super) async fn add(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    headers: HeaderMap,
    Json(prompt): Json<Prompt>,
) -> Result<(StatusCode, Json<Enqueued>), Problem> {
    let key = key_of(&headers)?;
    let queued = app.commands().enqueue(&id, &session, prompt, key).await?;
    let id = queued.to_string();
    Ok((StatusCode::ACCEPTED, Json(Enqueued { id })))
}

/// Reorders, holds or continues a queue.
#[utoipa::path(
    patch, path = "/api/instances/{id}/sessions/{sid}/queue", tag = "sessions", request_body = QueueChange,
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = QueueContent), (status = 404, body = Problem))
)]
pub(super) async fn order(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    Json(change): Json<QueueChange>,
) -> Result<Json<QueueContent>, Problem> {
    app.commands().order_queue(&id, &session, change).await?;
    Ok(Json(app.commands().queue(&id, &session).await?))
}

/// Changes the text of a waiting prompt.
#[utoipa::path(
    patch, path = "/api/instances/{id}/sessions/{sid}/queue/{qid}", tag = "sessions", request_body = QueuedChange,
    params(("id" = String, Path), ("sid" = String, Path), ("qid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn edit(
    State(app): State<App>,
    Path((id, session, queued)): Path<(InstanceId, SessionId, String)>,
    Json(change): Json<QueuedChange>,
) -> Result<StatusCode, Problem> {
    let commands = app.commands();
    commands
        .edit_queued(&id, &session, queued.into(), change.text)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a waiting prompt.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}/queue/{qid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), ("qid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn remove(
    State(app): State<App>,
    Path((id, session, queued)): Path<(InstanceId, SessionId, String)>,
) -> Result<StatusCode, Problem> {
    app.commands()
        .remove_queued(&id, &session, queued.into())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a waiting prompt now, even if the session runs.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/queue/{qid}/send", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), ("qid" = String, Path)),
    responses((status = 202, body = Prompted), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn send(
    State(app): State<App>,
    Path((id, session, queued)): Path<(InstanceId, SessionId, String)>,
) -> Result<(StatusCode, Json<Prompted>), Problem> {
    let prompted = app.commands().send_queued(&id, &session, &queued).await?;
    Ok((StatusCode::ACCEPTED, Json(prompted)))
}

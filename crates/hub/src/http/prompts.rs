//! Prompts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use model::ids::{InstanceId, SessionId};

use super::app::App;
use super::problem::Problem;
use crate::command::{Prompt, Prompted};

/// Sends a prompt. It is taken at once, and queued while the session is busy; the reply comes through the feeds.
///
/// The same `Idempotency-Key` again gives the same answer, and the session has the prompt once.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/prompt", tag = "sessions", request_body = Prompt,
    params(("id" = String, Path), ("sid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Prompted), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn send(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    headers: HeaderMap,
    Json(prompt): Json<Prompt>,
) -> Result<(StatusCode, Json<Prompted>), Problem> {
    let key = headers.get("idempotency-key").map(|key| key.to_str());
    let key = key
        .transpose()
        .map_err(|_| Problem::invalid("an `Idempotency-Key` is plain ASCII"))?;
    let prompted = app.commands().prompt(&id, &session, &prompt, key).await?;
    Ok((StatusCode::ACCEPTED, Json(prompted)))
}

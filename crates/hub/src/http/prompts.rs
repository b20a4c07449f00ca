//! Prompts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use model::ids::{InstanceId, SessionId};

use super::app::App;
use super::problem::Problem;
use crate::command::{Prompt, Prompted};

/// Sends a prompt. It is accepted at once, and queued while the session is busy; the reply arrives through the feeds.
///
/// Idempotent by `Idempotency-Key`: a retry returns the same result, and the session receives the prompt once, also if
/// the hub or the server restarted in between. Prompts of one session are sent in the order of arrival.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/prompt", tag = "sessions", request_body = Prompt,
    params(("id" = String, Path), ("sid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Prompted), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 507, description = "The key cannot be remembered; nothing was sent", body = Problem))
)]
pub(super) async fn send(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    headers: HeaderMap,
    Json(prompt): Json<Prompt>,
) -> Result<(StatusCode, Json<Prompted>), Problem> {
    let key = key_of(&headers)?;
    let prompted = app.commands().prompt(&id, &session, prompt, key).await?;
    Ok((StatusCode::ACCEPTED, Json(prompted)))
}

/// The idempotency key of a request.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let key = headers.get("idempotency-key").map(|key| key.to_str());
    key.transpose()
        .map_err(|_| Problem::invalid("an `Idempotency-Key` is plain ASCII"))
}

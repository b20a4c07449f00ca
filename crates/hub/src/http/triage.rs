//! Sorting what needs a person: done, not done, put off.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::time::Timestamp;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::sessions::SessionParam;

/// Until when a session is put off.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snooze {
    /// Milliseconds since 1970, by the hub's clock; a week from now at most.
    until: i64,
}

/// Marks a session as to be looked at again.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}/reviewed", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn unreviewed(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<StatusCode, Problem> {
    app.commands().unreviewed(&id, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a session off.
///
/// It is listed below the others until then, and its requests show no card. A restart of the hub does not end it.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/snooze", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    request_body = Snooze,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn snooze(
    State(app): State<App>,
    Path((id, session)): SessionParam,
    Json(snooze): Json<Snooze>,
) -> Result<StatusCode, Problem> {
    let until = Some(Timestamp(snooze.until));
    app.commands().snooze(&id, &session, until).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends putting a session off.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}/snooze", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn wake(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<StatusCode, Problem> {
    app.commands().snooze(&id, &session, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Sessions, in OpenCode's shape with our `status` beside.

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use model::ids::{InstanceId, SessionId};
use serde_json::Value;

use super::app::App;
use super::needs::Need;
use super::problem::Problem;
use super::prompts::key_of;
use crate::access::{Caller, Power};
use crate::command::{Change, Create};

/// Names a session.
type Of = Path<(InstanceId, SessionId)>;

/// The sessions of an instance.
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

/// Makes a session. The same `Idempotency-Key` again gives the same session.
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
        return Err(Problem::too_small(&caller.name, need));
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

/// A session.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Path((id, session)): Of,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.commands().session(&id, &session).await?))
}

/// Changes a session's title, or puts it away.
#[utoipa::path(
    patch, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Change,
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(super) async fn change(
    State(app): State<App>,
    Path((id, session)): Of,
    Json(change): Json<Change>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(
        app.commands()
            .change_session(&id, &session, &change)
            .await?,
    ))
}

/// Removes a session, with its children.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn delete(
    State(app): State<App>,
    Path((id, session)): Of,
) -> Result<StatusCode, Problem> {
    app.commands().delete_session(&id, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops what a session and those below it do. What they ask is refused, before and after, until a prompt is sent.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/abort", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn abort(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, session)): Of,
) -> Result<StatusCode, Problem> {
    app.commands().stop(&id, &session, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notes that a person saw how a session ended.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/reviewed", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn reviewed(
    State(app): State<App>,
    Path((id, session)): Of,
) -> Result<StatusCode, Problem> {
    app.commands().reviewed(&id, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

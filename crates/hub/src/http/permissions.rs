//! Permissions that wait, and the answers to them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use model::ids::{InstanceId, PermissionId};
use model::json::Json as Raw;
use opencode::wire::PermissionReply;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use crate::command::Read;

/// An answer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// `once`, `always` or `reject`.
    #[schema(value_type = String, example = "once")]
    reply: PermissionReply,
    /// With `reject`: what the model should do instead. Without it its turn ends.
    #[serde(default)]
    message: Option<String>,
}

/// Permissions that wait in an instance, in OpenCode's shape.
#[utoipa::path(
    get, path = "/api/instances/{id}/permissions", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, body = [Object]), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Vec<Raw>>, Problem> {
    Ok(Json(app.commands().waiting(&id, Read::Permissions).await?))
}

/// Answers a permission request. The same `Idempotency-Key` again is the same answer.
#[utoipa::path(
    post, path = "/api/instances/{id}/permissions/{pid}", tag = "requests", request_body = Reply,
    params(("id" = String, Path), ("pid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 404, description = "Nothing waits under this id", body = Problem),
        (status = 409, description = "Somebody was first: `first` tells who", body = Problem))
)]
pub(super) async fn reply(
    State(app): State<App>,
    Path((id, permission)): Path<(InstanceId, PermissionId)>,
    headers: HeaderMap,
    Json(reply): Json<Reply>,
) -> Result<StatusCode, Problem> {
    let key = key_of(&headers)?;
    let Reply { reply, message } = reply;
    app.commands()
        .reply_permission(&id, &permission, reply, message, key)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Pending permissions, and answers to them.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use model::ids::{InstanceId, PermissionId};
use serde::Deserialize;
use serde_json::Value;

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use crate::access::Caller;
use crate::command::PermissionAnswer;
use crate::command::port::PermissionReply;

/// An answer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// `once`, `always` or `reject`.
    #[schema(value_type = String, example = "once")]
    reply: PermissionReply,
    /// With `once` and `always`: the `fingerprint` of the request whose content was reviewed.
    #[serde(default)]
    fingerprint: Option<String>,
    /// With `reject`: an instruction to the model. Without it the turn ends.
    #[serde(default)]
    message: Option<String>,
}

/// Lists the pending permissions of an instance, in OpenCode's format. Additional fields: `fingerprint` identifies the
/// content, `pieces` is the content in full, `hidden` is the reason why it cannot be shown (and so not allowed),
/// `directory`, `agent` and `way` show the requesting session.
#[utoipa::path(
    get, path = "/api/instances/{id}/permissions", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, body = [Object]), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Vec<Value>>, Problem> {
    Ok(Json(app.commands().permissions(&id).await?))
}

/// Answers a permission request. An answer that allows must contain the `fingerprint` of the content that was reviewed.
/// Idempotent by `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/instances/{id}/permissions/{pid}", tag = "requests", request_body = Reply,
    params(("id" = String, Path), ("pid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 404, description = "Nothing waits under this id", body = Problem),
        (status = 409, description = "Somebody was first (`first` tells who), the content is another one or cannot be shown whole, \
            or the session was stopped", body = Problem),
        (status = 422, description = "It allows, and names no `fingerprint`", body = Problem))
)]
pub(super) async fn reply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, permission)): Path<(InstanceId, PermissionId)>,
    headers: HeaderMap,
    Json(reply): Json<Reply>,
) -> Result<StatusCode, Problem> {
    let key = key_of(&headers)?;
    let answer = PermissionAnswer {
        reply: reply.reply,
        message: reply.message,
        fingerprint: reply.fingerprint,
    };
    app.commands()
        .reply_permission(&id, &permission, answer, key, &caller.name)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! What git does at a person's request: stage, unstage, discard, commit, push, branch.

use axum::Json;
use axum::extract::{Path, Query, State};
use model::ids::InstanceId;
use serde::Serialize;

use super::source::repository;
use super::{App, Asked, Problem};
use crate::git::Act;

/// The result of an act.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Done {
    /// Output of git and its hooks.
    output: String,
    /// The name under which a discarded state is kept, and the command that brings it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
}

/// Lets git act on the repository of a session or instance, with its hooks. It goes on if the caller leaves.
#[utoipa::path(
    post, path = "/api/instances/{id}/review/git", tag = "review", params(("id" = String, Path), Asked), request_body = Act,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn act(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    Json(act): Json<Act>,
) -> Result<Json<Done>, Problem> {
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let repository = repository(&app, &id, &folder).await?;
    let now = app.hub().engine().now().0;
    let done = crate::tasks::to_the_end(async move { repository.act(act, now).await }).await;
    let done = done.ok_or_else(|| Problem::internal("git did not end"))??;
    Ok(Json(Done {
        output: done.output,
        kept: done.kept,
    }))
}

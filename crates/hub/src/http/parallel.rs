//! Parallel runs: one prompt to several models or agents.

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use model::ids::{InstanceId, ParallelId, SessionId};
use model::state::Parallel;
use page::speak;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use super::spoken::Spoken;
use crate::access::Caller;
use crate::command::{CommandError, ParallelStart};

/// Identifies a parallel run.
type ParallelParam = Path<(InstanceId, ParallelId)>;

/// The run that is kept.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    /// Id of its session.
    #[schema(value_type = String)]
    session: SessionId,
}

/// The dialog that starts a parallel run.
pub(super) async fn dialog(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
) -> Result<Html<String>, Problem> {
    let drawn = app.hub().engine().read(|state| {
        let instance = state.instances.get(&id)?;
        Some(speak(language, || page::parallel_dialog(instance)))
    });
    drawn
        .map(Html)
        .ok_or_else(|| CommandError::UnknownInstance(id).into())
}

/// Lists the parallel runs of an instance, newest first.
#[utoipa::path(
    get, path = "/api/instances/{id}/parallel", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = [Object]), (status = 404, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Vec<Parallel>>, Problem> {
    Ok(Json(app.commands().parallels(&id).await?))
}

/// Sends one prompt to several models or agents, each in a session of its own. A run that did not begin has a `problem`. The same
/// `Idempotency-Key` returns the same parallel run.
#[utoipa::path(
    post, path = "/api/instances/{id}/parallel", tag = "sessions", request_body = ParallelStart,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = Object), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem), (status = 507, description = "It cannot be stored; nothing was sent", body = Problem))
)]
pub(super) async fn start(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
    Json(start): Json<ParallelStart>,
) -> Result<Response, Problem> {
    let key = key_of(&headers)?;
    let started = app.commands().run_parallel(&id, start, key).await?;
    let location = [(
        LOCATION,
        format!("/api/instances/{id}/parallel/{}", started.id),
    )];
    Ok((StatusCode::CREATED, location, Json(started)).into_response())
}

/// Returns a parallel run.
#[utoipa::path(
    get, path = "/api/instances/{id}/parallel/{rid}", tag = "sessions",
    params(("id" = String, Path), ("rid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Path((id, parallel)): ParallelParam,
) -> Result<Json<Parallel>, Problem> {
    Ok(Json(app.commands().parallel(&id, &parallel).await?))
}

/// Keeps one run: the others are stopped and archived.
#[utoipa::path(
    post, path = "/api/instances/{id}/parallel/{rid}/keep", tag = "sessions", request_body = Keep,
    params(("id" = String, Path), ("rid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn keep(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, parallel)): ParallelParam,
    Json(keep): Json<Keep>,
) -> Result<Json<Parallel>, Problem> {
    let commands = app.commands();
    let kept = commands.keep_run(&id, &parallel, &keep.session, &caller.name);
    Ok(Json(kept.await?))
}

/// Takes the other runs out of the archive. Those that were stopped stay stopped.
#[utoipa::path(
    delete, path = "/api/instances/{id}/parallel/{rid}/keep", tag = "sessions",
    params(("id" = String, Path), ("rid" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn unkeep(
    State(app): State<App>,
    Path((id, parallel)): ParallelParam,
) -> Result<Json<Parallel>, Problem> {
    Ok(Json(app.commands().unkeep_run(&id, &parallel).await?))
}

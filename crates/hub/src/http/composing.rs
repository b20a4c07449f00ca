//! Routes for writing a prompt: completions, choices, drafts.

use axum::Json;
use axum::extract::{Path, Query, State};
use model::ids::{InstanceId, SessionId};
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use crate::command::drafts::Draft;
use crate::command::{Choices, CommandError, Completion, CompletionKind};
use crate::limits;

/// A completion request.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CompletionQuery {
    /// Kind of the completion.
    kind: CompletionKind,
    /// The typed text, without `/` or `@`.
    #[serde(default)]
    query: String,
    /// The session whose folder is searched; the server's own folder if absent.
    session: Option<String>,
}

/// A new draft.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftChange {
    /// The whole text; empty to delete the draft.
    text: String,
}

/// Completes the name of a command, or of a file, folder or agent. Best match first.
#[utoipa::path(
    get, path = "/api/instances/{id}/completions", tag = "sessions", params(("id" = String, Path), CompletionQuery),
    responses((status = 200, body = [Completion]), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn complete(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(wanted): Query<CompletionQuery>,
) -> Result<Json<Vec<Completion>>, Problem> {
    let session = wanted.session.map(SessionId::new);
    let found = app
        .commands()
        .completions(&id, session.as_ref(), wanted.kind, &wanted.query);
    Ok(Json(found.await?))
}

/// Agents and models that a prompt can be sent with, with prices and context sizes.
#[utoipa::path(
    get, path = "/api/instances/{id}/choices", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Choices), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn choices(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Choices>, Problem> {
    Ok(Json(app.commands().choices(&id).await?))
}

/// The draft of a session; of the next new session if the session is `new`.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}/draft", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Draft), (status = 404, body = Problem))
)]
pub(super) async fn draft(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, String)>,
) -> Result<Json<Draft>, Problem> {
    known(&app, &id, &session)?;
    Ok(Json(app.hub().drafts().get(&id, &session)))
}

/// Stores the draft of a session, so that another device can continue it. The last writer wins.
#[utoipa::path(
    put, path = "/api/instances/{id}/sessions/{sid}/draft", tag = "sessions", request_body = DraftChange,
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Draft), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 507, description = "The disk refuses", body = Problem))
)]
pub(super) async fn write(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, String)>,
    Json(change): Json<DraftChange>,
) -> Result<Json<Draft>, Problem> {
    known(&app, &id, &session)?;
    if change.text.len() > limits::DRAFT_BYTES {
        return Err(Problem::invalid("a draft has at most 400 KiB"));
    }
    let (drafts, now) = (app.hub().drafts().clone(), app.hub().engine().now());
    let written = tokio::task::spawn_blocking(move || drafts.put(&id, &session, change.text, now));
    let written = written.await.map_err(Problem::internal)?;
    Ok(Json(written.map_err(CommandError::from)?))
}

/// Validates the instance and the length of the session id.
fn known(app: &App, id: &InstanceId, session: &str) -> Result<(), Problem> {
    let there = |state: &model::State| state.instances.contains_key(id);
    if !app.hub().engine().read(there) {
        return Err(CommandError::UnknownInstance(id.clone()).into());
    }
    match session.len() <= limits::ID_BYTES {
        true => Ok(()),
        false => Err(Problem::invalid("no session has so long an id")),
    }
}

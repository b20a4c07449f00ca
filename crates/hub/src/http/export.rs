//! Export of a session as a document.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::ids::{InstanceId, SessionId};
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use crate::command::ExportFormat;

/// Options of an export.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Form {
    /// `markdown` or `json`; `markdown` if absent.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
}

/// A session with its whole conversation, as a transcript in Markdown, or as `{"session", "messages", "cut", "left_out"}`.
///
/// Messages before the newest 64 MiB are omitted: then the transcript says so, and `cut` is true.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}/export", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), Form),
    responses(
        (status = 200, content((String = "text/markdown"), (Object = "application/json"))),
        (status = 404, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn read(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let exported = app.commands().export(&id, &session, form.format).await?;
    let media_type = match form.format {
        ExportFormat::Markdown => "text/markdown; charset=utf-8",
        ExportFormat::Json => "application/json",
    };
    let disposition = format!("attachment; filename=\"{}\"", exported.name);
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, exported.text).into_response())
}

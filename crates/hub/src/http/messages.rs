//! Messages, in OpenCode's format.

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::ids::{InstanceId, MessageId, SessionId};
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;

/// Header with the cursor of the page of older messages; OpenCode's own name.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Header with the number of messages and parts of this page that could not be parsed and are omitted.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-drovers-left-out");

/// Selects messages.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Number of messages, the newest; all if absent.
    limit: Option<usize>,
    /// Messages before this cursor, the `X-Next-Cursor` of the following page.
    before: Option<String>,
}

/// Returns the messages of a session with their parts, oldest first.
///
/// A streaming text has the content received so far, with `incomplete` beside it: `missing` lists the positions in
/// `text`, counted in characters, at which text may be missing. `[…]` marks each position.
#[utoipa::path(
    get, path = "/api/instances/{id}/sessions/{sid}/messages", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), Page),
    responses(
        (status = 200, body = [Object], headers(
            ("X-Next-Cursor" = String, description = "`before` of the older page"),
            ("X-Drovers-Left-Out" = usize, description = "Messages and parts that could not be read, if any")
        )),
        (status = 404, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    if page.limit == Some(0) {
        return Err(Problem::invalid("`limit` has to be 1 or more"));
    }
    let read = app
        .commands()
        .messages(&id, &session, page.limit, page.before.as_deref())
        .await?;
    let mut response = ([(CONTENT_TYPE, "application/json")], read.json()).into_response();
    if read.left_out > 0 {
        let left_out = HeaderValue::from(read.left_out);
        response.headers_mut().insert(LEFT_OUT, left_out);
    }
    if let Some(cursor) = read
        .before
        .and_then(|cursor| HeaderValue::try_from(cursor).ok())
    {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// Deletes a message, such as a prompt that *Stop* left unanswered. Fails while the session is running.
#[utoipa::path(
    delete, path = "/api/instances/{id}/sessions/{sid}/messages/{mid}", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), ("mid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn drop(
    State(app): State<App>,
    Path((id, session, message)): Path<(InstanceId, SessionId, MessageId)>,
) -> Result<StatusCode, Problem> {
    app.commands().drop_message(&id, &session, &message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delivers a prompt that waits in its server's inbox to the run that is under way. Fails if the prompt does not wait any more.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/messages/{mid}/steer", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path), ("mid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn steer(
    State(app): State<App>,
    Path((id, session, message)): Path<(InstanceId, SessionId, MessageId)>,
) -> Result<StatusCode, Problem> {
    let steered = app.commands().steer_message(&id, &session, &message);
    steered.await?;
    Ok(StatusCode::NO_CONTENT)
}

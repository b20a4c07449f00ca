//! Pending questions, and answers to them.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use model::ids::{InstanceId, QuestionId};
use model::json::Json as Raw;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::prompts::key_of;
use crate::access::Caller;
use crate::command::Answer;

/// An answer: `answers`, or `reject`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// For each question the chosen labels, or free text.
    #[serde(default)]
    answers: Option<Vec<Vec<String>>>,
    /// True to dismiss the question; the turn ends.
    #[serde(default)]
    reject: bool,
}

/// Lists the pending questions of an instance, in OpenCode's format.
#[utoipa::path(
    get, path = "/api/instances/{id}/questions", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, body = [Object]), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<Vec<Raw>>, Problem> {
    Ok(Json(app.commands().questions(&id).await?))
}

/// Answers a question. Idempotent by `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/instances/{id}/questions/{qid}", tag = "requests", request_body = Reply,
    params(("id" = String, Path), ("qid" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 404, description = "Nothing waits under this id", body = Problem),
        (status = 409, description = "Somebody was first: `first` tells who", body = Problem))
)]
pub(super) async fn reply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, question)): Path<(InstanceId, QuestionId)>,
    headers: HeaderMap,
    Json(reply): Json<Reply>,
) -> Result<StatusCode, Problem> {
    let key = key_of(&headers)?;
    let answer = match (reply.answers, reply.reject) {
        (Some(answers), false) => Answer::Given(answers),
        (None, true) => Answer::Rejected,
        _ => return Err(Problem::invalid("give either `answers`, or `reject: true`")),
    };
    app.commands()
        .reply_question(&id, &question, answer, key, &caller.name)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

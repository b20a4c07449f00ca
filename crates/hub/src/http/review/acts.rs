//! What git does at a person's request: stage, unstage, discard, commit, push, branch.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::ids::InstanceId;
use page::Language;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::source::repository;
use super::{App, Asked, Problem};
use crate::git::{self, Act, Progress};
use crate::http::spoken::Spoken;
use crate::limits;

/// The media type of a stream of events.
const EVENTS: &str = "text/event-stream";

/// The result of an act.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Done {
    /// Output of git and its hooks.
    output: String,
    /// The name under which a discarded state is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    /// What brings it back in a shell, in the top folder of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl From<git::Done> for Done {
    fn from(done: git::Done) -> Self {
        Self {
            output: done.output,
            kept: done.kept,
            command: done.command,
        }
    }
}

/// Lets git act on the repository of a session or instance, with its hooks. It goes on if the caller leaves.
///
/// With `Accept: text/event-stream` the answer comes as events while git runs: `output` with the last lines that git and its hooks printed,
/// then `done` or `problem` with what the answer has otherwise.
#[utoipa::path(
    post, path = "/api/instances/{id}/review/git", tag = "review", params(("id" = String, Path), Asked), request_body = Act,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn act(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    Json(act): Json<Act>,
) -> Result<Response, Problem> {
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let progress = Arc::new(Progress::default());
    let printed = progress.follow();
    let repository = repository(&app, &id, &folder).await?.reporting(progress);
    let now = app.hub().engine().now().0;
    let work = async move {
        let done = crate::tasks::to_the_end(async move { repository.act(act, now).await }).await;
        let done = done.ok_or_else(|| Problem::internal("git did not end"))??;
        Ok::<_, Problem>(Done::from(done))
    };
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|types| types.contains(EVENTS)) {
        return Ok(events(app, language, printed, work));
    }
    Ok(Json(work.await?).into_response())
}

/// The answer as events.
fn events(
    app: App,
    language: Language,
    printed: watch::Receiver<String>,
    work: impl Future<Output = Result<Done, Problem>> + Send + 'static,
) -> Response {
    // Begun at once, whether anybody reads or not.
    let work = tokio::spawn(work);
    let running = Some((printed, work));
    let events = stream::unfold(running, move |running| {
        let app = app.clone();
        async move {
            let (mut printed, mut work) = running?;
            let ending = app.ending();
            let (event, running) = tokio::select! {
                biased;
                () = ending.cancelled() => return None,
                done = &mut work => (ended(done.map_err(Problem::internal).flatten(), language), None),
                Ok(()) = printed.changed() => {
                    sleep(limits::GIT_PROGRESS_EVERY).await;
                    let output = printed.borrow_and_update().clone();
                    let output = serde_json::json!({ "output": output });
                    (event("output", &output.to_string()), Some((printed, work)))
                }
            };
            Some((Ok::<_, Infallible>(event), running))
        }
    });
    let headers = [(CONTENT_TYPE, EVENTS), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(events)).into_response()
}

fn ended(done: Result<Done, Problem>, language: Language) -> Bytes {
    match done {
        Ok(done) => event("done", &serde_json::json!(done).to_string()),
        Err(problem) => event(
            "problem",
            &String::from_utf8_lossy(&problem.worded(language)),
        ),
    }
}

/// One event; JSON has no line ends.
fn event(kind: &str, json: &str) -> Bytes {
    format!("event: {kind}\ndata: {json}\n\n").into()
}

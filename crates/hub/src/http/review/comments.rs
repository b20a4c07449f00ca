//! Comments on changes, and the one prompt that brings them to an agent.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use changes::{Anchor, FileDiff, FilePath, Options, Text};
use model::ids::{InstanceId, SessionId};
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};

use super::page::{agent, place_of};
use super::source;
use super::{App, Asked, Problem};
use crate::access::Caller;
use crate::command::Prompt;
use crate::http::prompts::key_of;
use crate::review::{Comment, NewComment, ReviewError, Reviews, Side, prompt};

/// A new comment.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CommentOn {
    /// What it is on.
    side: Side,
    /// The number of its first line, from 1; absent for the file.
    line: Option<usize>,
    /// The number of its last line.
    last: Option<usize>,
    /// Its text.
    text: String,
}

/// Another text of a comment, or a comment that was deleted and comes back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CommentChange {
    /// The text.
    text: Option<String>,
    /// A comment as deleting it returned it.
    #[schema(value_type = Option<Object>)]
    restore: Option<Comment>,
}

/// Writes a comment on lines of a file, or on a file.
#[utoipa::path(
    post, path = "/api/instances/{id}/review/comments", tag = "review", params(("id" = String, Path), Asked), request_body = CommentOn,
    responses((status = 201, body = Object), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn comment(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    Json(new): Json<CommentOn>,
) -> Result<(StatusCode, Json<Comment>), Problem> {
    let (origin, change) = source::one(&app, &id, &asked).await?;
    let anchor = match (new.side, new.line) {
        (Side::File, _) => None,
        (side, Some(line)) => {
            let diff = origin.diff(&app, &change, Options::default()).await?;
            Some(anchor(&diff, side, line, new.last.unwrap_or(line))?)
        }
        (_, None) => return Err(Problem::invalid("a comment on lines names its `line`")),
    };
    let new = NewComment {
        path: change.path.id(),
        side: new.side,
        anchor,
        text: new.text,
        by: caller.name.to_string(),
    };
    let letters = rand::rng().sample_iter(Alphanumeric).take(12);
    let comment_id: String = letters.map(char::from).collect();
    let stored = change_review(&app, &id, &asked, move |reviews, folder, now| {
        reviews.comment(folder, new, comment_id, now)
    });
    Ok((StatusCode::CREATED, Json(stored.await?)))
}

/// The lines that a comment is on, as they are.
fn anchor(diff: &FileDiff, side: Side, first: usize, last: usize) -> Result<Anchor, Problem> {
    let found = diff.segments().iter().find_map(|segment| {
        let (text, start): (&Text, usize) = match side {
            Side::Old => (&segment.old, segment.old_start),
            Side::New | Side::File => (&segment.new, segment.new_start),
        };
        let from = first.checked_sub(start)? + 1;
        let mut anchor = Anchor::new(text, from, last.checked_sub(start)? + 1)?;
        anchor.line = first;
        Some(anchor)
    });
    found.ok_or_else(|| Problem::invalid("the file has no such lines any more. Look at it again"))
}

/// Changes the text of a comment, which then waits to be sent again; or brings back one that was deleted.
#[utoipa::path(
    put, path = "/api/instances/{id}/review/comments/{cid}", tag = "review",
    params(("id" = String, Path), ("cid" = String, Path), Asked), request_body = CommentChange,
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn edit(
    State(app): State<App>,
    Path((id, comment)): Path<(InstanceId, String)>,
    Query(asked): Query<Asked>,
    Json(change): Json<CommentChange>,
) -> Result<Json<Comment>, Problem> {
    let changed = change_review(&app, &id, &asked, move |reviews, folder, now| {
        match (change.text, change.restore) {
            (Some(text), None) => reviews.edit(folder, &comment, text, now),
            (None, Some(back)) if back.id == comment => {
                reviews.put_back(folder, back.clone(), now)?;
                Ok(back)
            }
            _ => Err(ReviewError::NoComment),
        }
    });
    Ok(Json(changed.await?))
}

/// Deletes a comment, and returns it.
#[utoipa::path(
    delete, path = "/api/instances/{id}/review/comments/{cid}", tag = "review",
    params(("id" = String, Path), ("cid" = String, Path), Asked),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Path((id, comment)): Path<(InstanceId, String)>,
    Query(asked): Query<Asked>,
) -> Result<Json<Comment>, Problem> {
    let deleted = change_review(&app, &id, &asked, move |reviews, folder, now| {
        reviews.delete(folder, &comment, now)
    });
    Ok(Json(deleted.await?))
}

async fn change_review<T: Send + 'static>(
    app: &App,
    id: &InstanceId,
    asked: &Asked,
    act: impl FnOnce(&Reviews, &str, model::time::Timestamp) -> Result<T, ReviewError> + Send + 'static,
) -> Result<T, Problem> {
    let folder = super::folder(app, id, asked.session.as_ref())?;
    let (reviews, now) = (app.hub().reviews().clone(), app.hub().engine().now());
    let done = tokio::task::spawn_blocking(move || act(&reviews, &folder, now));
    Ok(done.await.map_err(Problem::internal)??)
}

/// What was sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct SentComments {
    /// The session that got the comments.
    #[schema(value_type = String)]
    session: SessionId,
    /// How many.
    comments: usize,
}

/// Sends all comments of the folder that wait, as one prompt. Idempotent by `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/instances/{id}/review/send", tag = "review",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), Asked),
    responses((status = 202, body = SentComments), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn send(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<SentComments>), Problem> {
    let key = key_of(&headers)?.map(str::to_owned);
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let agent = agent(&app, &id, asked.session.as_ref(), &folder);
    let (session, _) = agent.ok_or_else(|| {
        Problem::invalid("no session of this folder can get the comments. Begin one first")
    })?;
    let waiting = app.hub().reviews().comments(&folder).into_iter();
    let waiting: Vec<Comment> = waiting.filter(|one| one.sent.is_none()).collect();
    if waiting.is_empty() {
        return Err(Problem::invalid("no comment waits to be sent"));
    }
    let placed = placed(&app, &id, &asked, waiting).await;
    let text = prompt(&place_in_words(&app, &id, &folder), &placed);
    let ids: Vec<String> = placed.into_iter().map(|(comment, _)| comment.id).collect();
    let comments = ids.len();
    let whole = Prompt {
        text,
        ..Prompt::default()
    };
    // Sent and marked even if the page is closed meanwhile.
    let (shared, to) = (app.clone(), session.clone());
    let sent = crate::tasks::to_the_end(async move {
        shared
            .commands()
            .prompt(&id, &to, whole, key.as_deref())
            .await?;
        let (reviews, now) = (shared.hub().reviews().clone(), shared.hub().engine().now());
        let mark = tokio::task::spawn_blocking(move || reviews.sent(&folder, &ids, &to, now));
        mark.await.map_err(Problem::internal)??;
        Ok::<_, Problem>(())
    });
    sent.await
        .ok_or_else(|| Problem::internal("The comments could not be sent"))??;
    let done = SentComments { session, comments };
    Ok((StatusCode::ACCEPTED, Json(done)))
}

/// Comments with the lines that they are on now.
async fn placed(
    app: &App,
    id: &InstanceId,
    asked: &Asked,
    comments: Vec<Comment>,
) -> Vec<(Comment, Option<(usize, usize)>)> {
    let mut placed = Vec::with_capacity(comments.len());
    for comment in comments {
        let asked = Asked {
            path: Some(comment.path.clone()),
            old: None,
            ..asked.clone()
        };
        let lines = match source::one(app, id, &asked).await {
            Ok((origin, change)) => {
                let diff = origin.diff(app, &change, Options::default()).await;
                diff.ok().and_then(|diff| place_of(&comment, &diff))
            }
            // What is not changed any more has its lines where they were, as far as is known.
            Err(_) => comment
                .anchor()
                .map(|anchor| (anchor.line, anchor.last(anchor.line))),
        };
        placed.push((comment, lines));
    }
    let order = |one: &(Comment, Option<(usize, usize)>)| (FilePath::from_id(&one.0.path), one.1);
    placed.sort_by_key(order);
    placed
}

/// The folder, and the branch where it is known.
fn place_in_words(app: &App, id: &InstanceId, folder: &str) -> String {
    let branch = app.hub().engine().read(|state| {
        let branches = &state.instances.get(id)?.branches;
        branches.get(folder).map(|branch| branch.to_string())
    });
    match branch {
        Some(branch) => format!("{folder}, on branch {branch}"),
        None => folder.to_owned(),
    }
}

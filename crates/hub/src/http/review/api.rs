//! A review for programs: the list, the patch, images, marks, and the next session to review.

use ::page::Viewed;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use changes::{FileChange, FileStatus};
use model::ids::{InstanceId, SessionId};
use model::view::{self, Group};
use serde::{Deserialize, Serialize};

use super::page::viewed;
use super::source::{self, Origin};
use super::{App, Asked, Problem};
use crate::{limits, picture};

/// The changes of a folder.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Review {
    /// What is compared.
    of: &'static str,
    /// The folder.
    directory: String,
    /// The branch that is checked out.
    branch: Option<String>,
    /// The commit that is checked out.
    commit: Option<String>,
    /// What it is compared with, in words.
    base: String,
    /// The files by path.
    files: Vec<File>,
}

/// A changed file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct File {
    /// Its path, percent-encoded: it may have any bytes.
    path: String,
    /// Its path as text that is safe to show.
    name: String,
    /// The path that it had, percent-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    /// `added`, `deleted`, `modified`, `renamed`, `copied`, `type_changed`, `conflicted` or `untracked`.
    status: &'static str,
    /// Lines that came; absent for a binary file.
    #[serde(skip_serializing_if = "Option::is_none")]
    additions: Option<u64>,
    /// Lines that went.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletions: Option<u64>,
    /// True if some of it is staged.
    staged: bool,
}

impl File {
    fn of(change: &FileChange, staged: bool) -> Self {
        Self {
            path: change.path.id(),
            name: model::plain::line(&change.path.text(), limits::PATH_BYTES),
            old: change.old_path.as_ref().map(|old| old.id()),
            status: match change.status {
                FileStatus::Added => "added",
                FileStatus::Deleted => "deleted",
                FileStatus::Modified => "modified",
                FileStatus::Renamed => "renamed",
                FileStatus::Copied => "copied",
                FileStatus::TypeChanged => "type_changed",
                FileStatus::Conflicted => "conflicted",
                FileStatus::Untracked => "untracked",
            },
            additions: change.lines.map(|(come, _)| come),
            deletions: change.lines.map(|(_, gone)| gone),
            staged,
        }
    }
}

/// Lists what changed in the folder of a session or instance.
#[utoipa::path(
    get, path = "/api/instances/{id}/review", tag = "review", params(("id" = String, Path), Asked),
    responses((status = 200, body = Review), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Review>, Problem> {
    let scope = source::scope_of(&app, &id, &asked).await;
    let found = source::find(&app, &id, &asked, scope).await?;
    let head = found.head.unwrap_or_default();
    let files = found.files.iter();
    Ok(Json(Review {
        of: scope.word(),
        directory: found.folder,
        branch: head.branch,
        commit: head.commit,
        base: found.base,
        files: files
            .map(|one| File::of(&one.change, one.staging.staged))
            .collect(),
    }))
}

/// The changes of one file as a patch.
#[utoipa::path(
    get, path = "/api/instances/{id}/review/patch", tag = "review", params(("id" = String, Path), Asked),
    responses((status = 200, description = "A unified diff", content_type = "text/x-diff"), (status = 404, body = Problem))
)]
pub(in crate::http) async fn patch(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (origin, change) = source::one(&app, &id, &asked).await?;
    let patch = match &origin {
        Origin::Git(repository, scope, base) if change.status != FileStatus::Untracked => {
            repository.patch(scope, base, &change, 3).await?
        }
        origin => {
            let diff = origin.diff(&app, &change, asked.options()).await?;
            diff.patch(&change)
        }
    };
    Ok(([(CONTENT_TYPE, "text/x-diff")], patch).into_response())
}

/// One side of an image.
#[utoipa::path(
    get, path = "/api/instances/{id}/review/image", tag = "review", params(("id" = String, Path), Asked),
    responses((status = 200, description = "A PNG, JPEG, GIF or WebP", content_type = "image/*"), (status = 404, body = Problem))
)]
pub(in crate::http) async fn image(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (origin, change) = source::one(&app, &id, &asked).await?;
    let Origin::Git(repository, ..) = origin else {
        return Err(Problem::no_fragment());
    };
    let most = usize::try_from(limits::PICTURE_BYTES).unwrap_or(usize::MAX);
    let content = repository.content(&change, asked.before, most).await?;
    let content = content.ok_or_else(Problem::no_fragment)?;
    let (media_type, _) = picture::sniff(&content).ok_or_else(Problem::no_fragment)?;
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "private, max-age=3600"),
    ];
    Ok((headers, content).into_response())
}

/// Whether a file was viewed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct View {
    /// True to mark the file, false to take the mark back.
    viewed: bool,
}

/// Marks a file as viewed, as it is now, or takes the mark back.
#[utoipa::path(
    put, path = "/api/instances/{id}/review/viewed", tag = "review", params(("id" = String, Path), Asked), request_body = View,
    responses((status = 204), (status = 404, body = Problem))
)]
pub(in crate::http) async fn view(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    Json(View { viewed }): Json<View>,
) -> Result<StatusCode, Problem> {
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let path = asked.file()?.id();
    let content = match viewed {
        true => {
            let (origin, change) = source::one(&app, &id, &asked).await?;
            Some(origin.content_name(&change).await)
        }
        false => None,
    };
    let (reviews, now) = (app.hub().reviews().clone(), app.hub().engine().now());
    let marked = tokio::task::spawn_blocking(move || reviews.view(&folder, &path, content, now));
    marked.await.map_err(Problem::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

/// What people marked of a file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct FileMarks {
    /// `yes`, `no`, or `before` if the file changed since it was viewed.
    viewed: &'static str,
    /// Comments on the file.
    comments: usize,
    /// Comments of the folder that were not sent yet.
    waiting: usize,
}

/// Whether a file was viewed, and how many comments are on it.
#[utoipa::path(
    get, path = "/api/instances/{id}/review/marks", tag = "review", params(("id" = String, Path), Asked),
    responses((status = 200, body = FileMarks), (status = 404, body = Problem))
)]
pub(in crate::http) async fn marks(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<FileMarks>, Problem> {
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let path = asked.file()?.id();
    let reviews = app.hub().reviews();
    let (seen, comments) = (
        reviews.viewed(&folder).remove(&path),
        reviews.comments(&folder),
    );
    let viewed = match seen {
        None => Viewed::No,
        Some(seen) => {
            let (origin, change) = source::one(&app, &id, &asked).await?;
            viewed(Some(&seen), &origin.content_name(&change).await)
        }
    };
    Ok(Json(FileMarks {
        viewed: viewed.word(),
        comments: comments.iter().filter(|one| one.path == path).count(),
        waiting: comments.iter().filter(|one| one.sent.is_none()).count(),
    }))
}

/// The session that is in front.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct After {
    /// Its instance.
    #[param(value_type = Option<String>)]
    instance: Option<InstanceId>,
    /// The session.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
}

/// The next session to review.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Next {
    /// The path of its review; absent if no other session waits for a review.
    path: Option<String>,
    /// Its title.
    title: Option<String>,
    /// How many sessions wait for a review.
    waiting: usize,
}

/// Finds the next session to review, over all instances.
#[utoipa::path(
    get, path = "/api/review/next", tag = "review", params(After), responses((status = 200, body = Next))
)]
pub(in crate::http) async fn next(
    State(app): State<App>,
    Query(after): Query<After>,
) -> Json<Next> {
    let overview = app.hub().engine().read(view::overview);
    let rows: Vec<_> = overview
        .rows
        .into_iter()
        .filter(|row| row.group == Group::ToReview)
        .collect();
    let is_front = |row: &view::OverviewRow| {
        Some(&row.instance) == after.instance.as_ref()
            && Some(&row.session) == after.session.as_ref()
    };
    let at = rows.iter().position(is_front);
    let begin = at.map_or(0, |at| at + 1);
    let mut others = rows
        .iter()
        .cycle()
        .skip(begin)
        .take(rows.len())
        .filter(|row| !is_front(row));
    let next = others.next();
    Json(Next {
        path: next.map(|row| page::review_path(row.instance.as_str(), Some(row.session.as_str()))),
        title: next.map(|row| row.title.to_string()),
        waiting: rows.len(),
    })
}

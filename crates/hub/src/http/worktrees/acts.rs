//! What is done with a work tree: merged, after a look at what conflicts; removed, and restored.

use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use model::ids::InstanceId;
use model::state::Origin;
use serde::{Deserialize, Serialize};

use super::list::{Inside, sessions_in};
use super::make::Asked;
use super::{App, Problem, repository};
use crate::command::{Change, ChangeTime};
use crate::git::{GitError, MergeHow, Repository, Worktree, list_of};

/// An act on a work tree of the repository.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::http) enum TreeAct {
    /// Tries what a merge would do. Nothing is changed.
    Check {
        /// The folder of the work tree.
        path: String,
        /// The branch to merge into; the one that it began at if absent.
        #[serde(default)]
        into: Option<String>,
    },
    /// Merges its branch, or puts its commits on top of the other branch.
    Merge {
        /// The folder of the work tree.
        path: String,
        /// The branch to merge into; the one that it began at if absent.
        #[serde(default)]
        into: Option<String>,
        /// How.
        #[serde(default)]
        how: MergeHow,
    },
    /// Removes it with its branch, and archives its sessions.
    Remove {
        /// The folder of the work tree.
        path: String,
        /// True if it is removed although something is not committed or merged: its state is kept under a name.
        #[serde(default)]
        force: bool,
    },
    /// Restores a work tree that was removed, and takes its sessions out of the archive.
    Restore {
        /// The name under which its state is kept.
        kept: String,
        /// The sessions that were archived with it.
        #[serde(default)]
        #[schema(value_type = Vec<Object>)]
        sessions: Vec<Archived>,
    },
}

/// A session that was archived with a work tree.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Archived {
    /// Its instance.
    #[schema(value_type = String)]
    instance: InstanceId,
    /// The session.
    #[schema(value_type = String)]
    session: model::ids::SessionId,
}

/// The result of an act.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct TreeDone {
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// The branch that it is merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<String>,
    /// Commits that the merge brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    /// Commits that the work tree lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<u64>,
    /// Paths that conflict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<String>,
    /// Paths that cannot be tried, as git's settings name a program that merges them, and none is run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    untried: Vec<String>,
    /// Files that are not committed, and so not merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uncommitted: Vec<String>,
    /// The work tree in which the other branch is checked out: its files change.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// Sessions that run there, or in the work tree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    running: Vec<Inside>,
    /// The commit of the other branch after the merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// The folder of a restored work tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The name under which the state of a removed work tree is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    /// Sessions that were archived with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    archived: Vec<Archived>,
    /// Output of git and its hooks.
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
}

/// Merges, removes or restores a work tree of the repository of a session or instance. It goes on if the caller leaves.
#[utoipa::path(
    post, path = "/api/instances/{id}/worktrees/act", tag = "worktrees", params(("id" = String, Path), Asked), request_body = TreeAct,
    responses((status = 200, body = TreeDone), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn act(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
    Json(act): Json<TreeAct>,
) -> Result<Json<TreeDone>, Problem> {
    let (_, repository) = repository(&app, &id, asked.session.as_ref()).await?;
    let done = crate::tasks::to_the_end(async move {
        match act {
            TreeAct::Check { path, into } => check(&app, &repository, &path, into).await,
            TreeAct::Merge { path, into, how } => merge(&app, &repository, &path, into, how).await,
            TreeAct::Remove { path, force } => remove(&app, &repository, &path, force).await,
            TreeAct::Restore { kept, sessions } => {
                restore(&app, &id, &repository, &kept, sessions).await
            }
        }
    });
    let done = done.await;
    done.ok_or_else(|| Problem::internal("git did not end"))?
        .map(Json)
}

async fn opened(repository: &Repository, path: &str) -> Result<(Worktree, Repository), GitError> {
    let tree = repository.worktree(&PathBuf::from(path)).await?;
    let opened = Repository::open(&tree.path).await?;
    Ok((tree, opened))
}

async fn running(
    app: &App,
    repository: &Repository,
    tree: &Worktree,
) -> Result<Vec<Inside>, Problem> {
    let inside = sessions_in(app, repository, tree).await?;
    Ok(inside.into_iter().filter(|one| one.runs).collect())
}

async fn check(
    app: &App,
    repository: &Repository,
    path: &str,
    into: Option<String>,
) -> Result<TreeDone, Problem> {
    let (tree, opened) = opened(repository, path).await?;
    let check = opened.merge_check(into.as_deref()).await?;
    let mut runs = running(app, repository, &tree).await?;
    if let Some(place) = &check.place {
        let place = repository.worktree(place).await?;
        runs.extend(running(app, repository, &place).await?);
    }
    let named = |paths: &[changes::FilePath]| {
        let one = |path| list_of(std::slice::from_ref(path));
        paths.iter().map(one).collect::<Vec<_>>()
    };
    Ok(TreeDone {
        conflicts: named(&check.conflicts),
        untried: named(&check.untried),
        uncommitted: named(&check.uncommitted),
        branch: Some(check.branch),
        into: Some(check.into),
        ahead: Some(check.ahead),
        behind: Some(check.behind),
        place: check.place.map(|place| place.display().to_string()),
        running: runs,
        ..TreeDone::default()
    })
}

async fn merge(
    app: &App,
    repository: &Repository,
    path: &str,
    into: Option<String>,
    how: MergeHow,
) -> Result<TreeDone, Problem> {
    let (tree, opened) = opened(repository, path).await?;
    // A rebase changes the files of the work tree under the agent that works there.
    if how == MergeHow::Rebase {
        refuse_running(&running(app, repository, &tree).await?)?;
    }
    let merged = opened.merge(into.as_deref(), how).await?;
    Ok(TreeDone {
        branch: tree.branch,
        commit: Some(merged.commit),
        output: merged.output,
        ..TreeDone::default()
    })
}

fn refuse_running(running: &[Inside]) -> Result<(), Problem> {
    match running.first() {
        None => Ok(()),
        Some(first) => Err(Problem::of_worktree(
            StatusCode::CONFLICT,
            format!(
                "“{title}” runs in this work tree. Stop it first, or wait until it ended",
                title = first.title
            ),
        )),
    }
}

/// A server that the hub runs in a folder of the tree would be left without it.
fn refuse_served(app: &App, tree: &Worktree) -> Result<(), Problem> {
    let served = app.hub().engine().read(|state| {
        let mut all = state.instances.values();
        let inside = all.find(|instance| match &instance.origin {
            Origin::Folder(folder) => std::path::Path::new(&**folder).starts_with(&tree.path),
            Origin::Url(_) | Origin::Service(_) => false,
        });
        inside.map(|instance| instance.name.clone())
    });
    match served {
        None => Ok(()),
        Some(name) => Err(Problem::of_worktree(
            StatusCode::CONFLICT,
            format!("the instance {name} works in this work tree. Remove the instance first"),
        )),
    }
}

async fn remove(
    app: &App,
    repository: &Repository,
    path: &str,
    force: bool,
) -> Result<TreeDone, Problem> {
    let tree = repository.worktree(&PathBuf::from(path)).await?;
    let inside = sessions_in(app, repository, &tree).await?;
    let runs: Vec<_> = inside.iter().filter(|one| one.runs).cloned().collect();
    refuse_running(&runs)?;
    refuse_served(app, &tree)?;
    // git has to be asked from a work tree that stays.
    let trees = repository.worktrees().await?;
    let stays = trees
        .into_iter()
        .find(|one| one.path != tree.path && !one.gone);
    let stays = stays.ok_or(GitError::NoWorktree(path.to_owned()))?;
    let now = app.hub().engine().now();
    let stays = Repository::open(&stays.path).await?;
    let removed = stays.remove_worktree(&tree.path, force, now.0).await?;
    let (hub, gone) = (app.hub().clone(), tree.path.clone());
    let forget = move || hub.distrust(&gone);
    let _forgotten = tokio::task::spawn_blocking(forget).await;
    let mut archived = Vec::new();
    for one in inside {
        let at = u64::try_from(now.0).unwrap_or_default();
        if archive(app, &one.instance, &one.session, at).await.is_ok() {
            archived.push(Archived {
                instance: one.instance,
                session: one.session,
            });
        }
    }
    Ok(TreeDone {
        branch: removed.branch,
        kept: Some(removed.kept),
        archived,
        ..TreeDone::default()
    })
}

async fn archive(
    app: &App,
    instance: &InstanceId,
    session: &model::ids::SessionId,
    at: u64,
) -> Result<(), Problem> {
    let change = Change {
        title: None,
        time: Some(ChangeTime { archived: Some(at) }),
    };
    app.commands()
        .change_session(instance, session, &change)
        .await?;
    Ok(())
}

async fn restore(
    app: &App,
    id: &InstanceId,
    repository: &Repository,
    kept: &str,
    sessions: Vec<Archived>,
) -> Result<TreeDone, Problem> {
    let restored = repository.restore_worktree(kept).await?;
    let (hub, instance, root) = (app.hub().clone(), id.clone(), restored.root().to_owned());
    let trust = move || hub.trust_made(&instance, &root);
    let trusted = tokio::task::spawn_blocking(trust).await;
    trusted.map_err(Problem::internal)??;
    for one in sessions {
        // One that is gone stays so.
        let _gone = archive(app, &one.instance, &one.session, 0).await;
    }
    Ok(TreeDone {
        path: Some(restored.root().display().to_string()),
        ..TreeDone::default()
    })
}

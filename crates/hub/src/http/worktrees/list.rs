//! The work trees of a repository, with what each has that others lack, and the sessions in it.

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::{Path, Query, State};
use futures_util::StreamExt;
use futures_util::stream;
use model::ids::{InstanceId, SessionId};
use model::view::{Mark, mark_of};
use serde::Serialize;

use super::make::Asked;
use super::{App, Problem, repository};
use crate::git::{Repository, Standing, Worktree, list_of};
use crate::limits;

/// A work tree.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Listed {
    /// Its folder.
    pub(super) path: String,
    /// True for the repository's own folder.
    pub(super) main: bool,
    /// The branch that is checked out.
    pub(super) branch: Option<String>,
    /// The commit that is checked out.
    pub(super) commit: Option<String>,
    /// The reason why it must not be removed.
    pub(super) locked: Option<String>,
    /// True if its folder is gone.
    pub(super) gone: bool,
    /// Files that are not committed; absent if that could not be read.
    pub(super) changed: Option<usize>,
    /// Some of them by name.
    pub(super) files: String,
    /// The branch that it is compared with.
    pub(super) base: Option<String>,
    /// Commits that the base lacks.
    pub(super) ahead: u64,
    /// Commits of the base that it lacks.
    pub(super) behind: u64,
    /// Commits that no other branch, tag or remote has.
    pub(super) own: u64,
    /// The sessions that work in it.
    pub(super) sessions: Vec<Inside>,
}

/// A session in a work tree.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Inside {
    /// Its instance.
    #[schema(value_type = String)]
    pub(super) instance: InstanceId,
    /// The session.
    #[schema(value_type = String)]
    pub(super) session: SessionId,
    /// Its title.
    pub(super) title: String,
    /// Its state.
    #[schema(value_type = String)]
    pub(super) state: Mark,
    /// True while it runs.
    pub(super) runs: bool,
}

/// Lists the work trees of the repository of a session or instance.
#[utoipa::path(
    get, path = "/api/instances/{id}/worktrees", tag = "worktrees", params(("id" = String, Path), Asked),
    responses((status = 200, body = [Listed]), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Listed>>, Problem> {
    Ok(Json(all(&app, &id, &asked).await?))
}

pub(super) async fn all(app: &App, id: &InstanceId, asked: &Asked) -> Result<Vec<Listed>, Problem> {
    let (_, repository) = repository(app, id, asked.session.as_ref()).await?;
    let trees = repository.worktrees().await?.into_iter().enumerate();
    let read = trees.map(|(nth, tree)| look(nth, tree));
    let read: Vec<_> = stream::iter(read)
        .buffered(limits::GIT_AT_ONCE)
        .collect()
        .await;
    let local = local(app).await;
    let roots: Vec<_> = read.iter().map(|(tree, _)| tree.path.clone()).collect();
    Ok(read
        .into_iter()
        .map(|(tree, standing)| {
            let sessions = inside(app, &local, &tree, &roots);
            listed(tree, standing, sessions)
        })
        .collect())
}

/// A work tree with its state, if it is one of the first.
async fn look(nth: usize, tree: Worktree) -> (Worktree, Option<Standing>) {
    let standing = match nth < limits::WORKTREES_LISTED && !tree.gone {
        true => standing(&tree).await,
        false => None,
    };
    (tree, standing)
}

async fn standing(tree: &Worktree) -> Option<Standing> {
    let opened = Repository::open(&tree.path).await;
    let standing = match opened {
        Ok(opened) => opened.standing().await,
        Err(error) => Err(error),
    };
    standing
        .inspect_err(
            |error| tracing::debug!(%error, path = %tree.path.display(), "a work tree is not read"),
        )
        .ok()
}

/// The instances whose servers run on this machine.
async fn local(app: &App) -> Vec<InstanceId> {
    let known = app
        .hub()
        .engine()
        .read(|state| state.instances.keys().cloned().collect::<Vec<_>>());
    let mut local = Vec::new();
    for id in known {
        if app.hub().is_local(&id).await {
            local.push(id);
        }
    }
    local
}

/// The root sessions that work in a tree, and not in one that lies inside of it.
pub(super) fn inside(
    app: &App,
    local: &[InstanceId],
    tree: &Worktree,
    roots: &[std::path::PathBuf],
) -> Vec<Inside> {
    let is_inside = |directory: &str| {
        let directory = FilePath::new(directory);
        let nearest = roots
            .iter()
            .filter(|root| directory.starts_with(root))
            .max_by_key(|root| root.as_os_str().len());
        nearest == Some(&tree.path)
    };
    app.hub().engine().read(|state| {
        let mut found = Vec::new();
        for instance in local.iter().filter_map(|id| state.instances.get(id)) {
            for session in instance.sessions.values() {
                let info = &session.info;
                let is_root = info.parent.is_none() && info.archived.is_none();
                if !is_root || !is_inside(&info.directory) || !state.shows(&instance.id, &info.id) {
                    continue;
                }
                found.push((
                    std::cmp::Reverse(info.updated),
                    Inside {
                        instance: instance.id.clone(),
                        session: info.id.clone(),
                        title: info.title().to_owned(),
                        state: mark_of(state, instance, session).mark,
                        runs: session.run.is_running(),
                    },
                ));
            }
        }
        found.sort_by_key(|(updated, _)| *updated);
        found.into_iter().map(|(_, inside)| inside).collect()
    })
}

/// The sessions of all local instances in a work tree.
pub(super) async fn sessions_in(
    app: &App,
    repository: &Repository,
    tree: &Worktree,
) -> Result<Vec<Inside>, Problem> {
    let trees = repository.worktrees().await?;
    let roots: Vec<_> = trees.into_iter().map(|one| one.path).collect();
    Ok(inside(app, &local(app).await, tree, &roots))
}

fn listed(tree: Worktree, standing: Option<Standing>, sessions: Vec<Inside>) -> Listed {
    let known = standing.is_some();
    let standing = standing.unwrap_or_default();
    Listed {
        path: tree.path.display().to_string(),
        main: tree.main,
        branch: tree.branch,
        commit: tree.commit,
        locked: tree.locked,
        gone: tree.gone,
        changed: known.then_some(standing.changed.len()),
        files: list_of(&standing.changed),
        base: standing.base,
        ahead: standing.ahead,
        behind: standing.behind,
        own: standing.own,
        sessions,
    }
}

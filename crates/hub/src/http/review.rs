//! Reviews: what changed in a folder, comments on the changes, and what git does with them.

mod acts;
mod api;
mod comments;
mod page;
mod source;

use axum::http::StatusCode;
use changes::{FilePath, Options};
use model::ids::{InstanceId, SessionId};
use model::state::Origin;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use crate::command::CommandError;
use crate::git::{GitError, GitScope};
use crate::review::{ReviewError, Scope};

pub(super) use acts::{__path_act, act};
pub(super) use api::{
    __path_image, __path_list, __path_marks, __path_next, __path_patch, __path_view, image, list,
    marks, next, patch, view,
};
pub(super) use comments::{
    __path_comment, __path_delete, __path_edit, __path_send, comment, delete, edit, send,
};
pub(super) use page::{file, files, lines};

/// Selects a review, and a file of it.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The session; the folder of the instance if absent.
    #[param(value_type = Option<String>)]
    pub(super) session: Option<SessionId>,
    /// What is compared: by default what the session changed, else what is not committed.
    #[param(value_type = Option<String>)]
    pub(super) of: Option<Scope>,
    /// The branch or commit for `branch`; the usual one if absent.
    pub(super) base: Option<String>,
    /// The file, percent-encoded as lists have it.
    pub(super) path: Option<String>,
    /// The path that it had.
    pub(super) old: Option<String>,
    /// True for both sides beside each other.
    #[serde(default)]
    pub(super) split: bool,
    /// True if white space does not count.
    #[serde(default)]
    pub(super) space: bool,
    /// How many rows of the file are known already.
    #[serde(default)]
    pub(super) from: usize,
    /// The number before of the first line of a gap.
    #[serde(default)]
    pub(super) gap_old: usize,
    /// The number after of the first line of a gap.
    #[serde(default)]
    pub(super) gap_new: usize,
    /// Lines of the gap.
    #[serde(default)]
    pub(super) lines: usize,
    /// True for the side before of an image.
    #[serde(default)]
    pub(super) before: bool,
}

impl Asked {
    fn options(&self) -> Options {
        Options {
            ignore_space: self.space,
        }
    }

    /// The file that is asked for.
    fn file(&self) -> Result<FilePath, Problem> {
        let path = self.path.as_deref().and_then(FilePath::from_id);
        path.ok_or_else(|| Problem::invalid("`path` names a file as a list of changes does"))
    }

    fn old_file(&self) -> Option<FilePath> {
        self.old.as_deref().and_then(FilePath::from_id)
    }

    /// The comparison of git that is asked for, if git makes it.
    fn git_scope(&self, scope: Scope) -> Option<GitScope> {
        match scope {
            Scope::Session | Scope::Turn => None,
            Scope::Uncommitted => Some(GitScope::Uncommitted),
            Scope::Unstaged => Some(GitScope::Unstaged),
            Scope::Staged => Some(GitScope::Staged),
            Scope::Branch => Some(GitScope::Branch(
                self.base.clone().filter(|base| !base.is_empty()),
            )),
        }
    }
}

/// The folder that is reviewed: that of the session, or of the instance.
///
/// Its name is the key of marks and comments.
pub(super) fn folder(
    app: &App,
    id: &InstanceId,
    session: Option<&SessionId>,
) -> Result<String, Problem> {
    let found = app.hub().engine().read(|state| {
        let instance = state.instances.get(id)?;
        let session = match session {
            Some(session) => Some(instance.sessions.get(session)),
            None => None,
        };
        Some((
            instance.origin.clone(),
            session.map(|one| one.map(|one| one.info.directory.clone())),
        ))
    });
    let (origin, directory) = found.ok_or_else(|| CommandError::UnknownInstance(id.clone()))?;
    match (directory, origin, session) {
        (Some(Some(directory)), _, _) if !directory.is_empty() => Ok(directory.to_string()),
        (Some(None), _, Some(session)) => Err(CommandError::UnknownSession {
            instance: id.clone(),
            session: session.clone(),
        }
        .into()),
        (_, Origin::Folder(folder), _) => Ok(folder.to_string()),
        (_, Origin::Url(_) | Origin::Service(_), _) => {
            let server = app.hub().server(id);
            let directory = server.and_then(|server| server.directory);
            directory
                .map(|directory| directory.to_string())
                .ok_or_else(|| {
                    Problem::invalid(
                        "the folder of this server is not known yet. Open a session of it",
                    )
                    .next("Review the changes of a session")
                })
        }
    }
}

impl From<GitError> for Problem {
    fn from(error: GitError) -> Self {
        let status = match &error {
            GitError::NoSuchFile
            | GitError::NoRepository(_)
            | GitError::NoFolder { .. }
            | GitError::NoWorktree(_) => StatusCode::NOT_FOUND,
            GitError::Stale
            | GitError::Taken(_)
            | GitError::Unsaved(_)
            | GitError::Conflicts { .. }
            | GitError::Untried { .. } => StatusCode::CONFLICT,
            GitError::Missing | GitError::System(_) => StatusCode::INTERNAL_SERVER_ERROR,
            GitError::Slow { .. } => StatusCode::GATEWAY_TIMEOUT,
            GitError::Failed { .. }
            | GitError::TooMuch { .. }
            | GitError::NoSuchBase(_)
            | GitError::NoMergeBase(_)
            | GitError::NoLines(_)
            | GitError::BadName(_)
            | GitError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::of_git(status, error)
    }
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        let status = match error {
            ReviewError::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
            ReviewError::NoComment => StatusCode::NOT_FOUND,
            ReviewError::Full => StatusCode::CONFLICT,
            ReviewError::Text => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::of_review(status, error)
    }
}

//! Work trees: their list, new ones with a session each, and bringing them back.

mod acts;
mod list;
mod make;
mod page;

use axum::http::StatusCode;
use model::ids::{InstanceId, SessionId};

use super::app::App;
use super::problem::Problem;
use super::review;
use crate::git::Repository;
use crate::instances::MakeError;

pub(super) use acts::{__path_act, act};
pub(super) use list::{__path_list, list};
pub(super) use make::{__path_make, __path_plan, __path_progress, make, plan, progress};
pub(super) use page::{dialog, new_dialog};

/// The folder of a session or instance, and its repository. Of a session whose folder is gone, as its work tree was removed, those of its
/// instance.
async fn repository(
    app: &App,
    id: &InstanceId,
    session: Option<&SessionId>,
) -> Result<(String, Repository), Problem> {
    let mut folder = review::folder(app, id, session)?;
    let is_gone = tokio::fs::symlink_metadata(&folder)
        .await
        .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_gone && session.is_some() {
        folder = review::folder(app, id, None)?;
    }
    if !app.hub().is_local(id).await {
        return Err(Problem::not_here(&folder));
    }
    let repository = Repository::open(folder.as_ref()).await?;
    Ok((folder, repository))
}

impl From<MakeError> for Problem {
    fn from(error: MakeError) -> Self {
        let detail = error.to_string();
        match error {
            MakeError::Git(error) => error.into(),
            MakeError::Folder(error) => error.into(),
            MakeError::Command(error) => error.into(),
            MakeError::Setup(_) | MakeError::OtherSetup => Self::setup(detail),
            MakeError::Disk(_) => Self::of_worktree(StatusCode::INSUFFICIENT_STORAGE, detail),
            MakeError::Busy => Self::of_worktree(StatusCode::SERVICE_UNAVAILABLE, detail),
        }
    }
}

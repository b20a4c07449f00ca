//! Work trees: their list, new ones with a session each, and bringing them back.

mod acts;
mod list;
mod make;
mod page;

use axum::http::StatusCode;

use super::app::App;
use super::problem::Problem;
use super::review::{folder, repository};
use crate::instances::MakeError;

pub(super) use acts::{__path_act, act};
pub(super) use list::{__path_list, list};
pub(super) use make::{__path_make, __path_plan, __path_progress, make, plan, progress};
pub(super) use page::{dialog, new_dialog};

impl From<MakeError> for Problem {
    fn from(error: MakeError) -> Self {
        let detail = error.to_string();
        match error {
            MakeError::Git(error) => error.into(),
            MakeError::Folder(error) => error.into(),
            MakeError::Setup(_) | MakeError::OtherSetup => Self::setup(detail),
            MakeError::Disk(_) => Self::of_worktree(StatusCode::INSUFFICIENT_STORAGE, detail),
            MakeError::Busy => Self::of_worktree(StatusCode::SERVICE_UNAVAILABLE, detail),
        }
    }
}

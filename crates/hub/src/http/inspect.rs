//! The event inspector: frames as they arrive, a session as it was, and bundles of both.

mod bundles;
mod errors;
mod frames;
mod panel;
mod session;

use std::sync::Arc;

use model::ids::{InstanceId, SessionId};

use super::app::App;
use super::problem::Problem;
use crate::inspect::{Age, BundleId};
use crate::record::log::{Cursor, Entry, LogRead};
use crate::replay::timeline::Timeline;

pub(super) use bundles::{__path_export, __path_open, export, open};
pub(super) use errors::{__path_report, report};
pub(super) use frames::{__path_follow, follow};
pub(super) use panel::{panel, past};
pub(super) use session::{__path_frame, __path_read, frame, read};

/// The timeline of a session, in the log or in a bundle.
async fn timeline(
    app: &App,
    bundle: Option<BundleId>,
    instance: &InstanceId,
    session: &SessionId,
    age: Age<'_>,
) -> Result<Arc<Timeline>, Problem> {
    let kept = app.inspections();
    let found = match bundle {
        Some(id) => kept.of_bundle(id, instance, session).await,
        None => {
            let engine = app.hub().engine();
            kept.of_log(engine, instance, session, age).await
        }
    };
    found.ok_or_else(|| no_history(bundle))
}

/// The entry with a cursor, in the log or in a bundle.
async fn entry(
    app: &App,
    bundle: Option<BundleId>,
    cursor: &Cursor,
) -> Result<Arc<Entry>, Problem> {
    if let Some(id) = bundle {
        let bundle = app
            .inspections()
            .bundle(id)
            .ok_or_else(|| no_history(bundle))?;
        let mut entries = bundle.entries();
        let found = entries.find(|entry| entry.cursor() == *cursor);
        return found.cloned().ok_or_else(no_frame);
    }
    let before = Cursor {
        epoch: cursor.epoch.clone(),
        seq: cursor.seq.checked_sub(1).ok_or_else(no_frame)?,
    };
    match app.hub().engine().journal().read(&before, 1).await {
        LogRead::Entries(entries) => entries
            .first()
            .filter(|entry| entry.cursor() == *cursor)
            .cloned()
            .ok_or_else(no_frame),
        LogRead::Gap { .. } => Err(no_frame()),
    }
}

fn no_frame() -> Problem {
    Problem::not_in_log("The log does not have this frame any more")
}

fn no_history(bundle: Option<BundleId>) -> Problem {
    Problem::not_in_log(match bundle {
        Some(_) => "The bundle is not open any more, or has nothing of this session. Open it again",
        None => "The log has nothing of this session",
    })
}

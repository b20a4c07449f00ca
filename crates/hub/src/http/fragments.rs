//! Elements of the page that are too large for its socket, or that were folded.

use axum::extract::{Path, Query, State};
use axum::response::Html;
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Rev;
use model::view::Look;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use crate::feed::place;

/// Which element of what is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// Its `data-k`.
    key: String,
    /// The revision that the viewer has.
    at: Option<u64>,
    /// The oldest message in the viewer's window.
    from: Option<MessageId>,
    /// Present, and neither `0` nor `false`, to have long texts whole.
    whole: Option<String>,
}

/// An element of the page without an instance in front.
pub(super) async fn home(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Problem> {
    fragment(&app, Look::default(), wanted).await
}

/// An element of an instance's page.
pub(super) async fn instance(
    State(app): State<App>,
    Path(instance): Path<InstanceId>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Problem> {
    let look = Look {
        instance: Some(instance),
        ..Look::default()
    };
    fragment(&app, look, wanted).await
}

/// An element of a session's page.
pub(super) async fn session(
    State(app): State<App>,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(mut wanted): Query<Wanted>,
) -> Result<Html<String>, Problem> {
    let look = Look {
        instance: Some(instance),
        session: Some(session),
        from: wanted.from.take(),
    };
    fragment(&app, look, wanted).await
}

async fn fragment(app: &App, look: Look, wanted: Wanted) -> Result<Html<String>, Problem> {
    let whole = wanted
        .whole
        .is_some_and(|whole| !matches!(&*whole, "0" | "false"));
    let at = wanted.at.map(Rev);
    let html = place::element(app.hub().live(), look, wanted.key, at, whole).await;
    html.map(Html).ok_or_else(Problem::no_fragment)
}

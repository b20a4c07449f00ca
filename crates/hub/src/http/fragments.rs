//! Elements of the page that are too large for its socket, or were collapsed.

use axum::extract::{Path, Query, State};
use axum::response::Html;
use model::ids::{InstanceId, MessageId, ParallelId, SessionId};
use model::state::Rev;
use model::view::{self, Viewport};
use page::{Language, speak};
use serde::Deserialize;

use super::app::App;
use super::documents::keep;
use super::problem::Problem;
use super::spoken::Spoken;
use crate::feed::position::{self, ViewerPosition};
use crate::limits;

/// Selects an element of a viewport.
#[derive(Debug, Deserialize)]
pub(super) struct FragmentQuery {
    /// The element's key (`data-k`).
    key: String,
    /// The revision of the viewer.
    at: Option<u64>,
    /// The oldest message in the viewer's window.
    from: Option<MessageId>,
    /// True for an element of the overview's page.
    #[serde(default)]
    overview: bool,
    /// True for an element of a review page.
    #[serde(default)]
    review: bool,
    /// The parallel run that the viewer compares.
    parallel: Option<ParallelId>,
    /// If present, and neither `0` nor `false`, long texts are not truncated.
    whole: Option<String>,
}

/// An element of the page without a selected instance.
pub(super) async fn home(
    State(app): State<App>,
    Spoken(language): Spoken,
    Query(wanted): Query<FragmentQuery>,
) -> Result<Html<String>, Problem> {
    let look = Viewport {
        overview: wanted.overview,
        review: wanted.review,
        ..Viewport::default()
    };
    fragment(&app, language, look, wanted).await
}

/// An element of an instance's page.
pub(super) async fn instance(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(instance): Path<InstanceId>,
    Query(mut wanted): Query<FragmentQuery>,
) -> Result<Html<String>, Problem> {
    let look = Viewport {
        parallel: wanted.parallel.take(),
        instance: Some(instance),
        overview: wanted.overview,
        review: wanted.review,
        ..Viewport::default()
    };
    fragment(&app, language, look, wanted).await
}

/// An element of a session's page.
pub(super) async fn session(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(mut wanted): Query<FragmentQuery>,
) -> Result<Html<String>, Problem> {
    let look = Viewport {
        instance: Some(instance),
        session: Some(session),
        from: wanted.from.take(),
        overview: wanted.overview,
        review: wanted.review,
        ..Viewport::default()
    };
    fragment(&app, language, look, wanted).await
}

/// Selects the messages before one.
#[derive(Debug, Deserialize)]
pub(super) struct OlderQuery {
    /// The oldest message that the viewer has.
    before: MessageId,
}

/// The messages of a session before those that a viewer has.
pub(super) async fn older(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(OlderQuery { before }): Query<OlderQuery>,
) -> Result<Html<String>, Problem> {
    let look = Viewport {
        instance: Some(instance),
        session: Some(session),
        from: Some(before.clone()),
        ..Viewport::default()
    };
    let live = app.hub().live();
    let ViewerPosition { seen, exists, kept } = position::open(live, look, Some(&before)).await;
    if !exists {
        return Err(Problem::no_fragment());
    }
    let html = live.draw(language, move |renderer| renderer.older(&seen, &before));
    let html = html.await;
    keep(&app, kept, limits::DOCUMENT_KEPT);
    html.map(Html).ok_or_else(Problem::no_fragment)
}

/// The archived sessions of an instance.
pub(super) async fn archived(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(instance): Path<InstanceId>,
) -> Result<Html<String>, Problem> {
    let rows = app.hub().engine().read(|state| {
        let found = state.instances.get(&instance)?;
        Some(view::archived(state, found))
    });
    let rows = rows.ok_or_else(Problem::no_fragment)?;
    Ok(Html(speak(language, || page::archive(&instance, &rows))))
}

/// Why a session is in its state, as the hint of its row says it.
pub(super) async fn why(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
) -> Result<Html<String>, Problem> {
    let standing = app.hub().engine().read(|state| {
        let found = state.instances.get(&instance)?;
        let session = found.sessions.get(&session)?;
        Some(view::standing(state, found, session))
    });
    let standing = standing.ok_or_else(Problem::no_fragment)?;
    Ok(Html(speak(language, || page::why(&standing))))
}

async fn fragment(
    app: &App,
    language: Language,
    look: Viewport,
    wanted: FragmentQuery,
) -> Result<Html<String>, Problem> {
    let whole = wanted
        .whole
        .is_some_and(|whole| !matches!(&*whole, "0" | "false"));
    let at = wanted.at.map(Rev);
    let html = position::element(app.hub().live(), language, look, wanted.key, at, whole).await;
    html.map(Html).ok_or_else(Problem::no_fragment)
}

//! The page as documents: whole, with everything that is known already.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::{Body, Rev};
use model::view::{self, Look};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::app::App;
use super::problem::Problem;
use crate::engine::Watched;
use crate::limits;

/// The window of a conversation.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    /// The oldest message in it, if older ones than usual are wanted.
    from: Option<MessageId>,
}

/// The page without an instance in front.
pub(super) async fn home(State(app): State<App>) -> Response {
    document(&app, Look::default()).await
}

/// The page with an instance in front.
pub(super) async fn instance(State(app): State<App>, Path(instance): Path<InstanceId>) -> Response {
    let look = Look {
        instance: Some(instance),
        ..Look::default()
    };
    document(&app, look).await
}

/// The page with a session in front.
pub(super) async fn session(
    State(app): State<App>,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(window): Query<Window>,
) -> Response {
    let look = Look {
        instance: Some(instance),
        session: Some(session),
        from: window.from,
    };
    document(&app, look).await
}

async fn document(app: &App, look: Look) -> Response {
    let kept = load(app, &look).await;
    let engine = app.hub().engine();
    let (seen, status) =
        engine.read(|state| (view::look(state, &look, Rev(0)), status(state, &look)));
    let shared = app.clone();
    let html = app.hub().live().draw(move |renderer| {
        let recent = shared.hub().offered_folders();
        renderer.document(&seen, &shared.context(&recent))
    });
    let html = html.await;
    if let Some(kept) = kept {
        keep(app, kept, limits::DOCUMENT_KEPT);
    }
    match html {
        Some(html) => (status, Html(html)).into_response(),
        None => Problem::internal("The page could not be drawn").into_response(),
    }
}

fn status(state: &model::State, look: &Look) -> StatusCode {
    let found = match (&look.instance, &look.session) {
        (Some(instance), Some(session)) => state.session(instance, session).is_some(),
        (Some(instance), None) => state.instances.contains_key(instance),
        (None, _) => true,
    };
    if found {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

/// Has the conversation read that is looked at, and waits a moment for it.
pub(super) async fn load(app: &App, look: &Look) -> Option<Watched> {
    let (instance, session) = (look.instance.clone()?, look.session.clone()?);
    let engine = app.hub().engine();
    engine.read(|state| state.session(&instance, &session).map(drop))?;
    let kept = engine.watch(instance.clone(), session.clone()).await;
    let here = async {
        engine
            .until(|state| {
                let session = state.session(&instance, &session);
                session.is_none_or(|session| {
                    !matches!(session.body, Body::NotLoaded | Body::Loading(_))
                })
            })
            .await;
        if look.from.is_some() {
            older(app, look, &instance, &session).await;
        }
    };
    let _too_late = timeout(limits::DOCUMENT_WAIT, here).await;
    Some(kept)
}

/// Has older messages read if the window begins before those that are kept.
async fn older(app: &App, look: &Look, instance: &InstanceId, session: &SessionId) {
    let engine = app.hub().engine();
    let first = |state: &model::State| {
        let loaded = state.session(instance, session)?.loaded()?;
        let wanted = look
            .from
            .as_ref()
            .is_some_and(|from| loaded.messages.contains_key(from));
        // The message asked for is the oldest that the viewer has: it wants those before.
        let first = loaded.in_order().next()?.info.id.clone();
        (!wanted || Some(&first) == look.from.as_ref()).then_some(first)
    };
    let Some(before) = engine.read(first) else {
        return;
    };
    engine.older(instance.clone(), session.clone()).await;
    engine
        .until(|state| first(state).as_ref() != Some(&before))
        .await;
}

/// Keeps a conversation until the page's own socket looks at it.
fn keep(app: &App, kept: Watched, time: Duration) {
    let ending = app.ending();
    tokio::spawn(async move {
        tokio::select! {
            () = sleep(time) => {}
            () = ending.cancelled() => {}
        }
        drop(kept);
    });
}

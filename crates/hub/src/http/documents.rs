//! The page as documents: whole, with everything that is known already.

use std::time::Duration;

use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use model::State;
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::{Body, Loaded, Rev};
use model::view::{self, Look};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::app::App;
use super::discover;
use super::problem::Problem;
use crate::engine::Watched;
use crate::limits;

/// The window of a conversation.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Window {
    /// The oldest message in it, if older ones than usual are wanted.
    from: Option<MessageId>,
    /// The oldest message that the reader has, who wants those before it.
    before: Option<MessageId>,
}

/// The page without an instance in front.
pub(super) async fn home(Shared(app): Shared<App>) -> Response {
    document(&app, Look::default(), None).await
}

/// The page with an instance in front.
pub(super) async fn instance(
    Shared(app): Shared<App>,
    Path(instance): Path<InstanceId>,
) -> Response {
    let look = Look {
        instance: Some(instance),
        ..Look::default()
    };
    document(&app, look, None).await
}

/// The page with a session in front.
pub(super) async fn session(
    Shared(app): Shared<App>,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(window): Query<Window>,
) -> Response {
    let look = Look {
        instance: Some(instance),
        session: Some(session),
        from: window.from,
    };
    document(&app, look, window.before).await
}

async fn document(app: &App, mut look: Look, before: Option<MessageId>) -> Response {
    let kept = load(app, &look).await;
    if let Some(before) = &before {
        // What cannot be read in time is not shown; the link to it is still there.
        let _too_late = timeout(limits::OLDER_WAIT, older(app, &look, before)).await;
        look.from = app
            .hub()
            .engine()
            .read(|state| page_before(state, &look, before));
    }
    let engine = app.hub().engine();
    let (seen, status) =
        engine.read(|state| (view::look(state, &look, Rev(0)), status(state, &look)));
    let shared = app.clone();
    let html = app.hub().live().draw(move |renderer| {
        let recent = shared.hub().offered_folders();
        let found = match seen.look.instance {
            None => discover::offered(&shared),
            Some(_) => Vec::new(),
        };
        renderer.document(&seen, &shared.context(&recent, &found))
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

fn status(state: &State, look: &Look) -> StatusCode {
    let instance = look.instance.as_ref().map(|id| state.instances.get(id));
    let found = match (instance, &look.session) {
        (Some(None), _) => false,
        // What a server has is known only while it is heard: just after a start, nothing is.
        (Some(Some(instance)), Some(session)) => {
            !instance.is_live() || instance.sessions.contains_key(session)
        }
        (Some(Some(_)), None) | (None, _) => true,
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
    };
    let _too_late = timeout(limits::DOCUMENT_WAIT, here).await;
    Some(kept)
}

/// Has the messages before one read, if they are not here and there are any.
async fn older(app: &App, look: &Look, before: &MessageId) {
    let engine = app.hub().engine();
    let lacking = |state: &State| {
        let loaded = conversation(state, look)?;
        let first = loaded.in_order().next()?.info.id.clone();
        (loaded.older.is_some() && first == *before).then_some(())
    };
    let (Some(()), Some(instance), Some(session)) =
        (engine.read(lacking), &look.instance, &look.session)
    else {
        return;
    };
    engine.older(instance.clone(), session.clone()).await;
    engine.until(|state| lacking(state).is_none()).await;
}

/// The message that begins the page of messages before one.
fn page_before(state: &State, look: &Look, before: &MessageId) -> Option<MessageId> {
    let mut newest_first = conversation(state, look)?.in_order().rev();
    newest_first.find(|message| message.info.id == *before)?;
    let page = newest_first.take(view::WINDOW).last();
    Some(page.map_or_else(|| before.clone(), |message| message.info.id.clone()))
}

fn conversation<'a>(state: &'a State, look: &Look) -> Option<&'a Loaded> {
    let (instance, session) = (look.instance.as_ref()?, look.session.as_ref()?);
    state.session(instance, session)?.loaded()
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

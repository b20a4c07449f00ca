//! The page as documents: whole, with everything that is known already.

use std::time::Duration;

use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use model::ids::{InstanceId, MessageId, SessionId};
use model::view::Look;
use page::Renderer;
use serde::Deserialize;
use tokio::time::sleep;

use super::app::App;
use super::discover;
use super::problem::Problem;
use crate::engine::Watched;
use crate::feed::place::{self, Place};
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

async fn document(app: &App, look: Look, before: Option<MessageId>) -> Response {
    let Place { seen, exists, kept } = place::open(app.hub().engine(), look, before.as_ref()).await;
    let status = if exists {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let found = match seen.look.instance {
        None => discover::offered(app).await,
        Some(_) => Vec::new(),
    };
    let shared = app.clone();
    let html = app.hub().live().draw(move |renderer| {
        let recent = shared.hub().offered_folders();
        let context = shared.context(&recent, &found);
        // Of what does not exist nothing is remembered.
        if exists {
            renderer.document(&seen, &context)
        } else {
            Renderer::new().document(&seen, &context)
        }
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

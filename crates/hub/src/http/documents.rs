//! The page as complete documents, with all data that is loaded.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use model::State;
use model::ids::{InstanceId, MessageId, ParallelId, SessionId};
use model::time::Timestamp;
use model::view::Viewport;
use page::{Context, Language, Renderer};
use serde::Deserialize;
use tokio::time::sleep;

use super::app::App;
use super::discover;
use super::problem::Problem;
use super::shield::Offered;
use super::spoken::Spoken;
use crate::access::{Power, Powers};
use crate::engine::Watched;
use crate::feed::position::{self, ViewerPosition};
use crate::limits;

/// Who reads a document.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    language: Language,
    /// What the reader may do with its proof.
    powers: Powers,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let Spoken(language) = Spoken::from_request_parts(parts, app).await?;
        let offered = parts.extensions.get::<Offered>();
        let powers = offered.map_or(Powers::NONE, |Offered(powers)| *powers);
        Ok(Self { language, powers })
    }
}

impl Reader {
    /// True if the reader may add instances.
    fn adds(self) -> bool {
        self.powers.has(Power::Admin)
    }

    /// Names of the roles whose powers the reader lacks.
    fn lacks(self) -> Vec<&'static str> {
        let all = [Power::Answer, Power::Drive, Power::Admin];
        let lacking = all.into_iter().filter(|power| !self.powers.has(*power));
        lacking.map(|power| power.role().name()).collect()
    }
}

/// The window of a conversation.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Window {
    /// The oldest message of the window, if older messages than usual are requested.
    from: Option<MessageId>,
    /// The oldest message that the reader has, if the messages before it are requested.
    before: Option<MessageId>,
}

/// A session that is shown beside the overview.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Peek {
    /// Its instance.
    instance: Option<InstanceId>,
    /// The session.
    session: Option<SessionId>,
    /// The oldest message in its window, if older ones than usual are wanted.
    from: Option<MessageId>,
    /// The oldest message that the reader has, who wants those before it.
    before: Option<MessageId>,
}

/// The overview, with a session beside it where one is named. With one instance that has no session yet there is nothing to
/// choose from: that leads straight to its first prompt.
pub(super) async fn home(
    Shared(app): Shared<App>,
    reader: Reader,
    Query(peek): Query<Peek>,
) -> Response {
    if let Some(only) = app.hub().engine().read(only_empty_instance) {
        return Redirect::temporary(&page::instance_path(only.as_str())).into_response();
    }
    let named = peek.instance.zip(peek.session);
    let (instance, session) = named.unzip();
    let look = Viewport {
        from: peek.from.filter(|_| session.is_some()),
        instance,
        session,
        overview: true,
        ..Viewport::default()
    };
    document(&app, reader, look, peek.before).await
}

/// The only instance, if it is connected, was read, and has no session.
fn only_empty_instance(state: &State) -> Option<InstanceId> {
    let mut all = state.instances.values();
    let (only, None) = (all.next()?, all.next()) else {
        return None;
    };
    (only.is_live() && only.listed && only.sessions.is_empty()).then(|| only.id.clone())
}

/// The page with a selected instance.
pub(super) async fn instance(
    Shared(app): Shared<App>,
    reader: Reader,
    Path(instance): Path<InstanceId>,
) -> Response {
    document(&app, reader, at(instance, None), None).await
}

/// The page with a selected session.
pub(super) async fn session(
    Shared(app): Shared<App>,
    reader: Reader,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
    Query(window): Query<Window>,
) -> Response {
    let look = Viewport {
        from: window.from,
        ..at(instance, Some(session))
    };
    document(&app, reader, look, window.before).await
}

/// The page that compares a parallel run.
pub(super) async fn parallel(
    Shared(app): Shared<App>,
    reader: Reader,
    Path((instance, parallel)): Path<(InstanceId, ParallelId)>,
) -> Response {
    let look = Viewport {
        parallel: Some(parallel),
        ..at(instance, None)
    };
    document(&app, reader, look, None).await
}

/// The page that shows what changed in the folder of an instance.
pub(super) async fn review(
    Shared(app): Shared<App>,
    reader: Reader,
    Path(instance): Path<InstanceId>,
) -> Response {
    let look = Viewport {
        review: true,
        ..at(instance, None)
    };
    document(&app, reader, look, None).await
}

/// The page that shows what a session changed.
pub(super) async fn session_review(
    Shared(app): Shared<App>,
    reader: Reader,
    Path((instance, session)): Path<(InstanceId, SessionId)>,
) -> Response {
    let look = Viewport {
        review: true,
        ..at(instance, Some(session))
    };
    document(&app, reader, look, None).await
}

/// The page of the event inspector, which its script fills.
pub(super) async fn inspect(Shared(app): Shared<App>, reader: Reader) -> Response {
    let live = app.hub().live();
    let look = Viewport::default();
    let seen = position::open(live, look, None).await.seen;
    let shared = app.clone();
    let html = live.draw(reader.language, move |renderer| {
        let settings = shared.hub().settings().now();
        let lacks = reader.lacks();
        let context = page::Context {
            inspect: true,
            adds: reader.adds(),
            lacks: &lacks,
            ..shared.context(&[], &[], &settings)
        };
        renderer.document(&seen, &context)
    });
    match html.await {
        Some(html) => Html(html).into_response(),
        None => Problem::internal("The page could not be drawn").into_response(),
    }
}

/// A look at an instance, or at a session of it.
fn at(instance: InstanceId, session: Option<SessionId>) -> Viewport {
    Viewport {
        instance: Some(instance),
        session,
        ..Viewport::default()
    }
}

async fn document(
    app: &App,
    reader: Reader,
    look: Viewport,
    before: Option<MessageId>,
) -> Response {
    if let (Some(instance), Some(session)) = (&look.instance, &look.session) {
        list_session(app, instance, session).await;
    }
    let ViewerPosition { seen, exists, kept } =
        position::open(app.hub().live(), look, before.as_ref()).await;
    let status = if exists {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let found = match seen.viewport.overview {
        true => discover::offered(app).await,
        false => Vec::new(),
    };
    let shared = app.clone();
    let html = app.hub().live().draw(reader.language, move |renderer| {
        let recent = shared.hub().offered_folders();
        let settings = shared.hub().settings().now();
        let lacks = reader.lacks();
        let context = Context {
            drafted: drafted(&shared, &seen.viewport),
            adds: reader.adds(),
            lacks: &lacks,
            ..shared.context(&recent, &found, &settings)
        };
        // Nothing is retained for a viewport that does not exist.
        if exists {
            renderer.document(&seen, &context)
        } else {
            Renderer::new().document(&seen, &context)
        }
    });
    let html = html.await;
    if !kept.is_empty() {
        keep(app, kept, limits::DOCUMENT_KEPT);
    }
    match html {
        Some(html) => (status, Html(html)).into_response(),
        None => Problem::internal("The page could not be drawn").into_response(),
    }
}

/// Has a session in the state that its server knows and no list named, such as a very old one that was found.
async fn list_session(app: &App, instance: &InstanceId, session: &SessionId) {
    let is_unlisted = |state: &State| {
        let instance = state.instances.get(instance);
        instance.is_some_and(|instance| {
            let known = instance.sessions.contains_key(session);
            instance.is_live()
                && instance.listed
                && !known
                && !instance.tombstones.contains(session)
        })
    };
    if app.hub().engine().read(is_unlisted)
        && app.commands().session(instance, session).await.is_ok()
    {
        app.hub().read_session(instance, session).await;
    }
}

/// When the draft of the prompt in front was written last.
fn drafted(app: &App, look: &Viewport) -> Option<Timestamp> {
    let session = look.session.as_ref().map_or("new", |id| id.as_str());
    let instance = look.instance.as_ref()?;
    Some(app.hub().drafts().get(instance, session).at)
}

/// Retains conversations until the page's own socket requests it.
pub(super) fn keep(app: &App, kept: Vec<Watched>, time: Duration) {
    let ending = app.ending();
    tokio::spawn(async move {
        tokio::select! {
            () = sleep(time) => {}
            () = ending.cancelled() => {}
        }
        drop(kept);
    });
}

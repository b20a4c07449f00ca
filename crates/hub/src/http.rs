//! HTTP: the page, the API and the two feeds, for this machine alone.
//!
//! [`router`] is the table of contents; each resource has a file. Handlers are thin: they read a request, ask the hub
//! or a command, and answer. No decision about instances or sessions is made here, and no HTML.

mod app;
mod assets;
mod discover;
mod documents;
mod ending;
mod files;
mod fragments;
mod health;
mod instances;
mod listener;
mod live;
mod log;
mod login;
mod messages;
mod needs;
mod peer;
mod permissions;
mod problem;
mod prompts;
mod questions;
mod resume;
mod sessions;
mod shield;
mod spec;
mod tokens;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::access::Access;
use crate::instances::Hub;
use crate::limits;
use app::App;
use listener::Bounded;
use shield::Guard;

/// What a server tells beside what the hub knows, and whom it tells.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it asks who its callers are.
    pub access: Access,
    /// What a person should know about this hub: a fact each, and what to do.
    pub notices: Vec<Arc<str>>,
}

/// Serves until cancelled; then open requests may end, for [`limits::LAST_REQUESTS`] at most.
///
/// The listener must be on loopback (see [`crate::access::Listen`]).
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    options: Options,
    cancel: CancellationToken,
) -> io::Result<()> {
    let app = App::new(hub, options, cancel.clone());
    let viewers = app.clone();
    let over = end_what_is_over(app.clone());
    let router = routes(app);
    let serving = listener::serve(Bounded::new(listener), router, cancel.clone());
    let last = async {
        cancel.cancelled().await;
        tokio::time::sleep(limits::LAST_REQUESTS).await;
    };
    let ended = async {
        serving.await;
        // Sockets of pages have left their requests behind.
        viewers.viewers_gone().await;
    };
    tokio::select! {
        () = ended => {}
        () = last => {}
        never = over => match never {},
    }
    Ok(())
}

/// Ends what was opened by those whose time is over, for as long as the hub serves.
async fn end_what_is_over(app: App) -> std::convert::Infallible {
    let mut again = tokio::time::interval(limits::OVER_EVERY);
    loop {
        again.tick().await;
        if let Access::Keys(keyring) = app.access() {
            keyring.expire();
        }
    }
}

/// All routes. Their long answers end with `cancel`.
pub fn router(hub: Hub, options: Options, cancel: CancellationToken) -> Router {
    routes(App::new(hub, options, cancel))
}

/// The page's documents and their parts, in the order of [`pages`].
pub const PAGES: [&str; 7] = [
    "/",
    "/i/{instance}",
    "/i/{instance}/s/{session}",
    "/fragment/",
    "/fragment/i/{instance}",
    "/fragment/i/{instance}/s/{session}",
    "/api/openapi.json",
];

fn pages(spec: &OpenApi) -> [MethodRouter<App>; PAGES.len()] {
    [
        get(documents::home),
        get(documents::instance),
        get(documents::session),
        get(fragments::home),
        get(fragments::instance),
        get(fragments::session),
        spec::route(spec),
    ]
}

fn api() -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(spec::about())
        .routes(routes!(health::read))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(discover::read))
        .routes(routes!(instances::list, instances::add))
        .routes(routes!(
            instances::read,
            instances::change,
            instances::remove
        ))
        .routes(routes!(instances::reconnect))
        .routes(routes!(instances::older_sessions))
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::read, sessions::change, sessions::delete))
        .routes(routes!(sessions::abort))
        .routes(routes!(sessions::reviewed))
        .routes(routes!(resume::one))
        .routes(routes!(resume::all))
        .routes(routes!(messages::list))
        .routes(routes!(files::read))
        .routes(routes!(messages::drop))
        .routes(routes!(prompts::send).layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)))
        .routes(routes!(permissions::list))
        .routes(routes!(permissions::reply))
        .routes(routes!(questions::list))
        .routes(routes!(questions::reply))
        .routes(routes!(log::follow))
        .routes(routes!(live::connect))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::send_away))
        .routes(routes!(tokens::link))
        .split_for_parts()
}

fn routes(app: App) -> Router {
    let (api, spec) = api();
    let pages = PAGES.into_iter().zip(pages(&spec));
    let pages = pages.fold(Router::new(), |router, (path, page)| {
        router.route(path, page)
    });
    let guard = Guard { app: app.clone() };
    Router::new()
        .merge(api)
        .merge(pages)
        .merge(assets::routes())
        .route(needs::ENTER, get(login::page).post(login::enter))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn(problem::explain))
        // Brotli alone: docs/adr/0010-one-compressor-for-the-log.md.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(guard, shield::guard))
        .with_state(app)
}

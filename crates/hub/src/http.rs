//! HTTP: the page, the API and the two feeds, for this machine alone.
//!
//! [`router`] is the table of contents; each resource has a file. Handlers are thin: they read a request, ask the hub
//! or a command, and answer. No decision about instances or sessions is made here, and no HTML.

mod app;
mod assets;
mod discover;
mod documents;
mod fragments;
mod health;
mod instances;
mod listener;
mod live;
mod log;
mod messages;
mod permissions;
mod problem;
mod prompts;
mod questions;
mod resume;
mod sessions;
mod shield;
mod spec;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::access::Door;
use crate::hub::Hub;
use crate::limits;
use app::App;
use listener::Bounded;

/// What a server tells beside what the hub knows.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What a person should know about this hub: a fact each, and what to do.
    pub notices: Vec<Arc<str>>,
}

/// Serves until cancelled; then open requests may end, for [`limits::LAST_REQUESTS`] at most.
///
/// The listener must be on loopback (see [`crate::access::Listen`]); its port is the one that requests have to name.
///
/// # Errors
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    options: Options,
    cancel: CancellationToken,
) -> io::Result<()> {
    let door = Door::new(listener.local_addr()?.port());
    let app = App::new(hub, options, cancel.clone());
    let viewers = app.clone();
    let router = routes(app, door);
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
    }
    Ok(())
}

/// All routes, for a hub that is reached on `port`. Its long answers end with `cancel`.
pub fn router(hub: Hub, options: Options, port: u16, cancel: CancellationToken) -> Router {
    routes(App::new(hub, options, cancel), Door::new(port))
}

fn routes(app: App, door: Door) -> Router {
    let (api, spec) = OpenApiRouter::with_openapi(spec::about())
        .routes(routes!(health::read))
        .routes(routes!(discover::read))
        .routes(routes!(instances::list, instances::add))
        .routes(routes!(
            instances::read,
            instances::change,
            instances::remove
        ))
        .routes(routes!(instances::reconnect))
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::read, sessions::change, sessions::delete))
        .routes(routes!(sessions::abort))
        .routes(routes!(sessions::reviewed))
        .routes(routes!(resume::one))
        .routes(routes!(resume::all))
        .routes(routes!(messages::list))
        .routes(routes!(prompts::send).layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)))
        .routes(routes!(permissions::list))
        .routes(routes!(permissions::reply))
        .routes(routes!(questions::list))
        .routes(routes!(questions::reply))
        .routes(routes!(log::follow))
        .routes(routes!(live::connect))
        .split_for_parts();
    let pages = Router::new()
        .route("/", get(documents::home))
        .route("/i/{instance}", get(documents::instance))
        .route("/i/{instance}/s/{session}", get(documents::session))
        .route("/fragment/", get(fragments::home))
        .route("/fragment/i/{instance}", get(fragments::instance))
        .route(
            "/fragment/i/{instance}/s/{session}",
            get(fragments::session),
        );
    let router = Router::new()
        .merge(api)
        .merge(pages)
        .merge(assets::routes());
    router
        .route("/api/openapi.json", spec::route(&spec))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn(problem::explain))
        // Brotli alone: docs/adr/0010-one-compressor-for-the-log.md.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(door, shield::guard))
        .with_state(app)
}

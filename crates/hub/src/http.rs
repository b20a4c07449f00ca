//! HTTP: the page, the API and the two feeds, for this machine, and over TLS for others.
//!
//! [`router`] is the table of contents; each resource has a file. Handlers are thin: they parse a request, call the hub
//! or a command, and respond. No decision about instances or sessions is made here, and no HTML.

mod app;
mod arrival;
mod assets;
mod compared;
mod composing;
mod compressor;
mod discover;
mod documents;
mod ending;
mod export;
mod files;
mod folders;
mod fragments;
mod health;
mod history;
mod index;
mod inspect;
mod instances;
mod listener;
mod live;
mod log;
mod login;
mod messages;
mod metrics;
mod needs;
mod pairing;
mod parallel;
mod passkeys;
mod peer;
mod permissions;
mod problem;
mod process;
mod prompts;
mod push;
mod questions;
mod queue;
mod restart;
mod resume;
mod review;
mod search;
mod session_changes;
mod sessions;
mod settings;
mod shield;
mod since;
mod spec;
mod spoken;
mod stop;
mod tokens;
mod triage;
mod usage;
mod verify;
mod worktrees;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::access::{Access, Outside, Protection};
use crate::instances::Hub;
use crate::limits;
use app::App;
use listener::{Bounded, Listening};
use shield::Guard;

/// Configuration of the HTTP server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether callers are authenticated.
    pub access: Access,
    /// Notices about this hub for people: a fact each, and the next step.
    pub notices: Vec<Arc<str>>,
    /// A notice of the same kind that holds as long as there is no instance.
    pub while_empty: Option<Arc<str>>,
    /// Is cancelled once somebody asks for a restart; `None` where nothing restarts the hub then.
    pub restart: Option<CancellationToken>,
}

/// Serves until cancelled; then open requests may complete, for [`limits::LAST_REQUESTS`] at most.
///
/// The listener must be on loopback.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    options: Options,
    cancel: CancellationToken,
) -> io::Result<()> {
    serve_both(listener, None, hub, options, cancel).await
}

/// The same, and beside it a listener for other machines.
///
/// # Errors TLS cannot be spoken.
pub async fn serve_both(
    inside: TcpListener,
    outside: Option<(TcpListener, Outside)>,
    hub: Hub,
    options: Options,
    cancel: CancellationToken,
) -> io::Result<()> {
    let outside = match outside {
        Some((listener, outside)) => Some((Listening::outside(listener, &outside)?, outside)),
        None => None,
    };
    let known = outside.as_ref().map(|(_, outside)| outside.clone());
    let app = App::new(hub, options, known, cancel.clone());
    let viewers = app.clone();
    let over = end_what_is_over(app.clone());
    let certificate = look_after_certificate(app.outside().cloned());
    let router = routes(app);
    let inside = Listening::inside(Bounded::inside(inside));
    let serving = listener::serve(inside, router.clone(), cancel.clone());
    let also = async {
        if let Some((listening, _)) = outside {
            listener::serve(listening, router, cancel.clone()).await;
        }
    };
    let last = async {
        cancel.cancelled().await;
        tokio::time::sleep(limits::LAST_REQUESTS).await;
    };
    let ended = async {
        tokio::join!(serving, also);
        // WebSockets outlive their requests.
        viewers.viewers_gone().await;
    };
    tokio::select! {
        () = ended => {}
        () = last => {}
        never = over => match never {},
        never = certificate => match never {},
    }
    Ok(())
}

/// Exchanges the certificate in time, for as long as the hub serves.
async fn look_after_certificate(outside: Option<Outside>) -> std::convert::Infallible {
    let Some(Protection::Tls(certificates)) = outside.map(|outside| outside.protection) else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(limits::CERTIFICATE_LOOK).await;
        let looked = certificates.clone();
        match tokio::task::spawn_blocking(move || looked.refresh()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                let fingerprint = certificates.facts().fingerprint;
                tracing::info!(%fingerprint, "the certificate was exchanged");
            }
            Ok(Err(error)) => tracing::warn!(%error, "the certificate before is used on"),
            Err(error) => tracing::warn!(%error, "the certificate could not be looked at"),
        }
    }
}

/// Ends the connections of expired credentials, and forgets what no inspector uses, for as long as the hub serves.
async fn end_what_is_over(app: App) -> std::convert::Infallible {
    let mut again = tokio::time::interval(limits::OVER_EVERY);
    loop {
        again.tick().await;
        app.inspections().expire(app.hub().engine());
        if let Access::Keys(keyring) = app.access() {
            keyring.expire();
        }
    }
}

/// All routes. Their streaming responses end with `cancel`.
pub fn router(hub: Hub, options: Options, cancel: CancellationToken) -> Router {
    routes(App::new(hub, options, None, cancel))
}

/// The page's documents and fragments, in the order of [`pages`].
pub const PAGES: [&str; 30] = [
    "/",
    "/i/{instance}",
    "/i/{instance}/s/{session}",
    "/i/{instance}/parallel/{parallel}",
    "/i/{instance}/review",
    "/i/{instance}/s/{session}/review",
    "/fragment/",
    "/fragment/settings",
    "/fragment/devices",
    "/fragment/pair",
    "/fragment/passkeys",
    "/fragment/parallel/{instance}",
    "/fragment/archived/{instance}",
    "/fragment/since",
    "/fragment/review/{instance}",
    "/fragment/review/{instance}/file",
    "/fragment/review/{instance}/lines",
    "/fragment/search",
    "/inspect",
    "/fragment/inspect",
    "/fragment/inspect/past",
    "/fragment/worktrees/{instance}",
    "/fragment/worktrees/{instance}/new",
    "/fragment/process/{instance}",
    "/fragment/i/{instance}",
    "/fragment/i/{instance}/s/{session}",
    "/fragment/i/{instance}/s/{session}/older",
    "/fragment/i/{instance}/s/{session}/verify",
    "/fragment/i/{instance}/s/{session}/why",
    "/api/openapi.json",
];

fn pages(spec: &OpenApi) -> [MethodRouter<App>; PAGES.len()] {
    [
        get(documents::home),
        get(documents::instance),
        get(documents::session),
        get(documents::parallel),
        get(documents::review),
        get(documents::session_review),
        get(fragments::home),
        get(settings::dialog),
        get(pairing::devices),
        get(pairing::dialog),
        get(passkeys::dialog),
        get(parallel::dialog),
        get(fragments::archived),
        get(since::panel),
        get(review::files),
        get(review::file),
        get(review::lines),
        get(search::panel),
        get(documents::inspect),
        get(inspect::panel),
        get(inspect::past),
        get(worktrees::dialog),
        get(worktrees::new_dialog),
        get(process::dialog),
        get(fragments::instance),
        get(fragments::session),
        get(fragments::older),
        get(verify::dialog),
        get(fragments::why),
        spec::route(spec),
    ]
}

fn reviews() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(review::next))
        .routes(routes!(review::list))
        .routes(routes!(review::patch))
        .routes(routes!(review::image))
        .routes(routes!(review::view))
        .routes(routes!(review::marks))
        .routes(routes!(review::comment))
        .routes(routes!(review::edit, review::delete))
        .routes(routes!(review::send))
        .routes(routes!(review::act))
}

fn inspection() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(inspect::follow))
        .routes(routes!(inspect::frame))
        .routes(routes!(inspect::read))
        .routes(routes!(inspect::export))
        .routes(routes!(inspect::open).layer(DefaultBodyLimit::max(limits::BUNDLE_BYTES)))
        .routes(routes!(inspect::report))
}

fn notifications() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(push::key))
        .routes(routes!(push::subscribe))
        .routes(routes!(push::unsubscribe))
        .routes(routes!(push::list, push::add))
        .routes(routes!(push::remove))
        .routes(routes!(push::test))
}

fn trees() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(
            routes!(worktrees::list, worktrees::make)
                .layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)),
        )
        .routes(routes!(worktrees::plan))
        .routes(routes!(worktrees::progress))
        .routes(routes!(worktrees::act))
}

fn doors() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::send_away))
        .routes(routes!(tokens::send_all_away))
        .routes(routes!(tokens::log_out))
        .routes(routes!(tokens::link))
        .routes(routes!(pairing::access))
        .routes(routes!(pairing::pair))
        .routes(routes!(passkeys::list, passkeys::add))
        .routes(routes!(passkeys::begin))
        .routes(routes!(passkeys::rename, passkeys::revoke))
}

// Longer than 70 lines: one line for each route.
fn api() -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(spec::about())
        .routes(routes!(health::read))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::read))
        .routes(routes!(discover::read))
        .routes(routes!(restart::restart))
        .routes(routes!(settings::read, settings::change))
        .routes(routes!(index::read))
        .routes(routes!(since::read))
        .routes(routes!(search::read))
        .routes(routes!(usage::read))
        .routes(routes!(instances::list, instances::add))
        .routes(routes!(folders::list, folders::make))
        .routes(routes!(
            instances::read,
            instances::change,
            instances::remove
        ))
        .routes(routes!(instances::reconnect))
        .routes(routes!(process::restart))
        .routes(routes!(process::read))
        .routes(routes!(instances::older_sessions))
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::read, sessions::change, sessions::delete))
        .routes(routes!(sessions::abort))
        .routes(routes!(sessions::reviewed, triage::unreviewed))
        .routes(routes!(triage::snooze, triage::wake))
        .routes(routes!(verify::compare))
        .routes(routes!(verify::reread))
        .routes(routes!(history::fork))
        .routes(routes!(history::revert))
        .routes(routes!(history::unrevert))
        .routes(routes!(history::compact))
        .routes(routes!(export::read))
        .routes(routes!(stop::all))
        .routes(routes!(resume::one))
        .routes(routes!(resume::all))
        .routes(routes!(messages::list))
        .routes(routes!(files::read))
        .routes(routes!(messages::drop))
        .routes(routes!(messages::steer))
        .routes(routes!(prompts::send).layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)))
        .routes(
            routes!(queue::list, queue::add, queue::order)
                .layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)),
        )
        .routes(routes!(queue::edit, queue::remove))
        .routes(routes!(queue::send))
        .routes(
            routes!(parallel::list, parallel::start)
                .layer(DefaultBodyLimit::max(limits::PROMPT_BYTES)),
        )
        .routes(routes!(parallel::read))
        .routes(routes!(parallel::keep, parallel::unkeep))
        .merge(reviews())
        .merge(trees())
        .merge(notifications())
        .routes(routes!(composing::complete))
        .routes(routes!(composing::choices))
        .routes(routes!(composing::draft, composing::write))
        .routes(routes!(permissions::list))
        .routes(routes!(permissions::reply))
        .routes(routes!(questions::list))
        .routes(routes!(questions::reply))
        .routes(routes!(log::follow))
        .merge(inspection())
        .routes(routes!(live::connect))
        .merge(doors())
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
        .route(needs::ENTER_PASSKEY, post(passkeys::challenge))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn(problem::explain))
        .layer(middleware::from_fn_with_state(app.clone(), spoken::word))
        // Brotli only: docs/adr/0010-one-compressor-for-the-log.md.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(guard, shield::guard))
        .with_state(app)
}

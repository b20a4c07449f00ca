//! Static files of the page. Their URLs change with their content, so that browsers may cache them forever.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use page::{Asset, WORKER, speak};

use super::app::App;
use super::spoken::Spoken;

/// The path of the service worker's script, which is at the root as the worker is for every page.
pub(super) const WORKER_PATH: &str = "/sw.js";

/// The path of the document that the service worker shows while the hub is away.
pub(super) const OFFLINE_PATH: &str = "/offline";

/// A browser asks for it again each time.
const ASK_AGAIN: &str = "no-cache";

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A route for each file, for the service worker, and for the document that it shows while the hub is away.
pub(super) fn routes() -> Router<App> {
    let fixed = Router::new()
        .route(WORKER_PATH, get(worker))
        .route(OFFLINE_PATH, get(offline));
    page::assets().iter().fold(fixed, |router, asset| {
        router.route(
            asset.path,
            get(async move |headers: HeaderMap| file(asset, &headers)),
        )
    })
}

async fn worker() -> Response {
    let kind = "text/javascript; charset=utf-8";
    ([(CACHE_CONTROL, ASK_AGAIN), (CONTENT_TYPE, kind)], WORKER).into_response()
}

async fn offline(Spoken(language): Spoken) -> Response {
    let document = Html(speak(language, page::offline));
    ([(CACHE_CONTROL, ASK_AGAIN)], document).into_response()
}

fn file(asset: &Asset, headers: &HeaderMap) -> Response {
    let known = [(ETAG, asset.etag), (CACHE_CONTROL, FOR_EVER)];
    let held = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .unwrap_or_default();
    // The ETag of a compressed response is weak.
    let held = held
        .split(',')
        .any(|tag| tag.trim().trim_start_matches("W/") == asset.etag);
    if held {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    (known, [(CONTENT_TYPE, asset.content_type)], asset.bytes).into_response()
}

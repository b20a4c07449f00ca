//! Static files of the page. Their URLs change with their content, so that browsers may cache them forever.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use page::Asset;

use super::app::App;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A route for each file.
pub(super) fn routes() -> Router<App> {
    page::assets().iter().fold(Router::new(), |router, asset| {
        router.route(
            asset.path,
            get(async move |headers: HeaderMap| file(asset, &headers)),
        )
    })
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

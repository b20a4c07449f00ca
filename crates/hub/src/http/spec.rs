//! The API's own description: OpenAPI 3.1, made from the handlers.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, get};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::app::App;
use super::problem::Problem;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Drovers",
        description = "One live view over many OpenCode servers. Errors are RFC 9457 problems, with `next`: what to do. \
            Sessions, messages, permissions and questions have the shapes of OpenCode's own REST API.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem))
)]
struct About;

/// The description before its paths.
pub(super) fn about() -> OpenApi {
    About::openapi()
}

/// The route that answers with the description, which is written once.
pub(super) fn route(spec: &OpenApi) -> MethodRouter<App> {
    let json: Bytes = serde_json::to_vec(spec).unwrap_or_default().into();
    get(async move || ([(CONTENT_TYPE, "application/json")], json))
}

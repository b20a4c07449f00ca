//! The OpenAPI 3.1 description of the API, generated from the handlers.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, get};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use super::app::App;
use super::problem::Problem;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Drovers",
        description = "One live view over many OpenCode servers. Errors are RFC 9457 problems, with `next`: what to do. \
            Each request shows a token (or the page's cookie), and each route needs one of the roles watch, answer, drive and admin. \
            Sessions, messages, permissions and questions have the shapes of OpenCode's own REST API.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
    modifiers(&Keys),
    security(("token" = []), ("cookie" = []))
)]
struct About;

/// The two kinds of credentials. A request without one gets status 401, one whose credential lacks the route's role
/// 403.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut OpenApi) {
        let components = api.components.get_or_insert_default();
        let token = Http::new(HttpAuthScheme::Bearer);
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie =
            ApiKeyValue::with_description("drovers_PORT", "Of a page that entered by a link");
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
        components.add_security_scheme("cookie", cookie);
    }
}

/// The description without its paths.
pub(super) fn about() -> OpenApi {
    About::openapi()
}

/// The route of the description, which is serialized once.
pub(super) fn route(spec: &OpenApi) -> MethodRouter<App> {
    let json: Bytes = serde_json::to_vec(spec).unwrap_or_default().into();
    get(async move || ([(CONTENT_TYPE, "application/json")], json))
}

//! What every request has to pass, and what every answer carries.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::access::{Caller, Door, Visit};

/// On every answer; there is no CORS header among them, and never will be one.
const SHIELDS: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::CSP)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
        ),
    ),
];

/// Admits or refuses a request, and shields its answer.
pub(super) async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Caller::anybody());
    let admitted = match visit(&request) {
        Some(visit) => door.admit(visit),
        None => Err(crate::access::Refusal::Host),
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => Problem::from(refusal).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in SHIELDS {
        headers.insert(name, value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a request tells of itself; none if it tells more than one story.
fn visit(request: &Request) -> Option<Visit<'_>> {
    let headers = request.headers();
    let header = |name: &str| one(headers, name);
    Some(Visit {
        authority: request
            .uri()
            .authority()
            .map(axum::http::uri::Authority::as_str),
        host: header(HOST.as_str())?,
        origin: header(ORIGIN.as_str())?,
        site: header("sec-fetch-site")?,
        mode: header("sec-fetch-mode")?,
        dest: header("sec-fetch-dest")?,
        reads: matches!(*request.method(), Method::GET | Method::HEAD),
    })
}

/// The one value of a header, if it is there; `None` where there are several, or where it is no text.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return None;
    }
    first.map(|value| value.to_str()).transpose().ok()
}

//! Any body and any query is understood or refused with a reason. The tests of `hub` run the same.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use tower::ServiceExt;

/// The port that requests name.
const PORT: u16 = 7878;

/// Everything that reads a body or a query. The instance is none: what is understood is refused for that.
const PLACES: [(&str, &str); 12] = [
    ("POST", "/api/instances/none/sessions/s/prompt"),
    ("POST", "/api/instances/none/permissions/p"),
    ("POST", "/api/instances/none/questions/q"),
    ("POST", "/api/instances/none/sessions"),
    ("PATCH", "/api/instances/none/sessions/s"),
    ("POST", "/api/instances/none/reconnect"),
    ("POST", "/api/instances"),
    ("GET", "/api/instances/none/sessions/s/messages?"),
    ("GET", "/api/log?follow=false&"),
    ("GET", "/i/none/s/s?"),
    ("GET", "/fragment/i/none/s/s?"),
    ("GET", "/i/"),
];

/// What a refusal may take; a longer one would echo what was sent.
const ANSWER_BYTES: usize = 64 << 10;

/// The first byte says where to, the rest is the body, or the end of the address.
pub(crate) async fn http(router: Router, input: &[u8]) {
    let Some((place, rest)) = input.split_first() else {
        return;
    };
    let (method, path) = PLACES[usize::from(*place) % PLACES.len()];
    if path == "/api/instances" && might_add(rest) {
        return;
    }
    let reads = method == "GET";
    let end = if reads { visible(rest) } else { String::new() };
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).expect("a method"))
        .uri(format!("{path}{end}"))
        .header("host", format!("127.0.0.1:{PORT}"))
        .header("content-type", "application/json")
        .body(if reads {
            Body::empty()
        } else {
            Body::from(rest.to_vec())
        });
    // What is no address never comes so far.
    let Ok(request) = request else { return };
    let answer = router.oneshot(request).await.expect("routers do not fail");
    let status = answer.status();
    assert_ne!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "{method} {path}{end}"
    );
    let answered = to_bytes(answer.into_body(), 64 << 20)
        .await
        .expect("an answer");
    if status.is_client_error() {
        assert!(
            answered.len() <= ANSWER_BYTES,
            "{} bytes for {method} {path}",
            answered.len()
        );
    }
}

/// Nothing is added by these bytes, which would reach for folders and addresses.
fn might_add(body: &[u8]) -> bool {
    let add = serde_json::from_slice::<serde_json::Value>(body);
    add.is_ok_and(|add| add.get("url").is_some() || add.get("folder").is_some())
}

/// Bytes as they may stand in an address.
fn visible(bytes: &[u8]) -> String {
    let part = |byte: &u8| match byte {
        b'!'..=b'~' if !b"\"<>\\^`{|}#".contains(byte) => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    bytes.iter().take(4000).map(part).collect()
}

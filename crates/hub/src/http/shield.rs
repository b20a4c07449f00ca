//! What every request has to pass, and what every answer carries.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::login;
use super::needs::{self, Need};
use super::problem::Problem;
use crate::access::{Access, Admitted, Caller, Entrance, Refusal, Shown, Visit, admit};

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

/// Who guards the hub.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: App,
}

/// Cancelled once a caller's credential is good no more. Every admitted request has one, as an extension.
#[derive(Clone, Debug)]
pub(super) struct Ended(pub(super) CancellationToken);

/// Admits or refuses a request, and shields its answer.
pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.admit(&mut request).await {
        Ok(cookie) => {
            let mut response = next.run(request).await;
            if let Some(cookie) = cookie {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(refused) => *refused,
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

impl Guard {
    /// Notes on a request who makes it, or gives the answer to somebody who may not. A browser whose cookie is to be renewed
    /// gets it with the answer.
    async fn admit(&self, request: &mut Request) -> Result<Option<HeaderValue>, Box<Response>> {
        let refused = |problem: Problem| Box::new(problem.into_response());
        let visit = visit(request).ok_or(Refusal::Host);
        let entrance = visit.and_then(admit);
        let entrance = entrance.map_err(|refusal| refused(refusal.into()))?;
        request.extensions_mut().insert(entrance);
        let route = request.extensions().get::<MatchedPath>();
        let need = needs::of(request.method(), route.map(MatchedPath::as_str));
        if need == Need::Nothing {
            return Ok(None);
        }
        let admitted = match self.who(request, entrance) {
            Ok(admitted) => admitted,
            Err(shows) => {
                let answer = stranger(request);
                return Err(Box::new(match shows {
                    Shows::Nothing => answer,
                    Shows::Wrong if self.app.throttle().wrong().await => answer,
                    Shows::Wrong => Problem::guessing().into_response(),
                }));
            }
        };
        if !need.is_met_by(admitted.caller.powers) {
            if admitted.unproven {
                return Err(refused(Problem::unproven()));
            }
            return Err(refused(Problem::too_small(&admitted.caller.name, need)));
        }
        let cookie = admitted
            .renewed
            .then(|| cookie(request, entrance))
            .flatten();
        let extensions = request.extensions_mut();
        extensions.insert(admitted.caller);
        extensions.insert(Ended(admitted.ended));
        Ok(cookie)
    }

    /// Who makes a request, by what it shows.
    fn who(&self, request: &Request, entrance: Entrance) -> Result<Admitted, Shows> {
        let keyring = match self.app.access() {
            Access::Anybody => return Ok(anybody()),
            Access::Keys(keyring) => keyring,
        };
        let shown = shown(request.headers(), &login::cookie_name(entrance));
        let admitted = match shown {
            Ok(Some(shown)) => keyring.admit(shown),
            Ok(None) => return Err(Shows::Nothing),
            Err(Garbled) => None,
        };
        let admitted = admitted.ok_or(Shows::Wrong)?;
        if admitted.store {
            self.app.store_keys();
        }
        Ok(admitted)
    }
}

/// The cookie that a request shows, to be kept for its whole time again.
fn cookie(request: &Request, entrance: Entrance) -> Option<HeaderValue> {
    let name = login::cookie_name(entrance);
    match shown(request.headers(), &name) {
        Ok(Some(Shown::Cookie { key, .. })) => login::set_cookie(entrance, key),
        _ => None,
    }
}

fn anybody() -> Admitted {
    Admitted {
        caller: Caller::anybody(),
        ended: CancellationToken::new(),
        unproven: false,
        renewed: false,
        store: false,
    }
}

/// What a request shows that lets nobody in.
#[derive(Clone, Copy, Debug)]
enum Shows {
    Nothing,
    Wrong,
}

/// A request shows something that cannot be read, or more than one thing.
struct Garbled;

/// What a request shows. A token goes before a cookie, and one that is wrong is not made good by one.
fn shown<'a>(headers: &'a HeaderMap, cookie: &str) -> Result<Option<Shown<'a>>, Garbled> {
    if let Some(authorization) = one(headers, AUTHORIZATION.as_str()).ok_or(Garbled)? {
        let (scheme, key) = authorization.split_once(' ').ok_or(Garbled)?;
        return if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Some(Shown::Bearer(key.trim())))
        } else {
            Err(Garbled)
        };
    }
    let pairs = headers.get_all(COOKIE).into_iter();
    let mut named = pairs
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie);
    let first = named.next();
    if named.next().is_some() {
        return Err(Garbled);
    }
    let proof = one(headers, login::PROOF).ok_or(Garbled)?;
    Ok(first.map(|(_, key)| Shown::Cookie { key, proof }))
}

/// The answer to somebody who is not known: for a person's browser a page, else a problem. Both say how to get in.
fn stranger(request: &Request) -> Response {
    let path = request.uri().path();
    let is_document = !path.starts_with("/api/") && !path.starts_with("/fragment/");
    let accepts = request.headers().get(header::ACCEPT);
    let shows = accepts
        .and_then(|kinds| kinds.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    let mut response = if is_document && shows {
        (StatusCode::UNAUTHORIZED, Html(page::locked())).into_response()
    } else {
        Problem::stranger().into_response()
    };
    let scheme = HeaderValue::from_static("Bearer realm=\"drovers\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
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

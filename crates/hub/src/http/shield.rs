//! Checks for every request, and headers for every response.

use std::net::IpAddr;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use page::{Language, Ways, speak};
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::arrival::Arrival;
use super::login;
use super::needs::{self, Need};
use super::problem::Problem;
use super::spoken;
use crate::access::{
    Access, Admitted, Caller, Entrance, Powers, Presented, Refusal, RequestOrigin, Site, admit,
};

/// Headers of every response. There is no CORS header among them, by design.
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

/// The checks of the hub.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: App,
}

/// Cancelled once a caller's credential is invalid. Every admitted request has one, as an extension.
#[derive(Clone, Debug)]
pub(super) struct Revocation(pub(super) CancellationToken);

/// The address of the client of a request, as far as known. Every admitted request has one, as an extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) Option<IpAddr>);

/// The site of a request, where browsers take passkeys. Every admitted request has one, as an extension.
#[derive(Clone, Debug)]
pub(super) struct PasskeySite(pub(super) Option<Site>);

/// Admits or rejects a request, and adds the security headers to its response.
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
        Err(refused) => {
            let language = spoken::language(&guard.app, request.headers());
            spoken::worded(language, *refused)
        }
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
    /// Authenticates a request and attaches its caller, or returns the rejection. A browser whose cookie is renewed
    /// gets the cookie with the response.
    async fn admit(&self, request: &mut Request) -> Result<Option<HeaderValue>, Box<Response>> {
        let refused = |problem: Problem| Box::new(problem.into_response());
        let arrived = entrance(request).map_err(|refusal| refused(refusal.into()))?;
        let (entrance, client, site) = arrived;
        request.extensions_mut().insert(entrance);
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(site.clone());
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map(MatchedPath::as_str);
        let need = needs::of(request.method(), route);
        let wants_proof = needs::wants_proof(request.method(), route);
        if need == Need::Nothing {
            return Ok(None);
        }
        let admitted = match self.who(request, entrance) {
            Ok(admitted) => admitted,
            Err(shows) => {
                let language = spoken::language(&self.app, request.headers());
                let answer = stranger(request, language, self.app.ways(&site));
                return Err(Box::new(match shows {
                    Attempt::Nothing => answer,
                    Attempt::Wrong if self.app.throttle().wrong().await => answer,
                    Attempt::Wrong => Problem::guessing().into_response(),
                }));
            }
        };
        if admitted.unproven && wants_proof {
            return Err(refused(Problem::unproven()));
        }
        if !need.is_met_by(admitted.caller.powers) {
            if admitted.unproven {
                return Err(refused(Problem::unproven()));
            }
            return Err(refused(Problem::too_small(&admitted.caller, need)));
        }
        let cookie = admitted
            .renewed
            .then(|| cookie(request, entrance))
            .flatten();
        let extensions = request.extensions_mut();
        extensions.insert(admitted.caller);
        extensions.insert(Offered(admitted.whole));
        extensions.insert(Revocation(admitted.ended));
        Ok(cookie)
    }

    /// Authenticates a request by its credential.
    fn who(&self, request: &Request, entrance: Entrance) -> Result<Admitted, Attempt> {
        let keyring = match self.app.access() {
            Access::Anybody => return Ok(anybody()),
            Access::Keys(keyring) => keyring,
        };
        let shown = shown(request.headers(), &login::cookie_name(entrance));
        let admitted = match shown {
            Ok(Some(shown)) => keyring.admit(shown),
            Ok(None) => return Err(Attempt::Nothing),
            Err(Garbled) => None,
        };
        let admitted = admitted.ok_or(Attempt::Wrong)?;
        if admitted.store {
            self.app.store_keys();
        }
        Ok(admitted)
    }
}

/// The renewed cookie of a request.
fn cookie(request: &Request, entrance: Entrance) -> Option<HeaderValue> {
    let name = login::cookie_name(entrance);
    match shown(request.headers(), &name) {
        Ok(Some(Presented::Cookie { key, .. })) => login::set_cookie(entrance, key),
        _ => None,
    }
}

/// The powers that a page may offer to use: a document is asked for without the proof that its commands carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered(pub(super) Powers);

fn anybody() -> Admitted {
    Admitted {
        caller: Caller::anybody(),
        whole: Powers::ALL,
        ended: CancellationToken::new(),
        unproven: false,
        renewed: false,
        store: false,
    }
}

/// A request with an invalid credential.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Nothing,
    Wrong,
}

/// A request with an unreadable credential, or with several.
struct Garbled;

/// The credential of a request. A token takes precedence over a cookie; a valid cookie does not replace an invalid
/// token.
fn shown<'a>(headers: &'a HeaderMap, cookie: &str) -> Result<Option<Presented<'a>>, Garbled> {
    if let Some(authorization) = one(headers, AUTHORIZATION.as_str()).ok_or(Garbled)? {
        let (scheme, key) = authorization.split_once(' ').ok_or(Garbled)?;
        return if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Some(Presented::Bearer(key.trim())))
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
    Ok(first.map(|(_, key)| Presented::Cookie { key, proof }))
}

/// The response to an unauthenticated request: a page for a browser, else a problem. Both explain how to get access.
fn stranger(request: &Request, language: Language, ways: Ways) -> Response {
    let path = request.uri().path();
    let is_document = !path.starts_with("/api/") && !path.starts_with("/fragment/");
    let accepts = request.headers().get(header::ACCEPT);
    let shows = accepts
        .and_then(|kinds| kinds.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    let mut response = if is_document && shows {
        (
            StatusCode::UNAUTHORIZED,
            Html(speak(language, || page::locked(ways))),
        )
            .into_response()
    } else {
        Problem::stranger().into_response()
    };
    let scheme = HeaderValue::from_static("Bearer realm=\"drovers\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

/// The address by which a request reached the hub, that of its client, and the site for passkeys.
fn entrance(request: &Request) -> Result<(Entrance, ClientAddress, PasskeySite), Refusal> {
    let here = Arrival::default();
    let arrival = request.extensions().get::<Arrival>().unwrap_or(&here);
    let client = arrival.client(request.headers())?;
    let visit = visit(request, client.host).ok_or(Refusal::Host)?;
    let entrance = admit(visit, arrival.hosts())?;
    let site = Site::of(visit, arrival.hosts());
    Ok((entrance, ClientAddress(client.address), PasskeySite(site)))
}

/// The origin headers of a request, with the host that a proxy reports; `None` if a header is repeated.
fn visit<'a>(request: &'a Request, host: Option<&'a str>) -> Option<RequestOrigin<'a>> {
    let headers = request.headers();
    let header = |name: &str| one(headers, name);
    let own = header(HOST.as_str())?;
    Some(RequestOrigin {
        authority: request
            .uri()
            .authority()
            .map(axum::http::uri::Authority::as_str),
        host: host.or(own),
        origin: header(ORIGIN.as_str())?,
        site: header("sec-fetch-site")?,
        mode: header("sec-fetch-mode")?,
        dest: header("sec-fetch-dest")?,
        reads: matches!(*request.method(), Method::GET | Method::HEAD),
    })
}

/// The value of a header, if present; `None` where it is repeated or not text.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return None;
    }
    first.map(|value| value.to_str()).transpose().ok()
}

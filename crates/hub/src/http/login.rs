//! `/enter`: login of a browser. A link with a single-use key leads there, and the form of the page for strangers; the page
//! posts the key or the password, and the browser gets a cookie.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE, USER_AGENT};
use axum::response::{Html, IntoResponse, Response};
use page::speak;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::shield::ClientAddress;
use super::spoken::Spoken;
use crate::access::{Access, Entrance, Keyring, PageLogin};
use crate::command::audit::{Entry, Step};
use crate::limits;

/// What a browser shows to come in: a link's key or the password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub(super) enum LoginRequest {
    Link { key: String },
    Password { password: String },
}

/// The header with a page's proof.
pub(super) const PROOF: &str = "x-drovers-proof";

/// The credentials stored by a page's script.
#[derive(serde::Serialize)]
struct PageCredential<'a> {
    proof: &'a str,
}

/// The name of a hub's cookie, which contains the port that the browser uses. Browsers send cookies to every port of a
/// host, so two hubs with the same cookie name would overwrite each other; a hub on this machine and one behind a
/// forwarded port may listen on the same port.
pub(super) fn cookie_name(entrance: Entrance) -> String {
    // Browsers take a cookie of this name only over TLS, and from its own host.
    let prefix = if entrance.secure { "__Host-" } else { "" };
    format!("{prefix}drovers_{}", entrance.port)
}

/// The `Set-Cookie` header: for this host only, `HttpOnly`, and not sent by pages of other sites.
pub(super) fn set_cookie(entrance: Entrance, key: &str) -> Option<HeaderValue> {
    let (name, age) = (cookie_name(entrance), limits::PAGE_LIFE.as_secs());
    let secure = if entrance.secure { "; Secure" } else { "" };
    let cookie = format!("{name}={key}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::try_from(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The page that a link opens.
pub(super) async fn page(Spoken(language): Spoken) -> Html<String> {
    Html(speak(language, page::enter))
}

/// Exchanges a link's key or the password for a cookie of the browser and a proof of its page.
pub(super) async fn enter(
    State(app): State<App>,
    Extension(entrance): Extension<Entrance>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Json(shown): Json<LoginRequest>,
) -> Result<Response, Problem> {
    let Access::Keys(keyring) = app.access() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let browser = browser(&headers);
    let (way, entered) = match shown {
        LoginRequest::Link { key } => match keyring.enter(&key, browser) {
            Some(entered) => ("link", Ok(entered)),
            None if app.throttle().wrong().await => ("link", Err(Problem::spent())),
            None => return Err(Problem::guessing()),
        },
        LoginRequest::Password { password } => {
            let entered = by_password(&app, keyring, from, password, browser).await?;
            ("password", entered.ok_or_else(Problem::wrong_password))
        }
    };
    // A link that is used twice is common, and tells nothing of who tried.
    if entered.is_ok() || way == "password" {
        let who = entered
            .as_ref()
            .map_or("a browser", |entered| &*entered.name);
        note(&app, who, way, from, entered.is_ok()).await;
    }
    let entered = entered?;
    app.store_keys();
    let cookie = set_cookie(entrance, entered.cookie.reveal());
    let cookie = cookie.ok_or_else(|| Problem::internal("The cookie cannot be made"))?;
    let kept = Json(PageCredential {
        proof: entered.proof.reveal(),
    });
    Ok(([(SET_COOKIE, cookie)], kept).into_response())
}

/// The page of a person who gave the password; `None` for a wrong one.
async fn by_password(
    app: &App,
    keyring: &Keyring,
    from: Option<IpAddr>,
    password: String,
    browser: &'static str,
) -> Result<Option<PageLogin>, Problem> {
    let keyring = keyring.clone();
    let look = async move {
        let known = keyring.password();
        let same = tokio::task::spawn_blocking(move || known.is(&password)).await;
        same.unwrap_or(false)
            .then(|| keyring.enter_by_password(browser))
    };
    let made = app.attempts().make(from, look).await;
    made.ok_or_else(Problem::guessing)
}

/// Writes an entry of the audit log. Who comes in does not depend on it.
async fn note(app: &App, who: &str, way: &str, from: Option<IpAddr>, entered: bool) {
    let from = from.map_or("this machine".to_owned(), |ip| ip.to_string());
    let entry = Entry {
        at: app.hub().engine().now().0,
        by: who.into(),
        instance: "".into(),
        session: "".into(),
        request: "login".into(),
        about: format!("by {way}, from {from}"),
        fingerprint: None,
        answer: if entered { "entered" } else { "refused" }.into(),
        step: if entered { Step::Taken } else { Step::Denied },
        reason: None,
    };
    if let Err(error) = app.hub().audit().add(entry).await {
        tracing::warn!(%error, "a login is not in the audit log");
    }
}

/// Display name of the browser, from its `User-Agent`. A browser also claims the names of those that come later in the
/// list.
fn browser(headers: &HeaderMap) -> &'static str {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    let known = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let named = known.iter().find(|(word, _)| agent.contains(word));
    named.map_or("browser", |(_, name)| name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_called_by_their_names() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox",
            ),
            (
                "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
                "Chrome",
            ),
            (
                "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge",
            ),
            (
                "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari",
            ),
            ("curl/8", "browser"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().unwrap());
            assert_eq!(browser(&headers), name, "{agent}");
        }
    }

    #[test]
    fn a_cookie_is_for_one_hub_and_no_script() {
        let entrance = |secure| Entrance { port: 7878, secure };
        let cookie = set_cookie(entrance(true), "k").unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "__Host-drovers_7878=k; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure"
        );
        let cookie = set_cookie(entrance(false), "k").unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "drovers_7878=k; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict"
        );
        assert!(cookie.is_sensitive());
    }
}

//! `/enter`: login of a browser. A link with a single-use key leads there, and the form of the page for strangers; the page
//! posts the key or the password, and the browser gets a cookie.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE, USER_AGENT};
use axum::response::{Html, IntoResponse, Response};
use page::speak;
use serde::Deserialize;

use super::app::App;
use super::problem::Problem;
use super::shield::{ClientAddress, PasskeySite};
use super::spoken::Spoken;
use crate::access::{Access, Assertion, Entrance, Keyring, PageLogin, Site};
use crate::command::audit::{Entry, Step};
use crate::limits;

/// What a browser shows to come in: a link's key, the password or a passkey.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub(super) enum LoginRequest {
    Link { key: String },
    Password { password: String },
    Passkey { passkey: Box<Assertion> },
}

/// How a browser tried to come in, as the audit log has it.
struct Attempt {
    way: String,
    entered: Result<PageLogin, Problem>,
    /// Why not, where the browser does not learn it.
    why: Option<String>,
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

/// Exchanges a link's key, the password or a passkey for a cookie of the browser and a proof of its page.
pub(super) async fn enter(
    State(app): State<App>,
    Extension(entrance): Extension<Entrance>,
    Extension(PasskeySite(site)): Extension<PasskeySite>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Json(shown): Json<LoginRequest>,
) -> Result<Response, Problem> {
    let Access::Keys(keyring) = app.access() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let browser = browser(&headers);
    let made = match shown {
        LoginRequest::Link { key } => by_link(&app, keyring, &key, browser).await?,
        LoginRequest::Password { password } => {
            let entered = by_password(&app, keyring, from, password, browser).await?;
            Attempt {
                way: "password".to_owned(),
                entered: entered.ok_or_else(Problem::wrong_password),
                why: None,
            }
        }
        LoginRequest::Passkey { passkey } => {
            let site = site.ok_or_else(Problem::no_site)?;
            by_passkey(&app, keyring, from, (site, passkey), browser).await?
        }
    };
    // A link that is used twice is common, and tells nothing of who tried.
    if made.entered.is_ok() || made.way != "link" {
        note(&app, &made, from).await;
    }
    let entered = made.entered?;
    app.store_keys();
    let cookie = set_cookie(entrance, entered.cookie.reveal());
    let cookie = cookie.ok_or_else(|| Problem::internal("The cookie cannot be made"))?;
    let kept = Json(PageCredential {
        proof: entered.proof.reveal(),
    });
    Ok(([(SET_COOKIE, cookie)], kept).into_response())
}

async fn by_link(
    app: &App,
    keyring: &Keyring,
    key: &str,
    browser: &'static str,
) -> Result<Attempt, Problem> {
    let entered = match keyring.enter(key, browser) {
        Some(entered) => Ok(entered),
        None if app.throttle().wrong().await => Err(Problem::spent()),
        None => return Err(Problem::guessing()),
    };
    Ok(Attempt {
        way: "link".to_owned(),
        entered,
        why: None,
    })
}

/// The page of a person whose passkey was verified. Each failure makes the next attempt of its address wait longer.
async fn by_passkey(
    app: &App,
    keyring: &Keyring,
    from: Option<IpAddr>,
    (site, shown): (Site, Box<Assertion>),
    browser: &'static str,
) -> Result<Attempt, Problem> {
    let mut why = None;
    let look = async {
        match keyring.enter_by_passkey(&site, &shown, browser) {
            Ok(entered) => Some(entered),
            Err(error) => {
                why = Some(error.to_string());
                None
            }
        }
    };
    let made = app.passkey_attempts().make(from, look).await;
    Ok(match made.ok_or_else(Problem::guessing)? {
        Some((entered, name)) => Attempt {
            way: format!("passkey {}", name.as_ref()),
            entered: Ok(entered),
            why,
        },
        None => Attempt {
            way: "passkey".to_owned(),
            entered: Err(Problem::wrong_passkey()),
            why,
        },
    })
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
async fn note(app: &App, made: &Attempt, from: Option<IpAddr>) {
    let entered = made.entered.as_ref();
    let (answer, step) = match entered.is_ok() {
        true => ("entered", Step::Taken),
        false => ("refused", Step::Denied),
    };
    let noted = Noted {
        by: entered.map_or("a browser".into(), |entered| entered.name.clone()),
        request: "login",
        about: format!("by {}", made.way),
        answer,
        step,
        why: made.why.clone(),
    };
    noted.write(app, from).await;
}

/// What the audit log says of who may come in.
pub(super) struct Noted {
    pub(super) by: Arc<str>,
    pub(super) request: &'static str,
    pub(super) about: String,
    pub(super) answer: &'static str,
    pub(super) step: Step,
    pub(super) why: Option<String>,
}

impl Noted {
    /// Writes the entry. What it tells of was done already.
    pub(super) async fn write(self, app: &App, from: Option<IpAddr>) {
        let from = from.map_or("this machine".to_owned(), |ip| ip.to_string());
        let entry = Entry {
            at: app.hub().engine().now().0,
            by: self.by,
            instance: "".into(),
            session: "".into(),
            request: self.request.into(),
            about: format!("{}, from {from}", self.about),
            fingerprint: None,
            answer: self.answer.into(),
            step: self.step,
            reason: self.why,
        };
        if let Err(error) = app.hub().audit().add(entry).await {
            tracing::warn!(%error, "a change of who may come in is not in the audit log");
        }
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

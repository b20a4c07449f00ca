//! How other devices reach the hub, and how they come in: links with a QR code, for roles that the caller has.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Html;
use model::time::Timestamp;
use page::{DeviceRow, Reach, speak};
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::instances::rfc3339;
use super::needs::ENTER;
use super::problem::Problem;
use super::spoken::Spoken;
use super::tokens::keys;
use crate::access::{Access, Caller, CertificateFacts, CredentialKind, Listed, Protection, Role};
use crate::limits;

/// How the hub can be reached.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AccessFacts {
    /// Addresses for other devices, the best first; none if the hub listens on its own machine alone.
    urls: Vec<String>,
    /// The address and port of the listener for other machines.
    listens: Option<String>,
    /// What speaks TLS: `own` for a person's certificate, `self-made`, or `proxy`.
    #[schema(value_type = Option<String>)]
    tls: Option<&'static str>,
    /// SHA-256 of the certificate.
    fingerprint: Option<String>,
    /// SHA-256 of the certificate of the hub's own authority.
    authority_fingerprint: Option<String>,
    /// The certificate of that authority, in PEM form.
    authority: Option<String>,
    /// True if a password is set.
    password: bool,
}

/// A link to be made for a device.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pairing {
    /// Roles of the device: `watch`, `answer`, `drive`, `admin`; no others than the caller's.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Path of the page that the link leads to.
    #[serde(default)]
    page: Option<String>,
    /// One of the addresses of `GET /api/access`; the first one if absent.
    #[serde(default)]
    at: Option<String>,
}

/// A link that lets one device in, once.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Paired {
    /// The link. The part after `#` has its key.
    link: String,
    /// Seconds until it expires.
    expires_in: u64,
    /// The link as a QR code: rows of `1` for dark and `0` for light, without the quiet zone.
    code: Vec<String>,
    /// SHA-256 of a certificate that the device does not know.
    fingerprint: Option<String>,
}

/// The certificate that is presented to other devices.
fn certificate(app: &App) -> Option<CertificateFacts> {
    match &app.outside()?.protection {
        Protection::Tls(certificates) => Some(certificates.facts()),
        Protection::Proxies(_) => None,
    }
}

/// The fingerprint of a certificate that no device knows by itself.
fn unknown_certificate(app: &App) -> Option<String> {
    let facts = certificate(app)?;
    facts.authority.is_some().then_some(facts.fingerprint)
}

/// The addresses for other devices. Looking at this machine's blocks for a moment.
async fn urls(app: &App) -> Result<Vec<String>, Problem> {
    let Some(outside) = app.outside().cloned() else {
        return Ok(Vec::new());
    };
    let urls = tokio::task::spawn_blocking(move || outside.urls()).await;
    urls.map_err(Problem::internal)
}

/// How the hub can be reached.
#[utoipa::path(get, path = "/api/access", tag = "access", responses((status = 200, body = AccessFacts)))]
pub(super) async fn access(State(app): State<App>) -> Result<Json<AccessFacts>, Problem> {
    let facts = certificate(&app);
    let authority = facts.as_ref().and_then(|facts| facts.authority.as_ref());
    let tls = app.outside().map(|_| match (&facts, authority) {
        (None, _) => "proxy",
        (Some(_), None) => "own",
        (Some(_), Some(_)) => "self-made",
    });
    Ok(Json(AccessFacts {
        urls: urls(&app).await?,
        listens: app.outside().map(|outside| outside.address.to_string()),
        tls,
        fingerprint: facts.as_ref().map(|facts| facts.fingerprint.clone()),
        authority_fingerprint: authority.map(|authority| authority.fingerprint.clone()),
        authority: authority.map(|authority| authority.certificate.clone()),
        password: app.takes_password(),
    }))
}

/// Creates a single-use link that lets a device in.
#[utoipa::path(
    post, path = "/api/pairings", tag = "access", request_body = Pairing,
    responses((status = 201, body = Paired), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn pair(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(wanted): Json<Pairing>,
) -> Result<(StatusCode, Json<Paired>), Problem> {
    let keyring = keys(&app)?;
    let urls = urls(&app).await?;
    let Some(first) = urls.first() else {
        return Err(Problem::only_here());
    };
    let at = wanted.at.as_ref().unwrap_or(first);
    if !urls.contains(at) {
        return Err(Problem::invalid("`at` is none of the hub's addresses"));
    }
    let page = wanted.page.unwrap_or_default();
    let is_path = page.is_empty() || (page.starts_with('/') && !page.starts_with("//"));
    if !is_path || page.len() > limits::PAIRING_PAGE {
        return Err(Problem::invalid("`page` is no path of a page"));
    }
    let key = keyring.pair(&caller, wanted.roles)?;
    let link = format!("{at}{ENTER}#{}{page}", key.reveal());
    let paired = Paired {
        expires_in: limits::PAIRING_LIFE.as_secs(),
        code: code(&link).ok_or_else(|| Problem::internal("The code cannot be made"))?,
        fingerprint: unknown_certificate(&app),
        link,
    };
    Ok((StatusCode::CREATED, Json(paired)))
}

/// A text as a QR code.
fn code(text: &str) -> Option<Vec<String>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let sign = |x, y| if code.get_module(x, y) { '1' } else { '0' };
    let row = |y| (0..code.size()).map(|x| sign(x, y)).collect();
    Some((0..code.size()).map(row).collect())
}

/// The dialog that lets another device in, as HTML.
pub(super) async fn dialog(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Spoken(language): Spoken,
) -> Result<Html<String>, Problem> {
    let reach = Reach {
        urls: urls(&app).await?,
        fingerprint: unknown_certificate(&app),
    };
    let choices: [(&str, &[Role]); 5] = [
        ("admin", &[Role::Admin]),
        ("answer,drive", &[Role::Answer, Role::Drive]),
        ("answer", &[Role::Answer]),
        ("drive", &[Role::Drive]),
        ("watch", &[Role::Watch]),
    ];
    let may = |roles: &[Role]| {
        roles
            .iter()
            .all(|role| caller.powers.includes(role.powers()))
    };
    let choices = choices.iter().filter(|(_, roles)| may(roles));
    let choices: Vec<&str> = choices.map(|(name, _)| *name).collect();
    Ok(Html(speak(language, || {
        page::pair_dialog(&choices, &reach)
    })))
}

/// The dialog with every device, as HTML.
pub(super) async fn devices(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Spoken(language): Spoken,
) -> Html<String> {
    let listed = match app.access() {
        Access::Keys(keyring) => keyring.list(),
        Access::Anybody => Vec::new(),
    };
    let rows = listed.into_iter().filter_map(|one| row(one, &caller));
    let rows: Vec<_> = rows.collect();
    Html(speak(language, || page::devices_dialog(&rows)))
}

fn row(listed: Listed, caller: &Caller) -> Option<DeviceRow> {
    let (url, roles) = match listed.kind {
        CredentialKind::CommandLine => return None,
        CredentialKind::Page { id, roles, .. } => (page::credential_url("pages", &id), roles),
        CredentialKind::Token { name, roles } => (page::credential_url("tokens", &name), roles),
    };
    let day = |at: Timestamp| {
        let time = rfc3339(at);
        time.get(..10).unwrap_or(&time).to_owned()
    };
    Some(DeviceRow {
        is_this: listed.name == caller.name,
        name: listed.name.to_string(),
        url,
        roles: roles.into_iter().map(Role::name).collect(),
        made: day(listed.made),
        used: listed.used.map(day),
        expires: listed.expires.map(day),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_has_its_corners() {
        let code = code("https://192.168.1.4:7878/enter#drovers_0123/i/x/s/y").unwrap();
        assert!(code.iter().all(|row| row.len() == code.len()));
        assert!(code[0].starts_with("1111111") && code[0].ends_with("1111111"));
        assert!(super::code(&"x".repeat(10_000)).is_none());
    }
}

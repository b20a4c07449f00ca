//! Passkeys: what browsers need to register one and to log in by one, the list, and its changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use model::time::Timestamp;
use page::{PasskeyPlace, PasskeyRow, speak};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::instances::rfc3339;
use super::login::Noted;
use super::problem::Problem;
use super::shield::{ClientAddress, PasskeySite};
use super::spoken::Spoken;
use super::tokens::{blocking, keys};
use crate::access::{
    ALGORITHMS, Access, Attestation, Caller, Challenge, CredentialId, Entrance, ListedPasskey,
    PasskeyName, Role, Shown, Site, UserHandle,
};
use crate::command::audit::Step;
use crate::limits;
use crate::tasks::to_the_end;

/// A passkey.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PasskeyJson {
    /// Its id.
    #[schema(value_type = String)]
    id: Arc<str>,
    /// Its name.
    #[schema(value_type = String)]
    name: PasskeyName,
    /// Name of the site that it is bound to.
    #[schema(value_type = String)]
    site: Box<str>,
    /// Roles of the pages that come in by it.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Time of creation.
    made: String,
    /// Time of the last login.
    used: Option<String>,
}

impl From<ListedPasskey> for PasskeyJson {
    fn from(listed: ListedPasskey) -> Self {
        Self {
            id: listed.id,
            name: listed.name,
            site: listed.site,
            roles: listed.roles,
            made: rfc3339(listed.made),
            used: listed.used.map(rfc3339),
        }
    }
}

/// The passkeys of a caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PasskeysJson {
    /// In the order of creation.
    passkeys: Vec<PasskeyJson>,
}

/// The name of a passkey.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// One line, to tell passkeys apart.
    #[schema(value_type = String)]
    name: PasskeyName,
}

/// What a browser needs to make a passkey. Bytes are base64url without padding.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct NewPasskeyJson {
    /// What the authenticator has to answer, once.
    #[schema(value_type = String)]
    challenge: Challenge,
    /// Name of the site.
    site: String,
    /// Whom the passkey is for.
    #[schema(value_type = String)]
    user: UserHandle,
    /// Numbers of the algorithms (COSE), the best first.
    algorithms: [i64; 3],
    /// Passkeys that are known: an authenticator that has one of them makes none.
    #[schema(value_type = Vec<String>)]
    known: Vec<CredentialId>,
    /// Seconds until the challenge is over.
    expires_in: u64,
}

/// What the browser made. Bytes are base64url without padding.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MadePasskey {
    /// The client data.
    #[schema(value_type = String)]
    client_data: Shown,
    /// The attestation.
    #[schema(value_type = String)]
    attestation: Shown,
}

/// What a browser needs to log in by a passkey.
#[derive(Serialize)]
pub(super) struct LoginChallenge {
    challenge: Challenge,
    site: String,
    expires_in: u64,
}

fn here(site: Option<Site>) -> Result<Site, Problem> {
    site.ok_or_else(Problem::no_site)
}

/// What a passkey has to sign to let a browser in. Anybody may ask.
pub(super) async fn challenge(
    State(app): State<App>,
    Extension(PasskeySite(site)): Extension<PasskeySite>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
) -> Result<Json<LoginChallenge>, Problem> {
    let (keyring, site) = (keys(&app)?, here(site)?);
    Ok(Json(LoginChallenge {
        challenge: keyring.begin_login(&site, from),
        site: site.name().to_owned(),
        expires_in: limits::CHALLENGE_LIFE.as_secs(),
    }))
}

/// Lists passkeys: for the role `admin` all, for a page those that it registered and the one that it came in by.
#[utoipa::path(
    get, path = "/api/passkeys", tag = "access",
    responses((status = 200, body = PasskeysJson), (status = 409, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<PasskeysJson>, Problem> {
    let listed = keys(&app)?.passkeys(&caller).into_iter();
    Ok(Json(PasskeysJson {
        passkeys: listed.map(PasskeyJson::from).collect(),
    }))
}

/// Begins to register a passkey for a page: what its browser needs.
#[utoipa::path(
    post, path = "/api/passkeys/challenge", tag = "access", request_body = Named,
    responses((status = 200, body = NewPasskeyJson), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn begin(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(PasskeySite(site)): Extension<PasskeySite>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Json(Named { name }): Json<Named>,
) -> Result<Json<NewPasskeyJson>, Problem> {
    let (keyring, site) = (keys(&app)?, here(site)?);
    let new = keyring.begin_passkey(&caller, &site, name, from)?;
    Ok(Json(NewPasskeyJson {
        challenge: new.challenge,
        site: site.name().to_owned(),
        user: new.user,
        algorithms: ALGORITHMS,
        known: new.known,
        expires_in: limits::CHALLENGE_LIFE.as_secs(),
    }))
}

/// Registers a passkey for the page that began it. Pages that come in by it have the same roles.
#[utoipa::path(
    post, path = "/api/passkeys", tag = "access", request_body = MadePasskey,
    responses((status = 201, body = PasskeyJson), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn add(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(PasskeySite(site)): Extension<PasskeySite>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Json(made): Json<MadePasskey>,
) -> Result<(StatusCode, Json<PasskeyJson>), Problem> {
    let (keyring, site) = (keys(&app)?, here(site)?);
    let made = Attestation {
        client_data: made.client_data,
        attestation: made.attestation,
    };
    let by = caller.clone();
    let added = async move {
        let added = blocking(move || keyring.add_passkey(&by, &site, &made)).await?;
        noted(&caller, &added, "registered").write(&app, from).await;
        Ok(added)
    };
    let added = whole(added).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Gives a passkey another name.
#[utoipa::path(
    patch, path = "/api/passkeys/{id}", tag = "access", params(("id" = String, Path)), request_body = Named,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn rename(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Path(id): Path<Arc<str>>,
    Json(Named { name }): Json<Named>,
) -> Result<StatusCode, Problem> {
    let (keyring, by) = (keys(&app)?, caller.clone());
    let renamed = async move {
        let renamed = blocking(move || keyring.rename_passkey(&by, &id, name)).await?;
        let renamed = renamed.ok_or_else(|| Problem::unknown_credential("passkey"))?;
        noted(&caller, &renamed, "renamed").write(&app, from).await;
        Ok(StatusCode::NO_CONTENT)
    };
    whole(renamed).await
}

/// Revokes a passkey: every page that came in by it ends at once.
#[utoipa::path(
    delete, path = "/api/passkeys/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Path(id): Path<Arc<str>>,
) -> Result<StatusCode, Problem> {
    let (keyring, by) = (keys(&app)?, caller.clone());
    let revoked = async move {
        let revoked = blocking(move || keyring.revoke_passkey(&by, &id)).await?;
        let revoked = revoked.ok_or_else(|| Problem::unknown_credential("passkey"))?;
        noted(&caller, &revoked, "revoked").write(&app, from).await;
        Ok(StatusCode::NO_CONTENT)
    };
    whole(revoked).await
}

/// Runs a change to its end with its entry in the audit log, also if the caller disconnects.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let ended = || Problem::internal("the hub shut down before the command completed");
    to_the_end(change).await.ok_or_else(ended)?
}

fn noted(caller: &Caller, passkey: &ListedPasskey, answer: &'static str) -> Noted {
    let roles: Vec<_> = passkey.roles.iter().map(|role| role.name()).collect();
    Noted {
        by: caller.name.clone(),
        request: "passkey",
        about: format!("{} ({})", passkey.name.as_ref(), roles.join(", ")),
        answer,
        step: Step::Taken,
        why: None,
    }
}

/// The dialog with the passkeys that the caller may change, as HTML.
pub(super) async fn dialog(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(entrance): Extension<Entrance>,
    Extension(PasskeySite(site)): Extension<PasskeySite>,
    Spoken(language): Spoken,
) -> Html<String> {
    let (listed, place) = match (app.access(), &site) {
        (Access::Anybody, _) => (Vec::new(), PasskeyPlace::Nowhere),
        (Access::Keys(keyring), site) => {
            let place = match site {
                Some(_) => PasskeyPlace::Here,
                None if entrance.secure => PasskeyPlace::Name,
                None => PasskeyPlace::Localhost(format!("http://localhost:{}", entrance.port)),
            };
            (keyring.passkeys(&caller), place)
        }
    };
    let rows: Vec<_> = listed.into_iter().map(row).collect();
    Html(speak(language, || page::passkeys_dialog(&rows, &place)))
}

fn row(listed: ListedPasskey) -> PasskeyRow {
    let day = |at: Timestamp| {
        let time = rfc3339(at);
        time.get(..10).unwrap_or(&time).to_owned()
    };
    PasskeyRow {
        name: listed.name.as_ref().to_owned(),
        url: page::credential_url("passkeys", &listed.id),
        site: listed.site.into(),
        roles: listed.roles.into_iter().map(Role::name).collect(),
        made: day(listed.made),
        used: listed.used.map(day),
        is_this: listed.is_own,
    }
}

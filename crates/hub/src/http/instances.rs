//! Instances: listed, added, removed, reconnected. Credentials go in and never out.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use model::ids::InstanceId;
use model::state::{Instance, LinkStatus, Origin, ReasonKind};
use model::time::Timestamp;
use opencode::Credentials;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use crate::command::CommandError;
use crate::instances::{Added, NewInstance};
use crate::limits;
use crate::registry::Login;
use crate::secret::Secret;

/// An instance. Times are RFC 3339.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct InstanceJson {
    /// Its id, ours.
    #[schema(value_type = String)]
    id: InstanceId,
    /// What people call it.
    #[schema(value_type = String)]
    name: Arc<str>,
    /// The folder in which the hub runs its server.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<Arc<str>>,
    /// The address of its server, where somebody else runs it.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Arc<str>>,
    /// How its link is.
    #[schema(value_type = String)]
    status: Status,
    /// Since when it is so.
    since: String,
    /// When anything was last heard.
    last_event_at: Option<String>,
    /// Tries that failed in a row.
    attempt: u32,
    /// Tries after which it is given up.
    max_attempts: u32,
    /// When the next try is due.
    retry_at: Option<String>,
    /// Why it is not connected, in a sentence with the next step.
    #[schema(value_type = Option<String>)]
    reason: Option<Arc<str>>,
    /// The same as one word: `bad_address`, `not_started`, `dns`, `refused`, `unreachable`, `tls`, `timeout`, `ended`,
    /// `reset`, `silent`, `unauthorized`, `redirect`, `server_error`, `empty_answer`, `content_type`, `bad_answer`,
    /// `not_opencode`, `opencode2`, `state_unreadable`, `flooded` or `hub_failed`.
    #[schema(value_type = Option<String>)]
    reason_kind: Option<ReasonKind>,
    /// How often events were missing in its stream while it was open, and what they told was read again.
    gaps: u64,
    /// Version of its server.
    #[schema(value_type = Option<String>)]
    version: Option<Arc<str>>,
    /// How many sessions and requests were more than the hub keeps of one server, since it began.
    left_out: u64,
    /// True if its server has older sessions than those that are listed: `POST …/older-sessions` reads more of them.
    older_sessions: bool,
    /// By how many milliseconds its server's clock is ahead of the hub's, or behind it where less than zero. The times in what it
    /// says, such as `time` of a session, are by its own clock.
    clock_ahead: i64,
    /// True if what it says is stored in the journal, where there is one.
    journal: bool,
}

/// How a link is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Connecting,
    Connected,
    Stale,
    Error,
    Disconnected,
}

impl InstanceJson {
    fn of(app: &App, instance: &Instance) -> Self {
        let (folder, url) = match &instance.origin {
            Origin::Folder(folder) => (Some(folder.clone()), None),
            Origin::Url(url) => (None, Some(url.clone())),
        };
        let max_attempts = app.hub().policy().attempts;
        let link = &instance.link;
        let (status, attempt, retry_at) = match &link.status {
            LinkStatus::Connecting { attempt } => (Status::Connecting, *attempt, None),
            LinkStatus::Connected => (Status::Connected, 0, None),
            LinkStatus::Stale => (Status::Stale, 0, None),
            LinkStatus::Error {
                attempt, retry_at, ..
            } => (Status::Error, *attempt, Some(*retry_at)),
            LinkStatus::Disconnected { .. } => (Status::Disconnected, max_attempts, None),
        };
        let reason = link.status.reason();
        Self {
            id: instance.id.clone(),
            name: instance.name.clone(),
            folder,
            url,
            status,
            since: rfc3339(link.since),
            last_event_at: link.last_event_at.map(rfc3339),
            attempt,
            max_attempts,
            retry_at: retry_at.map(rfc3339),
            reason: reason.map(|reason| reason.text.clone()),
            reason_kind: reason.map(|reason| reason.kind),
            gaps: instance.counters.gaps,
            version: instance.version.clone(),
            left_out: instance.counters.beyond(),
            older_sessions: instance.has_older(),
            clock_ahead: instance.clock_ahead,
            journal: !app.hub().engine().log().is_private(&instance.id),
        }
    }
}

pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .unwrap_or_default()
        .to_string()
}

/// An instance to be added: a `folder` or a `url`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// A folder of this machine, in which the hub runs a server.
    #[serde(default)]
    folder: Option<String>,
    /// The address of a server that runs already, without credentials.
    #[serde(default)]
    url: Option<String>,
    /// The server's user name, by default OpenCode's own.
    #[serde(default)]
    username: Option<String>,
    /// The server's password.
    #[serde(default)]
    password: Option<String>,
    /// What people call it.
    #[serde(default)]
    name: Option<String>,
    /// With a `folder`: true says that a person trusts what its configuration makes OpenCode run. Needed once for each folder.
    #[serde(default)]
    trust: bool,
}

impl Add {
    fn instance(self) -> Result<NewInstance, Problem> {
        if self.trust && self.folder.is_none() {
            return Err(Problem::invalid("`trust` needs a `folder`"));
        }
        match (self.folder, self.url, self.username, self.password) {
            (Some(folder), None, None, None) => Ok(NewInstance::Folder(PathBuf::from(folder))),
            (None, Some(url), username, password) => {
                if username.is_some() && password.is_none() {
                    return Err(Problem::invalid("a `username` needs its `password`"));
                }
                let login = password.map(|password| Login {
                    username: username.unwrap_or_else(|| Credentials::DEFAULT_USERNAME.to_owned()),
                    password: Secret::new(password),
                });
                Ok(NewInstance::Url { url, login })
            }
            (Some(_), None, ..) => Err(Problem::invalid(
                "a `folder` takes no `username` and no `password`",
            )),
            _ => Err(Problem::invalid("give either a `folder` or a `url`")),
        }
    }
}

/// All instances, by name.
#[utoipa::path(get, path = "/api/instances", tag = "instances", responses((status = 200, body = [InstanceJson])))]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<InstanceJson>> {
    let engine = app.hub().engine();
    let mut all: Vec<_> = engine.read(|state| {
        let instances = state.instances.values();
        instances
            .map(|instance| InstanceJson::of(&app, instance))
            .collect()
    });
    all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Json(all)
}

/// Adds an instance. The same folder or address twice is the same instance.
#[utoipa::path(
    post, path = "/api/instances", tag = "instances", request_body = Add,
    responses(
        (status = 201, body = InstanceJson), (status = 200, description = "It was known", body = InstanceJson),
        (status = 409, description = "The folder is not trusted yet: see `trust`", body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn add(
    State(app): State<App>,
    Json(mut add): Json<Add>,
) -> Result<Response, Problem> {
    let (name, trust) = (add.name.take(), add.trust);
    let new = add.instance()?;
    if trust && let NewInstance::Folder(path) = &new {
        app.hub().trust(path)?;
    }
    let added = app.hub().add(new, name.as_deref()).await?;
    let id = added.id();
    let engine = app.hub().engine();
    let heard = engine.until(|state| state.instances.contains_key(id));
    let _too_late = tokio::time::timeout(limits::ECHO_WAIT, heard).await;
    let status = match added {
        Added::New(_) => StatusCode::CREATED,
        Added::Known(_) => StatusCode::OK,
    };
    let location = [(LOCATION, format!("/api/instances/{id}"))];
    Ok((status, location, Json(one(&app, id)?)).into_response())
}

/// An instance.
#[utoipa::path(
    get, path = "/api/instances/{id}", tag = "instances", params(("id" = String, Path)),
    responses((status = 200, body = InstanceJson), (status = 404, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<InstanceJson>, Problem> {
    one(&app, &id).map(Json)
}

/// Removes an instance: its stream is closed, and a server that was started for it ends.
#[utoipa::path(
    delete, path = "/api/instances/{id}", tag = "instances", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<StatusCode, Problem> {
    if !app.hub().remove(&id).await? {
        return Err(CommandError::UnknownInstance(id).into());
    }
    let gone = app
        .hub()
        .engine()
        .until(|state| !state.instances.contains_key(&id));
    let _too_late = tokio::time::timeout(limits::ECHO_WAIT, gone).await;
    Ok(StatusCode::NO_CONTENT)
}

/// What is changed of an instance.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Whether what it says is stored in the journal from now on. What was stored before stays.
    journal: bool,
}

/// Changes an instance.
#[utoipa::path(
    patch, path = "/api/instances/{id}", tag = "instances", params(("id" = String, Path)), request_body = Change,
    responses((status = 200, body = InstanceJson), (status = 404, body = Problem))
)]
pub(super) async fn change(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Json(change): Json<Change>,
) -> Result<Json<InstanceJson>, Problem> {
    if !app.hub().set_journal(&id, change.journal).await? {
        return Err(CommandError::UnknownInstance(id).into());
    }
    one(&app, &id).map(Json)
}

/// Tries to connect at once, and forgets the failures before.
#[utoipa::path(
    post, path = "/api/instances/{id}/reconnect", tag = "instances", params(("id" = String, Path)),
    responses((status = 202, body = InstanceJson), (status = 404, body = Problem))
)]
pub(super) async fn reconnect(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Response, Problem> {
    if !app.hub().reconnect(&id).await {
        return Err(CommandError::UnknownInstance(id).into());
    }
    Ok((StatusCode::ACCEPTED, Json(one(&app, &id)?)).into_response())
}

/// Reads older sessions than those that are listed, a page of each folder whose list was cut. They are in the list then.
#[utoipa::path(
    post, path = "/api/instances/{id}/older-sessions", tag = "sessions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "`older_sessions` tells whether there are more", body = InstanceJson),
        (status = 404, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn older_sessions(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
) -> Result<Json<InstanceJson>, Problem> {
    let instance = one(&app, &id)?;
    if instance.older_sessions && !app.hub().read_older_sessions(&id).await {
        return Err(Problem::not_read());
    }
    one(&app, &id).map(Json)
}

fn one(app: &App, id: &InstanceId) -> Result<InstanceJson, Problem> {
    let found = app.hub().engine().read(|state| {
        state
            .instances
            .get(id)
            .map(|instance| InstanceJson::of(app, instance))
    });
    found.ok_or_else(|| CommandError::UnknownInstance(id.clone()).into())
}

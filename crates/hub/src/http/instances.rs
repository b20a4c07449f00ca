//! Instances: list, add, remove, reconnect. Responses never contain credentials.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use model::ids::InstanceId;
use model::state::{Colour, Copying, Instance, LinkStatus, Origin, ReasonKind};
use model::time::Timestamp;
use model::view::{FolderRow, folders};
use opencode::Credentials;
use serde::{Deserialize, Deserializer, Serialize};

use super::app::App;
use super::problem::Problem;
use crate::command::CommandError;
use crate::command::port::{Capabilities, Server as _, Servers};
use crate::instances::{Added, NewInstance};
use crate::limits;
use crate::registry::{InstanceChange, Login};
use crate::secret::Secret;
use crate::workspace::LaunchOptions;

/// An instance. Times are RFC 3339.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct InstanceJson {
    /// Id of the instance, chosen by the hub.
    #[schema(value_type = String)]
    id: InstanceId,
    /// Display name.
    #[schema(value_type = String)]
    name: Arc<str>,
    /// The folder in which the hub runs its server.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<Arc<str>>,
    /// The URL of its server, where the server runs elsewhere.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Arc<str>>,
    /// True if its server is the background service of OpenCode 2 of the hub's user.
    service: bool,
    /// Status of the link.
    #[schema(value_type = String)]
    status: Status,
    /// Time of the last status change.
    since: String,
    /// Time of the last received byte.
    last_event_at: Option<String>,
    /// Number of consecutive failed attempts.
    attempt: u32,
    /// Maximum number of consecutive attempts.
    max_attempts: u32,
    /// Time of the next attempt.
    retry_at: Option<String>,
    /// The reason why it is not connected: a sentence with the next step.
    #[schema(value_type = Option<String>)]
    reason: Option<Arc<str>>,
    /// The kind of the reason: `bad_address`, `not_started`, `dns`, `refused`, `unreachable`, `tls`, `timeout`,
    /// `ended`, `reset`, `silent`, `unauthorized`, `redirect`, `server_error`, `empty_answer`, `content_type`,
    /// `bad_answer`, `not_opencode`, `opencode2`, `state_unreadable`, `flooded` or `hub_failed`.
    #[schema(value_type = Option<String>)]
    reason_kind: Option<ReasonKind>,
    /// Number of times that events were missing in the open stream and the state was read again.
    gaps: u64,
    /// Version of its server.
    #[schema(value_type = Option<String>)]
    version: Option<Arc<str>>,
    /// Number of sessions and requests that exceeded the hub's limits for one server, since the hub started.
    left_out: u64,
    /// True if its server has older sessions than the listed ones: `POST …/older-sessions` loads more.
    older_sessions: bool,
    /// Number of folders of the server whose state the hub reads, if the server works in more folders. Of sessions in the other
    /// folders the hub knows the events since it connected.
    folders_cut: Option<usize>,
    /// The copy of OpenCode 1's sessions that the server makes: `{"done": 3, "of": 9}` (each may be absent, both before it begins), or `{"failed": "why"}`. Sessions
    /// that are not copied yet are missing in its lists.
    #[schema(value_type = Option<Object>)]
    copying: Option<CopyingJson>,
    /// Milliseconds by which the server's clock is ahead of the hub's (negative if behind). Times in the server's data,
    /// such as `time` of a session, are by the server's clock.
    clock_ahead: i64,
    /// True if its events are stored in the journal, where there is one.
    journal: bool,
    /// What its server can do, once it has connected: `fork`, `compact`, `compact_model`, `revert`, `inbox`, `todo`, `shell`, `command`,
    /// `delete_message`, `worktree`, `changes`, `prompt_changes`, `many_folders`, `proof` and `marks`. Empty for a server that only sends events.
    #[schema(value_type = Option<Vec<String>>)]
    capabilities: Option<Capabilities>,
    /// The folders in which it has sessions, that of the session that changed last first, 256 at most; empty for an instance that has a
    /// folder of its own.
    folders: Vec<FolderJson>,
    /// The colour that a person gave it: `red`, `orange`, `yellow`, `green`, `teal`, `blue`, `purple` or `pink`.
    #[schema(value_type = Option<String>)]
    colour: Option<Colour>,
    /// The place that a person gave it among the others: lower numbers come first, then all without one.
    order: Option<u32>,
    /// How its server is started; absent where the hub does not start it.
    #[serde(skip_serializing_if = "Option::is_none")]
    launch: Option<LaunchJson>,
    /// In the answer to a folder that was added: that folder, if the installed OpenCode is version 2. The instance is its background service,
    /// which works in all folders.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    serves: Option<Arc<str>>,
}

/// A folder in which an instance without one of its own has sessions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FolderJson {
    /// Its path.
    #[schema(value_type = String)]
    directory: Arc<str>,
    /// Its name: the last part of its path, and more where that is not enough to tell two apart.
    #[schema(value_type = String)]
    name: Arc<str>,
    /// The branch that is checked out there, where known.
    #[schema(value_type = Option<String>)]
    branch: Option<Arc<str>>,
    /// How many sessions work there that are not archived.
    sessions: usize,
}

impl From<FolderRow> for FolderJson {
    fn from(row: FolderRow) -> Self {
        Self {
            directory: row.directory,
            name: row.name,
            branch: row.branch,
            sessions: row.sessions,
        }
    }
}

/// How the server of a folder is started, beyond what all have in common.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LaunchJson {
    /// Names of its environment variables. Their values are never returned.
    env: Vec<String>,
    /// Arguments after `opencode serve`.
    args: Vec<String>,
    /// The OpenCode program; absent for the hub's.
    opencode: Option<String>,
    /// Bytes of memory beyond which the server is restarted when it is idle; absent for no limit.
    memory_limit: Option<u64>,
}

impl From<LaunchOptions> for LaunchJson {
    fn from(options: LaunchOptions) -> Self {
        let program = options.opencode;
        Self {
            env: options.env.into_keys().collect(),
            args: options.args,
            opencode: program.map(|path| path.to_string_lossy().into_owned()),
            memory_limit: options.memory,
        }
    }
}

/// The copy of an earlier version's sessions.
#[derive(Debug, Default, Serialize)]
struct CopyingJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Arc<str>>,
}

impl From<&Copying> for CopyingJson {
    fn from(copying: &Copying) -> Self {
        match copying {
            Copying::Due => Self::default(),
            Copying::Running { done, of } => Self {
                done: *done,
                of: *of,
                failed: None,
            },
            Copying::Failed(reason) => Self {
                failed: Some(reason.text.clone()),
                ..Self::default()
            },
        }
    }
}

/// The status of a link.
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
            Origin::Service(_) => (None, None),
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
            service: matches!(instance.origin, Origin::Service(_)),
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
            folders_cut: instance.folders_cut,
            copying: instance.copying.as_ref().map(CopyingJson::from),
            clock_ahead: instance.clock_ahead,
            journal: !app.hub().engine().log().is_private(&instance.id),
            capabilities: Servers::server(app.hub(), &instance.id)
                .map(|server| server.capabilities()),
            folders: folders(instance)
                .into_iter()
                .take(limits::SERVICE_FOLDERS)
                .map(FolderJson::from)
                .collect(),
            colour: instance.colour,
            order: instance.order,
            launch: None,
            serves: None,
        }
    }
}

impl InstanceJson {
    /// The same with how its server is started. Not to be called while the state is read: it waits for the list of instances.
    fn with_launch(mut self, app: &App) -> Self {
        let options = app.hub().launch_options(&self.id);
        self.launch = options.map(LaunchJson::from);
        self
    }
}

pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .unwrap_or_default()
        .to_string()
}

/// A new instance: a `folder`, a `url`, or the `service`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// A folder on this machine, in which the hub runs a server.
    #[serde(default)]
    folder: Option<String>,
    /// URL of a running server, without credentials.
    #[serde(default)]
    url: Option<String>,
    /// True for the background service of OpenCode 2 of the hub's user. It is found by its registration, and started if it does not run.
    #[serde(default)]
    service: bool,
    /// The user name for the server; OpenCode's default if absent.
    #[serde(default)]
    username: Option<String>,
    /// The password for the server.
    #[serde(default)]
    password: Option<String>,
    /// Display name.
    #[serde(default)]
    name: Option<String>,
    /// With a `folder`: true confirms that a person trusts the configuration that OpenCode runs in it. Needed once per
    /// folder.
    #[serde(default)]
    trust: bool,
}

impl Add {
    fn instance(self) -> Result<NewInstance, Problem> {
        if self.trust && self.folder.is_none() {
            return Err(Problem::invalid("`trust` needs a `folder`"));
        }
        match (self.folder, self.url, self.username, self.password) {
            (None, None, None, None) if self.service => Ok(NewInstance::Service(None)),
            _ if self.service => Err(Problem::invalid("`service` takes nothing but a `name`")),
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
            _ => Err(Problem::invalid("give a `folder`, a `url`, or `service`")),
        }
    }
}

/// Lists all instances, by the places that people gave them and by name.
#[utoipa::path(get, path = "/api/instances", tag = "instances", responses((status = 200, body = [InstanceJson])))]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<InstanceJson>> {
    let engine = app.hub().engine();
    let all: Vec<_> = engine.read(|state| {
        let mut instances: Vec<_> = state.instances.values().collect();
        instances.sort_by_key(|instance| instance.place());
        let instances = instances.into_iter();
        instances
            .map(|instance| InstanceJson::of(&app, instance))
            .collect()
    });
    let all = all.into_iter();
    Json(all.map(|instance| instance.with_launch(&app)).collect())
}

/// Adds an instance. Idempotent: the same folder or URL is the same instance.
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
    let shown = engine.until(|state| state.instances.contains_key(id));
    let _too_late = tokio::time::timeout(limits::ECHO_WAIT, shown).await;
    let status = match added {
        Added::New(_) => StatusCode::CREATED,
        Added::Known(_) | Added::Serves { .. } => StatusCode::OK,
    };
    let location = [(LOCATION, format!("/api/instances/{id}"))];
    let mut instance = one(&app, id)?;
    if let Added::Serves { folder, .. } = &added {
        instance.serves = Some(folder.clone());
    }
    Ok((status, location, Json(instance)).into_response())
}

/// Returns an instance.
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

/// Removes an instance: closes its stream, and stops a server that was started for it.
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
    app.commands().forget_parallels(&id).await;
    let drafts = app.hub().drafts().clone();
    let forgotten = tokio::task::spawn_blocking(move || drafts.forget(&id, None));
    forgotten.await.map_err(Problem::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A change of an instance. What is absent stays.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    /// Whether its events are stored in the journal from now on. Stored events are kept.
    journal: Option<bool>,
    /// Another name; an empty one is that of its folder or address.
    name: Option<String>,
    /// Another colour; `null` for none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    colour: Option<Option<Colour>>,
    /// Another place among the others, from 1; `null` for none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    order: Option<Option<u32>>,
    /// Environment variables of its server, from its next start on; `null` removes one. Others stay.
    #[schema(value_type = std::collections::HashMap<String, Option<String>>)]
    env: BTreeMap<String, Option<String>>,
    /// Arguments after `opencode serve`, from the next start of its server on.
    args: Option<Vec<String>>,
    /// The OpenCode program, from the next start of its server on; `null` for the hub's.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    opencode: Option<Option<PathBuf>>,
    /// Bytes of memory beyond which its server is restarted when it is idle, at once in effect; `null` for no limit.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    memory_limit: Option<Option<u64>>,
}

/// A field that is given, even if it is `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

impl Change {
    fn checked(self) -> Result<InstanceChange, Problem> {
        let too_far = |order: u32| order == 0 || order > limits::INSTANCE_ORDER;
        if self.order.flatten().is_some_and(too_far) {
            return Err(Problem::invalid(format!(
                "`order` is a number from 1 to {}",
                limits::INSTANCE_ORDER
            )));
        }
        let env = self.env.into_iter();
        Ok(InstanceChange {
            journal: self.journal,
            name: self.name,
            colour: self.colour,
            order: self.order,
            env: env
                .map(|(name, value)| (name, value.map(Secret::new)))
                .collect(),
            args: self.args,
            opencode: self.opencode,
            memory: self.memory_limit,
        })
    }
}

/// Changes an instance: its name, colour and place, and how its server is started.
#[utoipa::path(
    patch, path = "/api/instances/{id}", tag = "instances", params(("id" = String, Path)), request_body = Change,
    responses(
        (status = 200, body = InstanceJson), (status = 404, body = Problem),
        (status = 422, description = "A server cannot be started so", body = Problem)
    )
)]
pub(super) async fn change(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Json(change): Json<Change>,
) -> Result<Json<InstanceJson>, Problem> {
    if !app.hub().change(&id, change.checked()?).await? {
        return Err(CommandError::UnknownInstance(id).into());
    }
    one(&app, &id).map(Json)
}

/// Connects at once, and resets the count of failures.
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

/// Loads older sessions than the listed ones: a page for each folder whose list is truncated. They are in the list
/// afterwards.
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

pub(super) fn one(app: &App, id: &InstanceId) -> Result<InstanceJson, Problem> {
    let found = app.hub().engine().read(|state| {
        state
            .instances
            .get(id)
            .map(|instance| InstanceJson::of(app, instance))
    });
    let found = found.map(|instance| instance.with_launch(app));
    found.ok_or_else(|| CommandError::UnknownInstance(id.clone()).into())
}

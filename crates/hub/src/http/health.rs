//! Health of the hub.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::app::{App, VERSION};
use crate::record::journal::Status;

/// The health of the hub.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok`; `degraded` while a failed part of the hub is restarted; or `failed` when the hub must be restarted.
    status: &'static str,
    /// The problems, as sentences; empty while the status is `ok`.
    problems: Vec<String>,
    /// Version of Drovers.
    version: &'static str,
    /// Epoch of this run of the hub: revisions of another run are not comparable.
    epoch: String,
    /// Seconds since the hub began to serve.
    uptime: u64,
    /// Number of instances.
    instances: usize,
    /// Number of connected instances.
    connected: usize,
    /// Number of connected pages and programs.
    viewers: usize,
    /// The state of the log.
    log: LogHealth,
    /// The state of the journal.
    journal: JournalHealth,
    /// Notices for people.
    #[schema(value_type = Vec<String>)]
    notices: Vec<Arc<str>>,
}

/// The retained range of the log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LogHealth {
    /// Cursor before the oldest retained event.
    begin: String,
    /// Cursor after the newest event.
    end: String,
    /// Cursor after the newest event that the journal has: what came since would be lost with the process.
    stored: String,
}

/// The state of the journal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct JournalHealth {
    /// `ok`, `opening`, `off` or `failed`. Nothing is stored while it is not `ok`.
    status: &'static str,
    /// The reason why the journal is off, unless it was disabled, or why it failed.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Arc<str>>,
    /// Time of the failure (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Path of a damaged journal that was replaced.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    put_aside: Option<Arc<str>>,
}

impl JournalHealth {
    fn of(status: Status) -> Self {
        let (status, reason, since, put_aside) = match status {
            Status::Opening => ("opening", None, None, None),
            Status::Ok { put_aside } => ("ok", None, None, put_aside),
            Status::Off { reason } => ("off", reason, None, None),
            Status::Failed { reason, since } => ("failed", Some(reason), Some(since), None),
        };
        Self {
            status,
            reason,
            since: since.map(super::instances::rfc3339),
            put_aside,
        }
    }
}

/// Response of a health probe: status 200 or 503.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct HealthAnswer {
    /// True with status 200.
    ok: bool,
}

impl HealthAnswer {
    fn of(ok: bool) -> (StatusCode, Json<Self>) {
        let status = match ok {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(Self { ok }))
    }
}

/// Liveness probe: after a negative response the hub must be restarted. Requires no key, and reveals nothing else.
#[utoipa::path(
    get, path = "/api/health/live", tag = "hub",
    responses((status = 200, body = HealthAnswer), (status = 503, body = HealthAnswer))
)]
pub(super) async fn live(State(app): State<App>) -> (StatusCode, Json<HealthAnswer>) {
    HealthAnswer::of(app.hub().is_well().await)
}

/// Readiness probe: a negative response may be temporary. Requires no key, and reveals nothing else.
#[utoipa::path(
    get, path = "/api/health/ready", tag = "hub",
    responses((status = 200, body = HealthAnswer), (status = 503, body = HealthAnswer))
)]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<HealthAnswer>) {
    HealthAnswer::of(app.hub().is_ready().await)
}

/// The problems of a hub: a status word, and sentences.
fn problems(app: &App) -> (&'static str, Vec<String>) {
    let hub = app.hub();
    if hub.has_ended() {
        let why = hub.engine().failure();
        let why = why.unwrap_or_else(|| "it shows nothing new any more".into());
        let text = format!("The hub failed ({why}). Start `drovers` again");
        return ("failed", vec![text]);
    }
    let down = hub.tasks().watch().borrow().clone();
    let down = down.into_iter().filter(|(_, task)| !task.runs);
    let mut problems: Vec<_> = down
        .map(|(name, task)| {
            let why = task.reason.unwrap_or_default();
            format!("{name} failed ({why}). It is begun again soon")
        })
        .collect();
    problems.extend(hub.unsupervised().into_iter().map(|id| {
        format!("Nothing supervises the instance {id} any more. Remove it and add it again")
    }));
    let status = match problems.is_empty() {
        true => "ok",
        false => "degraded",
    };
    (status, problems)
}

/// Returns the health of the hub.
#[utoipa::path(get, path = "/api/health", tag = "hub", responses((status = 200, body = Health)))]
pub(super) async fn read(State(app): State<App>) -> Json<Health> {
    let (status, problems) = problems(&app);
    let engine = app.hub().engine();
    let (instances, connected) = engine.read(|state| {
        let live = state
            .instances
            .values()
            .filter(|instance| instance.is_live());
        (state.instances.len(), live.count())
    });
    let notices = app.notices().iter().map(|notice| notice.text.clone());
    let now = engine.read(model::view::notices);
    Json(Health {
        status,
        problems,
        version: VERSION,
        epoch: engine.epoch().to_string(),
        uptime: engine.now().since(app.started()) / 1000,
        instances,
        connected,
        viewers: app.viewers(),
        log: LogHealth {
            begin: engine.log().begin().to_string(),
            end: engine.log().end().to_string(),
            stored: engine.log().stored_end().to_string(),
        },
        notices: notices.chain(now).collect(),
        journal: JournalHealth::of(engine.journal().status().borrow().clone()),
    })
}

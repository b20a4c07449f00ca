//! How the hub is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::app::{App, VERSION};
use crate::record::journal::Status;

/// How the hub is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok`, `degraded` while a part of the hub is down that is begun again, or `failed` when it has to be started anew.
    status: &'static str,
    /// What is wrong, in sentences; nothing while it is `ok`.
    problems: Vec<String>,
    /// Version of Drovers.
    version: &'static str,
    /// Names this run of the hub: revisions of another mean nothing.
    epoch: String,
    /// Seconds since it began to serve.
    uptime: u64,
    /// Instances known.
    instances: usize,
    /// Of those, how many are connected.
    connected: usize,
    /// Pages and programs that follow.
    viewers: usize,
    /// The log.
    log: LogHealth,
    /// Its journal.
    journal: JournalHealth,
    /// What a person should know.
    #[schema(value_type = Vec<String>)]
    notices: Vec<Arc<str>>,
}

/// What is kept of the log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LogHealth {
    /// Cursor before the oldest event that is kept.
    begin: String,
    /// Cursor after the newest.
    end: String,
}

/// How the journal is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct JournalHealth {
    /// `ok`, `opening`, `off` or `failed`. While it is not `ok` nothing is stored.
    status: &'static str,
    /// Why it is off, unless that is wanted, or why it failed.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Arc<str>>,
    /// Since when it fails (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Where a damaged one was put that this one follows.
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

/// A yes or no, for those who watch the hub's process: status 200 or 503.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Answer {
    /// The same.
    ok: bool,
}

impl Answer {
    fn of(ok: bool) -> (StatusCode, Json<Self>) {
        let status = match ok {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(Self { ok }))
    }
}

/// Whether the hub does its work: after a no it has to be started anew. It asks for no key, and tells nothing else.
#[utoipa::path(
    get, path = "/api/health/live", tag = "hub",
    responses((status = 200, body = Answer), (status = 503, body = Answer))
)]
pub(super) async fn live(State(app): State<App>) -> (StatusCode, Json<Answer>) {
    Answer::of(app.hub().is_well().await)
}

/// Whether all of the hub runs: a no may pass by itself. It asks for no key, and tells nothing else.
#[utoipa::path(
    get, path = "/api/health/ready", tag = "hub",
    responses((status = 200, body = Answer), (status = 503, body = Answer))
)]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Answer>) {
    Answer::of(app.hub().is_ready().await)
}

/// What is wrong with a hub: as one word, and in sentences.
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

/// How the hub is.
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
        },
        notices: notices.chain(now).collect(),
        journal: JournalHealth::of(engine.journal().status().borrow().clone()),
    })
}

//! How the hub is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::app::{App, VERSION};

/// How the hub is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
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

/// How the hub is.
#[utoipa::path(get, path = "/api/health", tag = "hub", responses((status = 200, body = Health)))]
pub(super) async fn read(State(app): State<App>) -> Json<Health> {
    let engine = app.hub().engine();
    let (instances, connected) = engine.read(|state| {
        let live = state
            .instances
            .values()
            .filter(|instance| instance.is_live());
        (state.instances.len(), live.count())
    });
    Json(Health {
        status: "ok",
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
        notices: app
            .notices()
            .iter()
            .map(|notice| notice.text.clone())
            .collect(),
    })
}

//! Replaces the hub by a new process of its program.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;

/// How the hub is replaced.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Restart {
    /// True to restart although sessions run on servers that end with the hub.
    end_turns: bool,
}

/// What is replaced.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Restarting {
    /// Epoch of the run that ends: `GET /api/health` has another one once the new hub serves.
    epoch: String,
    /// Number of servers that go on and that the new hub continues with.
    servers: usize,
}

/// Replaces the hub by a new process of its program, which may be a newer one by now. Servers in folders go on, and the new hub
/// listens at the same address.
#[utoipa::path(
    post, path = "/api/restart", tag = "hub", request_body = Restart,
    responses((status = 202, body = Restarting), (status = 409, body = Problem))
)]
pub(super) async fn restart(
    State(app): State<App>,
    Json(how): Json<Restart>,
) -> Result<(StatusCode, Json<Restarting>), Problem> {
    let Some(restart) = app.restart() else {
        return Err(Problem::no_restart());
    };
    let ending = app.hub().working_where_servers_end();
    if ending > 0 && !how.end_turns {
        return Err(Problem::turns_would_end(ending));
    }
    let restarting = Restarting {
        epoch: app.hub().engine().epoch().to_string(),
        servers: app.hub().server_pids().len(),
    };
    tracing::info!("the hub restarts");
    app.hub().leave_servers_to_the_next();
    restart.cancel();
    Ok((StatusCode::ACCEPTED, Json(restarting)))
}

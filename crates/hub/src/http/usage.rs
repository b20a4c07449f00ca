//! `GET /api/usage`: what sessions used.

use axum::Json;
use axum::extract::State;

use super::app::App;
use crate::command::usage::UsageReport;

/// Cost, tokens and time of turns by day, instance and session. `cost` is in US dollars, `running_ms` in milliseconds.
#[utoipa::path(get, path = "/api/usage", tag = "usage", responses((status = 200, body = UsageReport)))]
pub(super) async fn read(State(app): State<App>) -> Json<UsageReport> {
    let account = app.hub().account();
    Json(app.hub().engine().read(|state| account.report(state)))
}

//! What happened since a time: for a person who was away.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Html;
use model::state::Lines;
use model::time::Timestamp;
use model::view::{self, HowEnded, SinceAnswer, SinceRow};
use page::speak;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use super::spoken::Spoken;

/// Since when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SinceQuery {
    /// Milliseconds since 1970, by the hub's clock.
    at: i64,
}

/// The events since a time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SinceReport {
    /// Since when, in milliseconds since 1970.
    at: i64,
    /// The hub's clock.
    now: i64,
    /// Root sessions in which something happened, the newest first; 100 at most.
    sessions: Vec<SinceSession>,
    /// Number of omitted sessions.
    left_out: usize,
}

/// What happened in a session and its subagents.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SinceSession {
    /// Its instance.
    instance: String,
    /// The instance's name.
    instance_name: String,
    /// Its id.
    session: String,
    /// Its title.
    title: String,
    /// The path of its page.
    path: String,
    /// When the newest of it happened.
    at: i64,
    /// `finished`, `failed`, `interrupted` or `stopped`, if its last turn ended since then.
    #[schema(value_type = Option<String>)]
    ended: Option<HowEnded>,
    /// Why it failed or was stopped.
    reason: Option<String>,
    /// True if it runs now.
    working: bool,
    /// Requests that came since then and still wait.
    asks: Vec<String>,
    /// Answers to requests: `at`, `outcome`, `by`, `about`.
    #[schema(value_type = Vec<Object>)]
    answers: Vec<SinceAnswer>,
    /// Lines that it changed since then: `additions`, `deletions`. Absent where the hub does not know how many it had changed then.
    #[schema(value_type = Option<Object>)]
    changes: Option<Lines>,
}

impl From<SinceRow> for SinceSession {
    fn from(row: SinceRow) -> Self {
        Self {
            path: page::session_path(row.instance.as_str(), row.session.as_str()),
            instance: row.instance.to_string(),
            instance_name: row.instance_name.to_string(),
            session: row.session.to_string(),
            title: row.title.to_string(),
            at: row.at.0,
            ended: row.ended,
            reason: row.reason,
            working: row.working,
            asks: row.asks,
            answers: row.answers.into_values().collect(),
            changes: row.changes,
        }
    }
}

/// What happened in every session since a time: turns that ended, requests and answers.
#[utoipa::path(
    get, path = "/api/since", tag = "sessions", params(SinceQuery),
    responses((status = 200, body = SinceReport), (status = 503, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Query(query): Query<SinceQuery>,
) -> Result<Json<SinceReport>, Problem> {
    let view::Since { rows, left_out } = app.commands().since(Timestamp(query.at)).await?;
    Ok(Json(SinceReport {
        at: query.at,
        now: app.hub().engine().now().0,
        sessions: rows.into_iter().map(SinceSession::from).collect(),
        left_out,
    }))
}

/// The same as HTML, for the overview.
pub(super) async fn panel(
    State(app): State<App>,
    Spoken(language): Spoken,
    Query(query): Query<SinceQuery>,
) -> Result<Html<String>, Problem> {
    let from = Timestamp(query.at);
    let seen = app.commands().since(from).await?;
    Ok(Html(speak(language, || page::since_panel(from, &seen))))
}

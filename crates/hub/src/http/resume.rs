//! *Continue*, for one interrupted session or all of them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use crate::command::{Continued, Interrupted, Prompted, ResumeWith};

/// Identifies a session.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedSession {
    /// Id of the instance.
    #[schema(value_type = String)]
    instance: InstanceId,
    /// Id of the session.
    #[schema(value_type = String)]
    session: SessionId,
}

/// Selects the sessions to continue.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    /// These sessions; every interrupted session without an interrupted ancestor if absent.
    #[serde(default)]
    sessions: Option<Vec<NamedSession>>,
}

/// The results.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Outcomes {
    /// The continued sessions.
    continued: Vec<ResumedJson>,
    /// The sessions that could not be continued.
    failed: Vec<NotResumedJson>,
}

/// A continued session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ResumedJson {
    #[serde(flatten)]
    of: NamedSession,
    #[serde(flatten)]
    prompted: Prompted,
}

/// A session that could not be continued.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct NotResumedJson {
    #[serde(flatten)]
    of: NamedSession,
    /// The reason and the next step.
    problem: Problem,
}

/// Continues a session that was interrupted, or whose last turn failed, with a prompt; with another model if one is named.
/// Idempotent: one prompt for each end.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/continue", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)), request_body = Option<ResumeWith>,
    responses((status = 202, body = Prompted), (status = 404, body = Problem),
        (status = 409, description = "It is not interrupted (any more)", body = Problem))
)]
pub(super) async fn one(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
    with: Option<Json<ResumeWith>>,
) -> Result<(StatusCode, Json<Prompted>), Problem> {
    let Json(with) = with.unwrap_or_default();
    let prompted = app.commands().resume(&id, &session, with).await?;
    Ok((StatusCode::ACCEPTED, Json(prompted)))
}

/// Continues interrupted sessions: those listed, or all. Each session succeeds or fails on its own.
#[utoipa::path(
    post, path = "/api/continue", tag = "sessions", request_body = Option<Selection>,
    responses((status = 200, body = Outcomes))
)]
pub(super) async fn all(State(app): State<App>, which: Option<Json<Selection>>) -> Json<Outcomes> {
    let Json(which) = which.unwrap_or_default();
    let resumed = match which.sessions {
        Some(these) => {
            let these = these
                .into_iter()
                .map(|NamedSession { instance, session }| Interrupted { instance, session });
            app.commands().resume_these(these.collect()).await
        }
        None => app.commands().resume_all().await,
    };
    let mut outcomes = Outcomes {
        continued: Vec::new(),
        failed: Vec::new(),
    };
    for Continued { of, outcome } in resumed {
        let of = NamedSession {
            instance: of.instance,
            session: of.session,
        };
        match outcome {
            Ok(prompted) => outcomes.continued.push(ResumedJson { of, prompted }),
            Err(error) => outcomes.failed.push(NotResumedJson {
                of,
                problem: error.into(),
            }),
        }
    }
    Json(outcomes)
}

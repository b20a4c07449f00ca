//! *Continue*, for one interrupted session or all of them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use crate::command::{Continued, Interrupted, Prompted};

/// Names a session.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// Its instance.
    #[schema(value_type = String)]
    instance: InstanceId,
    /// Its id.
    #[schema(value_type = String)]
    session: SessionId,
}

/// Which sessions are to go on.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// These; every interrupted one that is not below another one if absent.
    #[serde(default)]
    sessions: Option<Vec<Named>>,
}

/// What became of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Outcomes {
    /// Those that go on.
    continued: Vec<Gone>,
    /// Those that do not.
    failed: Vec<Stays>,
}

/// A session that goes on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Gone {
    #[serde(flatten)]
    of: Named,
    #[serde(flatten)]
    prompted: Prompted,
}

/// A session that does not.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Stays {
    #[serde(flatten)]
    of: Named,
    /// Why, and what to do.
    problem: Problem,
}

/// Lets an interrupted session go on, with a prompt that says so; one for each interruption, however often it is asked.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/continue", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 202, body = Prompted), (status = 404, body = Problem),
        (status = 409, description = "It is not interrupted (any more)", body = Problem))
)]
pub(super) async fn one(
    State(app): State<App>,
    Path((id, session)): Path<(InstanceId, SessionId)>,
) -> Result<(StatusCode, Json<Prompted>), Problem> {
    let prompted = app.commands().resume(&id, &session).await?;
    Ok((StatusCode::ACCEPTED, Json(prompted)))
}

/// Lets interrupted sessions go on, of all instances if none are named. Some may, and others not.
#[utoipa::path(
    post, path = "/api/continue", tag = "sessions", request_body = Option<Which>,
    responses((status = 200, body = Outcomes))
)]
pub(super) async fn all(State(app): State<App>, which: Option<Json<Which>>) -> Json<Outcomes> {
    let Json(which) = which.unwrap_or_default();
    let resumed = match which.sessions {
        Some(these) => {
            let these = these
                .into_iter()
                .map(|Named { instance, session }| Interrupted { instance, session });
            app.commands().resume_these(these.collect()).await
        }
        None => app.commands().resume_all().await,
    };
    let mut outcomes = Outcomes {
        continued: Vec::new(),
        failed: Vec::new(),
    };
    for Continued { of, outcome } in resumed {
        let of = Named {
            instance: of.instance,
            session: of.session,
        };
        match outcome {
            Ok(prompted) => outcomes.continued.push(Gone { of, prompted }),
            Err(error) => outcomes.failed.push(Stays {
                of,
                problem: error.into(),
            }),
        }
    }
    Json(outcomes)
}

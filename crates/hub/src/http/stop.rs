//! *Stop everything*.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use crate::access::Caller;
use crate::command::StopOutcome;

/// The outcome for each session that was running.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(super) struct StopOutcomes {
    /// Sessions whose server confirmed the stop.
    stopped: Vec<StoppedJson>,
    /// Sessions without a confirmation. They are marked as stopped all the same: their requests are refused.
    failed: Vec<NotStoppedJson>,
}

/// A session that stopped.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StoppedJson {
    /// Its instance.
    instance: String,
    /// Its id.
    session: String,
    /// Its title.
    title: String,
}

/// A session that may still run.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct NotStoppedJson {
    #[serde(flatten)]
    of: StoppedJson,
    /// The reason, and the next step.
    problem: Problem,
}

/// Stops every running session of every instance. Their requests are refused until the next prompt. Repeating the call stops
/// sessions that started since.
#[utoipa::path(
    post, path = "/api/stop", tag = "sessions",
    responses((status = 200, body = StopOutcomes), (status = 503, body = Problem))
)]
pub(super) async fn all(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<StopOutcomes>, Problem> {
    let mut outcomes = StopOutcomes::default();
    for one in app.commands().stop_all(&caller.name).await? {
        let StopOutcome {
            instance,
            session,
            title,
            outcome,
        } = one;
        let of = StoppedJson {
            instance: instance.as_str().to_owned(),
            session: session.as_str().to_owned(),
            title: title.to_string(),
        };
        match outcome {
            Ok(()) => outcomes.stopped.push(of),
            Err(error) => outcomes.failed.push(NotStoppedJson {
                of,
                problem: error.into(),
            }),
        }
    }
    Ok(Json(outcomes))
}

//! Whether a session is the same as on its server.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use model::state::Watermark;
use model::view::Difference;
use page::speak;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use super::sessions::SessionParam;
use super::spoken::Spoken;
use crate::command::Verified;

/// The result of a comparison.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Comparison {
    /// True if nothing differs.
    same: bool,
    /// When the server was read, in milliseconds since 1970, by the hub's clock.
    at: i64,
    /// Number of messages that were compared.
    messages: usize,
    /// The number of the newest event up to which both are the same, where the server proves that.
    proven: Option<u64>,
    /// The differences, at most 100.
    differences: Vec<DifferenceJson>,
}

/// A difference.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DifferenceJson {
    /// The difference as a sentence.
    words: String,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    of: Difference,
}

/// Compares a session with its server: row, status, requests, and the newest messages.
///
/// A difference is reported if two comparisons, a second apart, found it alike: what streams meanwhile is none.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/verify", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 200, body = Comparison), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn compare(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<Json<Comparison>, Problem> {
    let Verified {
        at,
        messages,
        proven,
        differences,
    } = app.commands().verify(&id, &session).await?;
    let differences = differences.into_iter().map(|of| DifferenceJson {
        words: of.words(),
        of,
    });
    let differences: Vec<_> = differences.collect();
    Ok(Json(Comparison {
        same: differences.is_empty(),
        at: at.0,
        messages,
        proven: proven.and_then(number),
        differences,
    }))
}

/// The number of a watermark; none of a session in which nothing has a number yet.
fn number(upto: Watermark) -> Option<u64> {
    match upto {
        Watermark::At(seq) => Some(seq),
        Watermark::Empty => None,
    }
}

/// Reads a session again from its server, whatever Drovers has of it.
#[utoipa::path(
    post, path = "/api/instances/{id}/sessions/{sid}/reread", tag = "sessions",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn reread(
    State(app): State<App>,
    Path((id, session)): SessionParam,
) -> Result<StatusCode, Problem> {
    app.commands().use_servers(&id, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compares a session with its server, and returns the dialog with the result.
pub(super) async fn dialog(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((id, session)): SessionParam,
) -> Result<Html<String>, Problem> {
    let Verified {
        messages,
        differences,
        ..
    } = app.commands().verify(&id, &session).await?;
    let (id, session) = (id.as_str(), session.as_str());
    Ok(Html(speak(language, || {
        page::comparison_dialog(id, session, messages, &differences)
    })))
}

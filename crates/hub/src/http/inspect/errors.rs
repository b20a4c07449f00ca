//! `POST /api/page-errors`: errors of the page, for the hub's log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::app::App;
use super::super::problem::Problem;
use crate::inspect::PageError;

/// Reports an error of the page. It is written to the hub's log; beyond a few a minute only their number is.
#[utoipa::path(
    post, path = "/api/page-errors", tag = "feeds", request_body = PageError,
    responses((status = 204, description = "Written"), (status = 429, description = "Counted", body = Problem))
)]
pub(in crate::http) async fn report(
    State(app): State<App>,
    Json(error): Json<PageError>,
) -> StatusCode {
    match app.page_errors().log(&error) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::TOO_MANY_REQUESTS,
    }
}

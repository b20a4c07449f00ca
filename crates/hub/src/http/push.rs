//! Notifications where no page is open: subscriptions of devices, targets, and a trial of all of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use model::view;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use crate::access::Caller;
use crate::push::{Listed, NewDevice, NewTarget, RecipientError, Trial};

/// What a browser subscribes with.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct PushKey {
    /// The hub's public key, in base64url.
    key: String,
}

/// The key that browsers subscribe with (VAPID).
#[utoipa::path(get, path = "/api/push", tag = "notifications", responses((status = 200, body = PushKey)))]
pub(super) async fn key(State(app): State<App>) -> Result<Json<PushKey>, Problem> {
    let key = app.hub().push().key();
    let key = key.ok_or_else(|| Problem::internal("The system has no random numbers"))?;
    Ok(Json(PushKey { key }))
}

/// Stores the subscription of the caller's device. It is removed with the caller's key, and once its push service does not know it
/// any more. The same address again replaces it.
#[utoipa::path(
    post, path = "/api/push/devices", tag = "notifications", request_body = NewDevice,
    responses((status = 201, body = Listed), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn subscribe(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewDevice>,
) -> Result<Response, Problem> {
    let now = app.hub().engine().now();
    let push = app.hub().push().clone();
    let listed = blocking(move || push.subscribe(new, caller.name, now)).await?;
    Ok((StatusCode::CREATED, Json(listed)).into_response())
}

/// Removes a device of the caller.
#[utoipa::path(
    delete, path = "/api/push/devices/{did}", tag = "notifications", params(("did" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn unsubscribe(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<Arc<str>>,
) -> Result<StatusCode, Problem> {
    let push = app.hub().push().clone();
    removed(blocking(move || push.remove(&id, Some(&caller.name))).await?)
}

/// Lists devices and targets, without their addresses.
#[utoipa::path(get, path = "/api/push/targets", tag = "notifications", responses((status = 200, body = [Listed])))]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<Listed>> {
    Json(app.hub().push().list())
}

/// Adds a target: an ntfy topic or a webhook. Each notification is sent there.
#[utoipa::path(
    post, path = "/api/push/targets", tag = "notifications", request_body = NewTarget,
    responses((status = 201, body = Listed), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn add(
    State(app): State<App>,
    Json(new): Json<NewTarget>,
) -> Result<Response, Problem> {
    let now = app.hub().engine().now();
    let push = app.hub().push().clone();
    let listed = blocking(move || push.add(&new, now)).await?;
    Ok((StatusCode::CREATED, Json(listed)).into_response())
}

/// Removes a target, or a device of anybody.
#[utoipa::path(
    delete, path = "/api/push/targets/{tid}", tag = "notifications", params(("tid" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<Arc<str>>,
) -> Result<StatusCode, Problem> {
    let push = app.hub().push().clone();
    removed(blocking(move || push.remove(&id, None)).await?)
}

/// Sends a trial to every device and target, and says what came of each.
#[utoipa::path(post, path = "/api/push/test", tag = "notifications", responses((status = 200, body = [Trial])))]
pub(super) async fn test(State(app): State<App>) -> Json<Vec<Trial>> {
    let engine = app.hub().engine();
    let needs = engine.read(view::needed);
    Json(app.hub().push().try_all(engine.now(), needs).await)
}

fn removed(known: bool) -> Result<StatusCode, Problem> {
    match known {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::no_recipient()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecipientError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Problem::internal)?
        .map_err(|error| match error {
            RecipientError::Full => Problem::too_many_recipients(),
            RecipientError::Disk => Problem::internal(error),
            _ => Problem::invalid(error),
        })
}

//! `GET` and `PUT /api/settings`, and the dialog that changes them.

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use page::{Settings, speak};

use super::app::App;
use super::problem::Problem;
use super::spoken::Spoken;

/// The settings of this hub, the same for every page.
#[utoipa::path(
    get, path = "/api/settings", tag = "settings",
    responses((status = 200, description = "`language`, `theme`, `density`, `size`, `busy_enter`, `key_bar`, `notify`", body = Object))
)]
pub(super) async fn read(State(app): State<App>) -> Response {
    Json(&*app.hub().settings().now()).into_response()
}

/// Other settings, all of them: a field that is left out has its default. Open pages get them at once.
#[utoipa::path(
    put, path = "/api/settings", tag = "settings", request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = Problem))
)]
pub(super) async fn change(
    State(app): State<App>,
    Json(wanted): Json<Settings>,
) -> Result<Response, Problem> {
    let wanted = wanted
        .checked()
        .map_err(|error| Problem::invalid(error.sentence()))?;
    let store = app.hub().settings().clone();
    let set = tokio::task::spawn_blocking(move || store.set(wanted)).await;
    match set {
        Ok(Ok(settings)) => Ok(Json(&*settings).into_response()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the settings cannot be written");
            Err(Problem::internal(
                "The settings could not be written to the disk, so nothing was changed",
            ))
        }
        Err(_) => Err(Problem::internal("The settings could not be changed")),
    }
}

/// The dialog of settings, as HTML, with what they are now.
pub(super) async fn dialog(State(app): State<App>, Spoken(language): Spoken) -> Html<String> {
    let mut instances: Vec<(String, String)> = app.hub().engine().read(|state| {
        let all = state.instances.values();
        all.map(|one| (one.id.to_string(), one.name.to_string()))
            .collect()
    });
    instances.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    let settings = app.hub().settings().now();
    Html(speak(language, || {
        page::settings_dialog(&settings, &instances)
    }))
}

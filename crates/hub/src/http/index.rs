//! `GET /api/index`: the names of everything that can be gone to.

use axum::Json;
use axum::extract::State;
use model::view::{self, Mark};
use serde::Serialize;

use super::app::App;
use crate::limits;

/// Every instance, with its sessions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Index {
    /// By name.
    instances: Vec<InstanceEntry>,
}

/// An instance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct InstanceEntry {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its sessions, in the order of the page's tree; of all instances the first that fit.
    sessions: Vec<SessionEntry>,
}

/// A session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SessionEntry {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Its state in a word.
    #[schema(value_type = String)]
    word: &'static str,
    /// Its state.
    #[schema(value_type = String)]
    mark: Mark,
}

/// The names of all instances and sessions, for finding one.
#[utoipa::path(get, path = "/api/index", tag = "instances", responses((status = 200, body = Index)))]
pub(super) async fn read(State(app): State<App>) -> Json<Index> {
    let mut instances = app.hub().engine().read(|state| {
        let each = limits::INDEXED_SESSIONS / state.instances.len().max(1);
        let entries = state.instances.values().map(|instance| InstanceEntry {
            id: instance.id.to_string(),
            name: instance.name.to_string(),
            sessions: view::tree(state, instance)
                .into_iter()
                .take(each)
                .map(|row| SessionEntry {
                    id: row.id.to_string(),
                    title: model::plain::line(&row.title, limits::WORDS_CHARS),
                    word: row.mark.word(),
                    mark: row.mark,
                })
                .collect(),
        });
        entries.collect::<Vec<_>>()
    });
    instances.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Json(Index { instances })
}

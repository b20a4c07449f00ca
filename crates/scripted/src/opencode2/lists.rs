//! Lists, and their pages. A cursor is opaque, has the filter in it, and is sent alone.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asks::Form;
use super::http::{Keys, Refused, at, folder};
use super::machine::{Refusal, World};
use super::shared::Handle;
use crate::limits;

/// Elements of a page where the request does not say how many.
const LISTED: usize = 50;

type Reply = Result<Json<Value>, Refused>;

/// Which elements, and from where on. What it is not given of is not looked at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Filter {
    limit: Option<usize>,
    order: Option<String>,
    search: Option<String>,
    #[serde(rename = "parentID")]
    parent: Option<String>,
    archived: Option<bool>,
    directory: Option<String>,
    r#type: Option<String>,
    cursor: Option<String>,
    /// Elements before it, in a cursor.
    #[serde(default)]
    after: Option<u64>,
}

impl Filter {
    /// The filter of a request: its own, or the one in its cursor.
    fn of(self) -> Result<Self, Refusal> {
        let Some(cursor) = &self.cursor else {
            return Ok(self);
        };
        if self.order.is_some() {
            return Err(Refusal::Invalid("a cursor excludes `order`"));
        }
        let json = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| Refusal::Cursor)?;
        let inside: Self = serde_json::from_slice(&json).map_err(|_| Refusal::Cursor)?;
        Ok(Self {
            limit: self.limit.or(inside.limit),
            ..inside
        })
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(LISTED).clamp(1, limits::PAGE)
    }

    fn descends(&self) -> bool {
        self.order.as_deref() != Some("asc")
    }

    /// A page of elements with their places. A full page has a cursor, even if nothing follows.
    fn page(&self, mut all: Vec<(u64, Value)>) -> Value {
        all.sort_by_key(|(place, _)| *place);
        if self.descends() {
            all.reverse();
        }
        if let Some(after) = self.after {
            let descends = self.descends();
            all.retain(|(place, _)| {
                if descends {
                    *place < after
                } else {
                    *place > after
                }
            });
        }
        all.truncate(self.limit());
        let mut cursor = json!({});
        if all.len() == self.limit()
            && let Some((place, _)) = all.last()
        {
            let next = Self {
                after: Some(*place),
                cursor: None,
                ..self.clone()
            };
            let text = serde_json::to_vec(&next).unwrap_or_default();
            cursor["next"] = URL_SAFE_NO_PAD.encode(text).into();
        }
        let data: Vec<Value> = all.into_iter().map(|(_, value)| value).collect();
        json!({ "data": data, "cursor": cursor })
    }

    fn has(&self, info: &Value) -> bool {
        let parent = info["parentID"].as_str();
        let title = info["title"].as_str().unwrap_or_default();
        let archived = info["time"]["archived"].is_number();
        let wanted = self.parent.as_deref();
        wanted.is_none_or(|wanted| parent == Some(wanted) || (wanted == "null" && parent.is_none()))
            && self.archived.is_none_or(|wanted| wanted == archived)
            && self
                .search
                .as_deref()
                .is_none_or(|search| title.contains(search))
            && self
                .directory
                .as_deref()
                .is_none_or(|wanted| info["location"]["directory"] == wanted)
    }
}

pub(super) async fn sessions(State(shared): State<Handle>, Query(filter): Query<Filter>) -> Reply {
    let filter = filter.of()?;
    let found = shared.with(|world| {
        let all = world.store.sessions.values();
        let wanted = all.filter(|session| filter.has(&session.info));
        wanted
            .map(|session| (session.place, session.info.clone()))
            .collect()
    });
    Ok(Json(filter.page(found)))
}

pub(super) async fn messages(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Reply {
    let filter = filter.of()?;
    let found = shared.with(|world| {
        let messages = &world.session(&id)?.messages;
        let wanted = messages.iter().enumerate().filter(|(_, message)| {
            let kind = filter.r#type.as_deref();
            kind.is_none_or(|kind| message["type"] == kind)
        });
        let placed = wanted.map(|(place, message)| (place as u64, message.clone()));
        Ok::<_, Refusal>(placed.collect())
    })?;
    Ok(Json(filter.page(found)))
}

fn data(value: Value) -> Json<Value> {
    Json(json!({ "data": value }))
}

pub(super) async fn message(
    State(shared): State<Handle>,
    Path((id, message)): Path<(String, String)>,
) -> Reply {
    let found = shared.with(|world| {
        let found = world.session(&id)?.message(&message).cloned();
        found.ok_or_else(|| Refusal::NoMessage(id.clone(), message.clone()))
    })?;
    Ok(data(found))
}

/// The messages since the last compaction.
pub(super) async fn context(State(shared): State<Handle>, Path(id): Path<String>) -> Reply {
    let found = shared.with(|world| {
        let messages = &world.session(&id)?.messages;
        let last = messages
            .iter()
            .rposition(|one| one["status"] == "completed" && one["type"] == "compaction");
        Ok::<_, Refusal>(messages[last.unwrap_or(0)..].to_vec())
    })?;
    Ok(data(found.into()))
}

pub(super) async fn diff(State(shared): State<Handle>, Path(id): Path<String>) -> Reply {
    let found = shared.with(|world| {
        world
            .session(&id)
            .map(|one| one.info["revert"]["files"].clone())
    })?;
    Ok(data(if found.is_array() { found } else { json!([]) }))
}

pub(super) async fn inbox(State(shared): State<Handle>, Path(id): Path<String>) -> Reply {
    let found = shared.with(|world| world.session(&id).map(|session| session.inbox.clone()))?;
    Ok(data(found.into()))
}

fn directory_of(world: &World<'_>, session: &str) -> Option<String> {
    let session = world.store.sessions.get(session)?;
    Some(session.directory().to_owned())
}

pub(super) async fn permissions(
    State(shared): State<Handle>,
    keys: Keys,
    headers: HeaderMap,
) -> Json<Value> {
    let directory = folder(&shared, &keys, &headers);
    let found = shared.with(|world| {
        let here = |session: &str| directory_of(world, session).as_deref() == Some(&*directory);
        let all = world.machine.permissions.iter();
        let waiting = all.filter(|one| here(&one.session));
        waiting.map(|one| one.body.clone()).collect::<Value>()
    });
    at(&directory, found)
}

pub(super) async fn permissions_of(State(shared): State<Handle>, Path(id): Path<String>) -> Reply {
    let found = shared.with(|world| {
        world.session(&id)?;
        let all = world.machine.permissions.iter();
        let waiting = all.filter(|one| one.session == id);
        Ok::<_, Refusal>(waiting.map(|one| one.body.clone()).collect::<Value>())
    })?;
    Ok(data(found))
}

pub(super) async fn permission(
    State(shared): State<Handle>,
    Path((id, request)): Path<(String, String)>,
) -> Reply {
    let found = shared.with(|world| {
        world.session(&id)?;
        let mut all = world.machine.permissions.iter();
        let found = all.find(|one| one.session == id && one.body["id"] == request.as_str());
        let found = found.map(|one| one.body.clone());
        found.ok_or_else(|| Refusal::NoPermission(request.clone()))
    })?;
    Ok(data(found))
}

pub(super) async fn saved(State(shared): State<Handle>) -> Json<Value> {
    data(shared.with(|world| {
        let all = world.store.saved.iter().enumerate();
        all.map(|(at, (action, resource))| {
            json!({
                "id": format!("sav_{at}"), "projectID": "project", "action": action, "resource": resource,
                "time": { "created": 0, "updated": 0 },
            })
        })
        .collect()
    }))
}

pub(super) async fn forms(
    State(shared): State<Handle>,
    keys: Keys,
    headers: HeaderMap,
) -> Json<Value> {
    let directory = folder(&shared, &keys, &headers);
    let found = shared.with(|world| pending(world, |form| form.directory == directory));
    at(&directory, found)
}

pub(super) async fn forms_of(State(shared): State<Handle>, Path(id): Path<String>) -> Reply {
    Ok(data(
        shared.with(|world| pending(world, |form| form.owner == id)),
    ))
}

fn pending(world: &World<'_>, wanted: impl Fn(&Form) -> bool) -> Value {
    let all = world.machine.forms.iter();
    let waiting = all.filter(|form| form.is_pending() && wanted(form));
    waiting.map(|form| form.body.clone()).collect()
}

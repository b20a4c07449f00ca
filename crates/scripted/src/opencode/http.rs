//! The routes of OpenCode 1.18 that a hub uses. Thin: each reads its request, asks the world, answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::asks::{PendingKind, Reply};
use super::shared::Handle;
use super::world::{Prompt, Refusal, Session, World};
use super::{history, run, shapes, stream};
use crate::limits;

/// Sessions listed when the request does not say how many.
const LISTED: usize = 100;

/// Where a page of older messages continues.
const NEXT_CURSOR: &str = "x-next-cursor";

/// The routes, behind the gate.
pub(super) fn router(shared: Handle) -> Router {
    Router::new()
        .route("/global/health", get(health))
        .route("/global/event", get(stream::global))
        .route("/event", get(stream::instance))
        .route("/path", get(path))
        .route("/agent", get(async || Json(shapes::agents())))
        .route(
            "/config",
            get(async || Json(json!({ "model": "scripted/scripted-1" }))),
        )
        .route("/config/providers", get(async || Json(shapes::providers())))
        .route("/command", get(async || Json(json!([]))))
        .route("/find/file", get(async || Json(json!([]))))
        .route("/vcs", get(branch))
        .route("/session", get(list).post(create))
        .route("/experimental/session", get(list))
        .route("/session/status", get(status))
        .route("/session/{id}", get(read).patch(update).delete(delete))
        .route("/session/{id}/message", get(messages))
        .route("/session/{id}/message/{message}", get(message))
        .route("/session/{id}/todo", get(todo))
        .route("/session/{id}/children", get(children))
        .route("/session/{id}/diff", get(diff))
        .route("/session/{id}/abort", post(abort))
        .route("/session/{id}/prompt_async", post(prompt))
        .route("/session/{id}/fork", post(history::fork))
        .route("/session/{id}/revert", post(history::revert))
        .route("/session/{id}/unrevert", post(history::unrevert))
        .route("/session/{id}/summarize", post(history::summarize))
        .route("/permission", get(permissions))
        .route("/permission/{id}/reply", post(reply_permission))
        .route("/question", get(questions))
        .route("/question/{id}/reply", post(reply_question))
        .route("/question/{id}/reject", post(reject_question))
        .fallback(async || not_found("Route"))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), gate))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), dated))
        .with_state(shared)
}

/// Tells its time with every reply, as servers do.
async fn dated(State(shared): State<Handle>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = UNIX_EPOCH + Duration::from_millis(shared.now());
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Refuses, stalls or lets in.
async fn gate(State(shared): State<Handle>, request: Request, next: Next) -> Response {
    let mut stalled = shared.stalled.subscribe();
    let cut = shared.cut_token();
    tokio::select! {
        _ = stalled.wait_for(|stalled| !stalled) => {}
        () = cut.cancelled() => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    if let Ok(refused) = StatusCode::from_u16(shared.refused.load(Ordering::Relaxed)) {
        return refused.into_response();
    }
    if !may_enter(request.headers(), shared.options.password.as_deref()) {
        let ask = HeaderValue::from_static("Basic realm=\"Secure Area\"");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, ask)]).into_response();
    }
    next.run(request).await
}

fn may_enter(headers: &HeaderMap, password: Option<&str>) -> bool {
    let Some(password) = password else {
        return true;
    };
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("opencode:{password}"));
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|given| given.to_str().ok());
    given.and_then(|given| given.strip_prefix("Basic ")) == Some(&wanted)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name) = match self {
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "NotFoundError"),
            Self::Full(_) => (StatusCode::BAD_REQUEST, "BadRequest"),
        };
        (
            status,
            Json(json!({ "name": name, "data": { "message": self.to_string() } })),
        )
            .into_response()
    }
}

fn not_found(what: &'static str) -> Response {
    Refusal::NotFound(what).into_response()
}

/// Whose instance a request means: the query beats the header, and both beat the default.
#[derive(Debug, Default, Deserialize)]
struct Filter {
    directory: Option<String>,
    limit: Option<usize>,
    search: Option<String>,
    roots: Option<bool>,
    start: Option<u64>,
    cursor: Option<u64>,
    before: Option<String>,
}

fn directory(filter: &Filter, headers: &HeaderMap, shared: &Handle) -> String {
    let header = headers
        .get("x-opencode-directory")
        .and_then(|value| value.to_str().ok());
    let named = filter
        .directory
        .clone()
        .or_else(|| header.map(str::to_owned));
    named.unwrap_or_else(|| shared.options.directory.clone())
}

/// The branch that is checked out in a folder, `main` where the folder is no repository.
async fn branch(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Json<Value> {
    let folder = directory(&filter, &headers, &shared);
    let head = std::path::Path::new(&folder).join(".git/HEAD");
    let head = tokio::fs::read_to_string(head).await.unwrap_or_default();
    let branch = head.trim().strip_prefix("ref: refs/heads/");
    Json(json!({ "branch": branch.unwrap_or("main") }))
}

async fn health() -> Json<Value> {
    Json(json!({ "healthy": true, "version": shapes::VERSION }))
}

async fn path(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Json<Value> {
    let directory = directory(&filter, &headers, &shared);
    Json(json!({
        "home": "/scripted", "state": "/scripted/state", "config": "/scripted/config",
        "worktree": directory, "directory": directory,
    }))
}

async fn list(State(shared): State<Handle>, Query(filter): Query<Filter>) -> Json<Value> {
    let wanted = |session: &&Session| {
        let title = session.info["title"].as_str().unwrap_or_default();
        let updated = session.info["time"]["updated"].as_u64().unwrap_or(0);
        filter
            .directory
            .as_deref()
            .is_none_or(|wanted| wanted == &*session.directory)
            && filter
                .search
                .as_deref()
                .is_none_or(|search| title.contains(search))
            && filter.start.is_none_or(|start| updated >= start)
            && filter.cursor.is_none_or(|cursor| updated < cursor)
            && !(filter.roots == Some(true) && session.parent.is_some())
    };
    let mut infos: Vec<Value> = shared.with(|world| {
        world
            .sessions
            .values()
            .filter(wanted)
            .map(|session| session.info.clone())
            .collect()
    });
    infos.sort_by_key(|info| std::cmp::Reverse(info["time"]["updated"].as_u64()));
    infos.truncate(filter.limit.unwrap_or(LISTED));
    Json(infos.into())
}

async fn create(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
    body: Option<Json<Value>>,
) -> Result<Json<Value>, Refusal> {
    let body = body.map_or(Value::Null, |Json(body)| body);
    let directory = directory(&filter, &headers, &shared);
    shared.with(|world| {
        let id = world.create(
            &directory,
            body["title"].as_str(),
            body["parentID"].as_str(),
        )?;
        if body["metadata"].is_object()
            && let Some(session) = world.sessions.get_mut(&id)
        {
            session.info["metadata"] = body["metadata"].clone();
        }
        info(world, &id).map(Json)
    })
}

fn info(world: &World, id: &str) -> Result<Value, Refusal> {
    session(world, id).map(|session| session.info.clone())
}

fn session<'a>(world: &'a World, id: &str) -> Result<&'a Session, Refusal> {
    world.sessions.get(id).ok_or(Refusal::NotFound("Session"))
}

async fn status(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Json<Value> {
    let directory = directory(&filter, &headers, &shared);
    let busy: Map<String, Value> = shared.with(|world| {
        let here = world
            .sessions
            .iter()
            .filter(|(_, session)| *session.directory == *directory);
        here.filter(|(_, session)| session.status != super::world::Status::Idle)
            .map(|(id, session)| (id.clone(), session.status.to_json()))
            .collect()
    });
    Json(busy.into())
}

async fn read(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.with(|world| info(world, &id).map(Json))
}

async fn update(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refusal> {
    shared.with(|world| {
        session(world, &id)?;
        world.update_session(&id, |info| {
            if body["title"].is_string() {
                info["title"] = body["title"].clone();
            }
            if body["time"]["archived"].is_number() {
                info["time"]["archived"] = body["time"]["archived"].clone();
            }
        });
        info(world, &id).map(Json)
    })
}

async fn delete(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<bool>, Refusal> {
    shared.with(|world| {
        session(world, &id)?;
        world.delete(&id);
        Ok(())
    })?;
    shared.stop_run(&id);
    Ok(Json(true))
}

async fn messages(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    shared.with(|world| {
        let messages = &session(world, &id)?.messages;
        let before = filter.before.as_deref();
        let end =
            before.and_then(|before| messages.iter().position(|message| message.id() == before));
        let end = end.unwrap_or(messages.len());
        let start = filter.limit.map_or(0, |limit| end.saturating_sub(limit));
        let page = &messages[start..end];
        let mut response = Json(page).into_response();
        let cursor = page.first().filter(|_| start > 0);
        if let Some(cursor) = cursor.and_then(|message| HeaderValue::from_str(message.id()).ok()) {
            response.headers_mut().insert(NEXT_CURSOR, cursor);
        }
        Ok(response)
    })
}

async fn message(
    State(shared): State<Handle>,
    Path((id, message)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    shared.with(|world| {
        session(world, &id)?;
        let found = world.message(&id, &message);
        Ok(Json(found.ok_or(Refusal::NotFound("Message"))?).into_response())
    })
}

async fn todo(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.with(|world| session(world, &id).map(|session| Json(session.todos.clone())))
}

async fn children(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.with(|world| {
        session(world, &id)?;
        world
            .children(&id)
            .iter()
            .map(|child| info(world, child))
            .collect::<Result<Value, _>>()
            .map(Json)
    })
}

async fn diff(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.with(|world| session(world, &id).map(|_| Json(json!([]))))
}

async fn abort(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<bool>, Refusal> {
    let running = shared.with(|world| session(world, &id).map(|session| session.running))?;
    if running {
        shared.with(|world| world.abort(&id));
        shared.stop_run(&id);
    }
    Ok(Json(true))
}

async fn prompt(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Refusal> {
    let parts = body["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |part: &Value| part["text"].as_str().map(str::to_owned);
    let named = |value: &Value| value.as_str().map(str::to_owned);
    let prompt = Prompt {
        text: parts.iter().filter_map(text).collect::<Vec<_>>().join("\n"),
        message_id: named(&body["messageID"]),
        part_id: parts.first().and_then(|part| named(&part["id"])),
        agent: named(&body["agent"]),
        model: body.get("model").filter(|model| model.is_object()).cloned(),
    };
    shared.with(|world| world.accept(&id, prompt))?;
    run::start(&shared, &id);
    Ok(StatusCode::NO_CONTENT)
}

async fn permissions(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Json<Value> {
    asks(
        &shared,
        PendingKind::Permission,
        &directory(&filter, &headers, &shared),
    )
}

async fn questions(
    State(shared): State<Handle>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Json<Value> {
    asks(
        &shared,
        PendingKind::Question,
        &directory(&filter, &headers, &shared),
    )
}

fn asks(shared: &Handle, kind: PendingKind, directory: &str) -> Json<Value> {
    let listed = shared.with(|world| {
        let here = |id: &str| {
            world
                .sessions
                .get(id)
                .is_some_and(|session| *session.directory == *directory)
        };
        let asks = world
            .asks
            .iter()
            .filter(|ask| ask.kind == kind && here(&ask.session));
        asks.map(|ask| ask.body.clone()).collect()
    });
    Json(listed)
}

#[derive(Debug, Deserialize)]
struct PermissionReply {
    reply: Reply,
    message: Option<String>,
}

async fn reply_permission(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<PermissionReply>,
) -> Result<Json<bool>, Refusal> {
    shared.with(|world| world.reply_permission(&id, body.reply, body.message))?;
    Ok(Json(true))
}

async fn reply_question(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<bool>, Refusal> {
    shared.with(|world| world.reply_question(&id, Some(body["answers"].clone())))?;
    Ok(Json(true))
}

async fn reject_question(
    State(shared): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<bool>, Refusal> {
    shared.with(|world| world.reply_question(&id, None))?;
    Ok(Json(true))
}

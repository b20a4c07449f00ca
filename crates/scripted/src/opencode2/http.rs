//! The routes. Thin: each reads its request, asks the process, answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, patch, post, put};
use axum::{Json, Router};
use base64::Engine;
use serde_json::{Value, json};

use super::asks::Decision;
use super::commands::VERSION;
use super::machine::{Refusal, World};
use super::shared::Handle;
use super::{Probe, lists, shapes, stream};
use crate::limits;

/// A refusal as a reply.
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body) = self.0.reply();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(body)).into_response()
    }
}

type Reply<T> = Result<T, Refused>;

/// The query of a request, by keys.
pub(super) type Keys = Query<HashMap<String, String>>;

/// The routes, behind the gate.
pub(super) fn router(shared: &Handle) -> Router {
    let one = "/api/session/{id}";
    let of = |rest: &str| format!("{one}/{rest}");
    Router::new()
        .route("/api/info", get(info))
        .route("/api/status", get(old_status))
        .route("/api/health", get(old_health))
        .route("/api/event", get(stream::events))
        .route("/api/debug/location", get(folders).delete(shut))
        .route("/api/location", get(location))
        .route("/api/experimental/migration/v1", get(migration))
        .route("/api/session", get(lists::sessions).post(create))
        .route("/api/session/active", get(active))
        .route(one, get(row).patch(change).delete(remove))
        .route(&of("message"), get(lists::messages))
        .route(&of("message/{message}"), get(lists::message))
        .route(&of("context"), get(lists::context))
        .route(&of("diff"), get(lists::diff))
        .route(&of("inbox"), get(lists::inbox))
        .route(&of("inbox/{item}"), patch(set_delivery).delete(cancel))
        .route("/api/experimental/session/{id}/log", get(stream::log))
        .route(&of("prompt"), post(prompt))
        .route(&of("synthetic"), post(synthetic))
        .route(&of("compact"), post(compact))
        .route(&of("interrupt"), post(interrupt))
        .route(&of("background"), post(nothing))
        .route(&of("environment"), put(nothing))
        .route(&of("agent"), post(agent))
        .route(&of("model"), post(model))
        .route(&of("view"), post(view))
        .route(&of("fork"), post(fork))
        .route(&of("move"), post(move_to))
        .route(&of("shell"), post(shell))
        .route(&of("command"), post(command))
        .route("/api/experimental/session/{id}/wait", post(wait))
        .route(&of("revert"), axum::routing::delete(clear))
        .route(&of("revert/stage"), post(stage))
        .route(&of("revert/commit"), post(commit))
        .route("/api/permission/request", get(lists::permissions))
        .route(&of("permission"), get(lists::permissions_of))
        .route(&of("permission/{request}"), get(lists::permission))
        .route(&of("permission/{request}/reply"), post(reply_permission))
        .route("/api/permission/saved", get(lists::saved))
        .route("/api/form", get(lists::forms))
        .route(&of("form"), get(lists::forms_of).post(make_form))
        .route(&of("form/{form}"), get(form).delete(cancel_form))
        .route(&of("form/{form}/reply"), post(reply_form))
        .route("/api/model/default", get(default_model))
        .route("/api/fs/find", get(find))
        .route("/api/{catalog}", get(catalog))
        .fallback(any(missing))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), gate))
        .with_state(Arc::clone(shared))
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
    if !may_enter(request.headers(), shared.password.as_deref()) {
        let ask = HeaderValue::from_static("Basic realm=\"Secure Area\"");
        let body = json!({ "_tag": "UnauthorizedError", "message": "a password is needed" });
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, ask)],
            Json(body),
        )
            .into_response();
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

/// What is not there: the web page, or nothing.
async fn missing(State(shared): State<Handle>) -> Response {
    if shared.page {
        Html("<!doctype html><title>OpenCode</title>").into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Paths below `/api` that do not exist, and others.
async fn no_route() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "message": "no such route" })),
    )
        .into_response()
}

/// The folder that a request is about: the query beats the header, and both beat the process's own. Its services start.
pub(super) fn folder(shared: &Handle, keys: &Keys, headers: &HeaderMap) -> String {
    let header = headers.get("x-opencode-directory");
    let header = header.and_then(|value| value.to_str().ok()).map(decoded);
    let named = keys.0.get("location[directory]").cloned().or(header);
    let directory = named.unwrap_or_else(|| shared.directory.clone());
    shared.with(|world| world.boot(&directory));
    directory
}

/// A text with `%XX` for bytes.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn info(State(shared): State<Handle>) -> Response {
    if shared.probe != Probe::Info {
        return no_route().await;
    }
    let body = json!({
        "version": VERSION, "pid": shared.pid, "urls": [shared.url], "paths": { "tmp": "/tmp" },
        "capabilities": { "persistentPty": false },
    });
    Json(body).into_response()
}

async fn old_status(State(shared): State<Handle>) -> Response {
    match shared.probe {
        Probe::Status => Json(json!({ "version": "2.0.6", "pid": shared.pid })).into_response(),
        _ => no_route().await,
    }
}

async fn old_health(State(shared): State<Handle>) -> Response {
    match shared.probe {
        Probe::Health => {
            Json(json!({ "healthy": true, "version": "0.0.0-beta-18155", "pid": shared.pid }))
                .into_response()
        }
        _ => no_route().await,
    }
}

async fn folders(State(shared): State<Handle>) -> Json<Value> {
    let list = |world: &mut World<'_>| {
        let folders = world.machine.folders.iter();
        folders
            .map(|directory| json!({ "directory": directory }))
            .collect()
    };
    Json(shared.with(list))
}

async fn shut(State(shared): State<Handle>, keys: Keys) -> StatusCode {
    let directory = keys.0.get("location[directory]").cloned();
    let directory = directory.unwrap_or_else(|| shared.directory.clone());
    shared.with(|world| world.shut(&directory));
    StatusCode::NO_CONTENT
}

async fn location(State(shared): State<Handle>, keys: Keys, headers: HeaderMap) -> Json<Value> {
    let directory = folder(&shared, &keys, &headers);
    let project = json!({ "id": "project", "directory": directory, "canonical": directory });
    Json(json!({ "directory": directory, "project": project }))
}

async fn migration(State(shared): State<Handle>) -> Json<Value> {
    Json(shared.with(|world| world.store.migration()))
}

fn data(value: Value) -> Json<Value> {
    Json(json!({ "data": value }))
}

async fn active(State(shared): State<Handle>) -> Json<Value> {
    let list = |world: &mut World<'_>| {
        let ids = world.machine.runs.keys().cloned();
        let running = ids.map(|id| (id, json!({ "type": "running" })));
        running.collect::<serde_json::Map<_, _>>()
    };
    data(shared.with(list).into())
}

fn info_of(world: &World<'_>, id: &str) -> Result<Value, Refusal> {
    world.session(id).map(|session| session.info.clone())
}

async fn create(State(shared): State<Handle>, body: Option<Json<Value>>) -> Reply<Json<Value>> {
    let body = body.map_or(Value::Null, |Json(body)| body);
    let made = shared.with(|world| {
        let id = world.create(&body)?;
        info_of(world, &id)
    });
    Ok(data(made?))
}

async fn row(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<Json<Value>> {
    Ok(data(shared.with(|world| info_of(world, &id))?))
}

async fn change(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.change(&id, &body)))
}

async fn remove(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<StatusCode> {
    done(shared.with(|world| world.delete(&id)))
}

fn done(result: Result<(), Refusal>) -> Reply<StatusCode> {
    Ok(result.map(|()| StatusCode::NO_CONTENT)?)
}

macro_rules! orders {
    ($($name:ident),+) => {$(
        async fn $name(
            State(shared): State<Handle>,
            Path(id): Path<String>,
            Json(body): Json<Value>,
        ) -> Reply<StatusCode> {
            done(shared.with(|world| world.$name(&id, &body)))
        }
    )+};
}

orders!(view, move_to, shell, command);

macro_rules! items {
    ($($name:ident),+) => {$(
        async fn $name(
            State(shared): State<Handle>,
            Path(id): Path<String>,
            Json(body): Json<Value>,
        ) -> Reply<Json<Value>> {
            Ok(data(shared.with(|world| world.$name(&id, &body))?))
        }
    )+};
}

items!(prompt, synthetic, compact, stage);

async fn set_delivery(
    State(shared): State<Handle>,
    Path((id, item)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.set_delivery(&id, &item, &body)))
}

async fn cancel(
    State(shared): State<Handle>,
    Path((id, item)): Path<(String, String)>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.cancel(&id, &item)))
}

async fn interrupt(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    keys: Keys,
) -> Reply<Json<Value>> {
    let resume = keys.0.get("resume").is_some_and(|resume| resume == "true");
    let interrupted = shared.with(|world| world.interrupt(&id, resume))?;
    Ok(Json(json!({ "interrupted": interrupted })))
}

/// Is taken, and changes nothing here.
async fn nothing(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<StatusCode> {
    done(shared.with(|world| world.session(&id).map(drop)))
}

/// Answers when no run goes on in the session.
async fn wait(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<Response> {
    let mut frames = shared.subscribe();
    loop {
        let runs = shared.with(|world| {
            world.session(&id)?;
            Ok::<_, Refusal>(world.machine.runs.contains_key(&id))
        })?;
        if !runs {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        if frames.recv().await.is_none() {
            let body = json!({ "_tag": "ServiceUnavailableError", "message": "the service ends" });
            return Ok((StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response());
        }
    }
}

async fn agent(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.select(&id, "agent", &body["agent"])))
}

async fn model(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.select(&id, "model", &body["model"])))
}

async fn fork(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Reply<Json<Value>> {
    let made = shared.with(|world| {
        let child = world.fork(&id, &body)?;
        info_of(world, &child)
    });
    Ok(data(made?))
}

async fn clear(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<StatusCode> {
    done(shared.with(|world| world.clear(&id)))
}

async fn commit(State(shared): State<Handle>, Path(id): Path<String>) -> Reply<StatusCode> {
    done(shared.with(|world| world.commit_revert(&id)))
}

async fn reply_permission(
    State(shared): State<Handle>,
    Path((id, request)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    let decision = serde_json::from_value::<Decision>(body["decision"].clone());
    let decision = decision.map_err(|_| Refusal::Invalid("no such decision"))?;
    let message = body["message"].as_str().map(str::to_owned);
    done(shared.with(|world| world.reply_permission(&id, &request, decision, message)))
}

async fn make_form(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    keys: Keys,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Reply<Json<Value>> {
    let directory = match shared.with(|world| info_of(world, &id)) {
        Ok(info) => info["location"]["directory"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        Err(_) if id == "global" => folder(&shared, &keys, &headers),
        Err(refusal) => return Err(refusal.into()),
    };
    let title = body["title"].as_str().unwrap_or_default();
    let made = shared.with(|world| {
        let fields = body["fields"].clone();
        let form = world.make_form(&id, &directory, title, fields, body["metadata"].clone());
        world.form(&id, &form).map(|form| form.body.clone())
    });
    Ok(data(made?))
}

async fn form(
    State(shared): State<Handle>,
    Path((id, form)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let found = shared.with(|world| world.form(&id, &form).map(super::asks::Form::detail));
    Ok(data(found?))
}

async fn reply_form(
    State(shared): State<Handle>,
    Path((id, form)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Reply<StatusCode> {
    done(shared.with(|world| world.reply_form(&id, &form, &body["answer"])))
}

async fn cancel_form(
    State(shared): State<Handle>,
    Path((id, form)): Path<(String, String)>,
    keys: Keys,
) -> Reply<StatusCode> {
    let message = keys.0.get("message").cloned();
    done(shared.with(|world| world.cancel_form(&id, &form, message)))
}

/// `{location, data}`, as replies about a folder are.
pub(super) fn at(directory: &str, value: Value) -> Json<Value> {
    Json(json!({ "location": { "directory": directory }, "data": value }))
}

async fn default_model(
    State(shared): State<Handle>,
    keys: Keys,
    headers: HeaderMap,
) -> Json<Value> {
    at(&folder(&shared, &keys, &headers), shapes::default_model())
}

async fn find(State(shared): State<Handle>, keys: Keys, headers: HeaderMap) -> Json<Value> {
    let query = keys.0.get("query").cloned().unwrap_or_default();
    at(&folder(&shared, &keys, &headers), shapes::files(&query))
}

async fn catalog(
    State(shared): State<Handle>,
    Path(name): Path<String>,
    keys: Keys,
    headers: HeaderMap,
) -> Response {
    let known = [
        "agent",
        "command",
        "skill",
        "reference",
        "provider",
        "model",
        "mcp",
    ];
    if !known.contains(&name.as_str()) {
        return no_route().await;
    }
    at(&folder(&shared, &keys, &headers), shapes::catalog(&name)).into_response()
}

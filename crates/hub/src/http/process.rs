//! The process of a server that the hub runs, and its output.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use model::ids::InstanceId;
use page::speak;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::instances::{InstanceJson, one, rfc3339};
use super::problem::Problem;
use super::spoken::Spoken;
use crate::command::CommandError;
use crate::instances::{ServerProcess, ServerRestartError, WantedRestart};
use crate::workspace::{ProcessUsage, usage};

/// The process of a server, with lines of its output.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ProcessJson {
    /// False if the server runs elsewhere: nothing else is known then.
    own: bool,
    /// Process id; absent if it does not run.
    pid: Option<u32>,
    /// Version of OpenCode, once it has connected.
    version: Option<String>,
    /// True if it outlives the hub.
    kept: bool,
    /// Time of its start, in seconds since 1970.
    started: Option<u64>,
    /// Bytes of memory of the process, without its children.
    memory: Option<u64>,
    /// Milliseconds of CPU time of the process.
    cpu: Option<u64>,
    /// Events of the server in a second, over the last ten; also of a server that runs elsewhere.
    events: f64,
    /// How often it ended by itself since the hub started.
    ends: u64,
    /// How it ended; absent while it runs.
    end: Option<String>,
    /// Bytes of memory beyond which it is restarted when it is idle; absent for no limit.
    memory_limit: Option<u64>,
    /// The last restart that a person or the limit of memory caused.
    restarted: Option<RestartedJson>,
    /// True if it ended 5 times within 10 minutes: `POST …/reconnect` starts it.
    paused: bool,
    /// Number of the process since the hub started. Lines are numbered in each.
    run: u64,
    /// Number of the first line here. More than `from`: lines between were dropped.
    first: u64,
    /// The lines.
    lines: Vec<String>,
}

/// A restart that was wanted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct RestartedJson {
    /// Its time (RFC 3339).
    at: String,
    /// `asked`: a person asked; or `memory`: it used more than its limit.
    reason: &'static str,
    /// Bytes of memory that it used, with the reason `memory`.
    used: Option<u64>,
    /// The limit of that time.
    limit: Option<u64>,
}

impl RestartedJson {
    fn of(wanted: WantedRestart) -> Self {
        Self {
            at: rfc3339(wanted.at),
            reason: match wanted.memory {
                Some(_) => "memory",
                None => "asked",
            },
            used: wanted.memory.map(|memory| memory.used),
            limit: wanted.memory.map(|memory| memory.limit),
        }
    }
}

/// How a server is restarted.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RestartServer {
    /// True to restart although sessions run there: their turns are interrupted.
    end_turns: bool,
}

/// Restarts the server of a folder. Its sessions stay; turns that run are interrupted, and can be continued.
#[utoipa::path(
    post, path = "/api/instances/{id}/restart", tag = "instances", params(("id" = String, Path)), request_body = RestartServer,
    responses(
        (status = 202, body = InstanceJson), (status = 404, body = Problem),
        (status = 409, description = "Sessions run there, or Drovers did not start the server", body = Problem)
    )
)]
pub(super) async fn restart(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Json(how): Json<RestartServer>,
) -> Result<(StatusCode, Json<InstanceJson>), Problem> {
    let restarted = app.hub().restart_server(&id, how.end_turns).await;
    restarted.map_err(|error| match error {
        ServerRestartError::Unknown => CommandError::UnknownInstance(id.clone()).into(),
        ServerRestartError::Working(sessions) => Problem::turns_would_be_interrupted(sessions),
        ServerRestartError::Elsewhere => Problem::not_our_server(),
        ServerRestartError::Ended => Problem::internal(error),
    })?;
    Ok((StatusCode::ACCEPTED, Json(one(&app, &id)?)))
}

/// The lines that are asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub(super) struct From {
    /// The run of which lines are known.
    run: Option<u64>,
    /// The first line that is not known. Of another run all lines come.
    from: Option<u64>,
}

/// A process with what it uses.
struct Seen {
    process: Option<ServerProcess>,
    used: Option<ProcessUsage>,
    name: String,
    version: Option<String>,
    events: f64,
}

async fn look(app: &App, id: &InstanceId, from: &From) -> Result<Seen, Problem> {
    let unknown = || CommandError::UnknownInstance(id.clone());
    let source = app.hub().source(id).ok_or_else(unknown)?;
    let named = app.hub().engine().read(|state| {
        let instance = state.instances.get(id)?;
        let version = instance.version.as_ref().map(ToString::to_string);
        Some((instance.name.to_string(), version))
    });
    let (name, version) = named.ok_or_else(unknown)?;
    let process = source.process(from.run.unwrap_or(0), from.from.unwrap_or(0));
    let pid = process.as_ref().and_then(|process| process.pid);
    let used = match pid {
        Some(pid) => tokio::task::spawn_blocking(move || usage(pid))
            .await
            .ok()
            .flatten(),
        None => None,
    };
    let engine = app.hub().engine();
    let events = engine.log().rate(id, engine.now());
    Ok(Seen {
        process,
        used,
        name,
        version,
        events,
    })
}

/// The process of the server of an instance, and the lines that it printed.
#[utoipa::path(
    get, path = "/api/instances/{id}/process", tag = "instances", params(("id" = String, Path), From),
    responses((status = 200, body = ProcessJson), (status = 404, body = Problem))
)]
pub(super) async fn read(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(from): Query<From>,
) -> Result<Json<ProcessJson>, Problem> {
    let Seen {
        process,
        used,
        version,
        events,
        ..
    } = look(&app, &id, &from).await?;
    let own = process.is_some();
    let process = process.unwrap_or_default();
    Ok(Json(ProcessJson {
        own,
        pid: process.pid,
        version,
        kept: process.kept,
        started: used.map(|used| used.started),
        memory: used.map(|used| used.memory),
        cpu: used.map(|used| used.cpu),
        events,
        ends: process.ends,
        end: process.end,
        paused: process.paused,
        memory_limit: process.memory_limit,
        restarted: process.wanted.map(RestartedJson::of),
        run: process.run,
        first: process.printed.first,
        lines: process.printed.lines,
    }))
}

/// The dialog of the server of an instance; with a run only the lines from a number on.
pub(super) async fn dialog(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(from): Query<From>,
) -> Result<Html<String>, Problem> {
    let Seen {
        process,
        used,
        name,
        version,
        events,
    } = look(&app, &id, &from).await?;
    let now = app.hub().engine().now();
    let seconds = now.0 / 1000;
    let view = process.as_ref().map(|process| page::Process {
        pid: process.pid,
        version: version.as_deref(),
        up: used.map(|used| (seconds.unsigned_abs().saturating_sub(used.started)) * 1000),
        memory: used.map(|used| used.memory),
        cpu: used.map(|used| used.cpu),
        events,
        kept: process.kept,
        ends: process.ends,
        end: process.end.as_deref(),
        paused: process.paused,
        memory_limit: process.memory_limit,
        restarted: process.wanted.map(|wanted| page::Restarted {
            ago: now.since(wanted.at),
            memory: wanted.memory.map(|memory| (memory.used, memory.limit)),
        }),
        next: (
            process.run,
            process.printed.first + process.printed.lines.len() as u64,
        ),
        cut: from.run.is_none() && process.printed.first > 0,
        lines: &process.printed.lines,
    });
    Ok(Html(speak(language, || match (&view, from.run) {
        (Some(process), Some(_)) => page::process_part(process),
        _ => page::process_dialog(id.as_str(), &name, view.as_ref()),
    })))
}

//! The process of a server that the hub runs, and its output.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use model::ids::InstanceId;
use page::speak;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;
use super::spoken::Spoken;
use crate::command::CommandError;
use crate::instances::ServerProcess;
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
    /// How often it ended by itself since the hub started.
    ends: u64,
    /// How it ended; absent while it runs.
    end: Option<String>,
    /// True if it ended 5 times within 10 minutes: `POST …/reconnect` starts it.
    paused: bool,
    /// Number of the process since the hub started. Lines are numbered in each.
    run: u64,
    /// Number of the first line here. More than `from`: lines between were dropped.
    first: u64,
    /// The lines.
    lines: Vec<String>,
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
    Ok(Seen {
        process,
        used,
        name,
        version,
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
        ends: process.ends,
        end: process.end,
        paused: process.paused,
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
    } = look(&app, &id, &from).await?;
    let seconds = app.hub().engine().now().0 / 1000;
    let view = process.as_ref().map(|process| page::Process {
        pid: process.pid,
        version: version.as_deref(),
        up: used.map(|used| (seconds.unsigned_abs().saturating_sub(used.started)) * 1000),
        memory: used.map(|used| used.memory),
        cpu: used.map(|used| used.cpu),
        kept: process.kept,
        ends: process.ends,
        end: process.end.as_deref(),
        paused: process.paused,
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

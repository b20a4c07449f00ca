//! What could be added: folders that were used lately, and what OpenCode runs on this machine beside ours.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use model::plain;
use model::state::Origin;
use page::Found;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use crate::workspace::discover;

/// What could be added.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Discovered {
    /// Folders that were used lately and are still there, the latest first.
    recent: Vec<String>,
    /// What may be OpenCode servers: programs that listen on this machine and are not instances yet.
    servers: Vec<Server>,
    /// OpenCode in terminals. Their sessions are recorded, but nobody can follow them live.
    terminals: Vec<Terminal>,
    /// Why nothing could be looked for, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// What may be an OpenCode server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Server {
    /// Its address.
    url: String,
    /// Its process.
    pid: u32,
    /// The folder it was started in.
    folder: Option<String>,
}

/// An OpenCode in a terminal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Terminal {
    /// Its process.
    pid: u32,
    /// The folder it was started in.
    folder: String,
    /// The command that reopens its sessions live.
    command: String,
}

/// What could be added.
#[utoipa::path(get, path = "/api/discover", tag = "hub", responses((status = 200, body = Discovered)))]
pub(super) async fn read(State(app): State<App>) -> Result<Json<Discovered>, Problem> {
    let looked = tokio::task::spawn_blocking(move || look(&app)).await;
    looked.map(Json).map_err(Problem::internal)
}

/// The same for the page. Blocks on the process table. Where nothing could be looked for, nothing is offered.
pub(super) fn offered(app: &App) -> Vec<Found> {
    let Discovered {
        servers, terminals, ..
    } = look(app);
    let servers = servers.into_iter().map(|server| Found::Server {
        url: server.url.into(),
        folder: server.folder.map(Into::into),
    });
    let terminals = terminals.into_iter().map(|terminal| Found::Terminal {
        folder: terminal.folder.into(),
        command: terminal.command.into(),
    });
    servers.chain(terminals).collect()
}

fn look(app: &App) -> Discovered {
    let hub = app.hub();
    let ours: HashSet<u32> = hub.server_pids().into_iter().collect();
    let (found, failure) = match discover::look(&ours) {
        Ok(found) => (found, None),
        Err(error) => (discover::Found::default(), Some(error.to_string())),
    };
    let known: HashSet<String> = hub.engine().read(|state| {
        let origins = state.instances.values().map(|instance| &instance.origin);
        origins
            .filter_map(|origin| match origin {
                Origin::Url(url) => Some(url.to_string()),
                Origin::Folder(_) => None,
            })
            .collect()
    });
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    Discovered {
        recent: hub
            .offered_folders()
            .iter()
            .map(ToString::to_string)
            .collect(),
        servers: found
            .servers
            .into_iter()
            .filter(|server| !known.contains(server.url.as_str()))
            .map(|server| Server {
                url: server.url.to_string(),
                pid: server.pid,
                folder: server.cwd.as_deref().map(text),
            })
            .collect(),
        terminals: found
            .terminals
            .into_iter()
            .map(|terminal| Terminal {
                pid: terminal.pid,
                command: format!("drovers open {}", plain::argument(&text(&terminal.cwd))),
                folder: text(&terminal.cwd),
            })
            .collect(),
        failure,
    }
}

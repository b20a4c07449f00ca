//! What could be added: folders that were used lately, and what OpenCode runs on this machine beside ours.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt, stream};
use model::plain;
use model::state::Origin;
use page::Found;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use crate::registry::ServerUrl;
use crate::workspace::discover;
use crate::{ingest, limits};

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
    /// Why it cannot be an instance, and what to do, if it said that it is OpenCode 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
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
    all(&app).await.map(Json)
}

/// The same for the page. Where nothing could be looked for, nothing is offered.
pub(super) async fn offered(app: &App) -> Vec<Found> {
    let Ok(Discovered {
        servers, terminals, ..
    }) = all(app).await
    else {
        return Vec::new();
    };
    let servers = servers.into_iter().map(|server| match server.unusable {
        Some(why) => Found::Unusable { why: why.into() },
        None => Found::Server {
            url: server.url.into(),
            folder: server.folder.map(Into::into),
        },
    });
    let terminals = terminals.into_iter().map(|terminal| Found::Terminal {
        folder: terminal.folder.into(),
        command: terminal.command.into(),
    });
    servers.chain(terminals).collect()
}

async fn all(app: &App) -> Result<Discovered, Problem> {
    let shared = app.clone();
    let looked = tokio::task::spawn_blocking(move || look(&shared)).await;
    let mut found = looked.map_err(Problem::internal)?;
    let asked = found.servers.into_iter().map(|server| ask(app, server));
    let answers = stream::iter(asked).buffered(limits::FOUND_AT_ONCE);
    found.servers = answers.collect().await;
    Ok(found)
}

async fn ask(app: &App, server: Server) -> Server {
    let unusable = match server.url.parse() {
        Ok(url) => ingest::unusable(app.hub().http(), url, limits::FOUND_ANSWER).await,
        Err(_) => None,
    };
    Server {
        unusable: unusable.map(|reason| reason.to_string()),
        ..server
    }
}

/// Blocks on the process table.
fn look(app: &App) -> Discovered {
    let hub = app.hub();
    let ours: HashSet<u32> = hub.server_pids().into_iter().collect();
    let (found, failure) = match discover::look(&ours) {
        Ok(found) => (found, None),
        Err(error) => (discover::Found::default(), Some(error.to_string())),
    };
    let known: Vec<ServerUrl> = hub.engine().read(|state| {
        let origins = state.instances.values().map(|instance| &instance.origin);
        origins
            .filter_map(|origin| match origin {
                Origin::Url(url) => ServerUrl::parse(url).ok(),
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
            .filter(|server| {
                let url = ServerUrl::parse(server.url.as_str());
                !url.is_ok_and(|url| known.iter().any(|known| known.same_server(&url)))
            })
            .map(|server| Server {
                url: server.url.to_string(),
                pid: server.pid,
                folder: server.cwd.as_deref().map(text),
                unusable: None,
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

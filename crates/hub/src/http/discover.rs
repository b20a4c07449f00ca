//! Suggestions for new instances: recently used folders, and OpenCode processes on this machine that the hub did not
//! start.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt, stream};
use model::plain;
use model::state::Origin;
use page::FoundServer;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;
use crate::registry::ServerUrl;
use crate::workspace::{ServiceFile, discover};
use crate::{ingest, limits};

/// Suggestions for new instances.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Discovered {
    /// Recently used folders that still exist, newest first.
    recent: Vec<String>,
    /// Possible OpenCode servers: programs that listen on this machine and are not instances yet.
    servers: Vec<Server>,
    /// OpenCode in terminals. Their sessions are recorded, but cannot be followed live.
    terminals: Vec<Terminal>,
    /// True if the background service of OpenCode 2 of the hub's user runs, and is not an instance yet.
    service: bool,
    /// The reason why discovery failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// A possible OpenCode server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Server {
    /// URL of the server.
    url: String,
    /// Process id.
    pid: u32,
    /// The folder it was started in.
    folder: Option<String>,
    /// The reason why it cannot be an instance and the next step, if it is an OpenCode 2 that is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
}

/// An OpenCode process in a terminal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Terminal {
    /// Process id.
    pid: u32,
    /// The folder it was started in.
    folder: String,
    /// The command that reopens its sessions live.
    command: String,
}

/// Lists suggestions for new instances.
#[utoipa::path(get, path = "/api/discover", tag = "hub", responses((status = 200, body = Discovered)))]
pub(super) async fn read(State(app): State<App>) -> Result<Json<Discovered>, Problem> {
    all(&app).await.map(Json)
}

/// The suggestions for the page; empty if discovery fails.
pub(super) async fn offered(app: &App) -> Vec<FoundServer> {
    if !app.hub().offers_servers() {
        return Vec::new();
    }
    let Ok(Discovered {
        servers,
        terminals,
        service,
        ..
    }) = all(app).await
    else {
        return Vec::new();
    };
    let servers = servers.into_iter().map(|server| match server.unusable {
        Some(why) => FoundServer::Unusable { why: why.into() },
        None => FoundServer::Server {
            url: server.url.into(),
            folder: server.folder.map(Into::into),
        },
    });
    let terminals = terminals.into_iter().map(|terminal| FoundServer::Terminal {
        folder: terminal.folder.into(),
        command: terminal.command.into(),
    });
    let service = service.then_some(FoundServer::Service);
    service
        .into_iter()
        .chain(servers)
        .chain(terminals)
        .collect()
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

/// Discovers processes. Blocks on the process table.
fn look(app: &App) -> Discovered {
    let hub = app.hub();
    let ours: HashSet<u32> = hub.server_pids().into_iter().collect();
    let (found, failure) = match discover::look(&ours) {
        Ok(found) => (found, None),
        Err(error) => (discover::Discovery::default(), Some(error.to_string())),
    };
    let service = ServiceFile::of_this_user().and_then(|file| file.read().ok());
    let is_instance = hub.engine().read(|state| {
        let mut all = state.instances.values();
        all.any(|instance| matches!(instance.origin, Origin::Service(_)))
    });
    let of_service = service.as_ref().map(|service| service.pid);
    let known: Vec<ServerUrl> = hub.engine().read(|state| {
        let origins = state.instances.values().map(|instance| &instance.origin);
        origins
            .filter_map(|origin| match origin {
                Origin::Url(url) => ServerUrl::parse(url).ok(),
                Origin::Folder(_) | Origin::Service(_) => None,
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
            .filter(|server| Some(server.pid) != of_service)
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
        service: service.is_some() && !is_instance,
        failure,
    }
}

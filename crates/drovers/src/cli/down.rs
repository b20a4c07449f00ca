//! `drovers down`: the end of a hub and of the servers that it started.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use hub::datadir::{DataDir, DataDirError};
use hub::workspace::{KeptEnd, end_kept, kept_servers};
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::running::HubProcess;
use crate::serving::KEPT;
use crate::{census, limits, out, yes};

/// States of a session's run in which its server works.
const RUNNING: [&str; 2] = ["busy", "retry"];

/// Stop the hub and the OpenCode servers that it started
///
/// Servers in folders keep running when a hub ends, so that their turns go on. This ends them as well, also if no hub runs any more. Servers
/// that were attached, and those of other data directories, are left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers down")]
pub(crate) struct DownArgs {
    /// Stop even if sessions work: their turns end
    #[arg(long)]
    end_turns: bool,
    /// Print {"hub", "servers"} as JSON: the process id of the hub that ended, if one ran, and the number of servers
    #[arg(long)]
    json: bool,
}

/// What ended.
#[derive(Serialize)]
struct Down {
    hub: Option<u32>,
    servers: usize,
}

/// Stops the hub and its servers.
pub(crate) async fn run(args: DownArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    let process = HubProcess::of(&data_dir).await?;
    let mut servers = 0;
    let kept = data_dir.join(KEPT);
    if !args.end_turns {
        match &process {
            Some(_) => confirm(&data_dir).await?,
            None => confirm_without_a_hub(kept_servers(&kept)).await?,
        }
    }
    if let Some(process) = &process {
        servers = servers_of(&data_dir).await;
        end(process).await?;
    }
    if kept.exists() {
        // No hub starts while its servers end.
        let _held = take(&data_dir).await?;
        let KeptEnd { ended, left } = end_kept(&kept).await;
        servers = servers.max(ended);
        if left > 0 {
            return Err(Fault::failed(format!(
                "{left} of the guards in {} did not end their servers. Try again; `drovers up` takes the servers over",
                kept.display()
            )));
        }
    }
    let down = Down {
        hub: process.map(|process| process.runtime.pid),
        servers,
    };
    match args.json {
        true => out::json(&down),
        false => out::line(&sentence(&down)),
    }
}

/// What ended, as a sentence.
fn sentence(down: &Down) -> String {
    let servers = match down.servers {
        0 => String::new(),
        1 => "1 OpenCode server".to_owned(),
        many => format!("{many} OpenCode servers"),
    };
    match (down.hub, servers.as_str()) {
        (None, "") => "nothing to stop: no hub runs, and no server that one started".to_owned(),
        (None, servers) => format!("stopped {servers}; no hub was running"),
        (Some(pid), "") => format!("stopped the hub (process {pid})"),
        (Some(pid), servers) => format!("stopped the hub (process {pid}) and {servers}"),
    }
}

/// Asks the person before turns end.
async fn confirm(data_dir: &Path) -> Result<(), Fault> {
    let counted = async { census::take(&Api::of(data_dir)?).await };
    let counted = counted.await.map_err(|error| {
        Fault::failed(format!(
            "the hub does not say whether sessions work, so nothing was stopped: {error}. Use `drovers down --end-turns` to stop it all the same"
        ))
    })?;
    let own = counted.iter().filter(|one| one.instance.folder.is_some());
    let sessions: BTreeMap<_, _> = own
        .flat_map(|one| &one.sessions)
        .map(|session| (session.id.as_str(), session.status.kind.as_str()))
        .filter(|(_, kind)| RUNNING.contains(kind))
        .collect();
    let (count, their) = match sessions.len() {
        0 => return Ok(()),
        1 => ("1 session works".to_owned(), "its turn ends"),
        many => (format!("{many} sessions work"), "their turns end"),
    };
    if yes::ask(&format!("{count}. Stop all the same, so that {their}?")).await? {
        return Ok(());
    }
    Err(Fault::failed(format!(
        "{count}, so nothing was stopped. Wait until they are idle, or use `drovers down --end-turns`"
    )))
}

/// Asks the person before servers end of which no hub knows whether they work.
async fn confirm_without_a_hub(servers: usize) -> Result<(), Fault> {
    let (count, they) = match servers {
        0 => return Ok(()),
        1 => ("1 OpenCode server runs".to_owned(), "its sessions may"),
        many => (format!("{many} OpenCode servers run"), "their sessions may"),
    };
    let question =
        format!("{count} without a hub, and {they} work. Stop all the same, so that turns end?");
    if yes::ask(&question).await? {
        return Ok(());
    }
    Err(Fault::failed(format!(
        "{count} without a hub, so nothing was stopped. `drovers up` shows whether sessions work; `drovers down --end-turns` ends them"
    )))
}

/// Number of servers that the hub runs.
async fn servers_of(data_dir: &Path) -> usize {
    let Ok(api) = Api::of(data_dir) else { return 0 };
    let instances = api.instances().await.unwrap_or_default();
    let mut servers = 0;
    for instance in instances.iter().filter(|one| one.folder.is_some()) {
        let process = api.process(&instance.id, 0, 0).await;
        servers += usize::from(process.is_ok_and(|process| process.pid.is_some()));
    }
    servers
}

/// Ends the hub, as a signal of a terminal would.
async fn end(process: &HubProcess) -> Result<(), Fault> {
    for signal in [Signal::TERM, Signal::TERM, Signal::KILL] {
        process.signal(signal);
        if process.ended(limits::DOWN).await {
            return Ok(());
        }
    }
    Err(Fault::failed(format!(
        "the hub (process {}) does not end. Try again in a moment",
        process.runtime.pid
    )))
}

/// Takes the data directory, once the hub that had it lets go.
async fn take(path: &Path) -> Result<DataDir, Fault> {
    let deadline = Instant::now() + limits::STARTING;
    loop {
        match DataDir::open(path) {
            Err(DataDirError::Starting(_) | DataDirError::HeldBy(_))
                if Instant::now() < deadline =>
            {
                sleep(limits::LOOK_AGAIN).await;
            }
            taken => return taken.map_err(Fault::failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_one_sentence() {
        let sentence = |hub, servers| sentence(&Down { hub, servers });
        assert!(sentence(None, 0).contains("nothing to stop"));
        assert_eq!(
            sentence(None, 2),
            "stopped 2 OpenCode servers; no hub was running"
        );
        assert_eq!(sentence(Some(7), 0), "stopped the hub (process 7)");
        assert_eq!(
            sentence(Some(7), 1),
            "stopped the hub (process 7) and 1 OpenCode server"
        );
    }
}

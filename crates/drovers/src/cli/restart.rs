//! `drovers restart`: a running hub in a new process.

use std::path::Path;

use clap::Args;
use hub::datadir::{DataDir, Runtime};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::{limits, out};

/// Restart the running hub, for example after an update of Drovers
///
/// The hub ends and starts again as a new process of its program, with the same options and at the same address, whether a terminal or
/// a service started it. The OpenCode servers of folders go on, and so do their turns; pages connect again by themselves. The command
/// ends once the new hub is ready.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers restart")]
pub(crate) struct RestartArgs {
    /// Restart even if sessions run on servers that cannot go on without this hub
    #[arg(long)]
    end_turns: bool,
    /// Print {"url", "pid", "version", "servers"} as JSON
    #[arg(long)]
    json: bool,
}

/// What a restart came to.
#[derive(Serialize)]
struct Restarted {
    url: String,
    pid: u32,
    version: String,
    /// Number of servers that went on.
    servers: usize,
}

/// Restarts the hub.
pub(crate) async fn run(args: RestartArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    let api = Api::of(&data_dir)?;
    let before = DataDir::running(&data_dir).map(|running| running.version);
    if !args.json {
        let version = before.unwrap_or_default();
        out::line(&format!(
            "restarting the hub at {} (version {})",
            api.url(),
            out::one_line(&version)
        ))?;
    }
    let restarting = api.restart(args.end_turns).await?;
    let running = new_hub(&data_dir, &restarting.epoch).await?;
    let restarted = Restarted {
        url: running.url.as_str().trim_end_matches('/').to_owned(),
        pid: running.pid,
        version: running.version,
        servers: restarting.servers,
    };
    if args.json {
        return out::json(&restarted);
    }
    let servers = match restarted.servers {
        0 => String::new(),
        1 => "; 1 server went on".to_owned(),
        many => format!("; {many} servers went on"),
    };
    out::line(&format!(
        "the hub at {} is ready (version {}, process {}){servers}",
        restarted.url, restarted.version, restarted.pid
    ))
}

/// The hub of a data directory, once it is ready and another one than that of an epoch.
async fn new_hub(data_dir: &Path, epoch: &str) -> Result<Runtime, Fault> {
    let deadline = Instant::now() + limits::RESTART;
    while Instant::now() < deadline {
        if let Some(running) = DataDir::running(data_dir)
            && let Ok(api) = Api::of(data_dir)
            && api.epoch().await.is_ok_and(|now| now != epoch)
        {
            return Ok(running);
        }
        sleep(limits::LOOK_AGAIN).await;
    }
    Err(Fault::failed(format!(
        "the new hub is not ready after {} s. Look at what it printed where the hub was started (of a service: `drovers service status`), \
         then start it with `drovers`",
        limits::RESTART.as_secs()
    )))
}

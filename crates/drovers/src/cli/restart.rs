//! `drovers restart`: a running hub in a new process.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use hub::datadir::{DataDir, Runtime};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::running::HubProcess;
use crate::{census, complete, limits, out};

/// Restart the running hub, for example after an update of Drovers, or the server of one instance
///
/// The hub ends and starts again as a new process of its program, with the same options and at the same address, whether a terminal or
/// a service started it. The OpenCode servers of folders go on, and so do their turns; pages connect again by themselves. The command
/// ends once the new hub is ready. With an INSTANCE the hub goes on, and the OpenCode server of that folder ends and starts again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers restart\n  drovers restart shop")]
pub(crate) struct RestartArgs {
    /// Restart the server of this instance instead: its id, a prefix of it, or its name
    #[arg(add = complete::instances())]
    instance: Option<String>,
    /// Restart even if sessions run on servers that cannot go on without this hub, or on the server of the instance
    #[arg(long)]
    end_turns: bool,
    /// Print {"url", "pid", "version", "servers"} as JSON; of an instance {"instance", "pid"}
    #[arg(long)]
    json: bool,
}

/// The hub that runs after a restart.
#[derive(Serialize)]
pub(super) struct Restarted {
    url: String,
    pid: u32,
    version: String,
    /// Number of servers that went on.
    servers: usize,
}

impl Restarted {
    pub(super) fn new(running: Runtime, servers: usize) -> Self {
        Self {
            url: running.url.as_str().trim_end_matches('/').to_owned(),
            pid: running.pid,
            version: running.version,
            servers,
        }
    }

    /// Prints one line for a person.
    pub(super) fn print(&self) -> Result<(), Fault> {
        let servers = match self.servers {
            0 => String::new(),
            1 => "; 1 server went on".to_owned(),
            many => format!("; {many} servers went on"),
        };
        out::line(&format!(
            "the hub at {} is ready (version {}, process {}){servers}",
            self.url,
            out::one_line(&self.version),
            self.pid
        ))
    }
}

/// Restarts the hub.
pub(crate) async fn run(args: RestartArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    let api = Api::of(&data_dir)?;
    if let Some(which) = &args.instance {
        return server(&api, which, &args).await;
    }
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
    let next = next_hub(&data_dir, &restarting.epoch, None, limits::RESTART).await;
    let running = next.ok_or_else(|| {
        Fault::failed(format!(
            "the new hub is not ready after {} s. Look at what it printed where the hub was started (of a service: `drovers service \
             status`), then start it with `drovers`",
            limits::RESTART.as_secs()
        ))
    })?;
    let restarted = Restarted::new(running, restarting.servers);
    match args.json {
        true => out::json(&restarted),
        false => restarted.print(),
    }
}

/// Restarts the server of an instance, and waits until the next one runs.
async fn server(api: &Api, which: &str, args: &RestartArgs) -> Result<(), Fault> {
    let instance = census::instance(api, which).await?;
    let (id, name) = (&instance.id, out::one_line(&instance.name));
    let before = api.process(id, 0, 0).await?.run;
    api.restart_server(id, args.end_turns).await?;
    let deadline = Instant::now() + limits::RESTART;
    while Instant::now() < deadline {
        let process = api.process(id, 0, 0).await?;
        if let Some(pid) = process.pid.filter(|_| process.run > before) {
            return match args.json {
                true => out::json(&serde_json::json!({"instance": id, "pid": pid})),
                false => out::line(&format!("the server of {name} runs again (process {pid})")),
            };
        }
        sleep(limits::LOOK_AGAIN).await;
    }
    Err(Fault::failed(format!(
        "the server of {name} ended, and does not run again after {} s. `drovers ls` shows why, `drovers logs` what it printed",
        limits::RESTART.as_secs()
    )))
}

/// The hub of a data directory, once it is ready and its epoch is another one than `epoch`. `None` after `patience`, or once `process`
/// has ended.
pub(super) async fn next_hub(
    data_dir: &Path,
    epoch: &str,
    process: Option<&HubProcess>,
    patience: Duration,
) -> Option<Runtime> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(running) = DataDir::running(data_dir)
            && let Ok(api) = Api::of(data_dir)
            && api.is_ready().await
            && api.epoch().await.is_ok_and(|now| now != epoch)
        {
            return Some(running);
        }
        if process.is_some_and(HubProcess::is_gone) {
            return None;
        }
        sleep(limits::LOOK_AGAIN).await;
    }
    None
}

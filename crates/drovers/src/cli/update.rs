//! `drovers update`: another program in the place of the installed one, and back where it does not come up.

mod installed;
mod offered;
mod started;

use std::path::{Path, PathBuf};

use clap::Args;
use hub::datadir::format;
use rustix::process::Signal;
use serde::Serialize;
use tokio::signal::unix::{self as signal, SignalKind};

use super::Setting;
use super::restart::{Restarted, next_hub};
use super::watch::Time;
use crate::api::Api;
use crate::fault::Fault;
use crate::running::HubProcess;
use crate::{limits, out};
use installed::{Candidate, Installed};
use started::Started;

/// Update Drovers in place from a program or an archive on this machine, and go back if the new one does not come up
///
/// The program is checked first: its checksum, that it runs here, and that it can read the data directory. It takes the place of the
/// installed one, which is kept beside it as `drovers.previous`. A running hub restarts with it, as with `drovers restart`: servers, turns
/// and prompts go on. If the new hub is not ready in time, the previous program is put back and started again. Nothing is downloaded.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers update drovers-0.2.0-x86_64-unknown-linux-gnu.tar.gz\n  drovers update --back"
)]
pub(crate) struct UpdateArgs {
    /// A program, or an archive of a release
    #[arg(value_name = "FILE", required_unless_present_any = ["back", "can_read"], conflicts_with = "back")]
    file: Option<PathBuf>,
    /// SHA-256 checksum of the file [default: that of SHA256SUMS beside it, if there is one]
    #[arg(long, value_name = "SHA256", value_parser = offered::checksum, conflicts_with = "back")]
    checksum: Option<String>,
    /// Return to the program of before the last update; the one of now is kept in its place
    #[arg(long)]
    back: bool,
    /// Time for the new hub to be ready; after it the previous program is put back [default: 60s]
    #[arg(long, value_name = "TIME")]
    wait: Option<Time>,
    /// Update even if sessions run on servers that cannot go on without this hub
    #[arg(long)]
    end_turns: bool,
    /// Print {"program", "version", "previous", "hub"} as JSON, with {"url", "pid", "version", "servers"} of the hub if one runs
    #[arg(long)]
    json: bool,
    /// Only check that this program can use the data directory; for `drovers update` of another version
    #[arg(long, hide = true)]
    can_read: bool,
}

/// What an update came to.
#[derive(Serialize)]
struct Updated {
    program: String,
    version: String,
    previous: String,
    hub: Option<Restarted>,
}

/// Updates the program.
pub(crate) async fn run(args: UpdateArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    if args.can_read {
        return format::check(&data_dir).map_err(Fault::failed);
    }
    let hub = HubProcess::of(&data_dir).await?;
    let installed = Installed::find(hub.as_ref())?;
    let _locked = installed.lock()?;
    let candidate = match &args.file {
        None => installed.previous_as_candidate()?,
        Some(file) => {
            if same_file(file, installed.path()) {
                return Err(Fault::usage(format!(
                    "{} is the installed program itself. Name another one, or an archive of a release",
                    file.display()
                )));
            }
            let candidate = Candidate::at(installed.candidate());
            if !offered::unpack(file, args.checksum.as_deref(), candidate.path())? {
                out::note(
                    "the file was not checked: give its checksum by --checksum, or put the SHA256SUMS of the release beside it",
                );
            }
            candidate
        }
    };
    let version = candidate.check(setting).await?;
    let _held = hold_signals()?;
    installed.replace(candidate.path())?;
    let restarted = match &hub {
        Some(hub) => Some(restart(hub, &data_dir, &installed, &args).await?),
        None => None,
    };
    installed.settle()?;
    let updated = Updated {
        program: installed.path().display().to_string(),
        version,
        previous: installed.previous().display().to_string(),
        hub: restarted,
    };
    match args.json {
        true => out::json(&updated),
        false => say(&updated),
    }
}

/// Keeps Ctrl-C, SIGTERM and a terminal that closes from ending this command, until the value is dropped: between the replacement of the
/// program and the new hub, this command alone can put the previous program back.
///
/// # Errors
/// The system refuses a handler.
fn hold_signals() -> Result<Vec<signal::Signal>, Fault> {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let held = kinds.into_iter().map(signal::signal);
    held.collect::<Result<_, _>>().map_err(Fault::failed)
}

fn same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some() && whole(one) == whole(other)
}

fn say(updated: &Updated) -> Result<(), Fault> {
    out::line(&format!(
        "{} is version {} now; `drovers update --back` returns to the one before",
        updated.program, updated.version
    ))?;
    let Some(hub) = &updated.hub else {
        return Ok(());
    };
    hub.print()
}

/// Restarts the hub with the program that is installed by now, and puts the previous one back where that fails.
async fn restart(
    hub: &HubProcess,
    data_dir: &Path,
    installed: &Installed,
    args: &UpdateArgs,
) -> Result<Restarted, Fault> {
    let started = Started::of(hub, data_dir);
    let asked = async { Api::of(data_dir)?.restart(args.end_turns).await };
    let restarting = match asked.await {
        Ok(asked) => asked,
        Err(refused) => {
            installed.put_back(args.back)?;
            return Err(refused);
        }
    };
    let patience = args.wait.map_or(limits::RESTART, |time| time.0);
    match next_hub(data_dir, &restarting.epoch, Some(hub), patience).await {
        Some(running) => Ok(Restarted::new(running, restarting.servers)),
        None => Err(go_back(hub, data_dir, installed, started, args).await?),
    }
}

/// Puts the previous program back, and starts the hub again. Returns the failure of the update.
async fn go_back(
    hub: &HubProcess,
    data_dir: &Path,
    installed: &Installed,
    started: Started,
    args: &UpdateArgs,
) -> Result<Fault, Fault> {
    let gone = hub.is_gone();
    let what = match gone {
        true => "ended before it was ready",
        false => "was not ready in time",
    };
    installed.put_back(args.back)?;
    for signal in [Signal::TERM, Signal::KILL] {
        hub.signal(signal);
        if hub.has_gone(limits::DOWN).await {
            break;
        }
    }
    started.start(installed.path())?;
    let back = next_hub(data_dir, "", None, limits::RESTART).await;
    Ok(Fault::failed(match back {
        Some(running) => format!(
            "the new hub {what}: see what it printed where the hub was started. The previous program is back, and its hub runs at {} (process \
             {}); servers that outlive a hub went on with their turns",
            running.url.as_str().trim_end_matches('/'),
            running.pid
        ),
        None => format!(
            "the new hub {what}, and the previous one, which is back, is not ready either. Start it with `drovers` to see why; servers \
             that outlive a hub go on with their turns"
        ),
    }))
}

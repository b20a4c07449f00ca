//! `drovers stop`: ends runs.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Stop a session and its subagents, or everything
///
/// Requests of a stopped session are refused until its next prompt. With --all the exit code is 1 if the stop of any session was not
/// confirmed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers stop \"Fix the login\"\n  drovers stop --all")]
pub(crate) struct StopArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(required_unless_present = "all", add = complete::sessions())]
    session: Option<String>,
    /// Stop every running session of every instance
    #[arg(long, conflicts_with = "session")]
    all: bool,
    /// Print {"stopped": [{"instance", "session", "title"}], "failed": [{…, "problem"}]} as JSON
    #[arg(long)]
    json: bool,
}

/// Stops.
pub(crate) async fn run(args: StopArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let Some(meant) = &args.session else {
        return all(&api, args.json).await;
    };
    let place = census::session(&api, meant).await?;
    api.stop(&place.instance, &place.session.id).await?;
    match args.json {
        true => out::json(&serde_json::json!({"stopped": [place.named()], "failed": []})),
        false => out::line(&format!("stopped: {}", super::ls::title(&place.session))),
    }
}

async fn all(api: &Api, json: bool) -> Result<(), Fault> {
    let outcomes = api.stop_all().await?;
    if json {
        out::json(&outcomes)?;
    } else {
        for one in &outcomes.stopped {
            out::line(&format!("stopped: {}", out::one_line(&one.title)))?;
        }
        if outcomes.stopped.is_empty() && outcomes.failed.is_empty() {
            out::line("no session is running")?;
        }
    }
    if outcomes.failed.is_empty() {
        return Ok(());
    }
    let failed = outcomes.failed.iter().map(|one| {
        let line = format!("{}: {}", one.of.title, one.problem);
        format!("  {}", out::one_line(&line))
    });
    Err(Fault::failed(format!(
        "{} were not confirmed as stopped:\n{}",
        outcomes.failed.len(),
        failed.collect::<Vec<_>>().join("\n")
    )))
}

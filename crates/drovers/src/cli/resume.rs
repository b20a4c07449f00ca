//! `drovers continue`: lets what was interrupted go on.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::{census, out};

/// Let a session go on whose server ended before it did
///
/// Asked twice it is one prompt for one interruption. The exit code is 1 if any could not go on.
#[derive(Debug, Args)]
pub(crate) struct ContinueArgs {
    /// Id of the session, the beginning of it, or its title
    #[arg(required_unless_present = "all")]
    session: Option<String>,
    /// Every interrupted session of every instance
    #[arg(long, conflicts_with = "session")]
    all: bool,
    /// Print {"continued": […], "failed": […]} as JSON
    #[arg(long)]
    json: bool,
}

/// Asks, and tells what came of it.
pub(crate) async fn run(args: ContinueArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let place = match &args.session {
        Some(meant) => Some(census::session(&api, meant).await?),
        None => None,
    };
    let named = place
        .as_ref()
        .map(|place| (place.instance.as_str(), place.session.id.as_str()));
    let outcomes = api.resume(named).await?;
    if args.json {
        out::json(&outcomes)?;
    } else {
        for one in &outcomes.continued {
            out::line(&format!("{} goes on", out::one_line(&one.session)))?;
        }
        if outcomes.continued.is_empty() && outcomes.failed.is_empty() {
            out::line("nothing is interrupted")?;
        }
    }
    let failed: Vec<String> = outcomes
        .failed
        .iter()
        .map(|one| out::one_line(&format!("{}: {}", one.session, one.problem)))
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Fault::failed(failed.join("; ")))
    }
}

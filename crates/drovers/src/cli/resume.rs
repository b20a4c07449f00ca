//! `drovers continue`: continues interrupted sessions.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Continue work that a server crash interrupted
///
/// The command is idempotent: each interruption is continued at most once. The exit code is 1 if any session could not be continued.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers continue \"Fix the login\"\n  drovers continue --all")]
pub(crate) struct ContinueArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(required_unless_present = "all", add = complete::sessions())]
    session: Option<String>,
    /// Continue every interrupted session of every instance
    #[arg(long, conflicts_with = "session")]
    all: bool,
    /// Print {"continued": […], "failed": […]} as JSON
    #[arg(long)]
    json: bool,
}

/// Continues the sessions and prints the result.
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
    let titles = census::Titles::read(&api).await;
    if args.json {
        out::json(&outcomes)?;
    } else {
        for one in &outcomes.continued {
            let title = titles.of(&one.instance, &one.session);
            out::line(&format!("continued: {title}"))?;
        }
        if outcomes.continued.is_empty() && outcomes.failed.is_empty() {
            out::line("no session is interrupted")?;
        }
    }
    let failed: Vec<String> = outcomes
        .failed
        .iter()
        .map(|one| {
            let title = titles.of(&one.instance, &one.session);
            out::one_line(&format!("{title}: {}", one.problem))
        })
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Fault::failed(failed.join("; ")))
    }
}

//! `drovers rm`: deletes sessions.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::complete;
use crate::fault::Fault;
use crate::{census, out, yes};

/// Delete sessions and their subagents permanently, after a confirmation
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers rm \"Fix the login\"\n  drovers rm --yes ses_1a ses_2b"
)]
pub(crate) struct RmArgs {
    /// Id of a session, a prefix of it, or its title
    #[arg(required = true, add = complete::sessions())]
    sessions: Vec<String>,
    /// Delete without a confirmation
    #[arg(long, short)]
    yes: bool,
    /// Print the deleted as [{"instance", "session", "title"}]
    #[arg(long)]
    json: bool,
}

/// Asks, and deletes.
pub(crate) async fn run(args: RmArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    // All names are looked up before the first session is deleted.
    let places = census::sessions(&api, &args.sessions).await?;
    if !args.yes {
        if !yes::can_ask() {
            return Err(Fault::usage(
                "there is no terminal to confirm at. Use `--yes` to delete without confirmation",
            ));
        }
        let titles: Vec<String> = places
            .iter()
            .map(|place| super::ls::title(&place.session))
            .collect();
        let question = format!("delete {} permanently?", titles.join(", "));
        if !yes::ask(&question).await? {
            return Err(Fault::failed("nothing was deleted"));
        }
    }
    for place in &places {
        let (instance, session) = (&place.instance, &place.session.id);
        api.delete_session(instance, session).await?;
        if !args.json {
            out::line(&format!("deleted: {}", super::ls::title(&place.session)))?;
        }
    }
    match args.json {
        true => out::json(
            &places
                .iter()
                .map(census::SessionLocation::named)
                .collect::<Vec<_>>(),
        ),
        false => Ok(()),
    }
}

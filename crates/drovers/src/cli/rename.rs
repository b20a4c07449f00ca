//! `drovers rename`: another title for a session.

use clap::Args;

use super::Setting;
use crate::api::{Api, SessionChange};
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Change the title of a session
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers rename ses_1a \"Fix the login\"")]
pub(crate) struct RenameArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// The new title
    title: String,
    /// Print the session as JSON
    #[arg(long)]
    json: bool,
}

/// Renames.
pub(crate) async fn run(args: RenameArgs, setting: &Setting) -> Result<(), Fault> {
    let title = args.title.trim();
    if title.is_empty() {
        return Err(Fault::usage("the title is empty"));
    }
    let api = Api::of(&setting.data_dir()?)?;
    let place = census::session(&api, &args.session).await?;
    let change = SessionChange::title(title);
    let session = api
        .change_session(&place.instance, &place.session.id, &change)
        .await?;
    match args.json {
        true => out::json(&session),
        false => out::line(&format!("renamed to {}", super::ls::title(&session))),
    }
}

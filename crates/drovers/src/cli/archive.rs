//! `drovers archive`: takes sessions out of the lists, and back in.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::Setting;
use crate::api::{Api, SessionChange};
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Hide sessions from the lists; nothing is deleted
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers archive \"Fix the login\"\n  drovers archive --undo ses_1a"
)]
pub(crate) struct ArchiveArgs {
    /// Id of a session, a prefix of it, or its title
    #[arg(required = true, add = complete::sessions())]
    sessions: Vec<String>,
    /// Unarchive them (`drovers ls --archived` lists archived sessions)
    #[arg(long)]
    undo: bool,
    /// Print the sessions as a JSON array
    #[arg(long)]
    json: bool,
}

/// Archives.
pub(crate) async fn run(args: ArchiveArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(1, |since| u64::try_from(since.as_millis()).unwrap_or(1));
    let change = SessionChange::archived(if args.undo { 0 } else { now });
    // All names are looked up before the first session is changed.
    let places = census::sessions(&api, &args.sessions).await?;
    let mut changed = Vec::new();
    for place in places {
        let session = api
            .change_session(&place.instance, &place.session.id, &change)
            .await?;
        if !args.json {
            let word = if args.undo { "unarchived" } else { "archived" };
            out::line(&format!("{word}: {}", super::ls::title(&session)))?;
        }
        changed.push(session);
    }
    match args.json {
        true => out::json(&changed),
        false => Ok(()),
    }
}

//! `drovers fork`: a copy of a session.

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::api::{Api, Fork, Session};
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Copy a session into a new one
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers fork \"Fix the login\"\n  drovers fork ses_1a --before msg_2b --json"
)]
pub(crate) struct ForkArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// Copy only the messages before this one [default: all]
    #[arg(long, value_name = "MESSAGE", conflicts_with = "through")]
    before: Option<String>,
    /// Copy only the messages up to and including this one (`drovers show --json` lists the ids)
    #[arg(long, value_name = "MESSAGE")]
    through: Option<String>,
    /// Print {"instance", "session"} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Forked<'a> {
    instance: &'a str,
    session: &'a Session,
}

/// Forks.
pub(crate) async fn run(args: ForkArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let place = census::session(&api, &args.session).await?;
    let fork = Fork {
        before: args.before,
        through: args.through,
    };
    let (instance, session) = (&place.instance, &place.session.id);
    let made = api.fork(instance, session, &fork).await?;
    if args.json {
        return out::json(&Forked {
            instance,
            session: &made,
        });
    }
    let (id, title) = (out::one_line(&made.id), super::ls::title(&made));
    out::line(&format!("{id}  {title}"))
}

//! `drovers compact`: a session's context, replaced by a summary.

use clap::Args;

use super::Setting;
use crate::api::{Api, ModelChoice};
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Replace a session's context by a summary, to free space
///
/// Returns once the compaction has begun. `drovers wait SESSION` waits for its end.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  drovers compact \"Fix the login\" && drovers wait \"Fix the login\""
)]
pub(crate) struct CompactArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// Model that writes the summary [default: the last one of the session]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<ModelChoice>,
    /// Print {"instance", "session", "title"} as JSON
    #[arg(long)]
    json: bool,
}

/// Compacts.
pub(crate) async fn run(args: CompactArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let place = census::session(&api, &args.session).await?;
    let (instance, session) = (&place.instance, &place.session.id);
    api.compact(instance, session, args.model.as_ref()).await?;
    match args.json {
        true => out::json(&place.named()),
        false => {
            let title = super::ls::title(&place.session);
            out::line(&format!("compacting {title}"))
        }
    }
}

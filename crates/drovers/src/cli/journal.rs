//! `drovers journal`: how the journal is, and whose words go into it.

use clap::{Args, ValueEnum};

use super::Setting;
use crate::api::Api;
use crate::census::{self, Thing};
use crate::fault::Fault;
use crate::out;

/// Tell how the journal is, or keep an instance out of it
///
/// The journal stores what the servers say, so that it can be read back later. What an instance says while it is off is
/// shown live and not stored; what was stored before stays until it is too old, or the instance is removed.
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    /// An instance: its id, the beginning of it, or its name
    #[arg(requires = "kept")]
    instance: Option<String>,
    /// Whether what it says is stored from now on
    kept: Option<Switch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Asks the running hub.
pub(crate) async fn run(args: JournalArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let (Some(name), Some(kept)) = (args.instance, args.kept) else {
        let journal = api.journal().await?;
        let reason = journal.reason.map(|reason| format!(": {reason}"));
        return out::line(&out::one_line(&format!(
            "{}{}",
            journal.status,
            reason.unwrap_or_default()
        )));
    };
    match census::thing(&api, &name).await? {
        Thing::Instance(instance) => {
            let changed = api.set_journal(&instance.id, kept == Switch::On).await?;
            let word = if kept == Switch::On {
                "stored"
            } else {
                "not stored"
            };
            out::line(&format!(
                "what {} says is {word} from now on",
                out::one_line(&changed.name)
            ))
        }
        Thing::Session(_) => Err(Fault::usage(
            "a session cannot be left out of the journal by itself. Name its instance",
        )),
    }
}

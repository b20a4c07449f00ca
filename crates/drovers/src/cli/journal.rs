//! `drovers journal`: state of the journal, and which instances it stores.

use clap::{Args, ValueEnum};

use super::Setting;
use crate::api::Api;
use crate::census::{self, Target};
use crate::fault::Fault;
use crate::out;

/// Show the state of the journal, or exclude an instance from it
///
/// The journal stores the events of the servers for later reading. While the journal of an instance is off, its events are
/// shown live and not stored. Earlier events stay until their retention ends or the instance is removed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers journal")]
pub(crate) struct JournalArgs {
    /// Instance: its id, a prefix of it, or its name
    #[arg(requires = "kept")]
    instance: Option<String>,
    /// Whether to store the events of the instance from now on
    kept: Option<Switch>,
    /// Print {"status", "reason"}, or the instance, as JSON
    #[arg(long)]
    json: bool,
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
        if args.json {
            let (status, reason) = (journal.status, journal.reason);
            return out::json(&serde_json::json!({"status": status, "reason": reason}));
        }
        let reason = journal.reason.map(|reason| format!(": {reason}"));
        return out::line(&out::one_line(&format!(
            "{}{}",
            journal.status,
            reason.unwrap_or_default()
        )));
    };
    match census::thing(&api, &name).await? {
        Target::Instance(instance) => {
            let change = serde_json::json!({"journal": kept == Switch::On});
            let changed = api.change_instance(&instance.id, &change).await?;
            if args.json {
                return out::json(&changed);
            }
            let word = if kept == Switch::On {
                "stored"
            } else {
                "not stored"
            };
            out::line(&format!(
                "events of {} are {word} from now on",
                out::one_line(&changed.name)
            ))
        }
        Target::Session(_) => Err(Fault::usage(
            "the journal can only be switched per instance. Name the session's instance",
        )),
    }
}

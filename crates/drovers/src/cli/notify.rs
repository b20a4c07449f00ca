//! `drovers notify`: who is notified where no page is open.

use clap::{Args, Subcommand, ValueEnum};

use super::Setting;
use crate::api::{Api, NewTarget, Recipient};
use crate::fault::Fault;
use crate::out::{self, one_line};

/// Notify ntfy topics and webhooks of what needs you; list and try all recipients
///
/// A browser subscribes itself: see Settings on the page. A target gets every notification that the settings ask for, with the titles of
/// sessions and the beginning of what is asked: name only servers that may see that. Addresses are https, or http on this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers notify add ntfy https://ntfy.sh/my-secret-topic\n  drovers notify add webhook https://example.com/hook\n  drovers notify test"
)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    what: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Add a target and print its id
    Add {
        /// Kind of the target
        kind: Kind,
        /// Address of an ntfy topic, or of a webhook, which gets JSON
        url: String,
    },
    /// List devices and targets, without their addresses
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a target or a device
    Remove {
        /// Its id, as `drovers notify list` lists it
        id: String,
    },
    /// Send a test to every device and target and print what came of each
    Test {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A topic of an ntfy server
    Ntfy,
    /// An address that takes JSON
    Webhook,
}

/// Runs a notify command.
pub(crate) async fn run(args: NotifyArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    match args.what {
        NotifyCommand::Add { kind, url } => {
            let kind = match kind {
                Kind::Ntfy => "ntfy",
                Kind::Webhook => "webhook",
            };
            out::line(&api.add_target(&NewTarget { kind, url }).await?.id)
        }
        NotifyCommand::List { json } => {
            let known = api.recipients().await?;
            if json {
                return out::json(&known);
            }
            known.iter().try_for_each(|one| out::line(&described(one)))
        }
        NotifyCommand::Remove { id } => api.remove_target(&id).await,
        NotifyCommand::Test { json } => {
            let tried = api.try_recipients().await?;
            if json {
                return out::json(&tried);
            }
            for one in &tried {
                let line = format!("{}: {}", described(&one.to), one.outcome);
                out::line(&one_line(&line))?;
            }
            match tried.iter().all(|one| one.sent) {
                true => Ok(()),
                false => Err(Fault::failed("not everybody was reached")),
            }
        }
    }
}

fn described(one: &Recipient) -> String {
    let owner = one.owner.as_deref();
    let owner = owner.map_or(String::new(), |owner| format!(", {owner}"));
    one_line(&format!("{} {} at {}{owner}", one.id, one.kind, one.server))
}

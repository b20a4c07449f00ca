//! `drovers password`: by which a person logs in from any browser.

use std::io::{IsTerminal, Read};
use std::os::unix::fs::DirBuilderExt;

use clap::{Args, Subcommand};
use hub::access::Password;

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::{limits, out};

/// Set or remove the password by which a browser can log in
///
/// Without a password browsers come in by links and codes alone (`drovers link`, `drovers pair`). Only a hash of the password is kept.
/// Whoever knows it may do everything; failed attempts wait longer and longer, and are in `drovers audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers password set\n  drovers password set --log-out\n  drovers password remove"
)]
pub(crate) struct PasswordArgs {
    #[command(subcommand)]
    what: PasswordCommand,
}

#[derive(Debug, Subcommand)]
enum PasswordCommand {
    /// Set the password: asks for it twice, or reads one line of standard input
    Set {
        /// Log all browsers out and revoke all passkeys, so that each browser has to log in again
        #[arg(long)]
        log_out: bool,
    },
    /// Remove the password: nobody logs in by it any more
    Remove {
        /// Log all browsers out and revoke all passkeys, so that each browser has to log in again
        #[arg(long)]
        log_out: bool,
    },
    /// Say whether a password is set
    Status {
        /// Print {"set"} as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs a password command.
pub(crate) async fn run(args: PasswordArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    let password = Password::in_folder(&data_dir);
    let log_out = match args.what {
        PasswordCommand::Status { json } => {
            let set = password.is_set();
            return match (json, set) {
                (true, _) => out::json(&serde_json::json!({"set": set})),
                (false, true) => out::line("a password is set"),
                (false, false) => out::line("no password is set"),
            };
        }
        PasswordCommand::Set { log_out } => {
            let text = asked()?;
            let mut folder = std::fs::DirBuilder::new();
            let made = folder.recursive(true).mode(0o700).create(&data_dir);
            made.map_err(Fault::failed)?;
            password.set(&text).map_err(Fault::failed)?;
            log_out
        }
        PasswordCommand::Remove { log_out } => {
            if !password.remove().map_err(Fault::failed)? {
                return Err(Fault::failed("no password is set"));
            }
            log_out
        }
    };
    match log_out {
        true => Api::of(&data_dir)?.send_all_away().await,
        false => Ok(()),
    }
}

/// The password of the person in front of the terminal, or the first line of standard input.
fn asked() -> Result<String, Fault> {
    let failed = |error: std::io::Error| Fault::failed(format!("no password was read: {error}"));
    if !std::io::stdin().is_terminal() {
        let mut text = String::new();
        let most = u64::try_from(limits::PASSWORD_LINE).unwrap_or(u64::MAX);
        let mut input = std::io::stdin().take(most);
        input.read_to_string(&mut text).map_err(failed)?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    let first = rpassword::prompt_password("New password: ").map_err(failed)?;
    let again = rpassword::prompt_password("Once more: ").map_err(failed)?;
    match first == again {
        true => Ok(first),
        false => Err(Fault::failed(
            "these are two passwords. Nothing was changed",
        )),
    }
}

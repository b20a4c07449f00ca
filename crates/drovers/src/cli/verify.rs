//! `drovers verify`: whether a session is the same as on its server.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::complete;
use crate::fault::Fault;
use crate::{census, out};

/// Compare a session with its server
///
/// Reads its messages, status and requests from the server, and compares them with what Drovers shows. What streams meanwhile is no
/// difference. Ends with 0 if nothing differs, and with 1 otherwise.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers verify \"Fix the login\"\n  drovers verify ses_1a --heal"
)]
pub(crate) struct VerifyArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// If something differs, read the session again from its server, and compare once more
    #[arg(long)]
    heal: bool,
    /// Print {"same", "at", "messages", "proven", "differences": [{"words", "message", "part", "field", "here", "server"}]} as JSON
    #[arg(long)]
    json: bool,
}

/// Compares.
pub(crate) async fn run(args: VerifyArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let place = census::session(&api, &args.session).await?;
    let (instance, session) = (&place.instance, &place.session.id);
    let mut compared = api.verify(instance, session).await?;
    if args.heal && !compared.same {
        if !args.json {
            print(&compared.differences)?;
        }
        api.reread(instance, session).await?;
        compared = api.verify(instance, session).await?;
    }
    if args.json {
        out::json(&compared)?;
    } else if compared.same {
        let many = match compared.messages {
            1 => "1 message".to_owned(),
            many => format!("{many} messages"),
        };
        let proven = compared.proven;
        let proven = proven.map(|seq| format!(", proven up to number {seq}"));
        out::line(&format!(
            "the same as its server: {many}, status and requests{}",
            proven.unwrap_or_default()
        ))?;
    } else {
        print(&compared.differences)?;
    }
    match compared.same {
        true => Ok(()),
        false => Err(Fault::failed(
            "the session differs from its server. `drovers verify SESSION --heal` reads it again",
        )),
    }
}

fn print(differences: &[crate::api::Difference]) -> Result<(), Fault> {
    differences
        .iter()
        .try_for_each(|one| out::line(&out::one_line(&one.words)))
}

//! `drovers token`: who may come in beside the person at this terminal.

use std::str::FromStr;

use clap::{Args, Subcommand};
use hub::access::Role;

use super::Setting;
use crate::api::{Api, NewToken};
use crate::fault::Fault;
use crate::out::{self, one_line};

/// Create, list and revoke tokens for scripts, and revoke pages and passkeys
///
/// A script sends its token as `Authorization: Bearer TOKEN`; this program reads it from DROVERS_TOKEN. Grant only the
/// roles that the script needs: `watch` reads, `answer` reads and answers permissions and questions, `drive` reads, prompts and
/// creates, stops and deletes sessions, `admin` does everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers token add ci --role watch --expires 30d\n  drovers token revoke ci"
)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    what: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create a token and print its secret, which is shown only once
    Add {
        /// Name of the token: letters, digits, `.`, `_` and `-`
        name: String,
        /// Role: watch, answer, drive or admin; may be repeated
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Role>,
        /// Lifetime of the token, such as 12h or 30d [default: unlimited]
        #[arg(long, value_name = "TIME")]
        expires: Option<Span>,
    },
    /// List tokens, pages and passkeys
    Ls {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, a page or a passkey; open connections end at once
    Revoke {
        /// The token's name
        #[arg(required_unless_present_any = ["page", "passkey"])]
        name: Option<String>,
        /// A page's id, as `drovers token ls` lists it; passkeys that it registered are revoked as well
        #[arg(long, value_name = "ID", conflicts_with = "name")]
        page: Option<String>,
        /// A passkey's id, as `drovers token ls` lists it
        #[arg(long, value_name = "ID", conflicts_with_all = ["name", "page"])]
        passkey: Option<String>,
    },
}

/// A span of time as people write it, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span(u64);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MEANT: &str = "write a time as 90m, 12h or 30d";
        let text = text.trim();
        let (number, unit) =
            text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return Err(MEANT),
        };
        let number: u32 = number.parse().map_err(|_| MEANT)?;
        if number == 0 {
            return Err("the lifetime of a token must be greater than zero");
        }
        Ok(Self(u64::from(number) * seconds))
    }
}

/// Runs a token command.
pub(crate) async fn run(args: TokenArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    match args.what {
        TokenCommand::Add {
            name,
            roles,
            expires,
        } => {
            let new = NewToken {
                name,
                roles: roles.iter().map(ToString::to_string).collect(),
                expires_in: expires.map(|span| span.0),
            };
            out::line(&api.add_token(&new).await?.secret)
        }
        TokenCommand::Ls { json } => list(&api, json).await,
        TokenCommand::Revoke {
            page: Some(page), ..
        } => api.send_away(&page).await,
        TokenCommand::Revoke {
            passkey: Some(passkey),
            ..
        } => api.revoke_passkey(&passkey).await,
        TokenCommand::Revoke { name, .. } => api.revoke_token(&name.unwrap_or_default()).await,
    }
}

async fn list(api: &Api, json: bool) -> Result<(), Fault> {
    let known = api.tokens().await?;
    if json {
        return out::json(&known);
    }
    let tokens = known.tokens.iter().map(|token| {
        let what = format!("token {}: {}", token.name, token.roles.join(", "));
        (what, &token.made, &token.used, &token.expires)
    });
    let pages = known.pages.iter().map(|page| {
        let what = format!(
            "page {}: {}, {}",
            page.id,
            page.browser,
            page.roles.join(", ")
        );
        (what, &page.made, &page.used, &page.expires)
    });
    let passkeys = known.passkeys.iter().map(|passkey| {
        let what = format!(
            "passkey {}: {}, {}, {}",
            passkey.id,
            passkey.name,
            passkey.site,
            passkey.roles.join(", ")
        );
        (what, &passkey.made, &passkey.used, &None)
    });
    for (what, made, used, expires) in tokens.chain(pages).chain(passkeys) {
        let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
        let or = |time: &Option<String>, none: &str| time.as_deref().map_or(none.to_owned(), day);
        out::line(&one_line(&format!(
            "{what}; made {}, used {}, ends {}",
            day(made),
            or(used, "never"),
            or(expires, "never")
        )))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_minutes_hours_or_days() {
        assert_eq!("30d".parse(), Ok(Span(2_592_000)));
        assert_eq!(" 12h ".parse(), Ok(Span(43_200)));
        for text in [
            "",
            "d",
            "-1d",
            "1.5h",
            "30",
            "0d",
            "1\u{e9}",
            "99999999999d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}

//! `drovers pair`: a code in the terminal that lets a phone in.

use clap::Args;
use hub::access::Role;

use super::Setting;
use crate::api::{Api, NewPairing, Paired};
use crate::fault::Fault;
use crate::out;

/// Print a QR code and a link that let one device in, once, within five minutes
///
/// The hub has to listen on an address that the device reaches: see `drovers up --listen` and `drovers remote`. The device stays in
/// until 90 days without use or until it is revoked (`drovers token revoke --page`, or Devices in the settings of the page).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers pair\n  drovers pair --role answer --role drive\n  drovers pair --role watch --at https://hub.example.org"
)]
pub(crate) struct PairArgs {
    /// Role of the device: watch, answer, drive or admin; may be repeated [default: admin]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// Address by which the device reaches the hub, one of those of `drovers access` [default: the first one]
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// Print {"link", "expires_in", "code", "fingerprint"} as JSON
    #[arg(long)]
    json: bool,
}

/// Prints a code.
pub(crate) async fn run(args: PairArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let roles = match args.roles.is_empty() {
        true => vec![Role::Admin],
        false => args.roles,
    };
    let wanted = NewPairing {
        roles: roles.iter().map(ToString::to_string).collect(),
        at: args.at.map(|at| at.trim_end_matches('/').to_owned()),
    };
    let paired = api.pair(&wanted).await?;
    if args.json {
        return out::json(&paired);
    }
    show(&paired)
}

fn show(paired: &Paired) -> Result<(), Fault> {
    // A code for a camera is for a terminal; a script gets the link alone.
    if out::is_terminal() {
        for line in drawn(&paired.code) {
            out::line(&line)?;
        }
    }
    out::line(&paired.link)?;
    out::note("the link works once, within five minutes");
    if let Some(fingerprint) = &paired.fingerprint {
        out::note(&format!(
            "the device warns of an unknown certificate, once. This is the right one: SHA-256 {fingerprint}"
        ));
    }
    Ok(())
}

/// A code in half blocks, two rows on each line, light on dark so that most terminals have the right contrast.
fn drawn(code: &[String]) -> Vec<String> {
    const QUIET: usize = 2;
    let width = code.len() + 2 * QUIET;
    let is_light = |x: usize, y: usize| {
        let row = y.checked_sub(QUIET).and_then(|y| code.get(y));
        let sign = row.and_then(|row| row.as_bytes().get(x.checked_sub(QUIET)?));
        y < width && sign != Some(&b'1')
    };
    let line = |y: usize| {
        let sign = |x| match (is_light(x, y), is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..width).map(sign).collect()
    };
    (0..width).step_by(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_a_light_border() {
        let code = ["101", "010", "101"].map(str::to_owned);
        let lines = drawn(&code);
        assert_eq!(lines, ["███████", "██▄▀▄██", "██▄█▄██", "▀▀▀▀▀▀▀"]);
    }
}

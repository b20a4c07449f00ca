//! `drovers access`: how the hub can be reached.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::out;

/// Show how other devices reach the hub, and its certificate
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers access\n  drovers access --authority > drovers-ca.pem"
)]
pub(crate) struct AccessArgs {
    /// Print the certificate of the hub's own authority as PEM: a device that trusts it does not warn of the hub
    #[arg(long, conflicts_with = "json")]
    authority: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub(crate) async fn run(args: &AccessArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let facts = api.access().await?;
    if args.json {
        return out::json(&facts);
    }
    if args.authority {
        let Some(authority) = &facts.authority else {
            return Err(Fault::failed(
                "the hub has no authority of its own: it listens on this machine only, or has another certificate",
            ));
        };
        return out::script(authority);
    }
    out::line(&format!("this machine: {}", api.url()))?;
    for url in &facts.urls {
        out::line(&format!("other devices: {}", out::one_line(url)))?;
    }
    if let Some(listens) = &facts.listens {
        let tls = match facts.tls.as_deref() {
            Some("own") => "TLS with your certificate",
            Some("self-made") => "TLS with a certificate of its own",
            _ => "behind a proxy that speaks TLS",
        };
        out::line(&format!("listens on {listens}, {tls}"))?;
    } else {
        out::line("other devices cannot reach it: see `drovers up --listen` and `drovers remote`")?;
    }
    let fingerprints = [
        ("certificate", &facts.fingerprint),
        ("authority", &facts.authority_fingerprint),
    ];
    for (what, fingerprint) in fingerprints {
        if let Some(fingerprint) = fingerprint {
            out::line(&format!("{what} SHA-256 {fingerprint}"))?;
        }
    }
    out::line(match facts.password {
        true => "browsers may log in by a password",
        false => "no password is set",
    })
}

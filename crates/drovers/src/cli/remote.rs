//! `drovers remote`: the hub in a private network of Tailscale, with its certificate.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::Args;
use serde::Deserialize;
use url::Url;

use super::Setting;
use crate::api::{AccessFacts, Api};
use crate::fault::Fault;
use crate::out;
use crate::serving::command_for;

/// The program of Tailscale.
const TAILSCALE: &str = "tailscale";

/// The address on which a hub takes what Tailscale forwards, in what this command prints.
const LISTEN: &str = "127.0.0.1:7879";

/// Let your devices reach the hub from everywhere, by Tailscale Serve
///
/// Only devices of your own Tailscale network reach the hub, over TLS. The hub has to listen for what Tailscale forwards; where it does
/// not, or where Tailscale is missing, this prints the commands that lack. Nothing is opened to the internet.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers remote")]
pub(crate) struct RemoteArgs {
    /// Print {"done", "url", "commands"} as JSON
    #[arg(long)]
    json: bool,
}

/// What `tailscale status --json` says of this machine.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(rename = "Self")]
    this: Option<Machine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Machine {
    #[serde(rename = "DNSName", default)]
    name: String,
}

/// What has to be done, or was.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Tailscale Serve can be set up for this address of the hub.
    Serve { port: u16, url: String },
    /// These commands lack.
    Lacks(Vec<String>),
}

/// Sets Tailscale Serve up, or says what lacks.
pub(crate) async fn run(args: &RemoteArgs, setting: &Setting) -> Result<(), Fault> {
    let name = machine_name();
    let data_dir = setting.data_dir()?;
    let api = Api::of(&data_dir);
    let facts = match &api {
        Ok(api) => Some(api.access().await?),
        Err(_none_runs) => None,
    };
    match plan(name.as_deref(), facts.as_ref(), &data_dir) {
        Plan::Lacks(commands) => {
            if args.json {
                return out::json(
                    &serde_json::json!({"done": false, "url": null, "commands": commands}),
                );
            }
            out::line(&lacking(facts.as_ref()))?;
            commands
                .iter()
                .try_for_each(|command| out::line(&format!("  {command}")))
        }
        Plan::Serve { port, url } => {
            let target = format!("http://127.0.0.1:{port}");
            let done = tailscale(&["serve", "--bg", &target])
                .map_err(|error| Fault::failed(format!("`tailscale` cannot be run: {error}")))?;
            if !done.status.success() {
                let message = String::from_utf8_lossy(&done.stderr).into_owned();
                return Err(Fault::failed(format!(
                    "`tailscale serve` refused: {}. Do what it says, then try again",
                    out::one_line(message.trim())
                )));
            }
            if args.json {
                return out::json(&serde_json::json!({"done": true, "url": url, "commands": []}));
            }
            out::line(&format!("your devices reach the hub at {url}"))?;
            let pair = command_for("drovers pair", &data_dir);
            out::note(&format!("`{pair}` prints a code that lets a phone in"));
            Ok(())
        }
    }
}

/// How the hub is reached without Tailscale Serve, above the commands that lack.
fn lacking(facts: Option<&AccessFacts>) -> String {
    let urls = facts.map_or(&[][..], |facts| &facts.urls);
    if urls.is_empty() {
        return "Other devices cannot reach the hub yet. Run:".to_owned();
    }
    let urls = out::one_line(&urls.join(", "));
    format!("Other devices reach the hub at {urls}, but not by Tailscale Serve. For that run:")
}

/// What has to be done on a machine of this name in Tailscale, for a hub with this data directory that is reached so.
fn plan(name: Option<&str>, facts: Option<&AccessFacts>, data_dir: &Path) -> Plan {
    let serve = format!("tailscale serve --bg http://{LISTEN}");
    let Some(name) = name else {
        let install = "curl -fsSL https://tailscale.com/install.sh | sh && sudo tailscale up";
        return Plan::Lacks(vec![
            install.to_owned(),
            command_for("drovers remote", data_dir),
        ]);
    };
    let url = format!("https://{name}");
    let behind =
        facts.filter(|facts| facts.tls.as_deref() == Some("proxy") && facts.urls.contains(&url));
    let listens = behind.and_then(|facts| {
        facts
            .listens
            .as_deref()?
            .parse::<std::net::SocketAddr>()
            .ok()
    });
    match listens.filter(|address| address.ip().is_loopback()) {
        Some(address) => Plan::Serve {
            port: address.port(),
            url,
        },
        None => Plan::Lacks(vec![
            command_for(
                &format!("drovers up --listen {LISTEN} --behind-proxy 127.0.0.1 --name {name}"),
                data_dir,
            ),
            serve,
        ]),
    }
}

/// The name of this machine in Tailscale; `None` where Tailscale is not installed or not connected.
fn machine_name() -> Option<String> {
    let output = tailscale(&["status", "--json"]).ok()?;
    let status: Status = serde_json::from_slice(&output.stdout).ok()?;
    let name = status.this?.name.trim_end_matches('.').to_ascii_lowercase();
    // It becomes part of a command that a person is to run.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let is_name = !name.is_empty() && name.bytes().all(plain);
    let is_host = Url::parse(&format!("https://{name}")).is_ok();
    (is_name && is_host).then_some(name)
}

fn tailscale(args: &[&str]) -> std::io::Result<Output> {
    Command::new(TAILSCALE)
        .args(args)
        .stdin(Stdio::null())
        .output()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(tls: Option<&str>, listens: Option<&str>, urls: &[&str]) -> AccessFacts {
        AccessFacts {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            listens: listens.map(str::to_owned),
            tls: tls.map(str::to_owned),
            fingerprint: None,
            authority_fingerprint: None,
            authority: None,
            password: false,
        }
    }

    #[test]
    fn what_lacks_is_said_and_what_is_there_is_used() {
        const NAME: &str = "box.tail1234.ts.net";
        const URL: &str = "https://box.tail1234.ts.net";
        let data_dir = Path::new("/srv/drovers data");
        let lacks = |name, facts: Option<&AccessFacts>| match plan(name, facts, data_dir) {
            Plan::Lacks(commands) => commands.join("\n"),
            Plan::Serve { .. } => String::new(),
        };
        assert!(lacks(None, None).contains("tailscale up"));
        assert!(lacks(None, None).contains("drovers remote --data-dir '/srv/drovers data'"));
        let home = facts(None, None, &[]);
        let other = facts(Some("proxy"), Some("127.0.0.1:7879"), &["https://other"]);
        let open = facts(Some("self-made"), Some("0.0.0.0:7878"), &[URL]);
        for facts in [None, Some(&home), Some(&other), Some(&open)] {
            let commands = lacks(Some(NAME), facts);
            assert!(commands.contains("--behind-proxy 127.0.0.1 --name box.tail1234.ts.net"));
            assert!(commands.contains("--data-dir '/srv/drovers data'"));
            assert!(commands.contains("tailscale serve --bg http://127.0.0.1:7879"));
        }
        let ready = facts(Some("proxy"), Some("127.0.0.1:9999"), &[URL]);
        let wanted = Plan::Serve {
            port: 9999,
            url: URL.to_owned(),
        };
        assert!(lacking(None).contains("cannot reach"));
        assert!(lacking(Some(&home)).contains("cannot reach"));
        assert!(lacking(Some(&open)).contains(&format!("reach the hub at {URL}")));
        assert_eq!(plan(Some(NAME), Some(&ready), data_dir), wanted);
    }
}

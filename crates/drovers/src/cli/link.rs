//! `drovers link`: prints an address that gives a browser access.

use clap::Args;
use url::{Host, Url};

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::out;

/// Print an address that gives one browser access, once, within ten minutes
///
/// The browser keeps its access until 90 days without use or until `drovers token revoke --page`.
///
/// If the browser runs on another machine, forward a port of that machine to the hub and print a link with that port:
/// `ssh -L 9000:127.0.0.1:7878 HOST` there, `drovers link --port 9000` here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers link\n  drovers link --port 9000")]
pub(crate) struct LinkArgs {
    /// Port on the browser's machine that is forwarded to the hub [default: the hub's own]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "at")]
    port: Option<u16>,
    /// Full address by which the browser reaches the hub, such as http://localhost:9000
    #[arg(long, value_name = "ADDRESS")]
    at: Option<String>,
    /// Print {"link"} as JSON
    #[arg(long)]
    json: bool,
}

impl LinkArgs {
    /// The address that the link begins with, where it is not the hub's own.
    fn base(&self, hub: &Url) -> Result<Option<Url>, Fault> {
        if let Some(at) = &self.at {
            return loopback(at).map(Some);
        }
        let Some(port) = self.port else {
            return Ok(None);
        };
        let mut url = hub.clone();
        match url.set_port(Some(port)) {
            Ok(()) => Ok(Some(url)),
            Err(()) => Err(Fault::failed("a port cannot be set on the hub's address")),
        }
    }
}

/// An address that the hub answers to: whatever its port, its host is a loopback name.
fn loopback(text: &str) -> Result<Url, Fault> {
    let refused = |why: &str| {
        Fault::usage(format!(
            "`--at`: {why}. Write it as http://localhost:9000, with the port that is forwarded to the hub"
        ))
    };
    let url = Url::parse(text.trim()).map_err(|_| refused("not a valid address"))?;
    if url.scheme() != "http" {
        return Err(refused("the address must begin with http://"));
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if !local {
        return Err(refused(
            "the hub accepts only `localhost` and loopback addresses",
        ));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(refused("give only a host and a port"));
    }
    Ok(url)
}

/// Prints a link.
pub(crate) async fn run(args: LinkArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let base = args.base(&api.address())?;
    let base = base.unwrap_or_else(|| api.address());
    let link = api.link_at(&base, "").await?;
    match args.json {
        true => out::json(&serde_json::json!({"link": link})),
        false => out::line(&link),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_begins_with_a_loopback_address_of_any_port() {
        for (text, base) in [
            ("http://localhost:9000", "http://localhost:9000/"),
            (" http://127.0.0.1:9000/ ", "http://127.0.0.1:9000/"),
            ("http://[::1]:9000", "http://[::1]:9000/"),
            ("http://LOCALHOST", "http://localhost/"),
        ] {
            let url = loopback(text).map(String::from);
            assert_eq!(url, Ok(base.to_owned()), "{text}");
        }
        for text in [
            "",
            "9000",
            "localhost:9000",
            "https://localhost:9000",
            "http://example.com:9000",
            "http://localhost.example.com",
            "http://192.168.0.2:9000",
            "http://localhost:9000/page",
            "http://localhost:9000/?a",
            "http://localhost:9000/#a",
            "http://me@localhost:9000",
            "http://:hush@localhost:9000",
        ] {
            let refused = loopback(text).map_err(|fault| fault.to_string());
            assert!(
                refused
                    .is_err_and(|message| message.contains("`--at`") && !message.contains("hush")),
                "{text}"
            );
        }
    }
}

//! `drovers link`: the address that lets a browser in.

use clap::Args;
use url::{Host, Url};

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::out;

/// Print an address that lets one browser in, once, within ten minutes
///
/// The browser is known from then on, until it was away for 90 days or is sent away by `drovers token revoke --page`.
///
/// Where the browser runs on another machine, forward a port of that machine to the hub, and ask for a link by it:
/// `ssh -L 9000:127.0.0.1:7878 HOST` there, `drovers link --port 9000` here.
#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// The port that is forwarded to the hub where the browser runs [default: the hub's own]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "at")]
    port: Option<u16>,
    /// The whole address by which the browser reaches the hub, such as http://localhost:9000
    #[arg(long, value_name = "ADDRESS")]
    at: Option<String>,
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
            Err(()) => Err(Fault::failed("the hub's address takes no port")),
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
    let url = Url::parse(text.trim()).map_err(|_| refused("this is not an address"))?;
    if url.scheme() != "http" {
        return Err(refused("the hub's address begins with http://"));
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if !local {
        return Err(refused(
            "the hub answers only to `localhost` and loopback addresses, where the browser runs as well",
        ));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it has more in it than a host and a port"));
    }
    Ok(url)
}

/// Prints a link.
pub(crate) async fn run(args: LinkArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let base = args.base(&api.address())?;
    let base = base.unwrap_or_else(|| api.address());
    out::line(&api.link_at(&base, "").await?)
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
                refused.is_err_and(|said| said.contains("`--at`") && !said.contains("hush")),
                "{text}"
            );
        }
    }
}

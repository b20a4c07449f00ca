//! The site that a passkey is bound to: the name by which a browser called the hub.

use super::door::{Hosts, RequestOrigin, admit};
use super::hosts::HostName;

/// Name and origin of an admitted request. Nothing that a client sends in a body gets into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    name: Box<str>,
    origin: Box<str>,
}

impl Site {
    /// The site of a request. `None` if it is not admitted, or if browsers take no passkeys there: they do for a name over
    /// TLS and for `localhost`, and never for an address.
    pub fn of(visit: RequestOrigin<'_>, hosts: Hosts<'_>) -> Option<Self> {
        let entrance = admit(visit, hosts).ok()?;
        let host = visit.host?;
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        let Ok(HostName::Name(name)) = bare.parse() else {
            return None;
        };
        if !entrance.secure && &*name != "localhost" {
            return None;
        }
        let (scheme, usual) = hosts.scheme();
        // As browsers write it: without the usual port.
        let origin = match entrance.port == usual {
            true => format!("{scheme}{name}"),
            false => format!("{scheme}{name}:{}", entrance.port),
        };
        Some(Self {
            name,
            origin: origin.into(),
        })
    }

    /// The name, to which passkeys are bound (*relying party identifier*).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origin that a browser has to report.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(host: &str) -> RequestOrigin<'_> {
        RequestOrigin {
            host: Some(host),
            ..RequestOrigin::default()
        }
    }

    #[test]
    fn a_site_is_a_name_that_was_admitted_and_no_address() {
        let names = ["hub.example.org", "203.0.113.7"].map(|name| name.parse());
        let names: Vec<HostName> = names.into_iter().flatten().collect();
        let outside = Hosts::Named {
            names: &names,
            here: "192.168.1.4".parse().ok(),
        };
        for (hosts, host, origin) in [
            (Hosts::Loopback, "localhost", "http://localhost"),
            (Hosts::Loopback, "LocalHost:7878", "http://localhost:7878"),
            (outside, "Hub.Example.ORG", "https://hub.example.org"),
            (outside, "hub.example.org:443", "https://hub.example.org"),
            (outside, "hub.example.org:80", "https://hub.example.org:80"),
        ] {
            let site = Site::of(visit(host), hosts);
            assert_eq!(site.as_ref().map(Site::origin), Some(origin), "{host}");
            let name = origin
                .split("//")
                .nth(1)
                .and_then(|it| it.split(':').next());
            assert_eq!(site.as_ref().map(Site::name), name);
        }
        for (hosts, host) in [
            (Hosts::Loopback, "127.0.0.1:7878"),
            (Hosts::Loopback, "[::1]:7878"),
            (Hosts::Loopback, "hub.example.org"),
            (outside, "203.0.113.7"),
            (outside, "192.168.1.4:7878"),
            (outside, "localhost"),
            (outside, "evil.example"),
        ] {
            assert_eq!(Site::of(visit(host), hosts), None, "{host}");
        }
        let other = RequestOrigin {
            origin: Some("https://evil.example"),
            ..visit("hub.example.org")
        };
        assert_eq!(Site::of(other, outside), None);
    }
}

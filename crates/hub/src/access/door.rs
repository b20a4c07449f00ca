//! Admission of a request by the headers that show its origin.

use std::net::IpAddr;

use super::hosts::HostName;

/// The address by which an admitted request reached the hub: one of its names with this port. The port differs from the
/// hub's own where the hub is behind a forwarded port (`ssh -L 9000:127.0.0.1:7878`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The port in `Host`; the default of the scheme, 80 or 443, if absent.
    pub port: u16,
    /// True if the browser speaks TLS.
    pub secure: bool,
}

/// The names that a listener of the hub has.
#[derive(Clone, Copy, Debug)]
pub enum Hosts<'a> {
    /// Loopback names, over plain HTTP.
    Loopback,
    /// Over TLS: these names, and the address that the connection was made to, where that is known.
    Named {
        /// The names.
        names: &'a [HostName],
        /// The address of the hub's end of the connection.
        here: Option<IpAddr>,
    },
}

impl Hosts<'_> {
    fn is_secure(self) -> bool {
        matches!(self, Self::Named { .. })
    }

    pub(super) fn scheme(self) -> (&'static str, u16) {
        match self {
            Self::Loopback => ("http://", 80),
            Self::Named { .. } => ("https://", 443),
        }
    }

    fn has(self, host: &str, ip: Option<IpAddr>) -> bool {
        let is_localhost = host.eq_ignore_ascii_case("localhost");
        match self {
            Self::Loopback => is_localhost || ip.is_some_and(|ip| ip.is_loopback()),
            Self::Named { names, here } => {
                let same = |name: &HostName| match name {
                    HostName::Name(name) => name.eq_ignore_ascii_case(host),
                    HostName::Address(known) => ip == Some(*known),
                };
                let at_home = here.is_some_and(|here| here.is_loopback());
                names.iter().any(same) || (ip.is_some() && ip == here) || (is_localhost && at_home)
            }
        }
    }
}

/// The headers that show the origin of a request, unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOrigin<'a> {
    /// Host and port of the request's target, where the target is an absolute URL.
    pub authority: Option<&'a str>,
    /// `Host`.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub dest: Option<&'a str>,
    /// True for `GET` and `HEAD`.
    pub reads: bool,
}

/// The reason why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host is not a name of this machine, as after DNS rebinding.
    #[error("the `Host` of this request is not one of this hub's addresses")]
    Host,
    /// The request was made by another site's page.
    #[error("this request comes from a page of another site")]
    Origin,
    /// A proxy that the hub does not know forwarded the request.
    #[error("this request was forwarded by a proxy that the hub does not know")]
    UnknownProxy,
    /// A known proxy forwarded a request that did not reach it over TLS.
    #[error("the proxy does not report that this request reached it over TLS")]
    NotSecure,
}

/// Admits a request, and returns the port by which it arrived; or the reason of the rejection.
///
/// Any port of the names is accepted: whoever forwards ports decides which of them lead here, and a page can
/// change neither the `Host` nor the `Origin` of its requests. `Origin` must equal `Host`, so that a page of another
/// port is rejected.
///
/// # Errors The request names another host than this machine, or another site's page made it.
pub fn admit(visit: RequestOrigin<'_>, hosts: Hosts<'_>) -> Result<Entrance, Refusal> {
    let host = visit.host.ok_or(Refusal::Host)?;
    let port = port_of(host, hosts).ok_or(Refusal::Host)?;
    let (scheme, _) = hosts.scheme();
    let same = |other: &str| other.eq_ignore_ascii_case(host);
    if !visit.authority.is_none_or(same) {
        return Err(Refusal::Host);
    }
    let origin = visit.origin.map(|origin| origin.strip_prefix(scheme));
    if origin.is_some_and(|origin| !origin.is_some_and(same)) {
        return Err(Refusal::Origin);
    }
    match visit.site {
        // Another port of this machine is the same site, and still not trusted.
        Some(site) if !matches!(site, "same-origin" | "none") && !visit.follows_a_link() => {
            Err(Refusal::Origin)
        }
        _ => Ok(Entrance {
            port,
            secure: hosts.is_secure(),
        }),
    }
}

/// The port of an authority (`host:port`) that is one of these hosts.
fn port_of(authority: &str, hosts: Hosts<'_>) -> Option<u16> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            (host, port.parse().ok().filter(|_| digits)?)
        }
        _ => (authority, hosts.scheme().1),
    };
    let bare = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').filter(|host| host.contains(':'))?,
        None => Some(host).filter(|host| !host.contains(':'))?,
    };
    let ip = bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    (hosts.has(bare, ip) && port != 0).then_some(port)
}

impl RequestOrigin<'_> {
    /// True if a person follows a link from another site: the hub's page is shown, and the other site learns nothing.
    fn follows_a_link(&self) -> bool {
        self.reads
            && self.origin.is_none()
            && self.mode == Some("navigate")
            && self.dest == Some("document")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn visit(host: &str) -> RequestOrigin<'_> {
        RequestOrigin {
            host: Some(host),
            reads: true,
            ..RequestOrigin::default()
        }
    }

    fn at_home(visit: RequestOrigin<'_>) -> Result<Entrance, Refusal> {
        admit(visit, Hosts::Loopback)
    }

    fn inside(port: u16) -> Entrance {
        Entrance {
            port,
            secure: false,
        }
    }

    #[test]
    fn over_tls_only_the_given_names_and_the_own_address_lead_to_the_hub() {
        let names: Vec<HostName> = ["hub.example.org", "203.0.113.7"]
            .map(|name| name.parse().unwrap())
            .into();
        let here = |ip: &str| Hosts::Named {
            names: &names,
            here: Some(ip.parse().unwrap()),
        };
        let home = here("192.168.1.4");
        for (host, port) in [
            ("hub.example.org", 443),
            ("HUB.example.org:7878", 7878),
            ("203.0.113.7:9", 9),
            ("192.168.1.4", 443),
        ] {
            let secure = Ok(Entrance { port, secure: true });
            assert_eq!(admit(visit(host), home), secure, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "hub.example.org.evil.example",
            "evil.hub.example.org",
            "localhost",
            "127.0.0.1",
            "192.168.1.5",
            "hub.example.org:0",
            "user@hub.example.org",
        ] {
            assert_eq!(admit(visit(host), home), Err(Refusal::Host), "{host}");
        }
        assert!(admit(visit("localhost"), here("127.0.0.1")).is_ok());
        assert!(admit(visit("[fd00::1]:9"), here("fd00::1")).is_ok());
        let unknown = Hosts::Named {
            names: &names,
            here: None,
        };
        assert!(admit(visit("hub.example.org"), unknown).is_ok());
        assert_eq!(admit(visit("192.168.1.4"), unknown), Err(Refusal::Host));
        for (origin, good) in [
            ("https://hub.example.org", true),
            ("http://hub.example.org", false),
            ("https://hub.example.org:8443", false),
            ("https://192.168.1.4", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let from = RequestOrigin {
                origin: Some(origin),
                ..visit("hub.example.org")
            };
            assert_eq!(admit(from, home).is_ok(), good, "{origin}");
        }
    }

    #[test]
    fn every_port_of_this_machines_names_leads_to_the_hub_and_no_other_name() {
        for (host, port) in [
            ("127.0.0.1:7878", 7878),
            ("localhost:7878", 7878),
            ("LocalHost:9000", 9000),
            ("[::1]:7878", 7878),
            ("127.0.0.9:1", 1),
            ("127.0.0.1", 80),
            ("localhost", 80),
            ("[::1]", 80),
            ("localhost:80", 80),
        ] {
            assert_eq!(at_home(visit(host)), Ok(inside(port)), "{host}");
        }
        for host in [
            "",
            ":7878",
            "evil.example:7878",
            "evil.example",
            "localhost.evil.example:7878",
            "evil.localhost:7878",
            "127.0.0.1.nip.io:7878",
            "192.168.0.2:7878",
            "0.0.0.0:7878",
            "[::]:7878",
            "::1:7878",
            "[localhost]:7878",
            "localhost:7878:7878",
            "localhost:+7878",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:7878@evil.example",
            "user@localhost:7878",
            "2130706433:7878",
        ] {
            assert_eq!(at_home(visit(host)), Err(Refusal::Host), "{host}");
        }
        assert_eq!(at_home(RequestOrigin::default()), Err(Refusal::Host));
    }

    #[test]
    fn a_request_that_names_two_places_is_refused() {
        let absolute = |authority| RequestOrigin {
            authority: Some(authority),
            ..visit("localhost:7878")
        };
        assert!(at_home(absolute("LOCALHOST:7878")).is_ok());
        for authority in ["evil.example:7878", "localhost:9000", "127.0.0.1:7878"] {
            let refused = at_home(absolute(authority));
            assert_eq!(refused, Err(Refusal::Host), "{authority}");
        }
    }

    #[test]
    fn other_origins_stay_out() {
        let from = |origin| RequestOrigin {
            origin: Some(origin),
            ..visit("localhost:7878")
        };
        assert!(at_home(from("http://localhost:7878")).is_ok());
        let forwarded = RequestOrigin {
            origin: Some("http://localhost:9000"),
            ..visit("localhost:9000")
        };
        assert_eq!(at_home(forwarded), Ok(inside(9000)));
        for origin in [
            "null",
            "",
            "http://evil.example",
            "https://localhost:7878",
            "http://localhost:3000",
            "http://localhost",
            "http://127.0.0.1:7878",
            "http://localhost:7878.evil.example",
            "localhost:7878",
        ] {
            assert_eq!(at_home(from(origin)), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn other_sites_may_link_to_the_page_and_nothing_else() {
        let fetch = |site, mode, dest, reads| RequestOrigin {
            site: Some(site),
            mode: Some(mode),
            dest: Some(dest),
            reads,
            ..visit("localhost:7878")
        };
        for (site, mode, dest, reads, admitted) in [
            ("same-origin", "cors", "empty", true, true),
            ("same-origin", "websocket", "websocket", true, true),
            ("none", "navigate", "document", true, true),
            ("cross-site", "navigate", "document", true, true),
            ("same-site", "navigate", "document", true, true),
            ("cross-site", "navigate", "document", false, false),
            ("cross-site", "navigate", "iframe", true, false),
            ("cross-site", "no-cors", "script", true, false),
            ("cross-site", "no-cors", "image", true, false),
            ("cross-site", "cors", "empty", true, false),
            ("cross-site", "websocket", "websocket", true, false),
            ("same-site", "cors", "empty", true, false),
            ("same-site", "no-cors", "script", true, false),
        ] {
            let result = at_home(fetch(site, mode, dest, reads));
            assert_eq!(result.is_ok(), admitted, "{site} {mode} {dest} {reads}");
        }
    }
}

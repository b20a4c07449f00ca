//! Whether a request is let in, by what its headers say of where it comes from.

use std::net::IpAddr;

/// The door of a hub that listens on one port of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    port: u16,
}

/// What a request tells of itself: the headers of the same names, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visit<'a> {
    /// The request's target, where it is a whole address: its host and port.
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

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names another host than this machine, as after DNS rebinding.
    #[error("this request names another host than this hub's own")]
    Host,
    /// It was made by another site's page.
    #[error("this request was made by the page of another site")]
    Origin,
}

impl Door {
    /// The door of a hub that listens on `port`.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets a request in, or says why not.
    ///
    /// # Errors
    /// It does not name this hub, or another site's page made it.
    pub fn admit(&self, visit: Visit<'_>) -> Result<(), Refusal> {
        let host = visit.host.ok_or(Refusal::Host)?;
        let named = [Some(host), visit.authority];
        if !named.into_iter().flatten().all(|host| self.is_ours(host)) {
            return Err(Refusal::Host);
        }
        let origin = visit.origin.map(|origin| origin.strip_prefix("http://"));
        if origin
            .is_some_and(|origin| !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)))
        {
            return Err(Refusal::Origin);
        }
        match visit.site {
            // Another port of this machine is the same site, and no friend for that.
            Some(site) if !matches!(site, "same-origin" | "none") && !visit.follows_a_link() => {
                Err(Refusal::Origin)
            }
            _ => Ok(()),
        }
    }

    /// Whether an authority (`host:port`) is one of this hub's: no name but `localhost`, no address but loopback.
    fn is_ours(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                (host, port.parse().ok().filter(|_| digits))
            }
            _ => (authority, Some(80)),
        };
        let bare = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').filter(|host| host.contains(':')),
            None => Some(host).filter(|host| !host.contains(':')),
        };
        let local = |host: &str| {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        port == Some(self.port) && bare.is_some_and(local)
    }
}

impl Visit<'_> {
    /// A person follows a link to here from another site: it shows our page, and the other site learns nothing.
    fn follows_a_link(&self) -> bool {
        self.reads
            && self.origin.is_none()
            && self.mode == Some("navigate")
            && self.dest == Some("document")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(host: &str) -> Visit<'_> {
        Visit {
            host: Some(host),
            reads: true,
            ..Visit::default()
        }
    }

    #[test]
    fn only_this_machines_names_with_our_port_are_hosts() {
        let door = Door::new(7878);
        for host in [
            "127.0.0.1:7878",
            "localhost:7878",
            "LocalHost:7878",
            "[::1]:7878",
            "127.0.0.9:7878",
        ] {
            assert_eq!(door.admit(visit(host)), Ok(()), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:80",
            "localhost:7879",
            "evil.example:7878",
            "evil.example",
            "localhost.evil.example:7878",
            "evil.localhost:7878",
            "127.0.0.1.nip.io:7878",
            "192.168.0.2:7878",
            "0.0.0.0:7878",
            "::1:7878",
            "[::1]",
            "[localhost]:7878",
            "localhost:7878:7878",
            "localhost:+7878",
            "localhost:7878@evil.example",
            "user@localhost:7878",
            "2130706433:7878",
        ] {
            assert_eq!(door.admit(visit(host)), Err(Refusal::Host), "{host}");
        }
        assert_eq!(door.admit(Visit::default()), Err(Refusal::Host));
        let absolute = Visit {
            authority: Some("evil.example:7878"),
            ..visit("localhost:7878")
        };
        assert_eq!(door.admit(absolute), Err(Refusal::Host));
    }

    #[test]
    fn the_usual_port_may_be_left_out() {
        let door = Door::new(80);
        for host in ["localhost", "127.0.0.1", "[::1]", "localhost:80"] {
            assert_eq!(door.admit(visit(host)), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_origins_stay_out() {
        let door = Door::new(7878);
        let from = |origin| Visit {
            origin: Some(origin),
            ..visit("localhost:7878")
        };
        assert_eq!(door.admit(from("http://localhost:7878")), Ok(()));
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
            assert_eq!(door.admit(from(origin)), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn other_sites_may_link_to_the_page_and_nothing_else() {
        let door = Door::new(7878);
        let fetch = |site, mode, dest, reads| Visit {
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
            let result = door.admit(fetch(site, mode, dest, reads));
            assert_eq!(result.is_ok(), admitted, "{site} {mode} {dest} {reads}");
        }
    }
}

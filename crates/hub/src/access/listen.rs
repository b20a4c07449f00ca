//! Where a hub may listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The port of a hub, unless it is taken or another one is asked for.
pub const DEFAULT_PORT: u16 = 7878;

/// An address of this machine's own, with the port if one was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    ip: IpAddr,
    port: Option<u16>,
}

/// Why a hub does not listen there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// It is no address.
    #[error(
        "`{0}` is not an address to listen on. Write it as 127.0.0.1:7878, or 127.0.0.1:0 for any free port"
    )]
    Malformed(String),
    /// Others could reach it.
    #[error(
        "{0} can be reached from other machines, and everything, keys as well, would go there in the clear. \
         Listen on 127.0.0.1, and reach it from elsewhere through `ssh -L`"
    )]
    NotLoopback(IpAddr),
}

impl Listen {
    /// Where to bind, given which port to take when none was named.
    pub fn address(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }

    /// The port, if one was named.
    pub fn port(self) -> Option<u16> {
        self.port
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: None,
        }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let text = text.trim();
        let malformed = || ListenError::Malformed(text.to_owned());
        let (ip, port) = match (text.parse::<SocketAddr>(), host(text)) {
            (Ok(address), _) => (address.ip(), Some(address.port())),
            (_, Some(ip)) => (ip, None),
            _ => {
                let (name, port) = text.rsplit_once(':').ok_or_else(malformed)?;
                let ip = host(name).ok_or_else(malformed)?;
                (ip, Some(port.parse().map_err(|_| malformed())?))
            }
        };
        if !ip.is_loopback() {
            return Err(ListenError::NotLoopback(ip));
        }
        Ok(Self { ip, port })
    }
}

/// `localhost` is taken for what it is by definition; no other name is looked up.
fn host(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_taken() {
        for (text, address) in [
            ("127.0.0.1:7878", "127.0.0.1:7878"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1", "127.0.0.1:1"),
            ("127.8.0.3:80", "127.8.0.3:80"),
            ("localhost", "127.0.0.1:1"),
            ("LOCALHOST:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
            ("::1", "[::1]:1"),
            ("[::1]", "[::1]:1"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.address(1).to_string(), address, "{text}");
        }
    }

    #[test]
    fn addresses_that_others_reach_are_refused() {
        for text in [
            "0.0.0.0:7878",
            "[::]:7878",
            "::",
            "192.168.1.4",
            "10.0.0.1:0",
            "[fe80::1]:1",
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(matches!(error, ListenError::NotLoopback(_)), "{text}");
            assert!(error.to_string().contains("in the clear"));
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in [
            "",
            ":",
            ":80",
            "example.com:80",
            "127.0.0.1:",
            "127.0.0.1:99999",
            "localhost:x",
            "http://localhost",
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert_eq!(error, ListenError::Malformed(text.to_owned()));
        }
    }
}

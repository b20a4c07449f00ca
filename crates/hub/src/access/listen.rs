//! The address that a hub listens on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The default port of a hub; if it is taken, any free port is used.
pub const DEFAULT_PORT: u16 = 7878;

/// An address, with the port if one was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    ip: IpAddr,
    port: Option<u16>,
}

/// The reason why a listen address is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// The text is not an address.
    #[error(
        "`{0}` is not an address to listen on. Write it as 127.0.0.1:7878, or 127.0.0.1:0 for any free port"
    )]
    Malformed(String),
}

impl Listen {
    /// The address to bind to, with a default port.
    pub fn address(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }

    /// True if only this machine can reach the address.
    pub fn is_loopback(self) -> bool {
        self.ip.is_loopback()
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
        Ok(Self { ip, port })
    }
}

/// `localhost` is loopback by definition; other names are not resolved.
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
    fn addresses_that_others_reach_are_told_apart() {
        for text in [
            "0.0.0.0:7878",
            "[::]:7878",
            "::",
            "192.168.1.4",
            "10.0.0.1:0",
            "[fe80::1]:1",
        ] {
            assert!(!text.parse::<Listen>().unwrap().is_loopback(), "{text}");
        }
        assert!(Listen::default().is_loopback());
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

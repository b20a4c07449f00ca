//! Names by which other machines call the hub.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// A host name in lower case, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostName {
    /// A name, such as `hub.example.org`.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// The text is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host name. Write it as hub.example.org or as an address, without `https://` and without a port"
)]
pub struct NoHostName(String);

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(text: &str) -> Result<Self, NoHostName> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Address(ip.to_canonical()));
        }
        let lower = text.to_ascii_lowercase();
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits would be read as an address by some programs.
        let last = lower.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
        if lower.len() > limits::HOST_NAME || numeric || !lower.split('.').all(label) {
            return Err(NoHostName(text.to_owned()));
        }
        Ok(Self::Name(lower.into()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(ip) => ip.fmt(f),
        }
    }
}

impl HostName {
    /// The name as a URL has it.
    pub fn in_url(&self) -> String {
        match self {
            Self::Address(IpAddr::V6(ip)) => format!("[{ip}]"),
            other => other.to_string(),
        }
    }
}

/// Addresses of this machine that others may reach, those of private networks first. Blocks on the system.
pub fn machine_addresses() -> Vec<IpAddr> {
    let Ok(networks) = sysinfo::Networks::new_with_refreshed_list() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (interface, data) in networks.iter() {
        // Networks of containers on this machine.
        let interface = interface.to_string_lossy();
        let inner = ["docker", "veth", "br-", "virbr", "podman", "cni"];
        if inner.iter().any(|prefix| interface.starts_with(*prefix)) {
            continue;
        }
        for network in data.ip_networks() {
            if is_reachable(network.addr) {
                found.push(network.addr);
            }
        }
    }
    found.sort_by_key(|ip| (ip.is_ipv6(), !is_private(*ip), *ip));
    found.dedup();
    found.truncate(limits::MACHINE_ADDRESSES);
    found
}

fn is_reachable(ip: IpAddr) -> bool {
    let local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => is_link_local(ip),
    };
    !local && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfe80
}

/// True for addresses of private networks, and of those that carriers and overlay networks use.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || is_link_local(ip) || ip.segments()[0] & 0xfe00 == 0xfc00
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_and_nothing_else() {
        for (text, name) in [
            ("hub.example.org", "hub.example.org"),
            (" Hub.Example.ORG ", "hub.example.org"),
            ("box", "box"),
            ("10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("fd00::1", "fd00::1"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().to_string(), name);
        }
        for text in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "https://hub.example.org",
            "hub.example.org:443",
            "hub.example.org/",
            "*.example.org",
            "2130706433",
            "10.0.0",
            "a b",
            "ü.example",
            "[::1]",
        ] {
            let error = text.parse::<HostName>().unwrap_err();
            assert!(error.to_string().contains("not a host name"), "{text}");
        }
        let six: HostName = "fd00::1".parse().unwrap();
        assert_eq!(six.in_url(), "[fd00::1]");
    }

    #[test]
    fn private_networks_are_known() {
        for text in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "fd00::1",
            "::1",
            "fe80::1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["172.32.0.1", "100.128.0.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
        for ip in machine_addresses() {
            assert!(is_reachable(ip));
        }
    }
}

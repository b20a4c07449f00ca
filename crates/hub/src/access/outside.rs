//! The way to the hub from other machines: over TLS, or behind a proxy that speaks TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::hosts::{HostName, machine_addresses};
use super::tls::Certificates;

/// A listener beside the one on loopback.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Names by which browsers may call the hub, beside the address that a connection was made to.
    pub names: Arc<[HostName]>,
    /// What protects the connections.
    pub protection: Protection,
}

/// What protects connections from other machines.
#[derive(Clone, Debug)]
pub enum Protection {
    /// TLS of the hub's own.
    Tls(Arc<Certificates>),
    /// TLS of proxies at these addresses, which forward plain HTTP. Nobody else may connect.
    Proxies(Arc<[IpAddr]>),
}

impl Outside {
    /// Addresses of the hub for people, the one that most likely works first. Blocks on the system.
    pub fn urls(&self) -> Vec<String> {
        let names = self.names.iter().cloned();
        match &self.protection {
            // A proxy listens on a port of its own: the usual one, as far as is known.
            Protection::Proxies(_) => names.map(|name| url(&name, 443)).collect(),
            Protection::Tls(_) => {
                let addresses = addresses(self.address.ip()).into_iter();
                let all = names.chain(addresses.map(HostName::Address));
                let mut urls: Vec<_> = all.map(|name| url(&name, self.address.port())).collect();
                urls.dedup();
                urls
            }
        }
    }
}

/// The addresses by which a listener on `ip` is reached. Blocks on the system.
pub(super) fn addresses(ip: IpAddr) -> Vec<IpAddr> {
    match ip.is_unspecified() {
        true => {
            let all = machine_addresses().into_iter();
            all.filter(|found| ip.is_ipv6() || found.is_ipv4())
                .collect()
        }
        false => vec![ip],
    }
}

fn url(name: &HostName, port: u16) -> String {
    match port {
        443 => format!("https://{}", name.in_url()),
        port => format!("https://{}:{port}", name.in_url()),
    }
}

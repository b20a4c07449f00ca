//! Whose process is at the other end of a connection: on Linux only this user's own is let in, whatever it shows.
//!
//! The kernel is asked for the owner of the peer's socket by its two addresses, once for each connection: over `sock_diag`
//! (some microseconds, however many connections there are), else by reading `/proc/net/tcp`. A peer that is gone already has
//! no owner, and is refused like a stranger: nothing that it left in the socket is looked at. Root is another user as well.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
mod linux;

/// What a stranger's connection is answered.
const REFUSED: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/problem+json\r\n\
Content-Length: 204\r\n\r\n\
{\"type\":\"urn:drovers:problem:another-user\",\"title\":\"Another user\",\"status\":403,\
\"detail\":\"This hub belongs to another user of this machine\",\
\"next\":\"Run one of your own, or ask as the user who started it\"}\n";

/// Tells this user's peers from others'.
#[derive(Debug)]
pub(super) struct Peers {
    /// True once a stranger was told of in the log: one that comes again and again does not fill it.
    told: AtomicBool,
    #[cfg(target_os = "linux")]
    owners: Option<linux::Owners>,
}

impl Peers {
    /// Finds a way to ask the kernel that works here. Where there is none, no peer is refused, and a warning says so.
    pub(super) fn find() -> Self {
        #[cfg(target_os = "linux")]
        {
            let owners = linux::Owners::find();
            if owners.is_none() {
                tracing::warn!(
                    "this system does not tell whose process connects: other users are kept out by keys alone"
                );
            }
            let told = AtomicBool::new(false);
            Self { told, owners }
        }
        #[cfg(not(target_os = "linux"))]
        Self {
            told: AtomicBool::new(false),
        }
    }

    /// True if a connection comes from this user's process. Any other is told why it is closed, as far as it listens.
    pub(super) async fn admits(&self, stream: &TcpStream) -> bool {
        let (Ok(peer), Ok(here)) = (stream.peer_addr(), stream.local_addr()) else {
            return false;
        };
        let ours = self.is_ours(plain(peer), plain(here)).await;
        if !ours {
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::warn!(%peer, "a connection was refused: no process of this user has it. Others are refused in silence");
            }
            // It may be gone, or not read.
            let _unread = stream.try_write(REFUSED);
        }
        ours
    }

    #[cfg(target_os = "linux")]
    async fn is_ours(&self, peer: SocketAddr, here: SocketAddr) -> bool {
        match &self.owners {
            Some(owners) => owners.is_ours(peer, here).await,
            None => true,
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn is_ours(&self, _peer: SocketAddr, _here: SocketAddr) -> bool {
        true
    }
}

/// An IPv4 address that is written as an IPv6 one is an IPv4 address.
fn plain(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_as_long_as_it_says() {
        let text = String::from_utf8_lossy(REFUSED);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.contains(&length), "{length}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}

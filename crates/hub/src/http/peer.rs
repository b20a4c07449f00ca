//! Checks the process at the other end of a connection: on Linux only processes of this user are accepted, whatever key
//! they present.
//!
//! The kernel is asked for the owner of the peer's socket by its two addresses, once per connection: over `sock_diag`
//! (some microseconds, independent of the number of connections), else by reading `/proc/net/tcp`. A peer that has
//! disconnected has no owner and is rejected: its data is not read. Root counts as another user.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
mod linux;

/// The response to a rejected connection.
const REFUSED: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/problem+json\r\n\
Content-Length: 204\r\n\r\n\
{\"type\":\"urn:drovers:problem:another-user\",\"title\":\"Another user\",\"status\":403,\
\"detail\":\"This hub belongs to another user of this machine\",\
\"next\":\"Run one of your own, or ask as the user who started it\"}\n";

/// Distinguishes this user's peers from others.
#[derive(Debug)]
pub(super) struct Peers {
    /// True once a rejection was logged, so that repeated rejections do not fill the log.
    warned: AtomicBool,
    #[cfg(target_os = "linux")]
    owners: Option<linux::Owners>,
}

impl Peers {
    /// Finds a lookup that works on this system. If there is none, no peer is rejected, and a warning is logged.
    pub(super) fn find() -> Self {
        #[cfg(target_os = "linux")]
        {
            let owners = linux::Owners::find();
            if owners.is_none() {
                tracing::warn!(
                    "this system does not tell whose process connects: other users are kept out by keys alone"
                );
            }
            let warned = AtomicBool::new(false);
            Self { warned, owners }
        }
        #[cfg(not(target_os = "linux"))]
        Self {
            warned: AtomicBool::new(false),
        }
    }

    /// True if a connection comes from this user's process. Any other gets a short response with the reason.
    pub(super) async fn admits(&self, stream: &TcpStream) -> bool {
        let (Ok(peer), Ok(here)) = (stream.peer_addr(), stream.local_addr()) else {
            return false;
        };
        let ours = self.is_ours(plain(peer), plain(here)).await;
        if !ours {
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(%peer, "a connection was refused: no process of this user has it. Others are refused in silence");
            }
            // The peer may have disconnected, or not read the response.
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

/// The response to a connection that is not from a known proxy.
const NO_PROXY: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 47\r\n\r\n\
This port of Drovers is for known proxies only\n";

/// True if a connection comes from one of these addresses. Any other gets a short response with the reason.
pub(super) fn is_proxy(stream: &TcpStream, proxies: &[IpAddr]) -> bool {
    let peer = stream.peer_addr().map(plain);
    let known = peer.is_ok_and(|peer| proxies.contains(&peer.ip()));
    if !known {
        // The peer may have disconnected, or not read the response.
        let _unread = stream.try_write(NO_PROXY);
    }
    known
}

/// An IPv4 address that is written as an IPv6 one is an IPv4 address.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
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
        let text = String::from_utf8_lossy(NO_PROXY);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
    }
}

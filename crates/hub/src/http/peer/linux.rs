//! The owner of a TCP socket of this machine, by its two addresses.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use rustix::process::geteuid;

/// A way to look up owners.
#[derive(Debug)]
pub(super) struct Owners {
    own: u32,
    way: Lookup,
}

#[derive(Debug)]
enum Lookup {
    /// A socket to the kernel, and the number of the last query.
    Diag(Mutex<(OwnedFd, u32)>),
    /// The kernel's list of all sockets.
    Proc,
}

impl Owners {
    /// The first lookup that finds the owner of a connection of this process.
    pub(super) fn find() -> Option<Self> {
        let (peer, here, _held) = own_connection().ok()?;
        let ways = [diag().ok(), Some(Lookup::Proc)];
        let known = ways.into_iter().flatten().map(|way| Self {
            own: geteuid().as_raw(),
            way,
        });
        known
            .into_iter()
            .find(|owners| owners.owner(peer, here) == Some(owners.own))
    }

    /// True if a process of this user owns the socket at `peer` whose other end is `here`.
    pub(super) async fn is_ours(&self, peer: SocketAddr, here: SocketAddr) -> bool {
        let owner = match &self.way {
            Lookup::Diag(_) => self.owner(peer, here),
            // A list of thousands takes milliseconds.
            Lookup::Proc => tokio::task::spawn_blocking(move || listed(peer, here))
                .await
                .ok()
                .flatten(),
        };
        owner == Some(self.own)
    }

    fn owner(&self, peer: SocketAddr, here: SocketAddr) -> Option<u32> {
        match &self.way {
            Lookup::Diag(asked) => {
                let mut asked = asked.lock().unwrap_or_else(|bad| bad.into_inner());
                asked.1 = asked.1.wrapping_add(1);
                dump(&asked.0, asked.1, peer, here).ok().flatten()
            }
            Lookup::Proc => listed(peer, here),
        }
    }
}

/// A connection of this process to itself: the client's address, the server's, and both ends.
fn own_connection() -> io::Result<(SocketAddr, SocketAddr, [TcpStream; 2])> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = listener.local_addr()?;
    let client = TcpStream::connect(here)?;
    let (server, _) = listener.accept()?;
    Ok((client.local_addr()?, here, [client, server]))
}

fn diag() -> io::Result<Lookup> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = Some(netlink::SOCK_DIAG);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, kind)?;
    Ok(Lookup::Diag(Mutex::new((socket, 0))))
}

/// `SOCK_DIAG_BY_FAMILY` of linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST` of linux/netlink.h.
const REQUEST: u16 = 1;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// A header and a `struct inet_diag_req_v2`.
const QUESTION: usize = HEADER + 56;
/// Offset of `idiag_uid` in a `struct inet_diag_msg` behind a header; `idiag_inode` follows.
const UID: usize = HEADER + 64;
/// Maximum number of outdated replies, after which the socket is abandoned.
const STALE: usize = 8;

/// The owner of the socket with these addresses, from the kernel. The reply is available once the query is sent.
fn dump(
    socket: &OwnedFd,
    number: u32,
    peer: SocketAddr,
    here: SocketAddr,
) -> io::Result<Option<u32>> {
    send(socket, &question(number, peer, here), SendFlags::empty())?;
    let mut answer = [0; 512];
    for _ in 0..STALE {
        let (length, _) = recv(socket, &mut answer[..], RecvFlags::empty())?;
        let answer = answer.get(..length).unwrap_or_default();
        if word(answer, 8) == Some(number) {
            return Ok(owner(answer));
        }
    }
    Ok(None)
}

/// A `struct nlmsghdr` and a `struct inet_diag_req_v2` (linux/inet_diag.h).
fn question(number: u32, peer: SocketAddr, here: SocketAddr) -> [u8; QUESTION] {
    /// `AF_INET`, `AF_INET6` and `IPPROTO_TCP`.
    const INET: u8 = 2;
    const INET6: u8 = 10;
    const TCP: u8 = 6;
    let mut bytes = [0; QUESTION];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&u32::try_from(QUESTION).unwrap_or_default().to_ne_bytes());
    put(&BY_FAMILY.to_ne_bytes());
    put(&REQUEST.to_ne_bytes());
    put(&number.to_ne_bytes());
    put(&[0; 4]);
    put(&[if peer.is_ipv4() { INET } else { INET6 }, TCP, 0, 0]);
    // Sockets in any state.
    put(&u32::MAX.to_ne_bytes());
    put(&peer.port().to_be_bytes());
    put(&here.port().to_be_bytes());
    put(&address(peer));
    put(&address(here));
    // Of any interface; no cookie is known.
    put(&[0; 4]);
    put(&[0xff; 8]);
    bytes
}

fn address(of: SocketAddr) -> [u8; 16] {
    let mut bytes = [0; 16];
    match of {
        SocketAddr::V4(of) => bytes[..4].copy_from_slice(&of.ip().octets()),
        SocketAddr::V6(of) => bytes = of.ip().octets(),
    }
    bytes
}

/// The owner in a reply; `None` if there is no such socket, or no process holds it.
fn owner(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?.try_into().ok()?;
    let (uid, inode) = (word(answer, UID)?, word(answer, UID + 4)?);
    (u16::from_ne_bytes(kind) == BY_FAMILY && inode != 0).then_some(uid)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The owner of the socket with these addresses, from the kernel's list. Blocks.
fn listed(peer: SocketAddr, here: SocketAddr) -> Option<u32> {
    let mapped = |of: SocketAddr| match of {
        SocketAddr::V4(of) => SocketAddr::new(of.ip().to_ipv6_mapped().into(), of.port()),
        of => of,
    };
    // An IPv6 socket connected to an IPv4 address is in the other list.
    let lists = [
        ("/proc/net/tcp", peer, here),
        ("/proc/net/tcp6", mapped(peer), mapped(here)),
    ];
    lists.into_iter().find_map(|(file, peer, here)| {
        let pair = [in_list(peer), in_list(here)];
        let list = fs::read_to_string(file).ok()?;
        list.lines().find_map(|line| in_line(line, &pair))
    })
}

fn in_line(line: &str, pair: &[String; 2]) -> Option<u32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    if fields.next()? != pair[0] || fields.next()? != pair[1] {
        return None;
    }
    // Before it: state, queues, timer, and retransmissions.
    let uid = fields.nth(4)?.parse().ok()?;
    let inode = fields.nth(1)?;
    (inode != "0").then_some(uid)
}

/// An address in the format of the kernel's list: words of four bytes in native order, and the port.
fn in_list(of: SocketAddr) -> String {
    let octets = match of {
        SocketAddr::V4(of) => of.ip().octets().to_vec(),
        SocketAddr::V6(of) => of.ip().octets().to_vec(),
    };
    let words = octets.chunks(4).filter_map(|word| word.try_into().ok());
    let words: String = words
        .map(|word: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(word)))
        .collect();
    format!("{words}:{:04X}", of.port())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    /// Both lookups, where the kernel supports the first.
    fn ways() -> Vec<Owners> {
        let own = geteuid().as_raw();
        let mut ways = vec![Owners {
            own,
            way: Lookup::Proc,
        }];
        if let Ok(way) = diag() {
            let diag = Owners { own, way };
            let (peer, here, _held) = own_connection().unwrap();
            if diag.owner(peer, here).is_some() {
                ways.push(diag);
            }
        }
        ways
    }

    #[tokio::test]
    async fn the_owner_of_a_connection_is_known_by_both_ways() {
        for owners in ways() {
            let (peer, here, held) = own_connection().unwrap();
            assert!(owners.is_ours(peer, here).await, "{owners:?}");
            let others = SocketAddr::new(peer.ip(), peer.port() ^ 1);
            assert!(!owners.is_ours(others, here).await);
            // A closed socket has no owner.
            let [client, server] = held;
            drop(client);
            assert!(!owners.is_ours(peer, here).await, "{owners:?}");
            drop(server);
        }
    }

    #[tokio::test]
    async fn so_it_is_over_ipv6_and_for_an_ipv6_socket_at_an_ipv4_address() {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            // A machine without IPv6 has no such peers.
            return;
        };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let other = TcpStream::connect((mapped, v4.local_addr().unwrap().port())).unwrap();
        for owners in ways() {
            for (client, listener) in [(&client, &listener), (&other, &v4)] {
                let (peer, here) = (client.local_addr().unwrap(), listener.local_addr().unwrap());
                let peer = super::super::plain(peer);
                assert!(owners.is_ours(peer, here).await, "{owners:?} {peer}");
            }
        }
    }

    #[test]
    fn of_another_users_socket_another_owner_is_found() {
        let line = "  12: 0100007F:A001 0100007F:1EC6 01 00000000:00000000 00:00000000 00000000  1001        0 4711 1 0000";
        let pair = ["0100007F:A001".to_owned(), "0100007F:1EC6".to_owned()];
        assert_eq!(in_line(line, &pair), Some(1001));
        assert_eq!(in_line(&line.replace(" 4711 ", " 0 "), &pair), None);
        if cfg!(target_endian = "little") {
            assert_eq!(in_list("127.0.0.1:7878".parse().unwrap()), "0100007F:1EC6");
        }
    }
}

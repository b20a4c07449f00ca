//! Loopback listeners. Never listens anywhere else.

use std::io;
use std::net::Ipv4Addr;

use axum::serve::{ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpStream};

/// A loopback listener whose connections send small events at once. The number of connections is bounded by the open files that
/// the system allows: the listener waits where there are no more.
pub(crate) type Loopback = TapIo<TcpListener, fn(&mut TcpStream)>;

/// Listens on a port, or on a free one if it is zero.
pub(crate) async fn bind(port: u16) -> io::Result<Loopback> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(listener.tap_io(without_delay as fn(&mut TcpStream)))
}

/// Disables Nagle's algorithm. A failure costs time alone.
fn without_delay(stream: &mut TcpStream) {
    let _slower = stream.set_nodelay(true);
}

//! Connections: their maximum number, socket options, and the timeout for unread data.

mod serving;
mod waiting;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;

pub(super) use serving::serve;

use super::peer::{self, Peers};

use crate::access::{Outside, Protection};
use crate::limits;
use waiting::IdleConnections;

/// A listener, and what is spoken on its connections.
pub(super) struct Listening {
    bounded: Bounded,
    /// For the listener that other machines reach.
    outside: Option<Outside>,
    tls: Option<TlsAcceptor>,
}

impl Listening {
    /// The listener on loopback.
    pub(super) fn inside(bounded: Bounded) -> Self {
        Self {
            bounded,
            outside: None,
            tls: None,
        }
    }

    /// The listener for other machines.
    ///
    /// # Errors TLS cannot be spoken.
    pub(super) fn outside(listener: TcpListener, outside: &Outside) -> io::Result<Self> {
        let (guard, tls) = match &outside.protection {
            Protection::Tls(certificates) => {
                let config = certificates.server().map_err(io::Error::other)?;
                (Peer::Anybody, Some(TlsAcceptor::from(Arc::new(config))))
            }
            Protection::Proxies(proxies) => (Peer::Proxies(proxies.clone()), None),
        };
        Ok(Self {
            bounded: Bounded::with_room(listener, guard, limits::CONNECTIONS),
            outside: Some(outside.clone()),
            tls,
        })
    }
}

/// Who may connect.
enum Peer {
    /// Processes of this user on this machine.
    Own(Peers),
    /// Whoever reaches the listener: their keys are asked for.
    Anybody,
    /// These addresses.
    Proxies(Arc<[std::net::IpAddr]>),
}

impl Peer {
    async fn admits(&self, stream: &TcpStream) -> bool {
        match self {
            Self::Own(peers) => peers.admits(stream).await,
            Self::Anybody => true,
            Self::Proxies(proxies) => peer::is_proxy(stream, proxies),
        }
    }
}

/// Accepts at most [`limits::CONNECTIONS`] connections. For a new one the connection that has been idle longest is
/// closed; if none is idle, the new one waits.
pub(super) struct Bounded {
    listener: TcpListener,
    peers: Peer,
    room: Arc<Semaphore>,
    waiting: IdleConnections,
}

/// A connection that releases its permit on close, including as a WebSocket. A write that waits for its reader longer
/// than [`limits::VIEWER_WRITE`] fails, and its data is dropped.
pub(super) struct Connection<S = TcpStream> {
    stream: S,
    /// The deadline of a waiting write.
    waiting: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Bounded {
    /// The listener on loopback, for processes of this user.
    pub(super) fn inside(listener: TcpListener) -> Self {
        Self::with_room(listener, Peer::Own(Peers::find()), limits::CONNECTIONS)
    }

    fn with_room(listener: TcpListener, peers: Peer, connections: usize) -> Self {
        Self {
            listener,
            peers,
            room: Arc::new(Semaphore::new(connections)),
            waiting: IdleConnections::default(),
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.room.clone().try_acquire_owned() {
            return Some(place);
        }
        self.waiting.close_oldest();
        // Only a closed semaphore fails, and this one is never closed.
        self.room.clone().acquire_owned().await.ok()
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, addr) = loop {
            let (stream, addr) = Listener::accept(&mut self.listener).await;
            if self.peers.admits(&stream).await {
                break (stream, addr);
            }
        };
        let place = self.place().await;
        if let Err(error) = tune(&stream) {
            tracing::debug!(%error, "a connection goes without its options");
        }
        let connection = Connection {
            stream,
            waiting: None,
            _place: place,
        };
        (connection, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Disables Nagle's algorithm, as changes are small, and limits the kernel's buffer for slow readers.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    Ok(set_socket_send_buffer_size(stream, limits::SEND_BUFFER)?)
}

impl<S> Connection<S> {
    /// Applies the timeout to a waiting write.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.waiting = None;
            return write;
        }
        let deadline = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(limits::VIEWER_WRITE)));
        deadline
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.in_time(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.in_time(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// Uses in-memory streams: paused time advances while the kernel still transfers socket data.
    fn pair() -> (Connection<DuplexStream>, DuplexStream) {
        let (stream, client) = duplex(2 * limits::SEND_BUFFER);
        let connection = Connection {
            stream,
            waiting: None,
            _place: None,
        };
        (connection, client)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_does_not_read_is_closed() {
        let (mut connection, _client) = pair();
        let began = Instant::now();
        let error = connection.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= limits::VIEWER_WRITE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_late_loses_nothing() {
        let (mut connection, mut client) = pair();
        let sent = 8 << 20;
        let writing = async move {
            connection.write_all(&vec![7; sent]).await.unwrap();
        };
        let reading = async {
            let mut got = vec![0; sent];
            for slice in got.chunks_mut(sent / 4) {
                sleep(limits::VIEWER_WRITE / 2).await;
                client.read_exact(slice).await.unwrap();
            }
            got
        };
        let ((), got) = tokio::join!(writing, reading);
        assert!(got.iter().all(|byte| *byte == 7));
    }
}

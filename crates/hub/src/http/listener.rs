//! Connections: how many there may be, how each is set up, and how long one may leave what it asked for unread.

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

pub(super) use serving::serve;

use super::peer::Peers;

use crate::limits;
use waiting::Waiting;

/// Accepts no more than [`limits::CONNECTIONS`] at a time. For a further one the connection makes room that waits longest
/// for its client; where none does, it waits itself.
pub(super) struct Bounded {
    listener: TcpListener,
    peers: Peers,
    room: Arc<Semaphore>,
    waiting: Waiting,
}

/// A connection that gives its place back when it closes, as a WebSocket too. Once a write has waited for its reader for
/// [`limits::VIEWER_WRITE`], it fails: what was to be written is kept no longer.
pub(super) struct Connection<S = TcpStream> {
    stream: S,
    /// Set while a write waits: when it is given up.
    waiting: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with_room(listener, limits::CONNECTIONS)
    }

    fn with_room(listener: TcpListener, connections: usize) -> Self {
        Self {
            listener,
            peers: Peers::find(),
            room: Arc::new(Semaphore::new(connections)),
            waiting: Waiting::default(),
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.room.clone().try_acquire_owned() {
            return Some(place);
        }
        self.waiting.close_oldest();
        // Only a closed semaphore refuses, and nothing closes this one.
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

/// Changes are small and due now; a reader who does not read shall not fill the kernel's memory either.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    Ok(set_socket_send_buffer_size(stream, limits::SEND_BUFFER)?)
}

impl<S> Connection<S> {
    /// Gives up a write that waits for too long.
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

    /// Over memory: paused time runs on while the kernel still carries bytes of a socket.
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

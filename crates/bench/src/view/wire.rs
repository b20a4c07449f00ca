//! A socket that counts, and as little HTTP/1.1 as a follower of a stream needs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use url::Url;

/// Bytes read at once.
const READ: usize = 64 << 10;

/// Bytes that went over sockets, both ways.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) down: AtomicU64,
    pub(crate) up: AtomicU64,
}

/// A socket that counts what goes over it.
pub(crate) struct Counted {
    socket: TcpStream,
    bytes: Arc<Bytes>,
}

impl Counted {
    /// Connects to the host of a URL. `buffer` is what the kernel may hold for a reader that does not read.
    pub(crate) async fn connect(url: &Url, bytes: Arc<Bytes>, buffer: Option<u32>) -> Result<Self> {
        let address = url
            .socket_addrs(|| None)?
            .into_iter()
            .find(std::net::SocketAddr::is_ipv4);
        let socket = TcpSocket::new_v4()?;
        if let Some(buffer) = buffer {
            socket.set_recv_buffer_size(buffer)?;
        }
        let socket = socket.connect(address.context("no address")?).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, bytes })
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.socket).poll_read(context, buffer);
        let read = (buffer.filled().len() - before) as u64;
        self.bytes.down.fetch_add(read, Ordering::Relaxed);
        done
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write(context, buffer);
        if let Poll::Ready(Ok(written)) = &done {
            self.bytes.up.fetch_add(*written as u64, Ordering::Relaxed);
        }
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// The body of an answer that never ends.
pub(crate) struct Body {
    socket: Counted,
    buffer: Vec<u8>,
    /// Bytes at its beginning that were given out.
    taken: usize,
    /// Bytes of the open chunk that are still to come; `None` where the body is not chunked.
    chunk: Option<usize>,
}

impl Body {
    /// Asks for a stream, and reads its head.
    pub(crate) async fn open(url: &Url, mut socket: Counted) -> Result<Self> {
        let target = &url[url::Position::BeforePath..];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(READ);
        let end = loop {
            if let Some(end) = memmem::find(&buffer, b"\r\n\r\n") {
                break end;
            }
            ensure!(socket.read_buf(&mut buffer).await? > 0, "no answer");
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        ensure!(head.starts_with("http/1.1 200"), "the answer is {head}");
        buffer.drain(..end + 4);
        Ok(Self {
            socket,
            buffer,
            taken: 0,
            chunk: head.contains("transfer-encoding: chunked").then_some(0),
        })
    }

    /// Gives the next bytes of the body to `take`. False at its end.
    pub(crate) async fn next(&mut self, mut take: impl FnMut(&[u8])) -> Result<bool> {
        while !self.give(&mut take)? {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives out everything that is there. False if there is nothing.
    fn give(&mut self, take: &mut impl FnMut(&[u8])) -> Result<bool> {
        let mut gave = false;
        loop {
            let rest = &self.buffer[self.taken..];
            let Some(open) = &mut self.chunk else {
                take(rest);
                gave |= !rest.is_empty();
                self.taken = self.buffer.len();
                return Ok(gave);
            };
            if *open == 0 {
                let rest_of_head = rest.strip_prefix(b"\r\n").unwrap_or(rest);
                let Some(end) = memmem::find(rest_of_head, b"\r\n") else {
                    return Ok(gave);
                };
                let size = std::str::from_utf8(&rest_of_head[..end])?;
                *open = usize::from_str_radix(size, 16).context("a chunk without size")?;
                ensure!(*open > 0, "the stream ended");
                self.taken += rest.len() - rest_of_head.len() + end + 2;
                continue;
            }
            let here = rest.len().min(*open);
            if here == 0 {
                return Ok(gave);
            }
            take(&rest[..here]);
            gave = true;
            *open -= here;
            self.taken += here;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn chunks_are_joined_wherever_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x?y=z", listener.local_addr().unwrap());
        let url: Url = url.parse().unwrap();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1000];
            let read = socket.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n, 7\r\nthere\r\n";
            for byte in answer.bytes() {
                socket.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let bytes = Arc::new(Bytes::default());
        let socket = Counted::connect(&url, bytes.clone(), None).await.unwrap();
        let mut body = Body::open(&url, socket).await.unwrap();
        let mut text = Vec::new();
        while body
            .next(|bytes| text.extend_from_slice(bytes))
            .await
            .unwrap()
        {}
        assert_eq!(String::from_utf8(text).unwrap(), "hello, 7\r\nthere");
        let request = server.await.unwrap();
        assert!(
            request.starts_with("GET /x?y=z HTTP/1.1\r\nhost: 127.0.0.1:"),
            "{request}"
        );
        assert_eq!(bytes.up.load(Ordering::Relaxed), request.len() as u64);
    }
}

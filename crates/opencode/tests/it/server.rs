//! A minimal server for replies that a real server never sends.

use std::sync::{Arc, Mutex};

use opencode::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The reaction to a request.
pub(crate) enum Answer {
    /// Send these bytes, then close the connection.
    Bytes(Vec<u8>),
    /// Never reply.
    Silence,
}

/// A server that answers one request per connection until dropped.
pub(crate) struct Server {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                let answer = answer(&request);
                requests.lock().unwrap().push(request);
                match answer {
                    // The client may have disconnected, as it does on a reply that is too large.
                    Answer::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                    Answer::Silence => silent.push(stream),
                }
            }
        });
        Self { url, seen, task }
    }

    /// A server with a constant reply.
    pub(crate) async fn saying(head: &str, body: impl AsRef<[u8]>) -> Self {
        let bytes = reply(head, body);
        Self::start(move |_| Answer::Bytes(bytes.clone())).await
    }

    /// The received requests.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A reply with the length of its body. `head` is the status line after `HTTP/1.1` and any headers, separated by LF.
pub(crate) fn reply(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = head.replace('\n', "\r\n");
    let head = format!(
        "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request's head, and its body as long as the head says.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        // The first byte of a TLS handshake: no line end will follow.
        let encrypted = bytes.first() == Some(&0x16);
        if encrypted || stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}

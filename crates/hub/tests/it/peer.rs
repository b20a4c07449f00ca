//! A server of a few lines over real sockets, for behaviour that no real one would show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// What is said to one request, and what happens to its connection then.
pub(crate) enum Say {
    /// These bytes, then the proper end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Nothing,
    /// An event stream.
    Events(&'static str, Then),
}

/// What happens after the events of a stream.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The stream ends properly.
    End,
    /// The connection ends, the stream does not.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing any more, with the connection open.
    Hold,
}

/// Answers by the path that is asked for.
pub(crate) type Answer = fn(&str) -> Say;

pub(crate) struct Peer {
    pub(crate) port: u16,
    /// Event streams that were asked for.
    streams: Arc<AtomicUsize>,
    /// Requests for its health.
    healths: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Peer {
    pub(crate) async fn start(answer: Answer, encrypted: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (streams, healths) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counters = (streams.clone(), healths.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let acceptor = encrypted.then(untrusted);
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (counters, acceptor) = (counters.clone(), acceptor.clone());
                connections.spawn(async move {
                    match acceptor {
                        // Who does not trust it breaks off.
                        Some(acceptor) => drop(acceptor.accept(stream).await),
                        None => serve(stream, answer, counters).await,
                    }
                });
            }
        });
        Self {
            port,
            streams,
            healths,
            _serving: serving,
        }
    }

    /// Event streams and healths that were asked for so far.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let load = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (load(&self.streams), load(&self.healths))
    }
}

/// TLS with a certificate that nobody vouches for.
fn untrusted() -> TlsAcceptor {
    let certificate = include_bytes!("data/untrusted.crt.der").to_vec();
    let key = PrivatePkcs8KeyDer::from(include_bytes!("data/untrusted.key.der").to_vec());
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    mut stream: TcpStream,
    answer: Answer,
    (streams, healths): (Arc<AtomicUsize>, Arc<AtomicUsize>),
) {
    let Some(path) = path(&mut stream).await else {
        return;
    };
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::SeqCst);
    match path.as_str() {
        "/global/event" => drop(count(&streams)),
        "/global/health" => drop(count(&healths)),
        _ => {}
    }
    match answer(&path) {
        // The client may have hung up by then.
        Say::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Say::Nothing => hold(stream).await,
        Say::Events(events, then) => send_events(stream, events, then).await,
    }
}

async fn send_events(mut stream: TcpStream, events: &str, then: Then) {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = match events.len() {
        // An empty chunk would be the end.
        0 => String::new(),
        length => format!("{length:x}\r\n{events}\r\n"),
    };
    let chunk = format!("{head}{chunk}");
    let _hung_up = stream.write_all(chunk.as_bytes()).await;
    // A reset overtakes what was sent: wait until that was taken.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    match then {
        Then::End => drop(stream.write_all(b"0\r\n\r\n").await),
        Then::Cut => {}
        Then::Reset => stream.set_zero_linger().unwrap(),
        Then::Hold => hold(stream).await,
    }
}

async fn hold(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut rest = Vec::new();
    // Ends when the client hangs up.
    let _hung_up = stream.read_to_end(&mut rest).await;
}

/// The path of a request, without its query; none of what is no request.
async fn path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let encrypted = head.first() == Some(&0x16);
        if encrypted || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?;
    target.split('?').next().map(str::to_owned)
}

/// A whole answer.
pub(crate) fn reply(head: &str, body: &str) -> Say {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    Say::Bytes(text.into_bytes())
}

/// What a healthy server says, its events apart.
pub(crate) fn healthy(path: &str) -> Say {
    let json = |body: &str| reply("200 OK\r\nContent-Type: application/json", body);
    match path {
        "/global/health" => json(r#"{"healthy":true,"version":"1.18.33"}"#),
        "/path" => {
            json(r#"{"home":"/","state":"/s","config":"/c","worktree":"/p","directory":"/p"}"#)
        }
        "/config" => json("{}"),
        "/config/providers" => json(r#"{"providers":[],"default":{}}"#),
        "/session/status" => json("{}"),
        "/session" | "/permission" | "/question" | "/agent" => json("[]"),
        _ => reply("404 Not Found", ""),
    }
}

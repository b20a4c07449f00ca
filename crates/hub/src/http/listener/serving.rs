//! Serves connections. A request that does not complete in time ends its connection.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response, StatusCode};
use axum::serve::Listener;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::waiting::IdleConnection;
use super::{Connection, Listening};
use crate::http::arrival::Arrival;
use crate::http::peer::plain;
use crate::limits;

/// The response to plain HTTP on a port that speaks TLS.
const TLS_ONLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 49\r\n\r\n\
This port of Drovers speaks HTTPS: use https://\r\n";

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// Serves until cancelled; then open requests complete.
pub(in crate::http) async fn serve(
    mut listening: Listening,
    router: Router,
    cancel: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            (connection, _) = listening.bounded.accept() => connection,
            () = cancel.cancelled() => break,
        };
        let turn = listening.bounded.waiting.begin();
        let arrival = Arrival {
            peer: accepted.stream.peer_addr().ok().map(|at| plain(at).ip()),
            here: accepted.stream.local_addr().ok().map(|at| plain(at).ip()),
            outside: listening.outside.clone(),
        };
        let service = RequestCounter {
            router: TowerToHyperService::new(router.clone()),
            turn: turn.clone(),
            arrival,
        };
        let cancel = cancel.clone();
        match &listening.tls {
            None => connections.spawn(one(accepted, service, turn, cancel)),
            Some(tls) => connections.spawn(secured(accepted, tls.clone(), service, turn, cancel)),
        };
    }
    connections.close();
    connections.wait().await;
}

/// Serves a connection once TLS is spoken on it.
async fn secured(
    connection: Connection,
    tls: TlsAcceptor,
    service: RequestCounter,
    turn: Arc<IdleConnection>,
    cancel: CancellationToken,
) {
    let shaken = tokio::select! {
        shaken = timeout(limits::REQUEST_HEAD, handshake(connection, &tls)) => shaken,
        () = turn.closed() => return,
        () = cancel.cancelled() => return,
    };
    if let Ok(Some(stream)) = shaken {
        one(stream, service, turn, cancel).await;
    }
}

async fn handshake(
    mut connection: Connection,
    tls: &TlsAcceptor,
) -> Option<tokio_rustls::server::TlsStream<Connection>> {
    let mut first = [0];
    let count = connection.stream.peek(&mut first).await.ok()?;
    if count == 1 && first != [HANDSHAKE] {
        // What is left unread would make the system drop the response.
        let mut request = [0; 4096];
        let _request = connection.read(&mut request).await;
        // The peer may not read it.
        let _unread = connection.write_all(TLS_ONLY).await;
        let _closed = connection.shutdown().await;
        return None;
    }
    match tls.accept(connection).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            tracing::debug!(%error, "a connection did not come to speak TLS");
            None
        }
    }
}

async fn one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connection: S,
    service: RequestCounter,
    turn: Arc<IdleConnection>,
    cancel: CancellationToken,
) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::REQUEST_HEAD)
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    tokio::select! {
        served = serving.as_mut() => return tell(served),
        () = turn.closed() => return,
        () = cancel.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        served = serving => tell(served),
        () = turn.closed() => {}
    }
}

fn tell(served: hyper::Result<()>) {
    if let Err(error) = served {
        tracing::debug!(%error, "a connection was cut");
    }
}

/// Tracks for each request whether the connection waits for its client, and says by which connection it came.
struct RequestCounter {
    router: TowerToHyperService<Router>,
    turn: Arc<IdleConnection>,
    arrival: Arrival,
}

impl hyper::service::Service<Request<Incoming>> for RequestCounter {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let turn = self.turn.clone();
        if request.body().is_end_stream() {
            turn.is_asked();
        }
        let mut request = request.map(|body| Body::new(InTime::new(body, turn.clone())));
        request.extensions_mut().insert(self.arrival.clone());
        let answer = self.router.call(request);
        async move {
            let response = answer.await?;
            turn.is_asked();
            // A WebSocket has limits of its own.
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(response);
            }
            Ok(response.map(|body| Body::new(CountedBody { body, turn })))
        }
        .boxed()
    }
}

/// A request body with a deadline.
struct InTime {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
    turn: Arc<IdleConnection>,
}

impl InTime {
    fn new(body: Incoming, turn: Arc<IdleConnection>) -> Self {
        Self {
            body,
            deadline: Box::pin(sleep(limits::REQUEST_BODY)),
            turn,
        }
    }
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if frame.is_none() || self.body.is_end_stream() {
                self.turn.is_asked();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        ready!(self.deadline.as_mut().poll(cx));
        let late = io::Error::from(io::ErrorKind::TimedOut);
        Poll::Ready(Some(Err(axum::Error::new(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body; once it is dropped the connection waits for its client again.
struct CountedBody {
    body: Body,
    turn: Arc<IdleConnection>,
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.turn.asks();
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::super::{Bounded, Peer};
    use super::*;

    const ROOM: usize = 16;
    const DEADLINE: Duration = Duration::from_secs(600);

    async fn listening() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async || "well"))
            .route("/echo", post(async |answered: String| answered))
            .route(
                "/long",
                get(async || {
                    Body::from_stream(futures_util::stream::pending::<io::Result<Bytes>>())
                }),
            );
        let bounded = Bounded::with_room(listener, Peer::Anybody, ROOM);
        let listening = Listening::inside(bounded);
        tokio::spawn(serve(listening, router, CancellationToken::new()));
        addr
    }

    async fn asked(addr: std::net::SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut answered = String::new();
        let read = timeout(DEADLINE, stream.read_to_string(&mut answered)).await;
        read.expect("it is still open").unwrap_or_default();
        answered
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    const HALF_HEAD: &str = "GET / HTTP/1.1\r\nhost:";
    const HALF_BODY: &str = "POST /say HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhalf";
    const KEPT: &str = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    const LONG: &str = "GET /long HTTP/1.1\r\nhost: h\r\n\r\n";

    #[tokio::test]
    async fn who_does_not_ask_makes_room_for_who_does() {
        let addr = listening().await;
        let mut long = asked(addr, LONG).await;
        let mut byte = [0];
        long.read_exact(&mut byte).await.unwrap();
        let mut silent = Vec::new();
        for n in 0..5 * ROOM {
            let text = ["", HALF_HEAD, HALF_BODY, KEPT][n % 4];
            silent.push(asked(addr, text).await);
        }
        assert!(answer(asked(addr, GET).await).await.ends_with("well"));
        // The first of them were closed, and the one being answered was not.
        let first = answer(silent.remove(1)).await;
        assert_eq!(first, "");
        let more = timeout(
            Duration::from_millis(100),
            long.read_to_end(&mut Vec::new()),
        )
        .await;
        assert!(more.is_err(), "an answer was cut");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_to_an_end_is_closed_in_time() {
        let addr = listening().await;
        for text in ["", HALF_HEAD, KEPT] {
            let began = tokio::time::Instant::now();
            let answered = answer(asked(addr, text).await).await;
            assert!(
                text == KEPT || answered.is_empty() || answered.contains("408"),
                "{answered}"
            );
            assert!(began.elapsed() <= 2 * limits::REQUEST_HEAD, "{text}");
        }
        let began = tokio::time::Instant::now();
        answer(asked(addr, HALF_BODY).await).await;
        assert!(began.elapsed() <= limits::REQUEST_BODY + limits::REQUEST_HEAD);
    }
}

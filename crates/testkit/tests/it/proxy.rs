//! The proxy does what it is told to, and nothing else.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use testkit::proxy::{End, Flow, Proxy, Way};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

/// A server whose connections the test holds, and a proxy before it.
struct Bench {
    proxy: Proxy,
    accepted: mpsc::UnboundedReceiver<TcpStream>,
}

impl Bench {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
        let (sender, accepted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { proxy, accepted }
    }

    async fn client(&self) -> TcpStream {
        let url = self.proxy.url();
        let addr = url.strip_prefix("http://").unwrap();
        TcpStream::connect(addr).await.unwrap()
    }

    /// Both ends of a new connection.
    async fn pair(&mut self) -> (TcpStream, TcpStream) {
        let client = self.client().await;
        let server = timeout(SOON, self.accepted.recv()).await;
        (client, server.expect("it is passed on").unwrap())
    }
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    let reading = timeout(SOON, stream.read_exact(&mut heard)).await;
    reading.expect("bytes come").unwrap();
    assert_eq!(heard, text.as_bytes());
}

/// Nothing comes, however long a busy machine may take: something else that was sent later came first.
fn assert_silent(stream: &TcpStream) {
    let mut byte = [0];
    let read = stream.try_read(&mut byte);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// How a stream ends, and what came before.
async fn ending(stream: &mut TcpStream) -> (String, std::io::Result<()>) {
    let mut heard = Vec::new();
    let end = timeout(SOON, stream.read_to_end(&mut heard)).await;
    let end = end.expect("it ends").map(drop);
    (String::from_utf8(heard).unwrap(), end)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_ends_pass_one_way_each() {
    let mut bench = Bench::new().await;
    let (mut client, mut server) = bench.pair().await;
    say(&mut client, "question").await;
    hear(&mut server, "question").await;
    client.shutdown().await.unwrap();
    assert_eq!(ending(&mut server).await.0, "");
    say(&mut server, "answer").await;
    drop(server);
    let (heard, end) = ending(&mut client).await;
    assert_eq!((heard.as_str(), end.is_ok()), ("answer", true));
    let count = bench.proxy.count();
    assert_eq!((count.ever, count.up, count.down), (1, 8, 6));
}

#[tokio::test]
async fn a_cut_ends_what_is_there_by_reset_or_cleanly() {
    let mut bench = Bench::new().await;
    for (by, kind) in [
        (End::Reset, Some(ErrorKind::ConnectionReset)),
        (End::Clean, None),
    ] {
        let (mut client, mut server) = bench.pair().await;
        say(&mut client, "x").await;
        hear(&mut server, "x").await;
        bench.proxy.cut(by);
        for side in [&mut client, &mut server] {
            let (_, end) = ending(side).await;
            assert_eq!(end.err().map(|error| error.kind()), kind, "{by:?}");
        }
    }
    let (mut client, mut server) = bench.pair().await;
    say(&mut client, "welcome again").await;
    hear(&mut server, "welcome again").await;
}

#[tokio::test]
async fn a_closed_proxy_ends_new_connections_too_and_an_open_one_keeps_those_it_has() {
    let mut bench = Bench::new().await;
    bench.proxy.close(End::Reset);
    let mut refused = bench.client().await;
    let (_, end) = ending(&mut refused).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    bench.proxy.open();
    let (mut client, mut server) = bench.pair().await;
    bench.proxy.open();
    say(&mut client, "still").await;
    hear(&mut server, "still").await;
    let count = bench.proxy.count();
    assert_eq!((count.open, count.ever), (1, 2));
}

#[tokio::test]
async fn a_stalled_way_holds_bytes_and_ends_and_the_other_goes_on() {
    let mut bench = Bench::new().await;
    let (mut client, mut server) = bench.pair().await;
    say(&mut client, "before").await;
    hear(&mut server, "before").await;
    bench.proxy.set(Way::Down, Flow::Stall);
    say(&mut server, "held").await;
    say(&mut client, "passes").await;
    hear(&mut server, "passes").await;
    assert_silent(&client);
    bench.proxy.set(Way::Up, Flow::Stall);
    say(&mut client, "held too").await;
    drop(client);
    let (mut other, mut there) = bench.pair().await;
    bench.proxy.set(Way::Down, Flow::Pass);
    say(&mut there, "a later word").await;
    hear(&mut other, "a later word").await;
    assert_silent(&server);
    bench.proxy.set(Way::Up, Flow::Pass);
    hear(&mut server, "held too").await;
    assert!(
        ending(&mut server).await.0.is_empty(),
        "and now it is known that the client is gone"
    );
}

#[tokio::test]
async fn a_connection_is_cut_in_the_middle_of_what_it_says() {
    let mut bench = Bench::new().await;
    bench.proxy.set(Way::Down, Flow::CutAfter(7, End::Clean));
    for _ in 0..2 {
        let (mut client, mut server) = bench.pair().await;
        say(&mut server, "data: {}\n\n").await;
        let (heard, end) = ending(&mut client).await;
        assert_eq!((heard.as_str(), end.is_ok()), ("data: {", true));
    }
}

#[tokio::test]
async fn bytes_are_late_or_few_when_they_are_told_to() {
    let mut bench = Bench::new().await;
    let (mut client, mut server) = bench.pair().await;
    let late = Duration::from_millis(80);
    bench.proxy.set(Way::Up, Flow::Delay(late));
    let began = Instant::now();
    say(&mut client, "late").await;
    hear(&mut server, "late").await;
    assert!(began.elapsed() >= late);

    bench.proxy.set(Way::Down, Flow::Throttle(10_000));
    let began = Instant::now();
    let much = "x".repeat(5_000);
    say(&mut server, &much).await;
    hear(&mut client, &much).await;
    assert!(
        began.elapsed() >= Duration::from_millis(450),
        "{:?} for half a second's worth",
        began.elapsed()
    );
}

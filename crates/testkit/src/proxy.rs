//! A fault-injecting TCP proxy between any client and any server of this machine.
//!
//! It forwards bytes without parsing them. It listens on its own loopback address under the server's own port, because
//! Drovers rejects requests that name another port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Bytes passed on at once.
const PIECE: usize = 16 << 10;

/// Pieces that a throttled way passes each second.
const BEATS: u32 = 20;

/// How long a clean end waits for the other side's.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A way through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What happens to bytes on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They go on.
    Pass,
    /// They stay where they are; so does the word that a side is gone. Both sides believe in the connection.
    Stall,
    /// Each piece waits for so long before it goes on.
    Delay(Duration),
    /// So many bytes go on each second.
    Throttle(u32),
    /// After so many bytes the connection ends, in the middle of whatever that is. Each connection counts by itself.
    CutAfter(usize, End),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With RST: a crash, or a network that changed.
    Reset,
    /// With FIN: the other side has no more to say.
    Clean,
}

/// Connections and bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Connections open now.
    pub open: usize,
    /// Connections ever made, those included that were ended at once.
    pub ever: u64,
    /// Bytes passed to the server.
    pub up: u64,
    /// Bytes passed to the client.
    pub down: u64,
}

/// A running proxy. Its connections break when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    up: Lane,
    down: Lane,
    order: watch::Sender<Order>,
    open: AtomicUsize,
    ever: AtomicU64,
}

#[derive(Debug)]
struct Lane {
    flow: watch::Sender<Flow>,
    passed: AtomicU64,
}

/// What was ordered last about connections as a whole.
#[derive(Debug, Clone, Copy)]
struct Order {
    by: End,
    /// New ones end at once.
    closed: bool,
}

impl Proxy {
    /// Begins to pass everything on to this server.
    ///
    /// # Errors
    /// No loopback address has the server's port free.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = listen(server.port()).await?;
        let addr = listener.local_addr()?;
        let lane = || Lane {
            flow: watch::Sender::new(Flow::Pass),
            passed: AtomicU64::new(0),
        };
        let shared = Arc::new(Shared {
            server,
            up: lane(),
            down: lane(),
            order: watch::Sender::new(Order {
                by: End::Reset,
                closed: false,
            }),
            open: AtomicUsize::new(0),
            ever: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self {
            addr,
            shared,
            accepting,
        })
    }

    /// The same, for the server at a URL without a path.
    ///
    /// # Errors
    /// The URL names no address, or as [`Self::start`].
    pub async fn of(url: &str) -> Result<Self> {
        let authority = url.trim_end_matches('/').strip_prefix("http://");
        let server = authority.and_then(|authority| authority.parse().ok());
        Self::start(server.with_context(|| format!("{url} names no address"))?).await
    }

    /// Where it listens, as a URL without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on bytes of one way fare so, on all connections, old and new.
    pub fn set(&self, way: Way, flow: Flow) {
        self.shared.lane(way).flow.send_replace(flow);
    }

    /// From now on bytes of both ways fare so.
    pub fn set_both(&self, flow: Flow) {
        self.set(Way::Up, flow);
        self.set(Way::Down, flow);
    }

    /// Ends all connections; new ones are welcome.
    pub fn cut(&self, by: End) {
        self.shared.order.send_replace(Order { by, closed: false });
    }

    /// Ends all connections, and every new one at once, until [`Self::open`].
    pub fn close(&self, by: End) {
        self.shared.order.send_replace(Order { by, closed: true });
    }

    /// Welcomes connections again.
    pub fn open(&self) {
        // Those that are there shall not take it for an order to end.
        self.shared.order.send_if_modified(|order| {
            order.closed = false;
            false
        });
    }

    /// Connections and bytes so far.
    #[must_use]
    pub fn count(&self) -> Count {
        let Shared {
            up,
            down,
            open,
            ever,
            ..
        } = &*self.shared;
        Count {
            open: open.load(Ordering::Relaxed),
            ever: ever.load(Ordering::Relaxed),
            up: up.passed.load(Ordering::Relaxed),
            down: down.passed.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn lane(&self, way: Way) -> &Lane {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

/// All of 127.0.0.0/8 is this machine; the server itself is most often at the first.
async fn listen(port: u16) -> Result<TcpListener> {
    for last in 2..=254 {
        let addr = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        if let Ok(listener) = TcpListener::bind((addr, port)).await {
            return Ok(listener);
        }
    }
    anyhow::bail!("no loopback address has port {port} free")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                shared.ever.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connection(client, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let mut orders = shared.order.subscribe();
    let order = *orders.borrow_and_update();
    if order.closed {
        return end([client], order.by).await;
    }
    let Ok(mut server) = TcpStream::connect(shared.server).await else {
        return end([client], End::Reset).await;
    };
    let _open = Open::new(&shared);
    // Without these what is small would wait for an answer to what was before it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                pump(from_client, to_server, &shared.up),
                pump(from_server, to_client, &shared.down)
            )
        };
        tokio::select! {
            ended = both => ended.err(),
            _ = orders.changed() => Some(orders.borrow().by),
        }
    };
    if let Some(by) = ended {
        end([client, server], by).await;
    }
}

/// Passes on what comes until it ends, or until the connection is to end.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, lane: &Lane) -> Result<(), End> {
    let mut flow = lane.flow.subscribe();
    let mut piece = vec![0; PIECE];
    loop {
        let now = *flow.borrow_and_update();
        let mut room = match now {
            Flow::CutAfter(0, by) => return Err(by),
            Flow::CutAfter(bytes, _) => bytes,
            _ => usize::MAX,
        };
        loop {
            let most = match now {
                Flow::Stall => 0,
                Flow::Throttle(bytes) => usize::try_from(bytes / BEATS).unwrap_or(PIECE).max(1),
                _ => room,
            };
            let read = tokio::select! {
                biased;
                _ = flow.changed() => break,
                read = from.read(&mut piece[..most.min(PIECE)]), if most > 0 => read,
            };
            let bytes = read.map_err(|_| End::Reset)?;
            if bytes == 0 {
                return to.shutdown().await.map_err(|_| End::Reset);
            }
            if let Some(wait) = wait(now) {
                sleep(wait).await;
            }
            let written = to.write_all(&piece[..bytes]).await;
            written.map_err(|_| End::Reset)?;
            lane.passed.fetch_add(bytes as u64, Ordering::Relaxed);
            room -= bytes;
            if let (Flow::CutAfter(_, by), 0) = (now, room) {
                return Err(by);
            }
        }
    }
}

fn wait(flow: Flow) -> Option<Duration> {
    match flow {
        Flow::Delay(wait) => Some(wait),
        Flow::Throttle(_) => Some(Duration::from_secs(1) / BEATS),
        _ => None,
    }
}

/// Ends both sides. One that is gone already is as good.
async fn end<const N: usize>(mut sides: [TcpStream; N], by: End) {
    match by {
        End::Reset => {
            for side in &sides {
                let _ = side.set_zero_linger();
            }
        }
        End::Clean => {
            for side in &mut sides {
                let _ = side.shutdown().await;
            }
            // What is left unread would become a reset.
            let drained = sides.map(async |mut side| {
                let _ = tokio::io::copy(&mut side, &mut tokio::io::sink()).await;
            });
            let _ = timeout(LAST_WORDS, futures_util::future::join_all(drained)).await;
        }
    }
}

/// Counts a connection while it is open.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(&shared.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

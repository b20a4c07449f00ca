//! What the handlers and streams of one process share: the process and its database behind locks that are never held across a wait, and
//! the streams, each of which has a queue of its own.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::machine::{Machine, World};
use super::store::Store;
use super::{Options, Probe};
use crate::limits;

/// Shared by everything in one process.
pub(super) struct Shared {
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) password: Option<String>,
    pub(super) pid: u32,
    pub(super) probe: Probe,
    pub(super) page: bool,
    pub(super) heartbeat: Duration,
    pub(super) directory: String,
    pub(super) url: String,
    pub(super) open: AtomicUsize,
    pub(super) stalled: watch::Sender<bool>,
    pub(super) refused: AtomicU16,
    pub(super) stop: CancellationToken,
    inner: Mutex<Inner>,
    cut: Mutex<CancellationToken>,
    wake: Notify,
    clock: Clock,
}

/// Milliseconds of the Unix epoch.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

struct Inner {
    machine: Machine,
    streams: Vec<mpsc::Sender<Bytes>>,
}

impl Shared {
    pub(super) fn new(
        options: &Options,
        machine: Machine,
        store: Arc<Mutex<Store>>,
        pid: u32,
        url: String,
        clock: Clock,
    ) -> Self {
        Self {
            clock,
            store,
            password: options.password.clone(),
            pid,
            probe: options.probe,
            page: options.page,
            heartbeat: options.heartbeat,
            directory: options.directory.clone(),
            url,
            open: AtomicUsize::new(0),
            stalled: watch::Sender::new(false),
            refused: AtomicU16::new(0),
            stop: CancellationToken::new(),
            inner: Mutex::new(Inner {
                machine,
                streams: Vec::new(),
            }),
            cut: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Reads or changes the process and its database, now; frames leave in the order in which they come to be.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World<'_>) -> T) -> T {
        let result = self.at_once(change);
        self.wake.notify_one();
        result
    }

    fn at_once<T>(&self, change: impl FnOnce(&mut World<'_>) -> T) -> T {
        let mut inner = lock(&self.inner);
        let mut store = lock(&self.store);
        let Inner { machine, streams } = &mut *inner;
        machine.set_now((self.clock)());
        let result = change(&mut World {
            machine,
            store: &mut store,
        });
        for frame in machine.take_frames() {
            let frame = Bytes::from(format!("data: {frame}\n\n"));
            // A queue that is full, or whose reader has gone, is let go: what is in it is still sent, and then the stream ends.
            streams.retain(|stream| stream.try_send(frame.clone()).is_ok());
        }
        result
    }

    /// A stream, whose queue is in place before its first frame is written.
    pub(super) fn subscribe(&self) -> mpsc::Receiver<Bytes> {
        let mut inner = lock(&self.inner);
        let (sender, receiver) = mpsc::channel(limits::FRAMES_KEPT);
        let id = inner.machine.id("evt");
        let first =
            format!("data: {{\"id\":\"{id}\",\"type\":\"server.connected\",\"data\":{{}}}}\n\n");
        let _it_has_room = sender.try_send(Bytes::from(first));
        inner.streams.push(sender);
        receiver
    }

    /// Puts a frame into every stream, JSON or not.
    pub(super) fn emit_raw(&self, data: &str) {
        let frame = Bytes::from(format!("data: {data}\n\n"));
        lock(&self.inner)
            .streams
            .retain(|stream| stream.try_send(frame.clone()).is_ok());
    }

    /// Interrupts all runs, as a process does that ends in order.
    pub(super) fn interrupt_all(&self) {
        self.with(|world| {
            let running: Vec<_> = world.machine.runs.keys().cloned().collect();
            for session in running {
                world.abort(&session, "shutdown");
            }
        });
    }

    /// Ends all streams, as a process does that ends.
    pub(super) fn end_streams(&self) {
        lock(&self.inner).streams.clear();
    }

    /// Ends when the open streams shall break off.
    pub(super) fn cut_token(&self) -> CancellationToken {
        lock(&self.cut).clone()
    }

    pub(super) fn cut_streams(&self) {
        std::mem::take(&mut *lock(&self.cut)).cancel();
        self.end_streams();
    }

    /// Counts a stream while it is open.
    pub(super) fn count(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// Plays what is due, until the process ends.
    pub(super) async fn play(self: Arc<Self>) {
        loop {
            let due = self.at_once(|world| {
                world.advance();
                world.machine.next_due()
            });
            let due = async {
                match due {
                    Some(due) => {
                        sleep(Duration::from_millis(due.saturating_sub((self.clock)()))).await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = due => {}
            }
            // Acts without a pause leave room for those who read.
            tokio::task::yield_now().await;
        }
    }
}

/// A stream that is open.
pub(super) struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The time of day of this machine.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle to the shared parts.
pub(super) type Handle = Arc<Shared>;

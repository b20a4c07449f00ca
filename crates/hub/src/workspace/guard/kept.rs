//! A server that outlives the hub: hubs come and go over a Unix socket, and the guard keeps what the server prints meanwhile.
//!
//! A hub that connects sends a line with the secret of the server. The guard answers with [`HELLO`], the retained lines and each line
//! as it comes, `out TEXT` or `err TEXT`, and last `ended CODE`, or [`REPLACED`] when another hub has come. A hub that reads too slowly
//! misses lines, and is never waited for.
//!
//! The line `stop` of a hub ends the server, and so does TERM. What the end of the hub's connection does is the hub's choice: with
//! [`ENDS`], as from the beginning, it ends the server; with [`OUTLIVES`] the server ends only after a long time without any hub; and
//! after [`STAY`] it waits a short time for the next hub.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use super::watch::Event;
use crate::workspace::limits;
use crate::workspace::output::Lines;

/// The first line to a hub: what follows is version 1 of this protocol.
pub(in crate::workspace) const HELLO: &str = "hello 1";

/// What a hub sends to end the server.
pub(in crate::workspace) const STOP: &str = "stop";

/// What a hub sends so that the server ends with it.
pub(in crate::workspace) const ENDS: &str = "ends";

/// What a hub sends so that the server outlives it.
pub(in crate::workspace) const OUTLIVES: &str = "outlives";

/// What a hub sends that ends and is replaced by the next one at once.
pub(in crate::workspace) const STAY: &str = "stay";

/// The last line to a hub when another one has connected.
pub(in crate::workspace) const REPLACED: &str = "replaced";

/// Prefix of the last line to a hub, before the exit code.
pub(in crate::workspace) const ENDED: &str = "ended ";

/// Prefixes of lines on stdout and stderr.
pub(in crate::workspace) const OUT: &str = "out ";
pub(in crate::workspace) const ERR: &str = "err ";

/// The environment variable of the guard with the secret. The server does not inherit it.
pub(in crate::workspace) const SECRET: &str = "DROVERS_GUARD_SECRET";

/// The guard's end of the socket. Cheap to clone.
#[derive(Clone)]
pub(super) struct Kept(Arc<Mutex<Shared>>);

struct Shared {
    /// The first lines, which have the process id and the address, of [`limits::KEPT_HEAD`] at most.
    head: Vec<String>,
    /// The last lines after those, of [`limits::OUTPUT_LINES`] at most.
    tail: VecDeque<String>,
    /// The connected hub.
    hub: Option<Hub>,
    /// Number of the newest hub.
    hubs: u64,
    /// True once the server has ended, or ends with its hub: no hub is greeted any more.
    over: bool,
    /// Since when no hub is connected.
    alone: Instant,
    /// What follows once no hub is connected.
    after: AfterHub,
}

/// What becomes of the server once no hub is connected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterHub {
    /// It ends.
    Ends,
    /// It waits for the next hub for [`limits::KEPT_RESTART`]; also if no hub was there yet.
    Stays,
    /// It goes on for [`limits::KEPT_ALONE`].
    Outlives,
}

impl AfterHub {
    /// The time without a hub after which the server ends.
    fn patience(self) -> Duration {
        match self {
            Self::Ends => Duration::ZERO,
            Self::Stays => limits::KEPT_RESTART,
            Self::Outlives => limits::KEPT_ALONE,
        }
    }
}

/// A connected hub. Its lines are written by a thread of its own, which ends once it is dropped.
struct Hub {
    number: u64,
    lines: SyncSender<String>,
    writer: JoinHandle<()>,
}

impl Kept {
    /// Serves hubs that know the secret, on the socket that is this process's stdin.
    ///
    /// # Errors
    /// Stdin is no listening socket, or the secret is missing.
    pub(super) fn start(events: &Sender<Event>) -> io::Result<Self> {
        let secret = std::env::var(SECRET)
            .map_err(|_| io::Error::other("the secret of the server is missing"))?;
        let listener = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        listener.local_addr()?;
        let kept = Self(Arc::new(Mutex::new(Shared {
            head: Vec::new(),
            tail: VecDeque::new(),
            hub: None,
            hubs: 0,
            over: false,
            alone: Instant::now(),
            after: AfterHub::Stays,
        })));
        let (hubs, asks) = (kept.clone(), events.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A stranger, or a hub that left at once: the next one is served.
                let _gone = hubs.greet(stream, &secret, &asks);
            }
        });
        let (alone, asks) = (kept.clone(), events.clone());
        thread::spawn(move || alone.end_when_alone(&asks));
        Ok(kept)
    }

    /// Reads a pipe of the server to its end, so that the server never blocks.
    pub(super) fn collect(
        &self,
        prefix: &'static str,
        mut pipe: impl Read + Send + 'static,
    ) -> JoinHandle<()> {
        let kept = self.clone();
        thread::spawn(move || {
            let mut lines = Lines::default();
            let mut chunk = [0; 4096];
            let mut push = |line: &str| kept.push(format!("{prefix}{line}\n"));
            while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                lines.feed(&chunk[..read], &mut push);
            }
            lines.finish(push);
        })
    }

    /// Reports the end of the server to the connected hub, after the last output that `readers` collect, and waits a moment until the
    /// hub has the line.
    pub(super) fn ended(&self, code: u8, readers: &[JoinHandle<()>]) {
        wait(limits::DRAIN, || {
            readers.iter().all(JoinHandle::is_finished)
        });
        let hub = {
            let mut shared = self.lock();
            shared.over = true;
            shared.hub.take()
        };
        let Some(hub) = hub else {
            return;
        };
        wait(limits::KEPT_GREETING, || {
            let sent = hub.lines.try_send(format!("{ENDED}{code}\n"));
            !matches!(sent, Err(TrySendError::Full(_)))
        });
        drop(hub.lines);
        wait(limits::KEPT_GREETING, || hub.writer.is_finished());
    }

    /// Greets a hub; returns once it is served by a thread of its own.
    fn greet(&self, stream: UnixStream, secret: &str, events: &Sender<Event>) -> io::Result<()> {
        stream.set_read_timeout(Some(limits::KEPT_GREETING))?;
        let mut lines = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        lines
            .by_ref()
            .take(limits::KEPT_LINE)
            .read_line(&mut line)?;
        let known: bool = line.trim_end().as_bytes().ct_eq(secret.as_bytes()).into();
        if !known || !is_own(&stream) {
            return Ok(());
        }
        stream.set_read_timeout(None)?;
        let number = {
            let mut shared = self.lock();
            if shared.over {
                return Ok(());
            }
            shared.welcome(stream)
        };
        let (kept, events) = (self.clone(), events.clone());
        thread::spawn(move || kept.obey(lines, number, &events));
        Ok(())
    }

    /// Does what a hub asks until it disconnects.
    fn obey(&self, mut lines: BufReader<UnixStream>, number: u64, events: &Sender<Event>) {
        loop {
            let mut line = String::new();
            let read = lines.by_ref().take(limits::KEPT_LINE).read_line(&mut line);
            match read {
                Ok(1..) => match line.trim_end() {
                    STOP => {
                        let _ended = events.send(Event::Stop);
                    }
                    ENDS => self.choose(number, AfterHub::Ends),
                    STAY => self.choose(number, AfterHub::Stays),
                    OUTLIVES => self.choose(number, AfterHub::Outlives),
                    _ => {}
                },
                Ok(0) | Err(_) => break,
            }
        }
        let mut shared = self.lock();
        if shared.hub.as_ref().is_some_and(|hub| hub.number == number) {
            shared.hub = None;
            shared.alone = Instant::now();
            if shared.after == AfterHub::Ends {
                // The next hub starts another one rather than adopt what ends.
                shared.over = true;
                let _ended = events.send(Event::Stop);
            }
        }
    }

    /// Does so once the hub `number` is gone, unless another one has come.
    fn choose(&self, number: u64, after: AfterHub) {
        let mut shared = self.lock();
        if shared.hub.as_ref().is_some_and(|hub| hub.number == number) {
            shared.after = after;
        }
    }

    fn end_when_alone(&self, events: &Sender<Event>) {
        loop {
            thread::sleep(limits::KEPT_LOOK);
            let shared = self.lock();
            let patience = shared.after.patience();
            let alone = shared.hub.is_none() && shared.alone.elapsed() > patience;
            drop(shared);
            if alone && events.send(Event::Stop).is_err() {
                return;
            }
        }
    }

    fn push(&self, line: String) {
        let mut shared = self.lock();
        shared.send(&line);
        if shared.head.len() < limits::KEPT_HEAD {
            shared.head.push(line);
            return;
        }
        shared.tail.push_back(line);
        if shared.tail.len() > limits::OUTPUT_LINES {
            shared.tail.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Connects a hub in place of the one before, and sends it what was retained. Returns its number.
    fn welcome(&mut self, stream: UnixStream) -> u64 {
        let mut all = format!("{HELLO}\n");
        all.extend(self.head.iter().map(String::as_str));
        all.extend(self.tail.iter().map(String::as_str));
        if let Some(before) = self.hub.take() {
            let _full = before.lines.try_send(format!("{REPLACED}\n"));
        }
        self.hubs += 1;
        self.after = AfterHub::Ends;
        let (lines, rest) = mpsc::sync_channel(limits::KEPT_WAITING);
        let writer = thread::spawn(move || write(stream, all, &rest));
        self.hub = Some(Hub {
            number: self.hubs,
            lines,
            writer,
        });
        self.hubs
    }

    /// Sends a line to the hub, if one is connected and takes it.
    fn send(&mut self, line: &str) {
        if let Some(hub) = &self.hub {
            let _missed = hub.lines.try_send(line.to_owned());
        }
    }
}

/// Waits until something is so, or the time is over.
fn wait(timeout: Duration, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + timeout;
    while !is_so() && Instant::now() < give_up {
        thread::sleep(limits::KILL_ROUND);
    }
}

/// Writes lines to a hub until it is gone or replaced.
fn write(mut stream: UnixStream, first: String, lines: &Receiver<String>) {
    let mut line = Ok(first);
    while let Ok(text) = line {
        if stream.write_all(text.as_bytes()).is_err() {
            break;
        }
        line = lines.recv();
    }
    let _gone = stream.shutdown(std::net::Shutdown::Both);
}

/// True if the process at the other end is this user's. Only Linux tells; elsewhere the folder's permissions and the secret do.
fn is_own(stream: &UnixStream) -> bool {
    #[cfg(target_os = "linux")]
    {
        let peer = rustix::net::sockopt::socket_peercred(stream);
        peer.is_ok_and(|peer| peer.uid == rustix::process::getuid())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stream;
        true
    }
}

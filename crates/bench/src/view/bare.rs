//! The floor of what hearing servers costs: threads that take the bytes off the sockets and do nothing else.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use url::Url;

/// One thread for each server. They end with this.
pub(crate) struct Bare {
    sockets: Vec<TcpStream>,
    /// Nanoseconds of CPU time, by thread.
    used: Vec<Arc<AtomicU64>>,
}

impl Bare {
    /// Opens the event stream of each server.
    pub(crate) fn read(servers: &[String]) -> Result<Self> {
        let mut bare = Self {
            sockets: Vec::new(),
            used: Vec::new(),
        };
        for server in servers {
            let socket = open(&server.parse()?)?;
            bare.sockets.push(socket.try_clone()?);
            let used = Arc::new(AtomicU64::new(0));
            bare.used.push(used.clone());
            thread::Builder::new().spawn(move || take(socket, &used))?;
        }
        Ok(bare)
    }

    /// CPU time of all of them so far.
    pub(crate) fn cpu(&self) -> Duration {
        let used = self.used.iter().map(|used| used.load(Ordering::Relaxed));
        Duration::from_nanos(used.sum())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for socket in &self.sockets {
            // One that is closed already needs no end.
            let _closed = socket.shutdown(Shutdown::Both);
        }
    }
}

fn open(server: &Url) -> Result<TcpStream> {
    let addresses = server.socket_addrs(|| None)?;
    let mut socket = TcpStream::connect(&*addresses)?;
    let host = addresses.first().context("the server has no address")?;
    write!(
        socket,
        "GET /global/event HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
    )?;
    Ok(socket)
}

fn take(mut socket: TcpStream, used: &AtomicU64) {
    let mut bytes = vec![0; 64 << 10];
    while socket.read(&mut bytes).is_ok_and(|read| read > 0) {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let nanos = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        used.store(nanos.unsigned_abs(), Ordering::Relaxed);
    }
}

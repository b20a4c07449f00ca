//! One open event stream, written without waiting: what its reader does not take at once is kept and written as it can.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use memchr::memmem;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Bytes kept for a reader that is behind. OpenCode has no such bound; here the stream ends at it.
const BEHIND: usize = 256 << 20;

/// How events are written on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `/global/event`: enveloped, with twins.
    Global,
    /// `/event`: bare, without.
    Bare,
}

/// A stream.
pub(super) struct Link {
    pub(super) form: Form,
    socket: TcpStream,
    behind: RefCell<Vec<u8>>,
    more: Notify,
    gone: Cell<bool>,
}

impl Link {
    pub(super) fn new(form: Form, socket: TcpStream) -> Rc<Self> {
        Rc::new(Self {
            form,
            socket,
            behind: RefCell::default(),
            more: Notify::new(),
            gone: Cell::new(false),
        })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Bytes that its reader has not taken.
    pub(super) fn behind(&self) -> usize {
        self.behind.borrow().len()
    }

    /// Ends it without a final chunk, as when a server is killed.
    pub(super) fn cut(&self) {
        self.gone.set(true);
        self.more.notify_one();
    }

    /// Writes what the reader takes, and keeps the rest.
    pub(super) fn send(&self, bytes: &[u8]) {
        let mut behind = self.behind.borrow_mut();
        let mut rest = bytes;
        while behind.is_empty() && !rest.is_empty() {
            match self.socket.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => return self.cut(),
            }
        }
        if rest.is_empty() {
            return;
        }
        if behind.len() + rest.len() > BEHIND {
            return self.cut();
        }
        behind.extend_from_slice(rest);
        self.more.notify_one();
    }

    /// Writes what is behind, until the stream ends on either side.
    pub(super) async fn run(&self) {
        while !self.is_gone() {
            tokio::select! {
                () = self.more.notified() => {}
                _ = self.socket.readable() => {
                    // A reader says nothing more: what becomes readable is its end.
                    let mut byte = [0; 64];
                    if !matches!(self.socket.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock) {
                        return self.cut();
                    }
                }
                _ = self.socket.writable(), if self.behind() > 0 => self.write_behind(),
            }
        }
    }

    fn write_behind(&self) {
        let mut behind = self.behind.borrow_mut();
        let mut written = 0;
        while written < behind.len() {
            match self.socket.try_write(&behind[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.cut();
                    break;
                }
            }
        }
        behind.drain(..written);
    }
}

/// Puts bytes into a chunk of HTTP/1.1.
pub(super) fn chunk(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Frames of `/global/event` as `/event` has them.
pub(super) fn bare(frames: &[u8], out: &mut Vec<u8>) {
    const PAYLOAD: &[u8] = br#""payload":"#;
    out.clear();
    let mut rest = frames;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = (&rest[..end], &rest[end..]);
        let begin = memmem::find(line, PAYLOAD).map_or(line.len(), |at| at + PAYLOAD.len());
        if let Some(payload) = line.get(begin..line.len().saturating_sub(1))
            && !payload.starts_with(br#"{"type":"sync""#)
        {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(payload);
            out.extend_from_slice(b"\n\n");
        }
        rest = after.strip_prefix(b"\n\n").unwrap_or_default();
    }
}

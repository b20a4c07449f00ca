//! What a reader of the log is sent next: pieces of bounded size, as few as can be.
//!
//! HTTP takes up to 16 pieces of whatever size for a reader who does not read, so they are small. What is short travels
//! together; what is long is cut out of the one text that all readers share, and never copied for any of them.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use flate2::CompressError;

use super::gzip::{Gzip, Press};
use crate::limits;

/// The way out.
pub(super) struct Out {
    ready: VecDeque<Bytes>,
    /// What goes with the next piece.
    open: Vec<u8>,
    gzip: Option<(Gzip, Arc<Press>)>,
}

/// A text that is shared, as bytes.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Out {
    /// A way out, compressed if there is something to compress with.
    pub(super) fn new(press: Option<Arc<Press>>) -> Self {
        Self {
            ready: VecDeque::new(),
            open: Vec::new(),
            gzip: press.map(|press| (Gzip::new(), press)),
        }
    }

    /// The next bytes, if any are ready.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// True once there is enough to send.
    pub(super) fn is_full(&self) -> bool {
        !self.ready.is_empty() || self.open.len() >= limits::LOG_PIECE
    }

    pub(super) fn push(&mut self, text: &str) {
        self.open.extend(text.as_bytes());
    }

    pub(super) fn push_shared(&mut self, text: &Arc<str>) {
        if self.gzip.is_some() || text.len() < limits::LOG_PIECE {
            self.push(text);
            return;
        }
        self.close_piece();
        self.cut(Bytes::from_owner(Shared(text.clone())));
    }

    /// Lets out everything that was pushed.
    ///
    /// # Errors
    ///
    /// If the compressor fails; the stream cannot go on then.
    pub(super) fn flush(&mut self) -> Result<(), CompressError> {
        if self.open.is_empty() {
            return Ok(());
        }
        match &mut self.gzip {
            None => self.close_piece(),
            Some((gzip, press)) => {
                let step = gzip.push(press, &self.open)?;
                self.open = Vec::new();
                self.cut(step);
            }
        }
        Ok(())
    }

    /// Lets out what ends the stream.
    pub(super) fn end(&mut self) {
        if let Some((gzip, _)) = &self.gzip {
            self.ready.push_back(gzip.finish());
        }
    }

    fn close_piece(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.cut(open.into());
        }
    }

    fn cut(&mut self, mut bytes: Bytes) {
        while bytes.len() > limits::LOG_PIECE {
            self.ready.push_back(bytes.split_to(limits::LOG_PIECE));
        }
        self.ready.push_back(bytes);
    }
}

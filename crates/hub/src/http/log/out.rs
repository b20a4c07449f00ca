//! Output of a log reader: chunks of bounded size, as few as possible.
//!
//! HTTP buffers up to 16 chunks of any size for a slow reader, so chunks are small copies: a slice would keep the whole
//! source text alive. Short texts are combined.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use flate2::CompressError;

use super::super::compressor::{Gzip, SharedCompressor};
use crate::limits;

/// The output queue.
pub(super) struct Out {
    ready: VecDeque<Bytes>,
    /// Bytes of the next chunk.
    open: Vec<u8>,
    gzip: Option<(Gzip, Arc<SharedCompressor>)>,
}

/// A shared text, as bytes.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Out {
    /// An output queue, compressed if there is a compressor.
    pub(super) fn new(press: Option<Arc<SharedCompressor>>) -> Self {
        Self {
            ready: VecDeque::new(),
            open: Vec::new(),
            gzip: press.map(|press| (Gzip::new(), press)),
        }
    }

    /// The next chunk, if one is ready.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let text = self.ready.front_mut()?;
        let piece = text.split_to(text.len().min(limits::LOG_PIECE));
        if text.is_empty() {
            self.ready.pop_front();
        }
        Some(Bytes::copy_from_slice(&piece))
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
        self.ready
            .push_back(Bytes::from_owner(Shared(text.clone())));
    }

    /// Makes everything that was pushed available as chunks.
    ///
    /// # Errors
    ///
    /// The compressor failed; the stream cannot continue.
    pub(super) fn flush(&mut self) -> Result<(), CompressError> {
        if self.open.is_empty() {
            return Ok(());
        }
        match &mut self.gzip {
            None => self.close_piece(),
            Some((gzip, press)) => {
                let step = gzip.push(press, &self.open)?;
                self.open = Vec::new();
                self.ready.push_back(step);
            }
        }
        Ok(())
    }

    /// Pushes the end of the stream.
    pub(super) fn end(&mut self) {
        if let Some((gzip, _)) = &self.gzip {
            self.ready.push_back(gzip.finish());
        }
    }

    fn close_piece(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.ready.push_back(open.into());
        }
    }
}

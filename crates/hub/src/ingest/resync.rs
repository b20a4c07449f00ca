//! An open stream, first held back while the state is read, then let through.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::Event;
use model::event::Snapshot;
use opencode::sse;
use tokio::time::timeout;

use super::dialect::Translator;
use super::upstream::{Connection, EventBytes, UpstreamError};
use crate::clock::Clock;
use crate::engine::{Feeder, Heard};
use crate::limits;

/// Frames of one stream on their way to the engine.
pub(super) struct Live<S> {
    stream: S,
    parser: sse::Parser,
    translator: Translator,
    feeder: Feeder,
    clock: Clock,
    /// Frames that wait for the snapshot; `None` once it was told.
    held: Option<HeldFrames>,
    /// Folders that were seen on the stream.
    directories: BTreeSet<Arc<str>>,
}

#[derive(Default)]
struct HeldFrames {
    frames: Vec<Heard>,
    bytes: usize,
}

impl<S: EventBytes> Live<S> {
    /// A stream that was just opened; `directories` are the folders seen on the ones before it.
    pub(super) fn new<R>(
        connection: Connection<S, R>,
        feeder: Feeder,
        clock: Clock,
        directories: BTreeSet<Arc<str>>,
    ) -> Self {
        Self {
            stream: connection.stream,
            parser: sse::Parser::new(opencode::limits::MAX_EVENT_BYTES),
            translator: Translator::new(connection.dialect),
            feeder,
            clock,
            held: Some(HeldFrames::default()),
            directories,
        }
    }

    /// Folders that were seen on this stream and the ones before it.
    pub(super) fn into_directories(self) -> BTreeSet<Arc<str>> {
        self.directories
    }

    /// True once the snapshot was told.
    pub(super) fn is_released(&self) -> bool {
        self.held.is_none()
    }

    /// Waits for the first event, which proves that the server serves this connection.
    pub(super) async fn first_event(&mut self) -> Result<(), UpstreamError> {
        let reason = format!(
            "it sent no event within {} s",
            limits::FIRST_ANSWER.as_secs()
        );
        let chunk = timeout(limits::FIRST_ANSWER, self.chunk())
            .await
            .unwrap_or_else(|_| Err(UpstreamError::Unreachable(reason.into())))?;
        self.take(&chunk).await
    }

    /// The next bytes. Cancel safe: nothing is taken before it is given back.
    pub(super) async fn chunk(&mut self) -> Result<Bytes, UpstreamError> {
        let ended = || UpstreamError::Unreachable("the server ended the event stream".into());
        self.stream.next_chunk().await?.ok_or_else(ended)
    }

    /// Tells what the bytes say. Not cancel safe: they are told to their end.
    pub(super) async fn take(&mut self, chunk: &[u8]) -> Result<(), UpstreamError> {
        let at = self.clock.now();
        let (translator, directories) = (&mut self.translator, &mut self.directories);
        let mut frames = vec![];
        self.parser.feed(chunk, |frame| {
            let heard = translator.frame(frame.data, at);
            if let Some(directory) = &heard.directory
                && directories.len() < limits::DIRECTORIES
            {
                directories.insert(directory.clone());
            }
            frames.push(Heard::upstream(heard, frame.data));
        });
        match &mut self.held {
            Some(held) => held.hold(frames)?,
            None => tell_in_batches(&self.feeder, frames).await,
        }
        Ok(())
    }

    /// Tells the snapshot, then what was held, as one change.
    pub(super) async fn release(&mut self, snapshot: Snapshot) {
        let mut batch = vec![Heard::ours(Event::Snapshot(snapshot))];
        batch.extend(self.held.take().unwrap_or_default().frames);
        self.feeder.tell(batch).await;
    }
}

impl HeldFrames {
    fn hold(&mut self, frames: Vec<Heard>) -> Result<(), UpstreamError> {
        self.bytes += frames.iter().map(Heard::bytes).sum::<usize>();
        self.frames.extend(frames);
        if self.frames.len() > limits::HELD_FRAMES || self.bytes > limits::HELD_BYTES {
            let reason = "more events arrived than can be held while the state is read";
            return Err(UpstreamError::Unreachable(reason.into()));
        }
        Ok(())
    }
}

async fn tell_in_batches(feeder: &Feeder, mut frames: Vec<Heard>) {
    if frames.is_empty() {
        // A comment or half a frame: still a sign of life.
        frames.push(Heard::ours(Event::Heard));
    }
    while !frames.is_empty() {
        let rest = frames.split_off(frames.len().min(limits::BATCH_FRAMES));
        feeder.tell(frames).await;
        frames = rest;
    }
}

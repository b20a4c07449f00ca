//! An open stream, first held back while the state is read, then let through. If it ends before, what was held goes to the
//! log alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::Event;
use model::event::Snapshot;
use model::state::{LinkStatus, ReasonKind};
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
    /// Folders that were seen on this stream and the ones before it.
    directories: BTreeSet<Arc<str>>,
    /// Folders that were seen on this one.
    seen: BTreeSet<Arc<str>>,
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
            seen: BTreeSet::new(),
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
        let chunk = timeout(limits::FIRST_ANSWER, self.chunk())
            .await
            .unwrap_or_else(|_| Err(no_event()))?;
        self.take(&chunk).await
    }

    /// The next bytes. Cancel safe: nothing is taken before it is given back.
    pub(super) async fn chunk(&mut self) -> Result<Bytes, UpstreamError> {
        let ended = || {
            let text = "the server ended its event stream: it was stopped or restarted";
            UpstreamError::down(ReasonKind::Ended, text)
        };
        self.stream.next_chunk().await?.ok_or_else(ended)
    }

    /// Tells what the bytes say. Not cancel safe: they are told to their end.
    pub(super) async fn take(&mut self, chunk: &[u8]) -> Result<(), UpstreamError> {
        let at = self.clock.now();
        let (translator, directories, seen) =
            (&mut self.translator, &mut self.directories, &mut self.seen);
        let mut frames = vec![];
        self.parser.feed(chunk, |frame| {
            let heard = translator.frame(frame.data, at);
            let news = heard
                .directory
                .as_ref()
                .filter(|directory| !seen.contains(*directory) && remember(directories, directory));
            let news = news.cloned();
            frames.push(heard.for_engine(frame.data));
            if let Some(directory) = news {
                seen.insert(directory.clone());
                frames.push(Heard::ours(Event::DirectoryHeard(directory)));
            }
        });
        match &mut self.held {
            Some(held) => held.hold(frames)?,
            None => {
                if frames.is_empty() {
                    // A comment or half a frame: still a sign of life.
                    frames.push(Heard::ours(Event::Heard));
                }
                tell_in_batches(&self.feeder, frames).await;
            }
        }
        Ok(())
    }

    /// Tells the log what was held, once the stream ended before the state was read. Without a state to begin from it is
    /// not folded: the next stream's state has what came of it.
    pub(super) async fn abandon(&mut self) {
        let held = self.held.take().unwrap_or_default().frames;
        let heard = held.into_iter().filter_map(Heard::for_the_log).collect();
        tell_in_batches(&self.feeder, heard).await;
    }

    /// Tells the snapshot, then what was held, as one change: what is shown is true from then on.
    pub(super) async fn release(&mut self, snapshot: Snapshot) {
        let mut batch = vec![Heard::ours(Event::Snapshot(snapshot))];
        batch.extend(self.held.take().unwrap_or_default().frames);
        batch.push(Heard::ours(Event::Link(LinkStatus::Connected)));
        self.feeder.tell(batch).await;
    }
}

/// Keeps a folder in mind, as far as there is room. What concerns the whole server names none, or `global`.
fn remember(known: &mut BTreeSet<Arc<str>>, directory: &Arc<str>) -> bool {
    if known.contains(directory) {
        return true;
    }
    let room = known.len() < limits::DIRECTORIES && **directory != *"global";
    room && known.insert(directory.clone())
}

impl HeldFrames {
    fn hold(&mut self, frames: Vec<Heard>) -> Result<(), UpstreamError> {
        self.bytes += frames.iter().map(Heard::bytes).sum::<usize>();
        self.frames.extend(frames);
        if self.frames.len() > limits::HELD_FRAMES || self.bytes > limits::HELD_BYTES {
            let text = "more events arrived than can be held while the state is read";
            return Err(UpstreamError::down(ReasonKind::Flooded, text));
        }
        Ok(())
    }
}

fn no_event() -> UpstreamError {
    let seconds = limits::FIRST_ANSWER.as_secs();
    let text = format!("it accepted the event stream and sent nothing within {seconds} s");
    UpstreamError::down(ReasonKind::Timeout, text)
}

async fn tell_in_batches(feeder: &Feeder, mut frames: Vec<Heard>) {
    while !frames.is_empty() {
        let rest = frames.split_off(frames.len().min(limits::BATCH_FRAMES));
        feeder.tell(frames).await;
        frames = rest;
    }
}

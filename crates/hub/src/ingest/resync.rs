//! An open stream: its events are held while the state is read, then released. If the stream ends before, the held
//! events go to the log only.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use model::Event;
use model::event::Snapshot;
use model::state::{Capability, LinkStatus, ReasonKind};
use opencode::sse;
use tokio::time::timeout;

use super::dialect::Translator;
use super::upstream::{Connection, EventBytes, UpstreamError};
use crate::clock::Clock;
use crate::engine::{Feeder, Inbound};
use crate::limits;

/// The frames of one stream on their way to the engine.
pub(super) struct LiveFrames<S> {
    stream: S,
    parser: sse::Parser,
    translator: Translator,
    feeder: Feeder,
    clock: Clock,
    /// Frames that are held until the snapshot; `None` once the snapshot was sent.
    held: Option<HeldFrames>,
    /// Folders that appeared on this stream and the previous ones.
    directories: BTreeSet<Arc<str>>,
    /// Folders that appeared on this stream.
    seen: BTreeSet<Arc<str>>,
    /// Folders that are remembered.
    room: usize,
    /// True once it is reported that there are more folders than are read, or where all are.
    cut: bool,
}

#[derive(Default)]
struct HeldFrames {
    frames: Vec<Inbound>,
    bytes: usize,
}

impl<S: EventBytes> LiveFrames<S> {
    /// A stream that was just opened; `directories` are the folders of the previous streams.
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
            room: connection.dialect.folders(),
            feeder,
            clock,
            held: Some(HeldFrames::default()),
            directories,
            seen: BTreeSet::new(),
            cut: connection.dialect.kind().can.has(Capability::ManyFolders),
        }
    }

    /// Folders that appeared on this stream and the previous ones.
    pub(super) fn into_directories(self) -> BTreeSet<Arc<str>> {
        self.directories
    }

    /// True once the snapshot was sent.
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

    /// The next bytes. Cancel safe: no bytes are lost.
    pub(super) async fn chunk(&mut self) -> Result<Bytes, UpstreamError> {
        let ended = || {
            let text = "the server ended its event stream: it was stopped or restarted";
            UpstreamError::down(ReasonKind::Ended, text)
        };
        self.stream.next_chunk().await?.ok_or_else(ended)
    }

    /// Parses bytes and sends their events. Not cancel safe: must run to completion.
    pub(super) async fn take(&mut self, chunk: &[u8]) -> Result<(), UpstreamError> {
        let (at, room) = (self.clock.now(), self.room);
        let (translator, directories, seen, cut) = (
            &mut self.translator,
            &mut self.directories,
            &mut self.seen,
            &mut self.cut,
        );
        let mut frames = vec![];
        self.parser.feed(chunk, |frame| {
            let translated = translator.frame(frame.data, at);
            let directory = translated.directory.as_ref();
            let new = directory.filter(|directory| !seen.contains(*directory));
            let new =
                new.map(|directory| (directory.clone(), remember(directories, directory, room)));
            frames.push(translated.for_engine(frame.data));
            match new {
                Some((directory, Remembered::Yes)) => {
                    seen.insert(directory.clone());
                    frames.push(Inbound::ours(Event::DirectorySeen(directory)));
                }
                Some((_, Remembered::NoRoom)) if !mem::replace(cut, true) => {
                    let read = limits::DIRECTORIES;
                    frames.push(Inbound::ours(Event::FoldersCut { read }));
                }
                _ => {}
            }
        });
        match &mut self.held {
            Some(held) => held.hold(frames)?,
            None => {
                if frames.is_empty() {
                    // A comment or a partial frame still proves that the link is alive.
                    frames.push(Inbound::ours(Event::BytesReceived));
                }
                tell_in_batches(&self.feeder, frames).await;
            }
        }
        Ok(())
    }

    /// Sends the held events to the log, after the stream ended before the state was read. Without a snapshot they are
    /// not folded: the snapshot of the next stream contains their effects.
    pub(super) async fn abandon(&mut self) {
        let held = self.held.take().unwrap_or_default().frames;
        let inbound = held.into_iter().filter_map(Inbound::for_the_log).collect();
        tell_in_batches(&self.feeder, inbound).await;
    }

    /// Sends the snapshot and then the held events as one change: the state is current from then on.
    pub(super) async fn release(&mut self, snapshot: Snapshot) {
        let mut batch = vec![Inbound::ours(Event::Snapshot(snapshot))];
        batch.extend(self.held.take().unwrap_or_default().frames);
        batch.push(Inbound::ours(Event::Link(LinkStatus::Connected)));
        self.feeder.tell(batch).await;
    }
}

/// Adds a folder to the known ones, up to the limit. Events of the whole server have no folder, or `global`.
fn remember(known: &mut BTreeSet<Arc<str>>, directory: &Arc<str>, room: usize) -> Remembered {
    if known.contains(directory) {
        return Remembered::Yes;
    }
    if **directory == *"global" {
        return Remembered::NoFolder;
    }
    if known.len() >= room {
        return Remembered::NoRoom;
    }
    known.insert(directory.clone());
    Remembered::Yes
}

/// Whether a folder is kept in mind.
enum Remembered {
    Yes,
    NoRoom,
    /// The whole server is meant.
    NoFolder,
}

impl HeldFrames {
    fn hold(&mut self, frames: Vec<Inbound>) -> Result<(), UpstreamError> {
        self.bytes += frames.iter().map(Inbound::bytes).sum::<usize>();
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

async fn tell_in_batches(feeder: &Feeder, mut frames: Vec<Inbound>) {
    while !frames.is_empty() {
        let rest = frames.split_off(frames.len().min(limits::BATCH_FRAMES));
        feeder.tell(frames).await;
        frames = rest;
    }
}

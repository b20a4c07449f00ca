//! An OpenCode server in memory: what it runs and asks, and the streams that it sends.
//!
//! It makes real wire text, and knows of each piece whether the hub has it, so that the hub can be judged.

mod line;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use opencode::wire::{
    self, Event, PermissionReply, PermissionRequest, QuestionRequest, SessionStatus,
};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::core::{Core, lock};
use super::pipe::{End, Pipe};
use super::refusable::Refusable;
use super::store::Store;
use super::turn::Turn;

/// How often a stream shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Whether a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Up {
    /// It does.
    Yes,
    /// Nothing listens.
    No,
    /// It accepts, and never answers: OpenCode does in its first second.
    Deaf,
}

/// A frame that was sent, and what it means for what can be known.
pub(super) struct Sent {
    /// Its data.
    pub data: Arc<str>,
    /// The folder that it names.
    pub directory: Option<Arc<str>>,
    /// The part whose text it begins, and the units of a part's text that it brings.
    pub text: Option<(String, Option<Range<usize>>)>,
    /// The session whose deletion it reports.
    pub deletes: Option<String>,
}

/// Bytes on a stream, and the frames that end in them.
pub(super) struct Chunk {
    /// The bytes.
    pub bytes: Bytes,
    /// The frames.
    pub frames: Vec<Arc<Sent>>,
}

/// An event stream, as the server sees it.
pub(super) struct Connection {
    /// Counted over all of the server's life.
    pub id: u64,
    /// The hub's life in which it was made.
    pub life: u64,
    /// Its bytes.
    pub pipe: Arc<Pipe<Chunk>>,
    /// When it was made.
    pub since: Instant,
    /// Events before this are lost to it.
    subscribed: Instant,
    /// When the hub last took bytes from it.
    pub last_received: Mutex<Instant>,
    /// True once the hub has read the state beside it.
    pub released: AtomicBool,
    /// Folders that the hub knew when it read the state.
    pub asked: Mutex<BTreeSet<String>>,
    /// The next event is cut in its middle, and the stream with it.
    truncate: AtomicBool,
}

/// A text as it truly is, and the pieces of it that the hub was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct TextTruth {
    /// All of it, in UTF-16 units.
    pub units: Vec<u16>,
    /// The connection on which the hub received its beginning.
    pub begun: Option<u64>,
    /// What the hub received, without interruption each, and on which connection.
    pub runs: Vec<(u64, Range<usize>)>,
}

/// A server.
pub(super) struct Server {
    /// Shared by all.
    pub core: Arc<Core>,
    /// Its place among the servers.
    pub index: usize,
    /// The folder that it works in.
    pub directory: String,
    /// What it keeps.
    pub store: Arc<Mutex<Store>>,
    /// What it does.
    pub inner: Mutex<Inner>,
    /// The hub's life: counted up with each restart of it.
    pub life: AtomicU64,
    /// How far its clock is ahead of the true time, in milliseconds.
    skew: i64,
}

/// What a server does now.
pub(super) struct Inner {
    /// Its chance.
    pub random: StdRng,
    /// Whether it answers.
    pub up: Up,
    /// Counted up when it is killed.
    pub generation: u64,
    /// What runs.
    pub running: BTreeMap<String, SessionStatus>,
    /// What waits for permission.
    pub permissions: BTreeMap<String, PermissionRequest>,
    /// What waits for an answer.
    pub questions: BTreeMap<String, QuestionRequest>,
    /// How permission requests were answered.
    pub answered: BTreeMap<String, Option<PermissionReply>>,
    /// Turns under way.
    pub turns: BTreeMap<String, Turn>,
    /// Streams that it sends to.
    pub connections: Vec<Arc<Connection>>,
    /// The newest of all streams.
    pub newest: Option<Arc<Connection>>,
    /// Texts that are open, and those that never ended.
    pub texts: BTreeMap<String, TextTruth>,
    /// Frames that the hub of this life took.
    pub taken: Vec<Arc<Sent>>,
    /// Folders that are known to this process of the hub.
    pub folders_seen: BTreeSet<String>,
    /// Sessions whose deletion was reported to this process of the hub.
    pub deleted: BTreeSet<String>,
    /// Which requests the hub may refuse.
    pub refusable: Refusable,
    /// Sessions whose run was seen by the hub of this life, and ended with the server, unfinished.
    pub cut_off: BTreeSet<String>,
    /// When the hub tried to connect, and how it ended: for the policy.
    pub pace: super::pace::Pace,
    /// Chance of a REST exchange to fail, in percent.
    pub rest_faults: u32,
    /// Durable events that are to be lost on the stream.
    pub lose: u32,
    /// Sessions of which some were, without another that proves it.
    pub lost: BTreeSet<String>,
    /// Streams, and sessions of which they carried a number: only a later one can prove that one between was missed.
    pub(super) numbered: BTreeSet<(u64, String)>,
    /// Streams on which some were.
    pub lossy: BTreeSet<u64>,
    /// Recorded frames that are still to be played.
    pub recorded: VecDeque<String>,
    /// True until the hub's part that listens to it, or reads from it, fails.
    pub panics: bool,
    /// True until a read of the hub beside its stream fails.
    pub read_panics: bool,
    /// True until a list of the server lacks a session.
    pub forgets: bool,
    /// Sessions of which the next answer is that they do not exist.
    pub denied: BTreeSet<String>,
    next_id: u64,
    next_connection: u64,
}

impl Server {
    /// A server that runs.
    pub(super) fn new(
        core: Arc<Core>,
        index: usize,
        directory: String,
        store: Arc<Mutex<Store>>,
        skew: i64,
    ) -> Arc<Self> {
        let random = core.random(&format!("server {index}"));
        Arc::new(Self {
            index,
            directory,
            store,
            inner: Mutex::new(Inner {
                random,
                up: Up::Yes,
                generation: 0,
                running: BTreeMap::new(),
                permissions: BTreeMap::new(),
                questions: BTreeMap::new(),
                answered: BTreeMap::new(),
                turns: BTreeMap::new(),
                connections: Vec::new(),
                newest: None,
                texts: BTreeMap::new(),
                taken: Vec::new(),
                folders_seen: BTreeSet::new(),
                deleted: BTreeSet::new(),
                refusable: Refusable::default(),
                cut_off: BTreeSet::new(),
                pace: super::pace::Pace::default(),
                rest_faults: 0,
                lose: 0,
                lost: BTreeSet::new(),
                numbered: BTreeSet::new(),
                lossy: BTreeSet::new(),
                recorded: VecDeque::new(),
                panics: false,
                read_panics: false,
                forgets: false,
                denied: BTreeSet::new(),
                next_id: 0,
                next_connection: 0,
            }),
            life: AtomicU64::new(0),
            skew,
            core,
        })
    }

    /// How far its clock is ahead of the true time, in milliseconds.
    pub(super) fn skew(&self) -> i64 {
        self.skew
    }

    /// Its own time of day.
    pub(super) fn time(&self) -> i64 {
        self.core.server_time() + self.skew
    }

    /// A new id.
    pub(super) fn id(&self, kind: &str) -> String {
        let mut inner = lock(&self.inner);
        inner.next_id += 1;
        format!("{kind}_{}{:06}", self.index, inner.next_id)
    }

    /// Something happens, with properties as a value.
    pub(super) fn emit(&self, directory: &str, kind: &str, properties: &Value) {
        self.tell(directory, kind, &properties.to_string());
    }

    /// Something happens, with properties as text.
    pub(super) fn tell(&self, directory: &str, kind: &str, properties: &str) {
        let id = self.id("evt");
        let payload = format!(r#""id":"{id}","type":"{kind}","properties":{properties}"#);
        let main = envelope(directory, &payload);
        let seq = self.apply(&main);
        let mut frames = vec![self.sent(main)];
        if let Some((session, seq)) = &seq {
            let sync = format!(
                r#""type":"sync","syncEvent":{{"id":"{id}","type":"{kind}.1","seq":{seq},"aggregateID":"{session}","data":{properties}}},"id":"{id}""#
            );
            frames.push(self.sent(envelope(directory, &sync)));
        }
        // The deletion of a session is sent once, and nothing after it could prove that it was missed.
        let numbered = seq.map(|(session, _)| session);
        let provable = numbered.filter(|_| kind != "session.deleted");
        self.core.trace(format_args!(
            "s{} {kind} {}",
            self.index,
            subject(properties)
        ));
        self.send(frames, provable.as_deref());
    }

    /// A late event of a deleted session: it is sent, and nothing is stored of it.
    pub(super) fn haunt(&self, directory: &str, kind: &str, properties: &Value) {
        let id = self.id("evt");
        let payload = format!(r#""id":"{id}","type":"{kind}","properties":{properties}"#);
        self.core.trace(format_args!("s{} late {kind}", self.index));
        let frame = self.sent(envelope(directory, &payload));
        self.send(vec![frame], None);
    }

    /// Something that was recorded happens again.
    pub(super) fn replay(&self, data: &str) {
        if let Ok(incoming) = wire::decode(data)
            && let Event::Sync(_) = incoming.event
        {
            lock(&self.store).apply(self.index, &incoming.event);
        } else {
            self.keep_recorded(data);
        }
        self.core
            .trace(format_args!("s{} replays {} bytes", self.index, data.len()));
        let frame = self.sent(data.to_owned());
        self.send(vec![frame], None);
    }

    /// Keeps what a recorded event says; its number follows in an event of its own.
    pub(super) fn keep_recorded(&self, data: &str) {
        if let Ok(incoming) = wire::decode(data) {
            lock(&self.store).apply(self.index, &incoming.event);
            lock(&self.inner).apply(&incoming.event);
        }
    }

    /// Keeps what an event says. Gives its session and its number there, if it is durable.
    fn apply(&self, data: &str) -> Option<(String, u64)> {
        let incoming = wire::decode(data).ok()?;
        let mut store = lock(&self.store);
        let numbered = durable(&incoming.event).map(|session| {
            let seq = store.sessions.get(&session).map_or(0, |kept| kept.seq);
            (session, seq)
        });
        store.apply(self.index, &incoming.event);
        if let Some((session, seq)) = &numbered
            && let Some(kept) = store.sessions.get_mut(session)
        {
            kept.seq = seq + 1;
        }
        let mut inner = lock(&self.inner);
        inner.apply(&incoming.event);
        if let Event::SessionStatus {
            session_id,
            status: SessionStatus::Idle,
        } = &incoming.event
        {
            // It went on without those below it that were cut off.
            let below = store.family(session_id);
            inner.cut_off.retain(|id| !below.contains(id));
        }
        numbered
    }

    fn sent(&self, data: String) -> Arc<Sent> {
        let incoming = wire::decode(&data).ok();
        let directory = incoming
            .as_ref()
            .and_then(|incoming| incoming.directory.as_deref())
            .map(Into::into);
        let deletes = incoming
            .as_ref()
            .and_then(|incoming| match &incoming.event {
                Event::SessionDeleted { session_id, .. } => Some(session_id.clone()),
                _ => None,
            });
        let text = incoming.and_then(|incoming| match incoming.event {
            Event::PartUpdated { part, .. } => {
                let inner = lock(&self.inner);
                let begins = inner.texts.get(&part.id)?.units.is_empty();
                begins.then_some((part.id, None))
            }
            Event::PartDelta(delta) => {
                let inner = lock(&self.inner);
                let all = inner.texts.get(&delta.part_id)?.units.len();
                let units = units(&delta.delta).len();
                Some((delta.part_id, Some(all - units..all)))
            }
            _ => None,
        });
        Arc::new(Sent {
            data: data.into(),
            directory,
            text,
            deletes,
        })
    }

    /// `provable` names the session whose next event tells that this one was missed.
    fn send(&self, frames: Vec<Arc<Sent>>, provable: Option<&str>) {
        self.core.count(|stats| stats.events += frames.len() as u64);
        let connections = lock(&self.inner).connections.clone();
        for connection in connections {
            if Instant::now() < connection.subscribed {
                self.core.trace(format_args!(
                    "s{} too early for #{}",
                    self.index, connection.id
                ));
                continue;
            }
            let released = connection.released.load(Ordering::SeqCst);
            if let Some(session) = provable.filter(|_| released)
                && self.loses(connection.id, session)
            {
                continue;
            }
            self.send_to(&connection, &frames);
        }
        lock(&self.inner)
            .connections
            .retain(|connection| connection.pipe.is_open());
    }

    /// Loses a durable event, if one is to be lost.
    fn loses(&self, connection: u64, session: &str) -> bool {
        let mut inner = lock(&self.inner);
        let first = inner.numbered.insert((connection, session.to_owned()));
        if inner.lose == 0 || first {
            inner.lost.remove(session);
            return false;
        }
        inner.lose -= 1;
        inner.lost.insert(session.to_owned());
        inner.lossy.insert(connection);
        drop(inner);
        self.core
            .fault("lost event", format_args!("s{} of {session}", self.index));
        true
    }

    /// Sends frames on one stream, cut anywhere.
    fn send_to(&self, connection: &Connection, frames: &[Arc<Sent>]) {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for frame in frames {
            bytes.extend_from_slice(b"data: ");
            bytes.extend_from_slice(frame.data.as_bytes());
            bytes.extend_from_slice(b"\n\n");
            ends.push(bytes.len());
        }
        let mut inner = lock(&self.inner);
        if connection.truncate.swap(false, Ordering::SeqCst) {
            let first = ends.first().map_or(2, |end| end - 1);
            let at = inner.random.random_range(1..first);
            drop(inner);
            let bytes = Bytes::copy_from_slice(&bytes[..at]);
            let frames = Vec::new();
            connection
                .pipe
                .send(Chunk { bytes, frames }, Duration::from_millis(1));
            connection.pipe.end(End::Finished);
            return;
        }
        let mut cuts = vec![bytes.len()];
        if inner.random.random_ratio(1, 8) {
            for _ in 0..inner.random.random_range(1..4) {
                cuts.push(inner.random.random_range(1..bytes.len()));
            }
            cuts.sort_unstable();
            cuts.dedup();
        }
        let mut from = 0;
        for cut in cuts {
            let ended = |end: &usize| *end > from && *end <= cut;
            let ended = ends.iter().zip(frames).filter(|(end, _)| ended(end));
            let chunk = Chunk {
                bytes: Bytes::copy_from_slice(&bytes[from..cut]),
                frames: ended.map(|(_, frame)| frame.clone()).collect(),
            };
            let delay = Duration::from_millis(inner.random.random_range(0..8));
            connection.pipe.send(chunk, delay);
            from = cut;
        }
    }
}

impl Inner {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::SessionStatus { session_id, status } => match status {
                SessionStatus::Idle => {
                    self.running.remove(session_id);
                    self.cut_off.remove(session_id);
                }
                status => {
                    self.running.insert(session_id.clone(), status.clone());
                    self.cut_off.remove(session_id);
                }
            },
            Event::SessionIdle { session_id } => {
                self.running.remove(session_id);
            }
            Event::SessionDeleted { session_id, .. } => {
                self.running.remove(session_id);
                self.turns.remove(session_id);
                self.cut_off.remove(session_id);
                self.permissions
                    .retain(|_, asked| asked.session_id != *session_id);
                self.questions
                    .retain(|_, asked| asked.session_id != *session_id);
            }
            Event::PermissionAsked(asked) => {
                self.permissions.insert(asked.id.clone(), (**asked).clone());
            }
            Event::PermissionReplied {
                request_id, reply, ..
            } => {
                self.permissions.remove(request_id);
                self.answered.insert(request_id.clone(), *reply);
            }
            Event::QuestionAsked(asked) => {
                self.questions.insert(asked.id.clone(), (**asked).clone());
            }
            Event::QuestionReplied { request_id, .. }
            | Event::QuestionRejected { request_id, .. } => {
                self.questions.remove(request_id);
            }
            Event::PartUpdated { part, .. } => {
                self.texts.entry(part.id.clone()).or_default();
            }
            Event::PartDelta(delta) => {
                let text = self.texts.entry(delta.part_id.clone()).or_default();
                text.units.extend(units(&delta.delta));
            }
            _ => {}
        }
    }
}

impl TextTruth {
    fn received(&mut self, connection: u64, units: Option<Range<usize>>) {
        let Some(units) = units else {
            if self.runs.is_empty() {
                self.begun.get_or_insert(connection);
            }
            return;
        };
        match self.runs.last_mut() {
            Some((of, run)) if *of == connection && run.end == units.start => run.end = units.end,
            _ => self.runs.push((connection, units)),
        }
    }
}

fn units(delta: &opencode::DeltaText) -> Vec<u16> {
    let body = delta.body().encode_utf16();
    let (low, high) = (delta.lead_low(), delta.trail_high());
    low.into_iter().chain(body).chain(high).collect()
}

fn envelope(directory: &str, payload: &str) -> String {
    format!(
        r#"{{"directory":{},"project":"p","payload":{{{payload}}}}}"#,
        json!(directory)
    )
}

/// The session of an event that OpenCode numbers.
fn durable(event: &Event) -> Option<String> {
    match event {
        Event::SessionCreated(info) | Event::SessionUpdated(info) => Some(info.id.clone()),
        Event::SessionDeleted { session_id, .. }
        | Event::MessageRemoved { session_id, .. }
        | Event::PartRemoved { session_id, .. } => Some(session_id.clone()),
        Event::MessageUpdated(info) => Some(info.session_id.clone()),
        Event::PartUpdated { part, .. } => Some(part.session_id.clone()),
        _ => None,
    }
}

/// The beginning of an event's properties, for the trace.
fn subject(properties: &str) -> &str {
    let end = properties
        .char_indices()
        .nth(100)
        .map_or(properties.len(), |(at, _)| at);
    &properties[..end]
}

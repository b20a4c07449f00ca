//! Everything that a generator has: its servers, their sessions and streams, and how fast they speak. One thread owns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::link::{Form, bare, chunk};
use super::recorded::Recording;
use super::sent::{Sent, wall};
use super::server::{Reading, Server, own_event};

/// How a generator is made.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) servers: usize,
    /// Sessions of each server.
    pub(crate) sessions: usize,
    /// Messages that each session has before the load begins.
    pub(crate) history: usize,
    /// Words of a message.
    pub(crate) words: u32,
    /// Put the time of sending into the text, for viewers in other processes.
    pub(crate) stamped: bool,
    /// What requests must know, as OpenCode's own servers ask for it.
    pub(crate) password: Option<String>,
    /// The folder of the first server; the others work in folders beside it.
    pub(crate) directory: Option<String>,
    /// Where the first server listens; the others take any port.
    pub(crate) port: u16,
    /// A recording to play, instead of generated words.
    pub(crate) recording: Option<Recording>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: 1,
            sessions: 1,
            history: 0,
            words: 150,
            stamped: false,
            password: None,
            directory: None,
            port: 0,
            recording: None,
        }
    }
}

/// How fast sessions speak.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// The sessions that speak: the first so many, taken from all servers in turn.
    pub(crate) speaking: usize,
    /// Words per second of each.
    pub(crate) rate: f64,
    /// Frames are gathered for so long and written at once; each by itself where there is none.
    pub(crate) batch: Option<Duration>,
}

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Frames of event streams, each counted once however many streams it was written to.
    pub(crate) frames: AtomicU64,
    /// Bytes of them.
    pub(crate) frame_bytes: AtomicU64,
    /// Words.
    pub(crate) words: AtomicU64,
    /// Bytes of answers to reads.
    pub(crate) read_bytes: AtomicU64,
    /// Streams that were opened.
    pub(crate) opened: AtomicU64,
}

pub(crate) struct World {
    pub(super) servers: Vec<Server>,
    pub(super) options: Options,
    pub(super) counts: Arc<Counts>,
    sent: Arc<Sent>,
    pace: Pace,
    since: Instant,
    spoken: u64,
    next: usize,
    framed: Vec<u8>,
    bared: Vec<u8>,
}

impl World {
    pub(super) fn new(options: Options, counts: Arc<Counts>, sent: Arc<Sent>) -> Self {
        let now = wall() / 1000;
        let servers = (0..options.servers)
            .map(|at| Server::new(at, &options, now))
            .collect();
        Self {
            servers,
            options,
            counts,
            sent,
            pace: Pace::default(),
            since: Instant::now(),
            spoken: 0,
            next: 0,
            framed: Vec::new(),
            bared: Vec::new(),
        }
    }

    /// Speaks at this pace from now on.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.since = Instant::now();
        self.spoken = 0;
        self.next = 0;
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.pace.speaking > 0
    }

    /// How long until there is more to say.
    pub(super) fn beat(&self) -> Duration {
        self.pace.batch.unwrap_or(Duration::from_millis(1))
    }

    /// Says what is due. Never more than a second of it at once: who falls further behind is shown by the counts.
    pub(super) fn speak(&mut self) {
        let pace = self.pace;
        if pace.speaking == 0 {
            return;
        }
        let per_second = pace.rate * pace.speaking as f64;
        let wanted = (self.since.elapsed().as_secs_f64() * per_second) as u64;
        let due = wanted
            .saturating_sub(self.spoken)
            .min(per_second.ceil() as u64);
        for _ in 0..due {
            let at = self.next % pace.speaking;
            self.next += 1;
            let (server, session) = (at % self.servers.len(), at / self.servers.len());
            self.say(server, session);
            if pace.batch.is_none() {
                self.flush(server);
            }
        }
        self.spoken = if due == per_second.ceil() as u64 {
            wanted
        } else {
            self.spoken + due
        };
        self.counts.words.fetch_add(due, Ordering::Relaxed);
        if pace.batch.is_some() {
            (0..self.servers.len()).for_each(|server| self.flush(server));
        }
    }

    fn say(&mut self, server: usize, session: usize) {
        let now = wall();
        let stamp = self.options.stamped.then_some(now);
        let server = &mut self.servers[server];
        if let Some(recording) = &mut server.recording {
            recording.next(&mut server.out.bytes);
            server.out.frames += 1;
            return;
        }
        if let Some(session) = server.sessions.get_mut(session) {
            session.step(&server.place, now / 1000, stamp, &mut server.out);
            server.words.push((session.slot, session.number - 1));
        }
    }

    /// Ends whatever runs.
    pub(crate) fn finish(&mut self) {
        self.pace.speaking = 0;
        let now = wall() / 1000;
        for at in 0..self.servers.len() {
            let server = &mut self.servers[at];
            for session in &mut server.sessions {
                session.finish(&server.place, now, &mut server.out);
            }
            self.flush(at);
        }
    }

    /// Gives a session another title, and tells of it.
    pub(crate) fn rename(&mut self, server: usize, session: usize, title: String) {
        let now = wall() / 1000;
        let Server {
            place,
            sessions,
            out,
            ..
        } = &mut self.servers[server];
        sessions[session].rename(place, title, now, out);
        self.flush(server);
    }

    /// Cuts the streams of a server, as when it is killed.
    pub(crate) fn cut(&mut self, server: usize) {
        let server = &mut self.servers[server];
        server.reading = Reading::default();
        for link in server.links.drain(..) {
            link.cut();
        }
    }

    /// When state was read since the last cut.
    pub(crate) fn reading(&self, server: usize) -> Reading {
        self.servers[server].reading
    }

    /// The server of a slot, its session's id, and the number of its sent words.
    pub(crate) fn session(&self, slot: usize) -> (usize, String, u32) {
        let (server, session) = (slot % self.servers.len(), slot / self.servers.len());
        let session = &self.servers[server].sessions[session];
        (server, session.id.clone(), session.number)
    }

    /// The time, the words sent so far, and those of each session by slot. No word is sent at that time or is on its way
    /// to being sent.
    pub(crate) fn mark(&self) -> (u64, u64, Vec<u32>) {
        let before = self.sent.now();
        while self.sent.now() == before {
            std::hint::spin_loop();
        }
        let slots = self.options.sessions * self.servers.len();
        let number = |slot: usize| {
            let server = &self.servers[slot % self.servers.len()];
            server.sessions[slot / self.servers.len()].number
        };
        let words = self.counts.words.load(Ordering::Relaxed);
        (self.sent.now(), words, (0..slots).map(number).collect())
    }

    pub(super) fn heartbeat(&mut self) {
        for server in &mut self.servers {
            server.retain();
            for link in &server.links {
                link.send(&own_event(link.form, "server.heartbeat"));
            }
        }
    }

    fn flush(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let bytes = std::mem::take(&mut server.out.bytes);
        if bytes.is_empty() {
            server.out.bytes = bytes;
            return;
        }
        chunk(&bytes, &mut self.framed);
        let mut bare_ready = false;
        let now = self.sent.now();
        for (slot, number) in server.words.drain(..) {
            self.sent.note(slot, number, now);
        }
        // Each stream is the first to be served in its turn, so that none is always the last.
        server.turn();
        for link in &server.links {
            if link.form == Form::Bare && !bare_ready {
                let mut frames = Vec::new();
                bare(&bytes, &mut frames);
                chunk(&frames, &mut self.bared);
                bare_ready = true;
            }
            link.send(match link.form {
                Form::Global => &self.framed,
                Form::Bare => &self.bared,
            });
        }
        let frames = std::mem::take(&mut server.out.frames);
        self.counts.frames.fetch_add(frames, Ordering::Relaxed);
        let size = bytes.len() as u64;
        self.counts.frame_bytes.fetch_add(size, Ordering::Relaxed);
        server.out.bytes = bytes;
        server.out.bytes.clear();
    }
}

//! One generated server: its sessions, its streams, and what waits to be written.

use std::rc::Rc;

use tokio::time::Instant;

use super::link::{Form, Link, chunk};
use super::recorded::Recording;
use super::session::{Out, Place, Session};
use super::world::Options;

/// A server.
pub(super) struct Server {
    pub(super) place: Place,
    pub(super) sessions: Vec<Session>,
    pub(super) links: Vec<Rc<Link>>,
    pub(super) out: Out,
    /// Words in `out`, whose time of sending is noted when it is written.
    pub(super) words: Vec<(u32, u32)>,
    pub(super) recording: Option<Recording>,
    /// Answers of the current reading of state, for measuring what it takes.
    pub(super) reading: Reading,
}

/// When state was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// The first request since the stream was cut, whatever it asked.
    pub(crate) back: Option<Instant>,
    /// The first request for state after that.
    pub(crate) first: Option<Instant>,
    /// The end of the newest answer to one.
    pub(crate) last: Option<Instant>,
}

impl Server {
    pub(super) fn new(at: usize, options: &Options, now: u64) -> Self {
        let directory = match (&options.directory, at) {
            (Some(directory), 0) => directory.clone(),
            _ => format!("/bench/server-{at:03}"),
        };
        let project = format!("251dffff9a5295bf2895c9a211aa3bbc{at:08x}");
        let envelope =
            format!(r#"data: {{"directory":"{directory}","project":"{project}","payload":"#);
        // Neighbouring slots are on different servers, so that the first ones are spread over all.
        let sessions = (0..options.sessions).map(|session| {
            let slot = session * options.servers + at;
            Session::new(slot as u32, at, options.history, now)
        });
        Self {
            sessions: sessions.collect(),
            place: Place {
                directory,
                project,
                envelope: envelope.into_bytes(),
                words: options.words,
            },
            links: Vec::new(),
            out: Out::default(),
            words: Vec::new(),
            recording: options.recording.clone(),
            reading: Reading::default(),
        }
    }

    pub(super) fn retain(&mut self) {
        self.links.retain(|link| !link.is_gone());
    }

    pub(super) fn turn(&mut self) {
        self.retain();
        let places = self.links.len().min(1);
        self.links.rotate_left(places);
    }
}

/// An event of the server itself, as a chunk.
pub(super) fn own_event(form: Form, kind: &str) -> Vec<u8> {
    let event =
        format!(r#"{{"id":"evt_2079d0000000Bd00Qk7TbvNpWq","type":"{kind}","properties":{{}}}}"#);
    let frame = match form {
        Form::Global => format!("data: {{\"payload\":{event}}}\n\n"),
        Form::Bare => format!("data: {event}\n\n"),
    };
    let mut out = Vec::new();
    chunk(frame.as_bytes(), &mut out);
    out
}

//! A recorded stream that is played again and again, each time with ids of its own.

use anyhow::{Result, ensure};
use memchr::memmem;
use opencode::sse::Parser;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Runs of which sessions can still be listed.
const LISTED_RUNS: usize = 20;

/// Letters of an id that are made anew.
const LETTERS: usize = 4;

/// A recording of `/global/event`.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    frames: Vec<Frame>,
    at: usize,
    run: usize,
    /// Descriptions of the sessions of one run.
    sessions: Vec<Frame>,
}

/// Text, and where the last letters of ids are in it.
#[derive(Clone, Debug)]
struct Frame {
    text: Vec<u8>,
    ids: Vec<usize>,
}

impl Recording {
    /// Takes the bytes of a stream.
    ///
    /// # Errors
    /// When there is no event in it.
    pub(crate) fn new(stream: &[u8]) -> Result<Self> {
        let (mut frames, mut sessions) = (Vec::new(), Vec::new());
        Parser::default().feed(stream, |frame| {
            let data = frame.data;
            if ["server.connected", "server.heartbeat"]
                .iter()
                .any(|own| data.contains(own))
            {
                return;
            }
            if let Some(info) = created(data) {
                sessions.push(Frame::new(info.as_bytes().to_vec()));
            }
            frames.push(Frame::new(format!("data: {data}\n\n").into_bytes()));
        });
        ensure!(!frames.is_empty(), "there is no event in the recording");
        Ok(Self {
            frames,
            at: 0,
            run: 0,
            sessions,
        })
    }

    /// Appends the next frame.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) {
        self.frames[self.at].write(self.run, out);
        self.at += 1;
        if self.at == self.frames.len() {
            self.at = 0;
            self.run += 1;
        }
    }

    /// `GET /session`: what the newest runs have made, as it was at first.
    pub(super) fn sessions(&self) -> String {
        let mut out = vec![b'['];
        for run in (0..=self.run).rev().take(LISTED_RUNS) {
            for session in &self.sessions {
                if out.len() > 1 {
                    out.push(b',');
                }
                session.write(run, &mut out);
            }
        }
        out.push(b']');
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Frame {
    fn new(text: Vec<u8>) -> Self {
        let mut ids = Vec::new();
        for kind in [b"ses_", b"msg_", b"prt_", b"evt_", b"per_", b"que_"] {
            for at in memmem::find_iter(&text, kind) {
                let length = text[at + 4..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric());
                let end = at + 4 + length.count();
                if end >= at + 4 + 12 + LETTERS {
                    ids.push(end - LETTERS);
                }
            }
        }
        Self { text, ids }
    }

    fn write(&self, run: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.text);
        let letters = format!("{:04x}", run % 0x10000);
        for at in &self.ids {
            let at = begin + at;
            out[at..at + LETTERS].copy_from_slice(letters.as_bytes());
        }
    }
}

fn created(data: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        payload: Payload<'a>,
    }
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(borrow)]
        properties: Option<Properties<'a>>,
    }
    #[derive(Deserialize)]
    struct Properties<'a> {
        #[serde(borrow)]
        info: Option<&'a RawValue>,
    }
    if !data.contains("session.created") {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_str(data).ok()?;
    let made = envelope.payload.kind == "session.created";
    Some(envelope.payload.properties?.info?.get()).filter(|_| made)
}

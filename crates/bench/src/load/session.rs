//! One session of a generated server: what it says, turn after turn, and what it answers when it is read.

mod reading;

use std::io::Write as _;

use super::token::Token;
use super::wording::{self, AssistantWords, OUTPUTS, PartOf, SessionWords, id};

/// Messages sent by traffic that can be read again. The oldest are forgotten first.
const SENT: usize = 2_000;

/// What all sessions of a server share.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) directory: String,
    pub(crate) project: String,
    /// What every frame of the server begins with, up to the payload.
    pub(crate) envelope: Vec<u8>,
    /// Words of a message of the model.
    pub(crate) words: u32,
}

/// Where frames are written, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: u64,
    /// Counts event ids of the server.
    pub(crate) ids: u64,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) slot: u32,
    pub(crate) id: String,
    pub(crate) title: String,
    created: u64,
    pub(crate) updated: u64,
    /// Messages that were there before.
    history: usize,
    sent: Vec<SentMessage>,
    forgotten: usize,
    ids: u64,
    seq: u64,
    turns: usize,
    /// Words so far.
    pub(crate) number: u32,
    open: Option<Open>,
}

/// A sent message, in few bytes.
#[derive(Clone, Copy, Debug)]
enum SentMessage {
    User(Prompt),
    Assistant(Assistant),
}

/// What a person wrote, and when.
#[derive(Clone, Copy, Debug)]
struct Prompt {
    id: u64,
    at: u64,
}

#[derive(Clone, Copy, Debug)]
struct Assistant {
    id: u64,
    parent: u64,
    at: u64,
    ended: Option<u64>,
    first: u32,
    count: u32,
    tool: Option<usize>,
}

/// The message that is being written.
#[derive(Debug)]
struct Open {
    prompt: Prompt,
    /// Of how many words.
    words: u32,
    /// Ends the turn.
    last: bool,
    written: u32,
    text: Vec<u8>,
    before_delta: Vec<u8>,
}

/// Numbers of a message's parts after its own.
const STEP: u64 = 1;
const TEXT: u64 = 2;
const TOOL: u64 = 3;
const FINISH: u64 = 4;
const IDS: u64 = 5;

impl Session {
    pub(crate) fn new(slot: u32, server: usize, history: usize, now: u64) -> Self {
        Self {
            slot,
            id: format!("ses_df86{server:04x}Bench{slot:013}"),
            title: format!("Bench session {slot}"),
            created: now,
            updated: now,
            history,
            sent: Vec::new(),
            forgotten: 0,
            ids: history as u64 * IDS,
            seq: 0,
            turns: 0,
            number: 0,
            open: None,
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn json(&self, place: &Place) -> String {
        let words = SessionWords {
            id: &self.id,
            directory: &place.directory,
            project: &place.project,
            title: &self.title,
            created: self.created,
            updated: self.updated,
        };
        words.json()
    }

    /// Says the next word, and whatever belongs before it. `stamp` is a time to put into it.
    pub(crate) fn step(&mut self, place: &Place, now: u64, stamp: Option<u64>, out: &mut Out) {
        let full = |open: &Open| open.written >= open.words;
        match self.open.take_if(|open| full(open)) {
            Some(done) => {
                self.close(place, now, &done, out);
                if done.last {
                    self.end_turn(place, now, done.prompt, out);
                    self.begin_turn(place, now, out);
                } else {
                    self.begin_message(place, now, done.prompt, true, out);
                }
            }
            None if self.open.is_none() => self.begin_turn(place, now, out),
            None => {}
        }
        let token = Token {
            slot: self.slot,
            number: self.number,
            sent: stamp,
        };
        let Some(open) = &mut self.open else { return };
        let before = open.text.len();
        token.write(open.written, &mut open.text);
        open.written += 1;
        self.number += 1;
        out.begin(place);
        let bytes = &mut out.bytes;
        bytes.extend_from_slice(&open.before_delta);
        bytes.extend_from_slice(&open.text[before..]);
        bytes.extend_from_slice(b"\"}}}\n\n");
    }

    /// Gives it another title.
    pub(crate) fn rename(&mut self, place: &Place, title: String, now: u64, out: &mut Out) {
        self.title = title;
        self.tell_session(place, now, out);
    }

    /// Ends what runs, as a turn ends.
    pub(crate) fn finish(&mut self, place: &Place, now: u64, out: &mut Out) {
        if let Some(open) = self.open.take() {
            self.close(place, now, &open, out);
            self.end_turn(place, now, open.prompt, out);
        }
    }

    fn begin_turn(&mut self, place: &Place, now: u64, out: &mut Out) {
        self.turns += 1;
        let prompt = Prompt {
            id: self.next_id(),
            at: now,
        };
        self.keep(SentMessage::User(prompt));
        self.tell_session(place, now, out);
        self.tell_message(place, &self.user_json(prompt), out);
        self.tell_part(place, &self.prompt_json(prompt.id), now, out);
        self.tell_status(place, "busy", out);
        // Sessions do not end their messages all at once.
        let words = match self.turns {
            1 => 1 + self.slot.wrapping_mul(7919) % place.words,
            _ => place.words,
        };
        self.begin_message(place, now, prompt, false, out);
        if let Some(open) = &mut self.open {
            open.words = words;
        }
    }

    fn begin_message(
        &mut self,
        place: &Place,
        now: u64,
        prompt: Prompt,
        last: bool,
        out: &mut Out,
    ) {
        let assistant = Assistant {
            id: self.next_id(),
            parent: prompt.id,
            at: now,
            ended: None,
            first: self.number,
            count: 0,
            tool: None,
        };
        self.keep(SentMessage::Assistant(assistant));
        self.tell_message(place, &self.assistant_json(place, assistant), out);
        let [message, step, text] = [0, STEP, TEXT].map(|at| self.id_of(assistant.id, at));
        let part = |id| self.part(id, &message);
        self.tell_part(place, &part(&step).step_start(), now, out);
        let empty = self.part(&text, &message).text("", now, None);
        self.tell_part(place, &empty, now, out);
        let session = &self.id;
        let before = format!(
            r#"","type":"message.part.delta","properties":{{"sessionID":"{session}","messageID":"{message}","partID":"{text}","field":"text","delta":""#
        );
        self.open = Some(Open {
            prompt,
            words: place.words,
            last,
            written: 0,
            text: Vec::with_capacity(place.words as usize * 14),
            before_delta: before.into_bytes(),
        });
    }

    fn close(&mut self, place: &Place, now: u64, open: &Open, out: &mut Out) {
        let tool = (!open.last).then(|| OUTPUTS[self.turns % OUTPUTS.len()]);
        let Some(SentMessage::Assistant(assistant)) = self.sent.last_mut() else {
            return;
        };
        assistant.ended = Some(now);
        assistant.count = open.written;
        assistant.tool = tool;
        let assistant = *assistant;
        let [message, text, call, finish] =
            [0, TEXT, TOOL, FINISH].map(|at| self.id_of(assistant.id, at));
        let whole = String::from_utf8_lossy(&open.text);
        let part = self.part(&text, &message);
        let closed = part.text(&whole, assistant.at, Some(now));
        self.tell_part(place, &closed, now, out);
        if let Some(bytes) = tool {
            let output = wording::output(bytes);
            let states = [
                wording::pending(),
                wording::running("", now),
                wording::running(wording::output(bytes / 2), now),
                wording::completed(output, now, now),
            ];
            for state in states {
                let json = self.part(&call, &message).tool(&state);
                self.tell_part(place, &json, now, out);
            }
        }
        let finished = self
            .part(&finish, &message)
            .step_finish(finish_of(&assistant));
        self.tell_part(place, &finished, now, out);
        self.tell_message(place, &self.assistant_json(place, assistant), out);
    }

    fn end_turn(&mut self, place: &Place, now: u64, prompt: Prompt, out: &mut Out) {
        self.tell_status(place, "idle", out);
        let session = format!(r#"{{"sessionID":"{}"}}"#, self.id);
        out.plain(place, "session.idle", &session);
        self.tell_session(place, now, out);
        let diff = format!(r#"{{"sessionID":"{}","diff":[]}}"#, self.id);
        out.plain(place, "session.diff", &diff);
        self.tell_message(place, &self.user_json(prompt), out);
    }

    fn next_id(&mut self) -> u64 {
        self.ids += IDS;
        self.ids
    }

    fn id_of(&self, message: u64, part: u64) -> String {
        let kind = if part == 0 { "msg" } else { "prt" };
        id(kind, self.slot, message + part)
    }

    fn part<'a>(&'a self, id: &'a str, message: &'a str) -> PartOf<'a> {
        PartOf {
            id,
            message,
            session: &self.id,
        }
    }

    fn keep(&mut self, sent: SentMessage) {
        if self.sent.len() == SENT {
            self.sent.drain(..SENT / 2);
            self.forgotten += SENT / 2;
        }
        self.sent.push(sent);
    }

    fn user_json(&self, prompt: Prompt) -> String {
        wording::user(&self.id_of(prompt.id, 0), &self.id, prompt.at)
    }

    fn prompt_json(&self, user: u64) -> String {
        let (message, part) = (self.id_of(user, 0), self.id_of(user, STEP));
        self.part(&part, &message)
            .prompt("Look at the feed once more, and tell what you find.")
    }

    fn assistant_json(&self, place: &Place, assistant: Assistant) -> String {
        let words = AssistantWords {
            id: &self.id_of(assistant.id, 0),
            session: &self.id,
            parent: &self.id_of(assistant.parent, 0),
            directory: &place.directory,
            created: assistant.at,
            ended: assistant.ended.map(|at| (at, finish_of(&assistant))),
        };
        words.json()
    }

    fn tell_session(&mut self, place: &Place, now: u64, out: &mut Out) {
        self.updated = now;
        let json = format!(
            r#"{{"sessionID":"{}","info":{}}}"#,
            self.id,
            self.json(place)
        );
        self.durable(place, "session.updated", &json, out);
    }

    fn tell_message(&mut self, place: &Place, info: &str, out: &mut Out) {
        let json = format!(r#"{{"sessionID":"{}","info":{info}}}"#, self.id);
        self.durable(place, "message.updated", &json, out);
    }

    fn tell_part(&mut self, place: &Place, part: &str, now: u64, out: &mut Out) {
        let json = format!(
            r#"{{"sessionID":"{}","part":{part},"time":{now}}}"#,
            self.id
        );
        self.durable(place, "message.part.updated", &json, out);
    }

    fn tell_status(&self, place: &Place, status: &str, out: &mut Out) {
        let json = format!(
            r#"{{"sessionID":"{}","status":{{"type":"{status}"}}}}"#,
            self.id
        );
        out.plain(place, "session.status", &json);
    }

    /// An event with its `sync` twin.
    fn durable(&mut self, place: &Place, kind: &str, properties: &str, out: &mut Out) {
        out.plain(place, kind, properties);
        let event = event_id(out.ids);
        out.bytes.extend_from_slice(&place.envelope);
        out.frames += 1;
        // A Vec takes every write.
        let _whole = write!(
            out.bytes,
            r#"{{"type":"sync","syncEvent":{{"id":"{event}","type":"{kind}.1","seq":{},"aggregateID":"{}","data":{properties}}},"id":"{event}"}}}}"#,
            self.seq, self.id
        );
        out.bytes.extend_from_slice(b"\n\n");
        self.seq += 1;
    }
}

fn finish_of(assistant: &Assistant) -> &'static str {
    if assistant.tool.is_some() {
        "tool-calls"
    } else {
        "stop"
    }
}

fn event_id(number: u64) -> String {
    format!("evt_2079{number:08x}Bd00Qk7TbvNpWq")
}

impl Out {
    /// Begins a frame: everything up to the end of the event's id.
    fn begin(&mut self, place: &Place) {
        self.frames += 1;
        self.ids += 1;
        self.bytes.extend_from_slice(&place.envelope);
        // A Vec takes every write.
        let _whole = write!(self.bytes, r#"{{"id":"{}"#, event_id(self.ids));
    }

    fn plain(&mut self, place: &Place, kind: &str, properties: &str) {
        self.begin(place);
        let _whole = write!(
            self.bytes,
            r#"","type":"{kind}","properties":{properties}}}}}"#
        );
        self.bytes.extend_from_slice(b"\n\n");
    }
}

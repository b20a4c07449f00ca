//! A session and the cached part of its conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::ending::speaks;
use super::{
    Activity, ChangesOverTime, Clash, Edits, ErrorKind, Failure, Halt, LastAnswer, MessageInfo,
    OrderKey, OverLimit, Part, Proof, Rev, Role, SessionInfo, Todos,
};
use crate::event::Event;
use crate::ids::{MessageId, PartId};
use crate::text::OpenText;
use crate::time::Timestamp;

/// Run status of a session, as far as it is proven.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// The server was not asked, or its answer is out of date.
    Unknown,
    /// The server does not run the session.
    Idle,
    /// The session runs.
    Busy {
        /// Since when, as far as we saw.
        since: Timestamp,
    },
    /// The session waits to retry its model call.
    Retry {
        /// Since when it runs, as far as we saw.
        since: Timestamp,
        /// Number of attempts so far.
        attempt: u32,
        /// Message of the model's provider.
        message: Arc<str>,
        /// Time of the next attempt.
        next: Timestamp,
    },
    /// The session ran, and its server stopped before the session finished.
    Interrupted {
        /// Time at which the hub noticed it.
        at: Timestamp,
    },
}

impl Run {
    /// True while the server works on the session.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Retry { .. })
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// As its server describes it.
    pub info: SessionInfo,
    /// Run status of the session.
    pub run: Run,
    /// Number of runs that the hub observed.
    pub runs: u64,
    /// True if this server was observed running the session: only then can the hub judge the outcome.
    pub ran_here: bool,
    /// True if a run ended while its server was unreachable: its outcome is determined once its messages are read.
    pub end_unseen: bool,
    /// True if the session ran or was interrupted at the last report, and its server was not asked since.
    pub reported_running: bool,
    /// Whether a person stopped the session.
    pub halt: Halt,
    /// Failure of the last run, until the next run begins.
    pub failure: Option<Failure>,
    /// Data received about the last answer.
    pub answer: LastAnswer,
    /// Current step of its run.
    pub activity: Activity,
    /// When a run ended that no person has looked at yet.
    pub unreviewed: Option<Timestamp>,
    /// When its last run ended, whether or not a person has looked at it since; absent if no hub saw an end.
    pub ended_at: Option<Timestamp>,
    /// Files that its calls changed, until they are committed, or it runs again after a person marked it as done.
    pub edits: Edits,
    /// Other sessions that change the same, as the hub last found.
    pub clashes: Vec<Clash>,
    /// Evidence that it passed a limit, until a person looks at it or the next turn begins; until the end of the run, if it was not
    /// stopped because of that.
    pub over: Option<OverLimit>,
    /// Time at which it passed the limit.
    pub over_at: Option<Timestamp>,
    /// When its conversation was last the same as on its server: read from it, or compared with it. Absent while it is not cached, and
    /// once a comparison found a difference.
    pub verified: Option<Timestamp>,
    /// Up to which number its conversation was the same as its server's, where that is proven.
    pub proof: Option<Proof>,
    /// True if events may have been missed since the proof: its stream left out a number, or more came while the conversation was read.
    pub hole: bool,
    /// When its server was last asked up to which number it has written something.
    pub proof_asked: Option<Timestamp>,
    /// When a person marked its state as done. It is lost with the hub, and its state shown again then.
    pub dismissed: Option<Timestamp>,
    /// The lines that it had changed over time.
    pub changed: ChangesOverTime,
    /// To-do list of the session, once known.
    pub todos: Option<Todos>,
    /// Conversation of the session.
    pub body: Body,
    /// Streaming texts, stored whether or not the rest of the conversation is cached.
    pub open: BTreeMap<PartId, OpenText>,
    /// Number of increments of all open texts, which orders their growth.
    pub growth: u64,
    /// Sequence number of the newest event proven to be received on this stream.
    pub seq: Option<u64>,
    /// Revision at which its row (title, status, age) last changed.
    pub rev: Rev,
    /// Revision at which its current step last changed.
    pub activity_rev: Rev,
    /// Revision at which anything in its conversation last changed.
    pub body_rev: Rev,
    /// Revision at which its to-do list last changed.
    pub todos_rev: Rev,
}

/// A session's conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The conversation is not cached. Its events change the row only.
    NotLoaded,
    /// Being read for the first time; its events wait.
    Loading(Held),
    /// Could not be read.
    Failed {
        /// Reason, as a sentence for a person.
        reason: Arc<str>,
    },
    /// Kept.
    Loaded(Box<Loaded>),
}

/// Events that wait for a read to end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// In order of arrival.
    pub events: Vec<Event>,
    /// True if some events did not fit: the read is repeated.
    pub overflowed: bool,
}

/// A conversation, from some message on to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Messages by id.
    pub messages: BTreeMap<MessageId, Message>,
    /// Their order: by time, then place, then id.
    pub order: BTreeSet<OrderKey>,
    /// Cursor of the next older page; absent when the first message is here.
    pub older: Option<Arc<str>>,
    /// Parts whose message is not announced yet.
    pub orphans: BTreeMap<PartId, Part>,
    /// Set while it is being read again: what arrives changes the body, and is applied once more after the read.
    pub rereading: Option<Held>,
    /// Revision from which on it has been here without a break: a viewer that is behind it shows none of it.
    pub since: Rev,
    /// Revision at which the list of messages (not their content) last changed.
    pub list_rev: Rev,
    /// Stored bytes of JSON.
    pub bytes: usize,
}

impl Loaded {
    /// The messages in order.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.order
            .iter()
            .filter_map(|(.., id)| self.messages.get(id))
    }

    /// Recomputes the stored size.
    pub(crate) fn weigh(&mut self) {
        self.bytes = self.messages.values().map(Message::bytes).sum();
    }

    /// The last message that a model wrote.
    pub fn last_assistant(&self) -> Option<&Message> {
        self.in_order()
            .rev()
            .find(|message| message.info.role == Role::Assistant)
    }

    /// The place in the order up to which prompts are answered, or their answer was begun: that of the prompt which the
    /// last answer is for, or of that answer, where its prompt is not kept.
    pub fn answered_to(&self) -> Option<OrderKey> {
        let last = &self.last_assistant()?.info;
        let asked = last.parent.as_ref();
        let asked = asked.and_then(|asked| self.messages.get(asked));
        let asked = asked.map_or(last, |asked| &asked.info);
        Some(asked.order_key())
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// As its server describes it.
    pub info: MessageInfo,
    /// Parts of the message, in order of their ids; see [`Message::in_order`]. Boxed, as nodes of a map have room for eleven and most messages have three.
    pub parts: BTreeMap<PartId, Box<Part>>,
    /// Revision at which each part last changed, its streaming text included.
    pub part_revs: BTreeMap<PartId, Rev>,
    /// Revision at which its description or its list of parts last changed.
    pub rev: Rev,
    /// Revision at which anything in it last changed.
    pub content_rev: Rev,
}

impl Message {
    /// The parts in order.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Part> {
        let mut parts: Vec<&Part> = self.parts.values().map(Box::as_ref).collect();
        // Sorted by id already, and stable.
        parts.sort_by_key(|part| part.place);
        parts.into_iter()
    }

    /// Failure of the message, if it failed.
    pub fn bad_end(&self) -> Option<Failure> {
        let mut parts = self.parts.values();
        self.info.bad_end(parts.any(|part| speaks(part)))
    }

    /// Bytes of JSON that the message and its parts keep.
    pub(crate) fn bytes(&self) -> usize {
        self.info.raw.get().len()
            + self
                .parts
                .values()
                .map(|part| part.raw.get().len())
                .sum::<usize>()
    }
}

/// Status of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// More will come.
    Streaming,
    /// The message is complete.
    Complete,
    /// The message failed.
    Error,
    /// Someone stopped it.
    Aborted,
    /// The server stopped before the session finished.
    Interrupted,
    /// The message is incomplete, and it is unknown which server runs it.
    Unknown,
}

impl Session {
    /// A session whose conversation is not cached yet.
    pub fn new(info: SessionInfo) -> Self {
        Self {
            info,
            run: Run::Unknown,
            runs: 0,
            ran_here: false,
            end_unseen: false,
            reported_running: false,
            halt: Halt::default(),
            failure: None,
            answer: LastAnswer::default(),
            activity: Activity::default(),
            unreviewed: None,
            ended_at: None,
            edits: Edits::default(),
            clashes: Vec::new(),
            over: None,
            over_at: None,
            verified: None,
            proof: None,
            hole: false,
            proof_asked: None,
            dismissed: None,
            changed: ChangesOverTime::default(),
            todos: None,
            body: Body::NotLoaded,
            open: BTreeMap::new(),
            growth: 0,
            seq: None,
            rev: Rev::default(),
            activity_rev: Rev::default(),
            body_rev: Rev::default(),
            todos_rev: Rev::default(),
        }
    }

    /// The conversation, if it is cached.
    pub fn loaded(&self) -> Option<&Loaded> {
        match &self.body {
            Body::Loaded(loaded) => Some(loaded),
            _ => None,
        }
    }

    /// How one of its messages stands. `is_last` tells whether any message of the model follows it.
    pub fn message_status(&self, info: &MessageInfo, is_last: bool) -> MessageStatus {
        match (&info.failure, info.role, info.completed) {
            (Some(failure), ..) if failure.kind == ErrorKind::Aborted => MessageStatus::Aborted,
            (Some(_), ..) => MessageStatus::Error,
            (None, Role::User | Role::Note, _) | (None, _, Some(_)) => MessageStatus::Complete,
            (None, Role::Assistant, None) => match &self.run {
                run if run.is_running() && is_last => MessageStatus::Streaming,
                Run::Interrupted { .. } => MessageStatus::Interrupted,
                _ if !is_last || (self.ran_here && self.run == Run::Idle) => {
                    MessageStatus::Interrupted
                }
                _ => MessageStatus::Unknown,
            },
        }
    }
}

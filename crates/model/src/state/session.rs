//! A session and what is kept of its conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::ending::speaks;
use super::{Answer, ErrorKind, Failure, Halt, MessageInfo, Part, Rev, Role, SessionInfo, Todos};
use crate::event::Event;
use crate::ids::{MessageId, PartId};
use crate::text::OpenText;
use crate::time::Timestamp;

/// What a session is doing, as far as can be proven.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// Its server was not asked, or the answer is no longer known to be true.
    Unknown,
    /// Its server does not run it.
    Idle,
    /// It runs.
    Busy {
        /// Since when, as far as we saw.
        since: Timestamp,
    },
    /// It waits to ask the model again.
    Retry {
        /// Since when it runs, as far as we saw.
        since: Timestamp,
        /// How often the model was asked.
        attempt: u32,
        /// What the model's server said.
        message: Arc<str>,
        /// When it is asked again.
        next: Timestamp,
    },
    /// It ran, and its server ended before it did.
    Interrupted {
        /// When we learned of it.
        at: Timestamp,
    },
}

impl Run {
    /// True while the server works on it.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Retry { .. })
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// As its server describes it.
    pub info: SessionInfo,
    /// What it is doing.
    pub run: Run,
    /// True if this server was seen running it: only then can its end be judged.
    pub ran_here: bool,
    /// True if a run ended while its server could not be heard: how it ended is judged once its messages are read.
    pub end_unseen: bool,
    /// True if it ran, or had been interrupted, when that was last told, and its server was not asked since.
    pub ran_when_told: bool,
    /// Whether a person stopped it.
    pub halt: Halt,
    /// How its last run ended without success, until the next begins.
    pub failure: Option<Failure>,
    /// What was heard of its last answer.
    pub answer: Answer,
    /// When a run ended that no person has looked at yet.
    pub unreviewed: Option<Timestamp>,
    /// Its to-do list, once known.
    pub todos: Option<Todos>,
    /// Its conversation.
    pub body: Body,
    /// Texts that stream, kept whether or not the rest of the conversation is.
    pub open: BTreeMap<PartId, OpenText>,
    /// How often its open texts grew, so that each knows when it did.
    pub growth: u64,
    /// Number of its newest event that was proven to be heard, on this stream.
    pub seq: Option<u64>,
    /// Revision at which its row (title, status, age) last changed.
    pub rev: Rev,
    /// Revision at which anything in its conversation last changed.
    pub body_rev: Rev,
    /// Revision at which its to-do list last changed.
    pub todos_rev: Rev,
}

/// A session's conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Not kept. Its events change the row only.
    NotLoaded,
    /// Being read for the first time; its events wait.
    Loading(Held),
    /// Could not be read.
    Failed {
        /// Why, for a person.
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
    /// True if some could not be held: the read is repeated.
    pub overflowed: bool,
}

/// A conversation, from some message on to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Messages by id.
    pub messages: BTreeMap<MessageId, Message>,
    /// Their order: by time, then id.
    pub order: BTreeSet<(Timestamp, MessageId)>,
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
    /// Bytes of JSON kept.
    pub bytes: usize,
}

impl Loaded {
    /// The messages in order.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.order
            .iter()
            .filter_map(|(_, id)| self.messages.get(id))
    }

    /// Weighs what is kept anew.
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
    pub fn answered_to(&self) -> Option<(Timestamp, MessageId)> {
        let last = &self.last_assistant()?.info;
        let asked = last.parent.as_ref();
        let asked = asked.and_then(|asked| self.messages.get(asked));
        let asked = asked.map_or(last, |asked| &asked.info);
        Some((asked.created, asked.id.clone()))
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// As its server describes it.
    pub info: MessageInfo,
    /// Its parts, in order of their ids. In boxes, as nodes of a map have room for eleven and most messages have three.
    pub parts: BTreeMap<PartId, Box<Part>>,
    /// Revision at which each part last changed, its streaming text included.
    pub part_revs: BTreeMap<PartId, Rev>,
    /// Revision at which its description or its list of parts last changed.
    pub rev: Rev,
    /// Revision at which anything in it last changed.
    pub content_rev: Rev,
}

impl Message {
    /// How it ended without success, if it did.
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

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// More will come.
    Streaming,
    /// It is whole.
    Complete,
    /// It failed.
    Error,
    /// Someone stopped it.
    Aborted,
    /// Its server ended before it did.
    Interrupted,
    /// It is not whole, and whoever runs it is not known to us.
    Unknown,
}

impl Session {
    /// A session whose conversation is not kept yet.
    pub fn new(info: SessionInfo) -> Self {
        Self {
            info,
            run: Run::Unknown,
            ran_here: false,
            end_unseen: false,
            ran_when_told: false,
            halt: Halt::default(),
            failure: None,
            answer: Answer::default(),
            unreviewed: None,
            todos: None,
            body: Body::NotLoaded,
            open: BTreeMap::new(),
            growth: 0,
            seq: None,
            rev: Rev::default(),
            body_rev: Rev::default(),
            todos_rev: Rev::default(),
        }
    }

    /// The conversation, if it is kept.
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
            (None, Role::User, _) | (None, _, Some(_)) => MessageStatus::Complete,
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

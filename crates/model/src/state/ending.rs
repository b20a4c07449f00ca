//! Outcome of a model's answer. Every outcome other than success is a [`Failure`], even if the server reports none.

use std::sync::Arc;

use super::{ErrorKind, Failure, MessageInfo, Part, PartKind, Role};
use crate::event::Event;
use crate::ids::MessageId;

/// The model ended without a text and without a call of a tool.
pub const EMPTY: &str = "EmptyAnswer";
/// The model wrote as much as it may, and stopped in the middle. OpenCode's own name for it.
pub const LENGTH: &str = "MessageOutputLengthError";
/// The provider's filter stopped the answer. OpenCode's own name for it.
pub const FILTER: &str = "ContentFilterError";
/// The model stopped for a reason that this build does not know; the message names it.
pub const UNKNOWN_FINISH: &str = "UnknownFinish";

/// Data received about the last answer of a session, whether or not its conversation is cached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastAnswer {
    /// The message, and how it ended if it did.
    last: Option<(MessageId, Option<RunEnd>)>,
    /// The last message with visible content.
    spoke: Option<MessageId>,
    /// True if events may be missing since the run began: then no answer counts as empty.
    missed: bool,
    /// True if the server reported that someone stopped the answer.
    aborted: bool,
    /// True if a person's message came, and the run that answers it has not begun.
    asked: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct RunEnd {
    failure: Option<Failure>,
    finish: Option<Arc<str>>,
}

impl LastAnswer {
    /// Takes note of an event of the conversation.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Message(info) if info.role == Role::Assistant => {
                let ended = info.completed.is_some() || info.failure.is_some();
                let end = ended.then(|| RunEnd {
                    failure: info.failure.clone(),
                    finish: info.finish.clone(),
                });
                let failure = info.failure.as_ref();
                self.aborted |= failure.is_some_and(|failure| failure.kind == ErrorKind::Aborted);
                self.last = Some((info.id.clone(), end));
            }
            Event::Part(part) if speaks(part) => self.spoke = Some(part.message.clone()),
            _ => {}
        }
    }

    /// Pieces may be missing from here on.
    pub(crate) fn miss(&mut self) {
        self.missed = true;
        self.asked = false;
    }

    /// A person's message came.
    pub(crate) fn ask(&mut self) {
        self.asked = true;
    }

    /// The server reports that nothing runs.
    pub(crate) fn settle(&mut self) {
        self.asked = false;
    }

    /// True if a person's message came, and the run that answers it has not begun.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked
    }

    /// Failure of the answer, as far as it is known.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let (message, end) = self.last.as_ref()?;
        let end = end.as_ref()?;
        let spoke = self.missed || self.spoke.as_ref() == Some(message);
        bad_end(end.failure.as_ref(), end.finish.as_deref(), spoke)
    }

    /// Someone stopped it.
    pub(crate) fn abort(&mut self) {
        self.aborted = true;
    }

    /// True if someone stopped the answer.
    pub(crate) fn was_aborted(&self) -> bool {
        self.aborted
    }
}

/// True for a part with visible content or effect.
pub(crate) fn speaks(part: &Part) -> bool {
    match &part.kind {
        PartKind::Text { text, ended, .. } => !ended || !text.trim().is_empty(),
        PartKind::Tool(_) | PartKind::File { .. } | PartKind::Subtask { .. } => true,
        _ => false,
    }
}

impl MessageInfo {
    /// How an answer ended without success; `spoke` tells whether it says or does anything. None for one that goes on, that
    /// ended well, or that someone stopped.
    pub fn bad_end(&self, spoke: bool) -> Option<Failure> {
        let over = self.completed.is_some() || self.failure.is_some();
        (over && self.role == Role::Assistant)
            .then(|| bad_end(self.failure.as_ref(), self.finish.as_deref(), spoke))
            .flatten()
    }
}

fn bad_end(failure: Option<&Failure>, finish: Option<&str>, spoke: bool) -> Option<Failure> {
    if let Some(failure) = failure {
        return (failure.kind != ErrorKind::Aborted).then(|| failure.clone());
    }
    let (name, message) = match finish {
        Some("length") => (LENGTH, ""),
        Some("content-filter") => (FILTER, ""),
        // A turn goes on after a tool, and ends there where a person refused it.
        Some("tool-calls") => return None,
        None | Some("stop") if spoke => return None,
        None | Some("stop") => (EMPTY, ""),
        Some(other) => (UNKNOWN_FINISH, other),
    };
    Some(Failure::failed(name, message))
}

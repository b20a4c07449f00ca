//! How a model's answer ended: whatever is no success is a [`Failure`], also where the server calls it none.

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

/// What was heard of a session's last answer, whether or not its conversation is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The message, and how it ended if it did.
    last: Option<(MessageId, Option<End>)>,
    /// The last message that said or did something.
    spoke: Option<MessageId>,
    /// True if something may have been missed since the run began: nothing is taken to be empty then.
    missed: bool,
    /// True if the server said that someone stopped it.
    aborted: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct End {
    failure: Option<Failure>,
    finish: Option<Arc<str>>,
}

impl Answer {
    /// Takes note of an event of the conversation.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Message(info) if info.role == Role::Assistant => {
                let ended = info.completed.is_some() || info.failure.is_some();
                let end = ended.then(|| End {
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
    }

    /// How it ended without success, as far as it was heard.
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

    /// True if someone stopped it.
    pub(crate) fn was_aborted(&self) -> bool {
        self.aborted
    }
}

/// True for a part that says or does something.
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
    Some(Failure {
        kind: ErrorKind::Failed,
        name: name.into(),
        message: message.into(),
    })
}

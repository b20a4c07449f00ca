//! Prompts that wait behind an answer, and summaries that are asked for: how far each is depends on other messages.

use crate::state::{ErrorKind, Halt, Loaded, Message, MessageInfo, PartKind, Role, Run, Session};

/// State of a prompt whose answer has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// The prompt is sent to the model after its current work.
    Waits,
    /// A person stopped the session before: nothing is done with it until they say so.
    Held {
        /// True if the prompt is plain text, which can be edited.
        text: bool,
    },
    /// The server keeps it until the end of the run, or until its next step. Until then it can be taken back.
    Inbox {
        /// True if the run that is under way takes it up.
        steers: bool,
        /// True if the prompt is plain text, which can be edited.
        text: bool,
    },
}

/// Progress of a summary of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// The model writes it.
    Running,
    /// The summary is written and replaces the earlier conversation.
    Done,
    /// The summary was stopped, or its server ended: the full conversation is intact.
    Stopped,
    /// The summary failed: the full conversation is intact.
    Failed,
}

/// State of a user's message, if it is queued.
pub(super) fn queued(
    session: &Session,
    loaded: &Loaded,
    message: &Message,
    inbox: bool,
) -> Option<Queued> {
    let info = &message.info;
    let mut parts = message.parts.values();
    let prompt = info.role == Role::User
        && parts.any(|part| {
            matches!(
                part.kind,
                PartKind::Text {
                    synthetic: false,
                    ..
                } | PartKind::File { .. }
            )
        });
    if !prompt || session.info.reverted_from.is_some() {
        return None;
    }
    let is_text = || {
        let mut parts = message.parts.values();
        parts.all(|part| matches!(part.kind, PartKind::Text { .. }))
    };
    let last = loaded.last_assistant().map(|last| &last.info);
    if loaded.answered_to() >= Some(info.order_key()) {
        return None;
    }
    match &session.run {
        run if run.is_running() => {
            let last = last?;
            let busy = last.completed.is_none() || last.finish.as_deref() == Some("tool-calls");
            let waits = match inbox {
                true => Queued::Inbox {
                    steers: info.steers,
                    text: is_text(),
                },
                false => Queued::Waits,
            };
            busy.then_some(waits)
        }
        Run::Idle => {
            let aborted = last.and_then(|last| last.failure.as_ref());
            let aborted = aborted.is_some_and(|failure| failure.kind == ErrorKind::Aborted);
            let held = aborted || matches!(session.halt, Halt::Stopped { .. });
            let text = is_text();
            held.then_some(Queued::Held { text })
        }
        _ => None,
    }
}

/// Progress of the summary that a message requested.
pub(super) fn compacted(session: &Session, loaded: &Loaded, asked: &Message) -> Compacted {
    let parent = Some(&asked.info.id);
    let mut summaries = loaded.messages.values();
    let summary = summaries.find(|one| one.info.summary && one.info.parent.as_ref() == parent);
    let aborted = |info: &MessageInfo| {
        let failure = info.failure.as_ref();
        failure.is_some_and(|failure| failure.kind == ErrorKind::Aborted)
    };
    match summary.map(|summary| &summary.info) {
        Some(info) if aborted(info) => Compacted::Stopped,
        Some(info) if info.failure.is_some() => Compacted::Failed,
        Some(info) if info.completed.is_some() => Compacted::Done,
        _ if session.run.is_running() => Compacted::Running,
        // The server reports the request before the run.
        None if session.run == Run::Idle && session.answer.is_asked() => Compacted::Running,
        _ => Compacted::Stopped,
    }
}

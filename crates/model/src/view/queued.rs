//! Prompts that wait behind an answer, and summaries that are asked for: how far each is depends on other messages.

use crate::state::{ErrorKind, Halt, Loaded, Message, MessageInfo, PartKind, Role, Run, Session};

/// How a prompt stands that no answer was begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It is sent to the model once that is done with what it does.
    Waits,
    /// A person stopped the session before: nothing is done with it until they say so.
    Held {
        /// True if it is text alone, which can be written anew.
        text: bool,
    },
}

/// How far a summary of the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// The model writes it.
    Running,
    /// It is written, and stands for what was said before.
    Done,
    /// Someone stopped it, or its server ended: what was said before is all there.
    Stopped,
    /// It failed: what was said before is all there.
    Failed,
}

/// How a message of a user stands, if it is queued.
pub(super) fn queued(session: &Session, loaded: &Loaded, message: &Message) -> Option<Queued> {
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
    let last = loaded.last_assistant().map(|last| &last.info);
    if loaded.answered_to() >= Some((info.created, info.id.clone())) {
        return None;
    }
    match &session.run {
        run if run.is_running() => {
            let last = last?;
            let busy = last.completed.is_none() || last.finish.as_deref() == Some("tool-calls");
            busy.then_some(Queued::Waits)
        }
        Run::Idle => {
            let aborted = last.and_then(|last| last.failure.as_ref());
            let aborted = aborted.is_some_and(|failure| failure.kind == ErrorKind::Aborted);
            let held = aborted || matches!(session.halt, Halt::Stopped { .. });
            let mut parts = message.parts.values();
            let text = parts.all(|part| matches!(part.kind, PartKind::Text { .. }));
            held.then_some(Queued::Held { text })
        }
        _ => None,
    }
}

/// How far the summary is that a message asked for.
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
        _ => Compacted::Stopped,
    }
}
